use axum::Json;
use serde::Serialize;
use terra_auth_types::wire::Status;

use crate::{catalogue::ListedProvider, end_user::AuthenticatedRequest, error::ApiError};

/// The providers that the caller can connect.
#[derive(Serialize)]
pub(crate) struct IntegrationsResponse {
    status: Status,
    integrations: Vec<ListedProvider>,
}

/// Lists the providers, in the order of the widget.
pub(crate) async fn list_integrations(caller: AuthenticatedRequest) -> Result<Json<IntegrationsResponse>, ApiError> {
    let listing = caller.live.catalogue.listing(&caller.live.breaker).await?;
    Ok(Json(IntegrationsResponse { status: Status::Success, integrations: listing.integrations.clone() }))
}
