//! The settings file, `gateway.toml`. It holds no secret; every key may be left out but a way to log in.

use std::{net::SocketAddr, num::NonZeroU32, path::PathBuf};

use ipnet::IpNet;
use serde::Deserialize;
use url::Url;

/// All settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where the app's users reach the gateway, itself or through a proxy; `127.0.0.1:8790` unless told otherwise.
    pub listen: Option<SocketAddr>,
    /// The hosts under which browsers ask, as `gateway.example.com` or `*.example.com`, where a user is logged in by a cookie or a
    /// trusted header; `localhost`, addresses and names without a dot count always, and `*` is any.
    pub public_hosts: Vec<String>,
    /// Where `/metrics`, `/healthz` and `/readyz` are answered, for machines only; nowhere unless told.
    pub operations_listen: Option<SocketAddr>,
    /// Ends TLS here instead of at a proxy.
    pub tls: Option<TlsSettings>,
    /// Where events and connections are kept; a SQLite file of the environment's own unless told otherwise,
    /// `sqlite://.terra-auth/gateway-<environment>.db`. An address with a password belongs into `TERRA_AUTH_GATEWAY_STORE`.
    pub store: Option<String>,
    /// Ways to tell who is logged in.
    pub login: LoginSettings,
    /// The limits of widget sessions.
    pub widget: WidgetSettings,
    /// Which other origins' pages may call.
    pub cors: CorsSettings,
    /// How much a caller may ask for.
    pub limits: LimitSettings,
    /// How Terra's API is called.
    pub upstream: UpstreamSettings,
    /// Events, in and on.
    pub webhooks: WebhookSettings,
    /// Comparing with what the API knows.
    pub reconcile: ReconcileSettings,
}

/// PEM files; both are read again on reload.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    /// The certificate, followed by those that vouch for it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Ways to tell who is logged in: at least one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoginSettings {
    /// `Authorization: Bearer` with a JSON Web Token.
    pub jwt: Option<JwtSettings>,
    /// The app's own URL that says who is logged in.
    pub who_am_i: Option<WhoAmISettings>,
    /// A header that a trusted proxy sets.
    pub trusted_header: Option<TrustedHeaderSettings>,
}

/// Which tokens count. Keys come from `jwks_url`, else from `public_key_file`, else from the secret in
/// `TERRA_AUTH_JWT_SECRET`, else from where the issuer's discovery document says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JwtSettings {
    /// The `iss` that a token must have: one, or a list of those that count. `{tenantid}` stands for the token's own `tid`, so
    /// that every tenant of an issuer such as Entra ID counts.
    #[serde(deserialize_with = "one_or_many")]
    pub issuer: Vec<String>,
    /// A token's `aud` must hold one of these; in a token without `aud`, its `client_id`, `azp` and `cid`, as far as they are
    /// there.
    #[serde(deserialize_with = "one_or_many")]
    pub audience: Vec<String>,
    /// The claims of which one must hold an audience, instead of that: `["azp"]` for Keycloak's tokens, for example.
    #[serde(default)]
    pub audience_claims: Option<Vec<String>>,
    /// Where the issuer's keys are.
    #[serde(default)]
    pub jwks_url: Option<Url>,
    /// The issuer's one public key, PEM.
    #[serde(default)]
    pub public_key_file: Option<PathBuf>,
    /// Signature algorithms that count; `RS256`, `ES256` and `EdDSA` unless told otherwise, `HS256` with nothing but a secret.
    /// Those of secrets and of public keys may count beside each other, while an issuer moves from one to the other.
    #[serde(default)]
    pub algorithms: Option<Vec<String>>,
    /// The claim with the end user's id; `sub` unless told otherwise.
    #[serde(default)]
    pub user_claim: Option<String>,
    /// Whether keys may be fetched over plain HTTP from private addresses, and not from loopback only: for an issuer in the same
    /// compose network or cluster, where no other program can read or respond.
    #[serde(default)]
    pub private_http: bool,
    /// The cookie in which pages of the app's own site show the token, besides `Authorization: Bearer`.
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

/// Asks the app itself, with the caller's cookie or authorization.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhoAmISettings {
    /// Answers 200 with the user if a user is logged in, else 401, 403 or a redirect to the login.
    pub url: Url,
    /// Where in its JSON the user's id is, dots between levels; `id` unless told otherwise.
    #[serde(default)]
    pub user_field: Option<String>,
    /// The answer's header with the user's id, instead of a field.
    #[serde(default)]
    pub user_header: Option<String>,
    /// Which of the caller's headers are passed on; `cookie` and `authorization` unless told otherwise.
    #[serde(default)]
    pub pass_on: Option<Vec<String>>,
    /// How long an answer counts; 5 s unless told otherwise, 0 asks each time.
    #[serde(default)]
    pub cache_s: Option<u32>,
    /// How long the app may take; 2 s unless told otherwise.
    #[serde(default)]
    pub timeout_s: Option<NonZeroU32>,
}

/// Believes a header, if the right machine sends it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedHeaderSettings {
    /// The header with the end user's id.
    pub name: String,
    /// The proxies that remove the header from what they receive and set it themselves, as `10.0.0.7/32`.
    pub peers: Vec<IpNet>,
}

/// The limits of widget sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WidgetSettings {
    /// Where end users may be sent back to: these URLs and what is below them. A request that names another is refused.
    pub allowed_redirects: Vec<Url>,
    /// Where they go when it worked and the request does not say.
    pub success_redirect_url: Option<Url>,
    /// Where they go when it did not.
    pub failure_redirect_url: Option<Url>,
}

/// Which other origins' pages may call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CorsSettings {
    /// As `https://app.example`; with cookies where there are any.
    pub allowed_origins: Vec<String>,
}

/// How much a caller may ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitSettings {
    /// Requests of one end user in a minute, which may come all at once; 60 unless told otherwise.
    pub user_per_minute: Option<NonZeroU32>,
    /// Requests of all end users in a second; 5000 unless told otherwise.
    pub all_per_second: Option<NonZeroU32>,
}

/// How Terra's API is called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpstreamSettings {
    /// How long an answer may take; 10 s unless told otherwise.
    pub timeout_s: Option<NonZeroU32>,
    /// After this many failures in a row, no caller waits for it any more; 5 by default.
    pub failures: Option<NonZeroU32>,
    /// When it is tried again then; after 5 s unless told otherwise.
    pub pause_s: Option<NonZeroU32>,
}

/// Events, in and on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookSettings {
    /// The app's URL; events are only recorded unless told.
    pub forward_to: Option<Url>,
    /// How old a signature may be; 300 s unless told otherwise.
    pub tolerance_s: Option<NonZeroU32>,
}

/// Comparing with what the API knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReconcileSettings {
    /// How often; hourly unless told otherwise.
    pub every_s: Option<NonZeroU32>,
    /// Whether drift is repaired, not only reported; not unless told.
    pub repair: bool,
}

/// The file is no settings file. The line itself is not shown: a password may stand there, though it should not.
#[derive(Debug, thiserror::Error)]
#[error("{origin}:{line}: {problem}")]
pub struct SettingsError {
    origin: String,
    line: usize,
    problem: String,
}

impl Settings {
    /// Reads a settings file; `origin` names it in errors.
    ///
    /// # Errors
    ///
    /// [`SettingsError`]
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
    fn a_bad_file_is_told_by_its_line_and_without_it() {
        let told = |text: &str| Settings::from_toml(text, "gateway.toml").unwrap_err().to_string();
        let unknown = told("[limits]\nuser_per_minute = 3\nusers = 4\n");
        assert!(unknown.starts_with("gateway.toml:3: unknown field `users`"), "{unknown}");
        let password = told("store = \"postgres://me:not-a-secret@db/x\n");
        assert!(password.starts_with("gateway.toml:1: ") && !password.contains("not-a-secret"), "{password}");
    }
}
