use axum::Json;
use serde::Serialize;
use terra_auth_types::wire::Status;

use crate::{caller::Caller, catalogue::Offered, error::Refusal};

/// What the caller may connect.
#[derive(Serialize)]
pub(crate) struct Answer {
    status: Status,
    integrations: Vec<Offered>,
}

/// Lists what the caller may connect, in the order of the widget.
pub(crate) async fn list_integrations(caller: Caller) -> Result<Json<Answer>, Refusal> {
    let listing = caller.live.catalogue.listing(&caller.live.breaker).await?;
    Ok(Json(Answer { status: Status::Success, integrations: listing.integrations.clone() }))
}
