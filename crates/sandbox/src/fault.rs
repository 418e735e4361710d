//! The ways a face can misbehave.

use std::time::Duration;

use axum::{
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::{Html, IntoResponse, Response},
};

use crate::{face::Face, page::OnFace, sandbox::Sandbox};

/// The longest a call is held up, whatever was asked for.
const MAX_DELAY: Duration = Duration::from_mins(1);

/// What goes wrong with the calls that an app's server makes: token, revoke and userinfo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 429 with `Retry-After`; nothing was done.
    TooManyRequests {
        /// What `Retry-After` says.
        retry_after_seconds: u32,
    },
    /// 500 with a text; nothing was done.
    ServerError,
    /// The right answer after this time, at most a minute.
    Slow(Duration),
    /// 200 with a page in HTML, as a proxy would answer; nothing was done.
    Html,
    /// The call is obeyed, but its answer is cut off in the middle of the JSON: what it says is lost.
    BrokenJson,
    /// Token answers come without a refresh token; the one that the client used stays good.
    NoRefreshToken,
}

impl Fault {
    /// What a person can choose on the consent page: value, label, fault.
    pub(crate) const CHOICES: &[(&str, &str, Option<Self>)] = &[
        ("none", "Nothing: behave well", None),
        (
            "429",
            "Too many requests (429, try again in 30 seconds)",
            Some(Self::TooManyRequests { retry_after_seconds: 30 }),
        ),
        ("500", "Server error (500)", Some(Self::ServerError)),
        ("slow", "Slow: five seconds for each answer", Some(Self::Slow(Duration::from_secs(5)))),
        ("html", "A web page instead of JSON", Some(Self::Html)),
        ("broken-json", "JSON that is cut off", Some(Self::BrokenJson)),
        ("no-refresh-token", "No refresh token", Some(Self::NoRefreshToken)),
    ];
}

/// Stands before every route of the back channel and lets the fault of the face happen.
pub(crate) async fn misbehave(
    State(sandbox): State<Sandbox>,
    OnFace(face): OnFace,
    request: Request,
    next: Next,
) -> Response {
    match sandbox.fault(face) {
        Some(Fault::TooManyRequests { retry_after_seconds }) => {
            let retry_after = [(header::RETRY_AFTER, retry_after_seconds.to_string())];
            (StatusCode::TOO_MANY_REQUESTS, retry_after, "too many requests").into_response()
        }
        Some(Fault::ServerError) => (StatusCode::INTERNAL_SERVER_ERROR, "internal server error").into_response(),
        Some(Fault::Html) => gateway_page(face).into_response(),
        Some(Fault::Slow(delay)) => {
            tokio::time::sleep(delay.min(MAX_DELAY)).await;
            next.run(request).await
        }
        Some(Fault::BrokenJson) => cut_off(&next.run(request).await),
        Some(Fault::NoRefreshToken) | None => next.run(request).await,
    }
}

fn gateway_page(face: &Face) -> Html<String> {
    Html(format!("<!doctype html><title>{0}</title><h1>{0} is taking a break</h1>", face.display_name))
}

fn cut_off(answer: &Response) -> Response {
    (answer.status(), [(header::CONTENT_TYPE, "application/json")], r#"{"access_token":"#).into_response()
}
