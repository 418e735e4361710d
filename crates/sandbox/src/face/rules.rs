//! The ways in which providers differ.

use std::time::Duration;

/// What a refresh does to the refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// It stays as it is.
    Kept {
        /// Whether the answer says it again, or leaves it out (RFC 6749, section 6).
        repeated: bool,
    },
    /// It is spent, and the answer brings another.
    SingleUse(SecondUse),
}

/// What becomes of a refresh token that was used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondUse {
    /// It is refused.
    Refused,
    /// It is refused, and the whole grant ends (RFC 9700, section 4.14.2).
    EndsGrant,
    /// For this long the identical request gets the identical answer; after that it is refused.
    SameAnswer(Duration),
    /// It brings another pair each time, and stays good with its own pair until an access token that it brought is first
    /// used: then its pair and all else that it brought die. So a client that only refreshes collects pairs.
    UntilUsed {
        /// So many pairs of one grant may live: a refresh for one more is refused, with 400 and no error code.
        most_pairs: usize,
    },
    /// It brings another pair, and the pair it brought before dies. That ends when the access token of the pair is first
    /// used, at the latest after this time.
    AnotherPair(Duration),
}

/// Whether a login uses PKCE (RFC 7636), with S256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pkce {
    /// As the app likes.
    Optional,
    /// It has to.
    Required,
}

/// Where codes and refresh tokens become access tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenEndpoints {
    /// At one endpoint.
    One,
    /// Refreshes have an endpoint of their own, and their parameters are in the URL.
    RefreshApart,
    /// Apps are registered in one of two portals; [`Sandbox::set_portal`](crate::Sandbox::set_portal) says where ours is.
    TwoPortals,
}

/// Where an app is registered, at a face that has two portals. Each has a token endpoint that refuses the apps of the other
/// with 400 `invalid_request`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Portal {
    /// Its apps use [`Endpoint::Token`](crate::Endpoint::Token).
    #[default]
    First,
    /// Its apps use [`Endpoint::SecondToken`](crate::Endpoint::SecondToken).
    Second,
}

/// Where the client learns whose account it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// In this field of each token answer: `user_id`, or `athlete.id` if it lies deeper.
    TokenAnswer(&'static str),
    /// In this field at the userinfo endpoint, asked with the access token.
    Userinfo(&'static str),
    /// In this claim of the access token, which is a JWT.
    Claim(&'static str),
}

/// Where the client learns what was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantedScopes {
    /// `scope` in each token answer.
    TokenAnswer,
    /// `scope` in the redirect.
    Redirect,
    /// Nowhere: scopes are known to the person alone, and a request that names some is not listened to.
    Untold,
}

/// What is around an answer to the app's server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Envelope {
    /// Nothing: answers and refusals are those of RFC 6749.
    Plain,
    /// Nothing, but a refusal is `{"errors": [{"errorType": "invalid_grant", "message": "…"}], "success": false}`.
    Errors,
    /// Nothing, but a refusal is `{"message": "Bad Request", "errors": [{"resource": "RefreshToken",
    /// "field": "refresh_token", "code": "invalid"}]}`, or with `AuthorizationCode` or `Application` in its place; the
    /// other words are the sandbox's own.
    Fault,
    /// Always 200 with `{"status": 0, "body": {…}}`; other numbers refuse, see [`Envelope::code`].
    StatusAndBody,
    /// Always 200 with `"result": "0000"` among the fields; other results refuse, see [`Envelope::code`].
    Result,
}

impl Envelope {
    /// The number by which a refusal goes inside an envelope, for an error code of RFC 6749 or `too_many_requests`.
    /// A result is written with four digits. The numbers are the sandbox's own, but for 601.
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

/// How the app ends a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// `POST` with `token` and the client's proof (RFC 7009): 200, for a token that nobody knows too.
    Form,
    /// The same, with HTTP Basic and nothing else.
    Basic,
    /// `POST` with `token` alone: 200, and 400 `invalid_token` for a dead one.
    TokenAlone,
    /// `POST` with a live token alone, in the URL under this name: 200, and 401 `invalid_token` for a dead one.
    Query(&'static str),
    /// `DELETE` with a live access token: 204.
    DeleteBearer,
    /// `GET` with a live access token, and `client_id` in the URL: 200.
    GetBearer,
    /// `DELETE` of `users/{account id}` with a live access token: 204. It ends all grants to the account.
    DeleteUser,
}
