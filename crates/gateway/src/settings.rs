//! The settings file, `gateway.toml`. It contains no secret. Only a login method is required.

use std::{net::SocketAddr, num::NonZeroU32, path::PathBuf};

use ipnet::IpNet;
use serde::Deserialize;
use url::Url;

/// All settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The listen address, for the app's users or a proxy. Default: `127.0.0.1:8790`.
    pub listen: Option<SocketAddr>,
    /// The allowed hosts of requests that a cookie or a trusted header authenticates, such as `gateway.example.com` or
    /// `*.example.com`. `localhost`, addresses and names without a dot are always allowed; `*` allows any.
    pub public_hosts: Vec<String>,
    /// The listen address of `/metrics`, `/healthz` and `/readyz`. Default: none.
    pub operations_listen: Option<SocketAddr>,
    /// TLS of this listener. Default: none, for a proxy with TLS.
    pub tls: Option<TlsSettings>,
    /// The store of events and connections. Default: the SQLite file `sqlite://.terra-auth/gateway-<environment>.db`. Set a URL
    /// with a password in `TERRA_AUTH_GATEWAY_STORE` instead.
    pub store: Option<String>,
    /// Login methods.
    pub login: LoginSettings,
    /// The limits of widget sessions.
    pub widget: WidgetSettings,
    /// The allowed origins of pages (CORS).
    pub cors: CorsSettings,
    /// Rate limits.
    pub limits: LimitSettings,
    /// Calls to Terra's API.
    pub upstream: UpstreamSettings,
    /// Receiving and forwarding events.
    pub webhooks: WebhookSettings,
    /// Comparisons with Terra's API.
    pub reconcile: ReconcileSettings,
}

/// PEM files. A reload reads both again.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    /// The certificate, followed by its chain.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Login methods. At least one is required.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoginSettings {
    /// `Authorization: Bearer` with a JSON Web Token.
    pub jwt: Option<JwtSettings>,
    /// The app's URL that returns the logged-in user.
    pub who_am_i: Option<WhoAmISettings>,
    /// A header that a trusted proxy sets.
    pub trusted_header: Option<TrustedHeaderSettings>,
}

/// The accepted tokens. The keys come from `jwks_url`, from `public_key_file`, from the secret in `TERRA_AUTH_JWT_SECRET`, or
/// from the issuer's discovery document, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JwtSettings {
    /// The required `iss` of a token: one, or a list of alternatives. `{tenantid}` is replaced by the token's `tid`, which
    /// accepts every tenant of an issuer such as Entra ID.
    #[serde(deserialize_with = "one_or_many")]
    pub issuer: Vec<String>,
    /// A token's `aud` must contain one of these. In a token without `aud`, its `client_id`, `azp` and `cid` must, if present.
    #[serde(deserialize_with = "one_or_many")]
    pub audience: Vec<String>,
    /// The claims of which one must contain an audience, instead of `aud`: such as `["azp"]` for Keycloak's tokens.
    #[serde(default)]
    pub audience_claims: Option<Vec<String>>,
    /// The URL of the issuer's keys.
    #[serde(default)]
    pub jwks_url: Option<Url>,
    /// The issuer's public key, a PEM file.
    #[serde(default)]
    pub public_key_file: Option<PathBuf>,
    /// The accepted signature algorithms. Default: `RS256`, `ES256` and `EdDSA`, or `HS256` if there is only a secret. Both kinds
    /// can be combined while an issuer changes from one to the other.
    #[serde(default)]
    pub algorithms: Option<Vec<String>>,
    /// The claim with the end user's id. Default: `sub`.
    #[serde(default)]
    pub user_claim: Option<String>,
    /// Whether keys can be fetched over plain HTTP from private addresses, not only from loopback: for an issuer in the same
    /// compose network or cluster, where no other program can read or respond.
    #[serde(default)]
    pub private_http: bool,
    /// The cookie in which pages of the app's site send the token, in addition to `Authorization: Bearer`.
    #[serde(default)]
    pub cookie: Option<String>,
}

/// A text, or a list of them.
fn one_or_many<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Texts {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Texts::deserialize(deserializer)? {
        Texts::One(text) => vec![text],
        Texts::Many(texts) => texts,
    })
}

/// Asks the app, with the caller's cookie or authorization.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhoAmISettings {
    /// The URL. It returns 200 with the user if one is logged in, otherwise 401, 403 or a redirect to the login.
    pub url: Url,
    /// The field of its JSON with the user's id, with dots between levels. Default: `id`.
    #[serde(default)]
    pub user_field: Option<String>,
    /// The response header with the user's id, instead of a field.
    #[serde(default)]
    pub user_header: Option<String>,
    /// The caller's headers that are passed to the app. Default: `cookie` and `authorization`.
    #[serde(default)]
    pub pass_on: Option<Vec<String>>,
    /// How long a response is cached. Default: 5 s; 0 asks each time.
    #[serde(default)]
    pub cache_s: Option<u32>,
    /// The time limit of the app. Default: 2 s.
    #[serde(default)]
    pub timeout_s: Option<NonZeroU32>,
}

/// Trusts a header of a proxy.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedHeaderSettings {
    /// The header with the end user's id.
    pub name: String,
    /// The proxies, such as `10.0.0.7/32`. They must remove the header from requests and set it themselves.
    pub peers: Vec<IpNet>,
}

/// The limits of widget sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WidgetSettings {
    /// The allowed redirect URLs: these and the paths below them. A request with another URL is rejected.
    pub allowed_redirects: Vec<Url>,
    /// The default redirect URL after success.
    pub success_redirect_url: Option<Url>,
    /// The default redirect URL after failure.
    pub failure_redirect_url: Option<Url>,
}

/// The allowed origins of pages (CORS).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CorsSettings {
    /// Origins such as `https://app.example`. They can send cookies.
    pub allowed_origins: Vec<String>,
}

/// Rate limits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitSettings {
    /// Requests of one end user per minute, also at once. Default: 60.
    pub user_per_minute: Option<NonZeroU32>,
    /// Requests of all end users per second. Default: 5000.
    pub all_per_second: Option<NonZeroU32>,
}

/// Calls to Terra's API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpstreamSettings {
    /// The time limit of a call. Default: 10 s.
    pub timeout_s: Option<NonZeroU32>,
    /// The number of consecutive failures that open the circuit breaker. Default: 5.
    pub failures: Option<NonZeroU32>,
    /// How long the circuit breaker stays open. Default: 5 s.
    pub pause_s: Option<NonZeroU32>,
}

/// Receiving and forwarding events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookSettings {
    /// The app's URL. Default: none, events are only recorded.
    pub forward_to: Option<Url>,
    /// The maximum age of a signature. Default: 300 s.
    pub tolerance_s: Option<NonZeroU32>,
}

/// Comparisons with Terra's API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReconcileSettings {
    /// The interval. Default: one hour.
    pub every_s: Option<NonZeroU32>,
    /// Whether differences are repaired instead of reported only. Default: no.
    pub repair: bool,
}

/// The file is not a valid settings file. The line is not shown, because it may contain a password.
#[derive(Debug, thiserror::Error)]
#[error("{origin}:{line}: {problem}")]
pub struct SettingsError {
    origin: String,
    line: usize,
    problem: String,
}

impl Settings {
    /// Reads a settings file. Errors show `origin` as its name.
    ///
    /// # Errors
    ///
    /// See [`SettingsError`].
    pub fn from_toml(text: &str, origin: &str) -> Result<Self, SettingsError> {
        toml::from_str(text).map_err(|error| {
            let before = text.get(..error.span().map_or(0, |span| span.start)).unwrap_or(text);
            let line = before.matches('\n').count() + 1;
            SettingsError { origin: origin.to_owned(), line, problem: error.message().trim().to_owned() }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Settings;

    #[test]
    fn an_error_has_the_line_number_and_not_the_text_of_the_line() {
        let told = |text: &str| Settings::from_toml(text, "gateway.toml").unwrap_err().to_string();
        let unknown = told("[limits]\nuser_per_minute = 3\nusers = 4\n");
        assert!(unknown.starts_with("gateway.toml:3: unknown field `users`"), "{unknown}");
        let password = told("store = \"postgres://me:not-a-secret@db/x\n");
        assert!(password.starts_with("gateway.toml:1: ") && !password.contains("not-a-secret"), "{password}");
    }
}
