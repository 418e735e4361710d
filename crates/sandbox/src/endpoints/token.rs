//! `POST /{face}/token`: exchanges codes and refresh tokens for access tokens.

use axum::{
    Extension,
    extract::{RawForm, RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use secrecy::ExposeSecret;

use super::{
    client::authenticate,
    error::OAuthEndpointError,
    issue::{contains_scope, is_refreshable, issue, send, token_response_body},
};
use crate::{
    digest::Digest,
    fault::Fault,
    misbehave::InjectedFault,
    page::ProfilePath,
    params::Params,
    profile::{Portal, ProviderProfile, Rotation, Scope, TokenEndpoints},
    sandbox::Sandbox,
    tokens::{GrantError, PresentedCode, Refresh, TokenLookup},
};

pub(super) async fn token(
    State(sandbox): State<Sandbox>,
    ProfilePath(face): ProfilePath,
    Extension(met): Extension<InjectedFault>,
    headers: HeaderMap,
    RawForm(body): RawForm,
) -> Response {
    let call = TokenRequest { sandbox: &sandbox, face, met, request: &body, params: Params::parse(&body) };
    call.of_portal(Portal::First, &headers)
}

/// `POST /{face}/ext-token`, for a provider with two portals.
pub(super) async fn second_token(
    State(sandbox): State<Sandbox>,
    ProfilePath(face): ProfilePath,
    Extension(met): Extension<InjectedFault>,
    headers: HeaderMap,
    RawForm(body): RawForm,
) -> Response {
    if face.token_endpoints != TokenEndpoints::TwoPortals {
        return StatusCode::NOT_FOUND.into_response();
    }
    let call = TokenRequest { sandbox: &sandbox, face, met, request: &body, params: Params::parse(&body) };
    call.of_portal(Portal::Second, &headers)
}

/// `POST /{face}/refresh-token`, for a provider with a separate refresh endpoint. The parameters are in the URL.
pub(super) async fn refresh_apart(
    State(sandbox): State<Sandbox>,
    ProfilePath(face): ProfilePath,
    Extension(met): Extension<InjectedFault>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    if face.token_endpoints != TokenEndpoints::SeparateRefresh {
        return StatusCode::NOT_FOUND.into_response();
    }
    let query = query.unwrap_or_default();
    let call = TokenRequest {
        sandbox: &sandbox,
        face,
        met,
        request: query.as_bytes(),
        params: Params::parse(query.as_bytes()),
    };
    call.answer(&headers, |grant_type| match grant_type {
        "refresh_token" => call.refresh(),
        _ => Err(OAuthEndpointError::UnsupportedGrantType),
    })
}

/// A token call.
struct TokenRequest<'a> {
    sandbox: &'a Sandbox,
    face: &'static ProviderProfile,
    met: InjectedFault,
    request: &'a [u8],
    params: Params,
}

impl TokenRequest<'_> {
    /// An app of the other portal gets a generic error, which does not say that the app is unknown here.
    fn of_portal(&self, portal: Portal, headers: &HeaderMap) -> Response {
        if self.sandbox.portal(self.face) != portal {
            return OAuthEndpointError::OtherPortal.to_response(self.face);
        }
        self.answer(headers, |grant_type| match grant_type {
            "authorization_code" => self.exchange_code(),
            "refresh_token" if self.face.token_endpoints != TokenEndpoints::SeparateRefresh => self.refresh(),
            _ => Err(OAuthEndpointError::UnsupportedGrantType),
        })
    }

    fn answer(&self, headers: &HeaderMap, body: impl FnOnce(&str) -> Result<String, OAuthEndpointError>) -> Response {
        let checked = || {
            authenticate(self.sandbox, headers, &self.params)?;
            for (name, value) in self.face.token_params {
                (self.required(name)? == *value).then_some(()).ok_or(OAuthEndpointError::Missing(name))?;
            }
            body(self.required("grant_type")?)
        };
        checked().map_or_else(|error| error.to_response(self.face), send)
    }

    fn exchange_code(&self) -> Result<String, OAuthEndpointError> {
        let presented = PresentedCode {
            code: self.required("code")?,
            redirect_uri: self.required("redirect_uri")?,
            verifier: self.params.at_most_one("code_verifier")?,
        };
        let mut ledger = self.sandbox.token_store();
        let id = ledger.spend_code(self.face, &presented, self.sandbox.code_ttl(), self.sandbox.now())?;
        let grant = ledger.grant(id).ok_or(GrantError::UnknownCode)?.clone();
        let with_refresh_token = !self.omits_refresh_token() && is_refreshable(&grant);
        let pair = issue(self.sandbox, &mut ledger, id, &grant, with_refresh_token);
        Ok(token_response_body(&grant, &pair, pair.refresh_token.as_deref(), &grant.scopes, self.met))
    }

    fn refresh(&self) -> Result<String, OAuthEndpointError> {
        let token = self.required("refresh_token")?;
        let asked = self.requested_scopes()?;
        let mut ledger = self.sandbox.token_store();
        let refresh = Refresh { token, request: Digest::of_bytes(self.request), now: self.sandbox.now() };
        let id = match ledger.look_up_refresh_token(self.face, refresh)? {
            TokenLookup::Repeated(answer) => return Ok(answer.expose_secret().to_owned()),
            TokenLookup::Grant(id) => id,
        };
        let grant = ledger.grant(id).ok_or(GrantError::UnknownRefreshToken)?.clone();
        if asked.iter().flatten().any(|scope| !grant.scopes.contains(scope)) {
            return Err(OAuthEndpointError::InvalidScope);
        }
        ledger.count_refresh(id);
        let is_spent = matches!(self.face.rotation, Rotation::SingleUse(_)) && !self.omits_refresh_token();
        let pair = issue(self.sandbox, &mut ledger, id, &grant, is_spent && self.has_offline_access(asked.as_deref()));
        let is_repeated = self.face.rotation == Rotation::Kept { repeated: true } && !self.omits_refresh_token();
        let told = pair.refresh_token.as_deref().or(is_repeated.then_some(token));
        let narrowed = asked.filter(|_| self.face.offline_scope.is_none());
        let answer = token_response_body(&grant, &pair, told, narrowed.as_deref().unwrap_or(&grant.scopes), self.met);
        if is_spent {
            ledger.mark_spent(self.face, refresh, &pair, &answer);
        }
        Ok(answer)
    }

    fn requested_scopes(&self) -> Result<Option<Vec<&'static Scope>>, OAuthEndpointError> {
        let text = self.params.at_most_one("scope")?;
        text.map(|text| self.face.parse_scopes(text).ok_or(OAuthEndpointError::InvalidScope)).transpose()
    }

    fn has_offline_access(&self, asked: Option<&[&Scope]>) -> bool {
        self.face.offline_scope.is_none_or(|offline| asked.is_some_and(|asked| contains_scope(asked, offline)))
    }

    fn omits_refresh_token(&self) -> bool {
        matches!(self.met, InjectedFault(Some(Fault::NoRefreshToken)))
    }

    fn required(&self, name: &'static str) -> Result<&str, OAuthEndpointError> {
        self.params.at_most_one(name)?.ok_or(OAuthEndpointError::Missing(name))
    }
}
