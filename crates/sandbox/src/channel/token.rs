//! `POST /{face}/token`: codes and refresh tokens become access tokens.

use axum::{
    Extension,
    extract::{RawForm, RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use secrecy::ExposeSecret;

use super::{
    client::authenticate,
    error::ChannelError,
    issue::{is_refreshable, issue, names, send, write},
};
use crate::{
    digest::Digest,
    face::{Face, Portal, Rotation, Scope, TokenEndpoints},
    fault::{Fault, Met},
    ledger::{GrantError, Presented, PresentedCode, Refresh},
    page::OnFace,
    params::Params,
    sandbox::Sandbox,
};

pub(super) async fn token(
    State(sandbox): State<Sandbox>,
    OnFace(face): OnFace,
    Extension(met): Extension<Met>,
    headers: HeaderMap,
    RawForm(body): RawForm,
) -> Response {
    let call = Call { sandbox: &sandbox, face, met, request: &body, params: Params::parse(&body) };
    call.of_portal(Portal::First, &headers)
}

/// `POST /{face}/ext-token`, where a face has two portals.
pub(super) async fn second_token(
    State(sandbox): State<Sandbox>,
    OnFace(face): OnFace,
    Extension(met): Extension<Met>,
    headers: HeaderMap,
    RawForm(body): RawForm,
) -> Response {
    if face.token_endpoints != TokenEndpoints::TwoPortals {
        return StatusCode::NOT_FOUND.into_response();
    }
    let call = Call { sandbox: &sandbox, face, met, request: &body, params: Params::parse(&body) };
    call.of_portal(Portal::Second, &headers)
}

/// `POST /{face}/refresh-token`, where a face has one: the parameters are in the URL.
pub(super) async fn refresh_apart(
    State(sandbox): State<Sandbox>,
    OnFace(face): OnFace,
    Extension(met): Extension<Met>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    if face.token_endpoints != TokenEndpoints::RefreshApart {
        return StatusCode::NOT_FOUND.into_response();
    }
    let query = query.unwrap_or_default();
    let call =
        Call { sandbox: &sandbox, face, met, request: query.as_bytes(), params: Params::parse(query.as_bytes()) };
    call.answer(&headers, |grant_type| match grant_type {
        "refresh_token" => call.refresh(),
        _ => Err(ChannelError::UnsupportedGrantType),
    })
}

/// A token call.
struct Call<'a> {
    sandbox: &'a Sandbox,
    face: &'static Face,
    met: Met,
    request: &'a [u8],
    params: Params,
}

impl Call<'_> {
    /// An app of the other portal learns nothing, not even that it is unknown here.
    fn of_portal(&self, portal: Portal, headers: &HeaderMap) -> Response {
        if self.sandbox.portal(self.face) != portal {
            return ChannelError::OtherPortal.answer(self.face);
        }
        self.answer(headers, |grant_type| match grant_type {
            "authorization_code" => self.exchange_code(),
            "refresh_token" if self.face.token_endpoints != TokenEndpoints::RefreshApart => self.refresh(),
            _ => Err(ChannelError::UnsupportedGrantType),
        })
    }

    fn answer(&self, headers: &HeaderMap, body: impl FnOnce(&str) -> Result<String, ChannelError>) -> Response {
        let checked = || {
            authenticate(self.sandbox, headers, &self.params)?;
            for (name, value) in self.face.token_params {
                (self.required(name)? == *value).then_some(()).ok_or(ChannelError::Missing(name))?;
            }
            body(self.required("grant_type")?)
        };
        checked().map_or_else(|error| error.answer(self.face), send)
    }

    fn exchange_code(&self) -> Result<String, ChannelError> {
        let presented = PresentedCode {
            code: self.required("code")?,
            redirect_uri: self.required("redirect_uri")?,
            verifier: self.params.one("code_verifier")?,
        };
        let mut ledger = self.sandbox.ledger();
        let id = ledger.spend_code(self.face, &presented, self.sandbox.code_ttl(), self.sandbox.now())?;
        let grant = ledger.grant(id).ok_or(GrantError::UnknownCode)?.clone();
        let with_refresh_token = !self.keeps_refresh_token() && is_refreshable(&grant);
        let pair = issue(self.sandbox, &mut ledger, id, &grant, with_refresh_token);
        Ok(write(&grant, &pair, pair.refresh_token.as_deref(), &grant.scopes, self.met))
    }

    fn refresh(&self) -> Result<String, ChannelError> {
        let token = self.required("refresh_token")?;
        let asked = self.asked_scopes()?;
        let mut ledger = self.sandbox.ledger();
        let refresh = Refresh { token, request: Digest::of_bytes(self.request), now: self.sandbox.now() };
        let id = match ledger.present(self.face, refresh)? {
            Presented::Again(answer) => return Ok(answer.expose_secret().to_owned()),
            Presented::Fresh(id) => id,
        };
        let grant = ledger.grant(id).ok_or(GrantError::UnknownRefreshToken)?.clone();
        if asked.iter().flatten().any(|scope| !grant.scopes.contains(scope)) {
            return Err(ChannelError::InvalidScope);
        }
        ledger.count_refresh(id);
        let is_spent = matches!(self.face.rotation, Rotation::SingleUse(_)) && !self.keeps_refresh_token();
        let pair = issue(self.sandbox, &mut ledger, id, &grant, is_spent && self.stays_connected(asked.as_deref()));
        let is_repeated = self.face.rotation == Rotation::Kept { repeated: true } && !self.keeps_refresh_token();
        let told = pair.refresh_token.as_deref().or(is_repeated.then_some(token));
        let narrowed = asked.filter(|_| self.face.offline_scope.is_none());
        let answer = write(&grant, &pair, told, narrowed.as_deref().unwrap_or(&grant.scopes), self.met);
        if is_spent {
            ledger.spend(self.face, refresh, &pair, &answer);
        }
        Ok(answer)
    }

    fn asked_scopes(&self) -> Result<Option<Vec<&'static Scope>>, ChannelError> {
        let text = self.params.one("scope")?;
        text.map(|text| self.face.parse_scopes(text).ok_or(ChannelError::InvalidScope)).transpose()
    }

    fn stays_connected(&self, asked: Option<&[&Scope]>) -> bool {
        self.face.offline_scope.is_none_or(|offline| asked.is_some_and(|asked| names(asked, offline)))
    }

    fn keeps_refresh_token(&self) -> bool {
        matches!(self.met, Met(Some(Fault::NoRefreshToken)))
    }

    fn required(&self, name: &'static str) -> Result<&str, ChannelError> {
        self.params.one(name)?.ok_or(ChannelError::Missing(name))
    }
}
