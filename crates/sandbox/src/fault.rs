//! The ways a face can misbehave.

use std::{io, time::Duration};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::{Html, IntoResponse, Response},
};
use futures_util::stream;

use crate::{
    channel::{refuse_client, refuse_for_now},
    face::Face,
    page::OnFace,
    sandbox::{MAX_BODY_BYTES, Sandbox},
};

/// The longest a call is held up, whatever was asked for.
const MAX_DELAY: Duration = Duration::from_mins(1);

/// What goes wrong with the calls that an app's server makes, to whatever endpoint but introspection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 429 with `Retry-After`, or the face's own code for it; nothing was done.
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
    /// The connection is cut; nothing was done.
    LostRequest,
    /// The call is obeyed, and then the connection is cut: the client cannot tell it from [`Fault::LostRequest`].
    LostAnswer,
    /// The call is obeyed twice, as by a proxy that repeats it, and the client sees the second answer.
    Twice,
    /// The client's credentials are refused, whatever they are; nothing was done.
    InvalidClient,
    /// 400 without an error code, as by a firewall; nothing was done.
    Opaque,
    /// Token answers write scopes as a JSON list.
    ScopeList,
    /// Token answers say this as `expires_in`, whatever the token's life is.
    ExpiresIn(OddLife),
}

/// An odd `expires_in`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OddLife {
    /// It is left out.
    Missing,
    /// `null`.
    Null,
    /// `0`.
    Zero,
    /// `-1`.
    Negative,
    /// The right number, as a text.
    Text,
    /// `1e300`.
    Huge,
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
        ("lost-answer", "Answers that get lost", Some(Self::LostAnswer)),
        ("invalid-client", "The app is refused (invalid_client)", Some(Self::InvalidClient)),
    ];
}

/// Stands before every route of the back channel and lets the fault of the face happen.
pub(crate) async fn misbehave(
    State(sandbox): State<Sandbox>,
    OnFace(face): OnFace,
    mut request: Request,
    next: Next,
) -> Response {
    let fault = sandbox.next_fault(face);
    request.extensions_mut().insert(Met(fault));
    match fault {
        Some(Fault::TooManyRequests { retry_after_seconds }) => refuse_for_now(face, retry_after_seconds),
        Some(Fault::ServerError) => (StatusCode::INTERNAL_SERVER_ERROR, "internal server error").into_response(),
        Some(Fault::Html) => gateway_page(face).into_response(),
        Some(Fault::InvalidClient) => refuse_client(face),
        Some(Fault::Opaque) => (StatusCode::BAD_REQUEST, "Bad Request").into_response(),
        Some(Fault::LostRequest) => cut_connection(),
        Some(Fault::Slow(delay)) => {
            tokio::time::sleep(delay.min(MAX_DELAY)).await;
            next.run(request).await
        }
        Some(Fault::BrokenJson) => cut_off(&next.run(request).await),
        Some(Fault::LostAnswer) => {
            next.run(request).await;
            cut_connection()
        }
        Some(Fault::Twice) => twice(request, next).await,
        Some(Fault::NoRefreshToken | Fault::ScopeList | Fault::ExpiresIn(_)) | None => next.run(request).await,
    }
}

/// What a request met on its way to its handler.
#[derive(Clone, Copy)]
pub(crate) struct Met(pub(crate) Option<Fault>);

async fn twice(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY_BYTES).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let copy = || Request::from_parts(parts.clone(), Body::from(body.clone()));
    next.clone().run(copy()).await;
    next.run(copy()).await
}

/// An answer whose body breaks off at once, upon which the server closes the connection.
fn cut_connection() -> Response {
    let cut = stream::once(async { Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionAborted)) });
    Response::new(Body::from_stream(cut))
}

fn gateway_page(face: &Face) -> Html<String> {
    Html(format!("<!doctype html><title>{0}</title><h1>{0} is taking a break</h1>", face.display_name))
}

fn cut_off(answer: &Response) -> Response {
    (answer.status(), [(header::CONTENT_TYPE, "application/json")], r#"{"access_token":"#).into_response()
}
