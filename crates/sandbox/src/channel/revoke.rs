//! `POST /{face}/revoke`: RFC 7009.

use axum::{
    extract::{RawForm, State},
    http::HeaderMap,
    response::IntoResponse,
};

use super::{
    client::authenticate,
    error::{ChannelError, NO_STORE},
};
use crate::{page::OnFace, params::Params, sandbox::Sandbox};

/// Revokes the whole grant behind a token, access or refresh. 200 also for a token that nobody knows.
pub(super) async fn revoke(
    State(sandbox): State<Sandbox>,
    OnFace(face): OnFace,
    headers: HeaderMap,
    RawForm(body): RawForm,
) -> Result<impl IntoResponse, ChannelError> {
    let params = Params::parse(&body);
    authenticate(&sandbox, &headers, &params)?;
    let token = params.one("token")?.ok_or(ChannelError::Missing("token"))?;
    sandbox.ledger().revoke_token(face, token);
    Ok(NO_STORE)
}
