//! The rules in which providers differ.

use std::time::Duration;

/// The effect of a refresh on the refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// The refresh token stays valid.
    Kept {
        /// Whether the response repeats the refresh token or omits it (RFC 6749, section 6).
        repeated: bool,
    },
    /// The refresh token is spent, and the response contains a new one.
    SingleUse(ReusePolicy),
}

/// The response to a refresh token that was used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReusePolicy {
    /// It is rejected.
    Refused,
    /// It is rejected, and the complete grant is revoked (RFC 9700, section 4.14.2).
    RevokesGrant,
    /// For this time, the identical request gets the identical response. After that, it is rejected.
    SameResponse(Duration),
    /// Each use returns a new pair. The refresh token and its own pair stay valid until one of the new access
    /// tokens is first used. Then its own pair and all other pairs that it returned become invalid. A client
    /// that only refreshes accumulates pairs.
    UntilUsed {
        /// The maximum number of active pairs per grant. A refresh for one more is rejected with 400 and no
        /// error code.
        most_pairs: usize,
    },
    /// It returns another pair and invalidates the pair that it returned before. This is possible until the
    /// access token of the pair is first used, and at most for this time.
    AnotherPair(Duration),
}

/// Whether a login uses PKCE (RFC 7636), with S256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pkce {
    /// The app may use PKCE.
    Optional,
    /// The app must use PKCE.
    Required,
}

/// The endpoints that exchange codes and refresh tokens for access tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenEndpoints {
    /// One endpoint for both.
    One,
    /// Refreshes have a separate endpoint, with the parameters in the URL.
    SeparateRefresh,
    /// Apps are registered in one of two portals. [`Sandbox::set_portal`](crate::Sandbox::set_portal) selects ours.
    TwoPortals,
}

/// The portal in which an app is registered, at a provider with two portals. Each portal has a token endpoint, which
/// rejects apps of the other portal with 400 `invalid_request`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Portal {
    /// The portal whose apps use [`Endpoint::Token`](crate::Endpoint::Token).
    #[default]
    First,
    /// The portal whose apps use [`Endpoint::SecondToken`](crate::Endpoint::SecondToken).
    Second,
}

/// The location of the account id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountIdField {
    /// In this field of each token response: `user_id`, or `athlete.id` for a nested field.
    TokenResponse(&'static str),
    /// In this field of the userinfo endpoint, which requires the access token.
    Userinfo(&'static str),
    /// In this claim of the access token, which is a JWT.
    Claim(&'static str),
}

/// The location of the granted scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantedScopes {
    /// `scope` in each token response.
    TokenResponse,
    /// `scope` in the redirect.
    Redirect,
    /// Nowhere: the client does not get them, and the scopes of a request are ignored.
    NotReported,
}

/// The format of responses to the app's server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseFormat {
    /// Responses and errors are those of RFC 6749.
    Plain,
    /// Like `Plain`, but an error is `{"errors": [{"errorType": "invalid_grant", "message": "…"}], "success":
    /// false}`.
    Errors,
    /// Like `Plain`, but an error is `{"message": "Bad Request", "errors": [{"resource": "RefreshToken",
    /// "field": "refresh_token", "code": "invalid"}]}`, or with `AuthorizationCode` or `Application` as the
    /// resource. The sandbox invented the other resource names.
    Fault,
    /// Always 200 with `{"status": 0, "body": {…}}`. Another status is an error, see [`ResponseFormat::code`].
    StatusAndBody,
    /// Always 200 with the additional field `"result": "0000"`. Another result is an error, see [`ResponseFormat::code`].
    Result,
}

impl ResponseFormat {
    /// Returns the number inside an envelope for an error code of RFC 6749 or for `too_many_requests`. `Result`
    /// formats it with four digits. Except for 601, the sandbox invented the numbers.
    #[must_use]
    pub fn code(error: &str) -> u16 {
        match error {
            "invalid_client" => 102,
            "invalid_grant" => 103,
            "unsupported_grant_type" => 104,
            "invalid_scope" => 105,
            "invalid_token" => 106,
            "too_many_requests" => 601,
            _ => 101,
        }
    }
}

/// How the app revokes a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// `POST` with `token` and the client's credentials (RFC 7009): 200, also for an unknown token.
    Form,
    /// Like `Form`, but the credentials must be sent as HTTP Basic.
    Basic,
    /// `POST` with `token` alone: 200, and 400 `invalid_token` for an invalid token.
    TokenAlone,
    /// `POST` with only a valid token, in the URL parameter of this name: 200, and 401 `invalid_token` for an invalid
    /// token.
    Query(&'static str),
    /// `DELETE` with a valid access token: 204.
    DeleteBearer,
    /// `GET` with a valid access token, and `client_id` in the URL: 200.
    GetBearer,
    /// `DELETE` of `users/{account id}` with a valid access token: 204. It revokes all grants of the account.
    DeleteUser,
}
