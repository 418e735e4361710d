//! Extractors that authenticate the caller: an API key and its scope, a mobile token, or an admin token.

use std::{marker::PhantomData, ops::Deref, sync::Arc};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use terra_auth_core::{
    Auth,
    admin::action::Admin,
    node::directory::{AuthenticatedKey, NotAuthenticated},
    sdk_user::AuthenticateSdkUserError,
};
use terra_auth_http::Peer;
use terra_auth_model::{
    causes::Causes,
    developer::{Developer, EnvironmentStatus},
};
use terra_auth_types::{ApiKey, DevId, MobileToken, Scope};

use crate::error::ApiError;

/// The scope that a route requires of a key: `ApiKeyAuth<scope::ConnectionsRead>`.
pub(crate) mod scope {
    use terra_auth_types::Scope;

    pub(crate) trait Asked {
        const SCOPE: Scope;
    }

    macro_rules! asked {
        ($($name:ident)*) => {$(
            pub(crate) struct $name;

            impl Asked for $name {
                const SCOPE: Scope = Scope::$name;
            }
        )*};
    }
    asked!(AuthWrite ConnectionsRead ConnectionsWrite WebhooksWrite AccessTokensRead);
}

/// The environment of the `dev-id` and `x-api-key` headers. The key must have the scope `S`.
pub(crate) struct ApiKeyAuth<S> {
    identity: AuthenticatedKey,
    scope: PhantomData<S>,
}

impl<S> Deref for ApiKeyAuth<S> {
    type Target = AuthenticatedKey;

    fn deref(&self) -> &AuthenticatedKey {
        &self.identity
    }
}

impl<S: scope::Asked> FromRequestParts<Auth> for ApiKeyAuth<S> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> Result<Self, ApiError> {
        let pair = header_pair(&parts.headers)
            .ok_or_else(|| ApiError::unauthorized("dev-id or x-api-key headers are missing"))?;
        let identity = auth.authenticate(pair.0, &pair.1)?;
        permit(&identity, S::SCOPE)?;
        Ok(Self { identity, scope: PhantomData })
    }
}

fn permit(identity: &AuthenticatedKey, scope: Scope) -> Result<(), ApiError> {
    if identity.key.scopes.contains(scope) {
        return Ok(());
    }
    Err(ApiError::scope_missing(scope))
}

/// The environment of a call for a streaming token. The key must have `auth:write`; HTTP Basic is accepted too.
pub(crate) struct StreamingAuth(pub(crate) Arc<Developer>);

impl FromRequestParts<Auth> for StreamingAuth {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> Result<Self, ApiError> {
        let missing = || {
            ApiError::bad_request(
                "send the dev-id and x-api-key headers, or Authorization: Basic base64(dev-id:api-key)",
            )
        };
        let found = if let Some((dev_id, api_key)) = header_pair(&parts.headers) {
            auth.authenticate(dev_id, &api_key)
        } else {
            let (dev_id, api_key) = basic(&parts.headers).ok_or_else(missing)?;
            auth.authenticate(&dev_id, &api_key)
        };
        let identity = found.map_err(|error| ApiError::from(error).or_forbidden())?;
        permit(&identity, Scope::AuthWrite)?;
        Ok(Self(identity.developer))
    }
}

/// The environment of a `dev-id` header, without authentication. Use it for public data only.
pub(crate) struct ClaimedEnvironment(pub(crate) Option<Arc<Developer>>);

impl FromRequestParts<Auth> for ClaimedEnvironment {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> Result<Self, Self::Rejection> {
        let dev_id = text(&parts.headers, "dev-id").and_then(|text| text.parse::<DevId>().ok());
        Ok(Self(dev_id.and_then(|dev_id| auth.directory().developer(&dev_id))))
    }
}

/// A mobile app, authenticated by a dev-id and a mobile token. Only a caller with a genuine token learns that the
/// environment is disabled.
pub(crate) struct MobileTokenAuth {
    pub(crate) developer: Arc<Developer>,
    pub(crate) token: MobileToken,
}

impl FromRequestParts<Auth> for MobileTokenAuth {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> Result<Self, ApiError> {
        let missing = || {
            ApiError::new(
                StatusCode::UNAUTHORIZED,
                "send the dev-id header and the token as Authorization: Bearer <token>",
            )
        };
        let token = text(&parts.headers, header::AUTHORIZATION.as_str()).and_then(|text| after_scheme(text, "bearer"));
        let token: MobileToken = token.ok_or_else(missing)?.into();
        auth.directory().check_fresh()?;
        let ClaimedEnvironment(developer) =
            ClaimedEnvironment::from_request_parts(parts, auth).await.unwrap_or(ClaimedEnvironment(None));
        let developer = developer.ok_or(AuthenticateSdkUserError::InvalidToken)?;
        auth.verify_mobile_token(&developer, &token).map_err(AuthenticateSdkUserError::from)?;
        if developer.status != EnvironmentStatus::Active {
            return Err(NotAuthenticated::Disabled.into());
        }
        Ok(Self { developer, token })
    }
}

/// The admin of the token in the `Authorization` header. The audit log records attempts without a valid token.
pub(crate) struct AdminAuth(pub(crate) Admin);

impl FromRequestParts<Auth> for AdminAuth {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> Result<Self, ApiError> {
        let token = text(&parts.headers, header::AUTHORIZATION.as_str()).and_then(|text| after_scheme(text, "bearer"));
        if let Some(token) = token
            && let Some(admin) = auth.authenticate_admin(&token.into(), origin(parts))?
        {
            return Ok(Self(admin));
        }
        let target = format!("{} {}", parts.method, parts.uri.path());
        if let Err(error) = auth.record_unknown_admin(origin(parts), &target).await {
            tracing::error!(error = %Causes(&error), "could not record that an unknown caller tried an admin operation");
        }
        Err(ApiError::no_admin())
    }
}

/// The admin of a request to a public route; `None` without a valid admin token.
pub(crate) struct OptionalAdminAuth(pub(crate) Option<Admin>);

impl FromRequestParts<Auth> for OptionalAdminAuth {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> Result<Self, Self::Rejection> {
        let token = text(&parts.headers, header::AUTHORIZATION.as_str()).and_then(|text| after_scheme(text, "bearer"));
        let admin = token.and_then(|token| auth.authenticate_admin(&token.into(), origin(parts)).ok().flatten());
        Ok(Self(admin))
    }
}

/// A caller that requests access tokens: an admin, or a worker with an API key that has the scope for it.
pub(crate) struct AccessTokenCaller {
    admin: Admin,
    /// The environment of the API key; `None` for an admin.
    only: Option<DevId>,
}

impl AccessTokenCaller {
    /// Returns the caller if it may request access tokens of this environment.
    pub(crate) fn of(self, dev_id: &DevId) -> Result<Admin, ApiError> {
        match self.only {
            Some(own) if own != *dev_id => Err(ApiError::forbidden("this key belongs to another environment")),
            _ => Ok(self.admin),
        }
    }
}

impl FromRequestParts<Auth> for AccessTokenCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> Result<Self, ApiError> {
        if header_pair(&parts.headers).is_none() {
            let AdminAuth(admin) = AdminAuth::from_request_parts(parts, auth).await?;
            return Ok(Self { admin, only: None });
        }
        let caller = ApiKeyAuth::<scope::AccessTokensRead>::from_request_parts(parts, auth).await?;
        let admin = Admin::of_environment_key(&caller.key, origin(parts));
        Ok(Self { admin, only: Some(caller.developer.dev_id.clone()) })
    }
}

/// The network address of the caller, for the audit log.
pub(crate) struct Origin(pub(crate) Option<String>);

impl<S: Sync> FromRequestParts<S> for Origin {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(origin(parts)))
    }
}

fn origin(parts: &Parts) -> Option<String> {
    parts.extensions.get::<Peer>().map(|peer| peer.0.to_string())
}

fn header_pair(headers: &HeaderMap) -> Option<(&str, ApiKey)> {
    Some((text(headers, "dev-id")?, ApiKey::from(text(headers, "x-api-key")?)))
}

fn basic(headers: &HeaderMap) -> Option<(String, ApiKey)> {
    let encoded = after_scheme(text(headers, header::AUTHORIZATION.as_str())?, "basic")?;
    let decoded = String::from_utf8(BASE64.decode(encoded).ok()?).ok()?;
    let (dev_id, api_key) = decoded.split_once(':')?;
    Some((dev_id.to_owned(), ApiKey::from(api_key)))
}

fn after_scheme<'a>(text: &'a str, scheme: &str) -> Option<&'a str> {
    let (given, rest) = text.split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim).filter(|text| !text.is_empty())
}
