//! Issues tokens in the format of a provider.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::error::NO_STORE;
use crate::{
    fault::{Fault, LifetimeFault},
    misbehave::InjectedFault,
    profile::{AccountIdField, GrantedScopes, ProviderProfile, Scope},
    sandbox::{GrantTokens, Sandbox},
    tokens::{Account, Grant, GrantId, Pair, TokenStore},
};

/// Generates and stores tokens for a grant. A refresh token is generated only if the response has a new one.
pub(super) fn issue(
    sandbox: &Sandbox,
    ledger: &mut TokenStore,
    id: GrantId,
    grant: &Grant,
    with_refresh_token: bool,
) -> Pair {
    let lifetimes = sandbox.lifetimes(grant.profile);
    let secret = sandbox.generate_secret();
    let access_token = match grant.profile.identity {
        AccountIdField::Claim(claim) => {
            let now = sandbox.now();
            let expires_at = now.checked_add(lifetimes.access_token).unwrap_or(now);
            jwt(&json!({claim: grant.account.id, "exp": expires_at.as_second()}), &secret)
        }
        AccountIdField::TokenResponse(_) | AccountIdField::Userinfo(_) => secret,
    };
    let pair = Pair {
        access_token,
        access_ttl: lifetimes.access_token,
        refresh_token: with_refresh_token.then(|| sandbox.generate_secret()),
        refresh_ttl: lifetimes.refresh_token,
    };
    ledger.add_pair(id, &pair, sandbox.now());
    pair
}

/// The secret replaces the signature, because only the issuer verifies the token.
fn jwt(claims: &Value, secret: &str) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{secret}", part(&json!({"alg": "HS256", "typ": "JWT"})), part(claims))
}

/// Whether the provider issues a refresh token for a new grant.
pub(super) fn is_refreshable(grant: &Grant) -> bool {
    grant.profile.offline_scope.is_none_or(|offline| contains_scope(&grant.scopes, offline))
}

pub(super) fn contains_scope(scopes: &[&Scope], name: &str) -> bool {
    scopes.iter().any(|scope| scope.name == name)
}

/// Returns the body of a token response.
pub(super) fn token_response_body(
    grant: &Grant,
    pair: &Pair,
    refresh_token: Option<&str>,
    scopes: &[&Scope],
    InjectedFault(fault): InjectedFault,
) -> String {
    let face = grant.profile;
    let mut answer = Map::new();
    answer.insert("access_token".to_owned(), pair.access_token.as_str().into());
    answer.insert("token_type".to_owned(), "Bearer".into());
    answer.extend(expires_in(pair.access_ttl.as_secs(), fault).map(|life| ("expires_in".to_owned(), life)));
    answer.extend(refresh_token.map(|token| ("refresh_token".to_owned(), token.into())));
    if face.granted_scopes == GrantedScopes::TokenResponse {
        let list = || scopes.iter().map(|scope| scope.name).collect::<Value>();
        let told = if fault == Some(Fault::ScopeList) { list() } else { face.format_scopes(scopes).into() };
        answer.insert("scope".to_owned(), told);
    }
    if let AccountIdField::TokenResponse(path) = face.identity {
        let id = Value::from(grant.account.id.as_str());
        let nested = path.rsplit('.').fold(id, |inner, name| json!({name: inner}));
        answer.extend(nested.as_object().cloned().unwrap_or_default());
    }
    face.envelope.wrap(answer).to_string()
}

/// Returns the `expires_in` of a token response, if it has one.
fn expires_in(seconds: u64, fault: Option<Fault>) -> Option<Value> {
    let Some(Fault::ExpiresIn(odd)) = fault else { return Some(seconds.into()) };
    match odd {
        LifetimeFault::Missing => None,
        LifetimeFault::Null => Some(Value::Null),
        LifetimeFault::Zero => Some(0.into()),
        LifetimeFault::Negative => Some((-1).into()),
        LifetimeFault::Text => Some(seconds.to_string().into()),
        LifetimeFault::Huge => Some(1e300.into()),
    }
}

/// Sends a body from [`write`].
pub(super) fn send(body: String) -> Response {
    (NO_STORE, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

impl Sandbox {
    /// Creates a grant with all scopes of the profile, as if a user had approved them and the app had exchanged
    /// the code. `name` is the account name that the user would enter on the sign-in page.
    #[must_use]
    pub fn create_grant(&self, face: &'static ProviderProfile, name: &str) -> GrantTokens {
        let account = Account { id: face.account_id(name), name: name.to_owned() };
        let grant =
            Grant { profile: face, account, scopes: face.scopes.iter().collect(), refreshes: 0, revoked: false };
        let mut ledger = self.token_store();
        let id = ledger.add_grant(grant.clone());
        let pair = issue(self, &mut ledger, id, &grant, is_refreshable(&grant));
        GrantTokens { access_token: pair.access_token.into(), refresh_token: pair.refresh_token.map(Into::into) }
    }
}
