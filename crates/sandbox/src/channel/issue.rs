//! Tokens, as a face issues them.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::error::NO_STORE;
use crate::{
    face::{Face, GrantedScopes, Identity, Scope},
    fault::{Fault, Met, OddLife},
    ledger::{Account, Grant, GrantId, Ledger, Pair},
    sandbox::{OpenedTokens, Sandbox},
};

/// Draws tokens for a grant, and notes them. The refresh token is drawn only if the answer brings a new one.
pub(super) fn issue(
    sandbox: &Sandbox,
    ledger: &mut Ledger,
    id: GrantId,
    grant: &Grant,
    with_refresh_token: bool,
) -> Pair {
    let lifetimes = sandbox.lifetimes(grant.face);
    let secret = sandbox.draw_secret();
    let access_token = match grant.face.identity {
        Identity::Claim(claim) => {
            let now = sandbox.now();
            let expires_at = now.checked_add(lifetimes.access_token).unwrap_or(now);
            jwt(&json!({claim: grant.account.id, "exp": expires_at.as_second()}), &secret)
        }
        Identity::TokenAnswer(_) | Identity::Userinfo(_) => secret,
    };
    let pair = Pair {
        access_token,
        access_ttl: lifetimes.access_token,
        refresh_token: with_refresh_token.then(|| sandbox.draw_secret()),
        refresh_ttl: lifetimes.refresh_token,
    };
    ledger.add_pair(id, &pair, sandbox.now());
    pair
}

/// The secret stands where a signature would: only who issued the token can check it.
fn jwt(claims: &Value, secret: &str) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{secret}", part(&json!({"alg": "HS256", "typ": "JWT"})), part(claims))
}

/// Whether the face gives a refresh token to a grant that is new.
pub(super) fn is_refreshable(grant: &Grant) -> bool {
    grant.face.offline_scope.is_none_or(|offline| names(&grant.scopes, offline))
}

pub(super) fn names(scopes: &[&Scope], name: &str) -> bool {
    scopes.iter().any(|scope| scope.name == name)
}

/// The body of a token answer.
pub(super) fn write(
    grant: &Grant,
    pair: &Pair,
    refresh_token: Option<&str>,
    scopes: &[&Scope],
    Met(fault): Met,
) -> String {
    let face = grant.face;
    let mut answer = Map::new();
    answer.insert("access_token".to_owned(), pair.access_token.as_str().into());
    answer.insert("token_type".to_owned(), "Bearer".into());
    answer.extend(life(pair.access_ttl.as_secs(), fault).map(|life| ("expires_in".to_owned(), life)));
    answer.extend(refresh_token.map(|token| ("refresh_token".to_owned(), token.into())));
    if face.granted_scopes == GrantedScopes::TokenAnswer {
        let list = || scopes.iter().map(|scope| scope.name).collect::<Value>();
        let told = if fault == Some(Fault::ScopeList) { list() } else { face.write_scopes(scopes).into() };
        answer.insert("scope".to_owned(), told);
    }
    if let Identity::TokenAnswer(path) = face.identity {
        let id = Value::from(grant.account.id.as_str());
        let nested = path.rsplit('.').fold(id, |inner, name| json!({name: inner}));
        answer.extend(nested.as_object().cloned().unwrap_or_default());
    }
    face.envelope.wrap(answer).to_string()
}

/// What an answer says as `expires_in`, if it says it.
fn life(seconds: u64, fault: Option<Fault>) -> Option<Value> {
    let Some(Fault::ExpiresIn(odd)) = fault else { return Some(seconds.into()) };
    match odd {
        OddLife::Missing => None,
        OddLife::Null => Some(Value::Null),
        OddLife::Zero => Some(0.into()),
        OddLife::Negative => Some((-1).into()),
        OddLife::Text => Some(seconds.to_string().into()),
        OddLife::Huge => Some(1e300.into()),
    }
}

/// Sends a body that [`write`] made.
pub(super) fn send(body: String) -> Response {
    (NO_STORE, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// A new grant to everything, and its tokens.
pub(crate) fn open(sandbox: &Sandbox, face: &'static Face, name: &str) -> OpenedTokens {
    let account = Account { id: face.account_id(name), name: name.to_owned() };
    let grant = Grant { face, account, scopes: face.scopes.iter().collect(), refreshes: 0, revoked: false };
    let mut ledger = sandbox.ledger();
    let id = ledger.add_grant(grant.clone());
    let pair = issue(sandbox, &mut ledger, id, &grant, is_refreshable(&grant));
    OpenedTokens { access_token: pair.access_token.into(), refresh_token: pair.refresh_token.map(Into::into) }
}
