//! The providers that can be connected. The routes are public and check no credentials.

use axum::{Json, extract::State};
use terra_auth_core::Auth;
use terra_auth_model::provider::{Connects, ProviderInfo};
use terra_auth_types::wire;

use crate::{authentication::ClaimedEnvironment, error::ApiError, params::Query, route::icon};

/// List the names of all providers.
///
/// The field `integrations` is our own: the name, resource and logo URL of each provider.
#[utoipa::path(
    get, path = "/integrations", tag = "Integrations",
    responses((status = 200, description = "All providers", body = wire::Integrations)),
    security(()),
)]
pub(crate) async fn integrations(State(auth): State<Auth>) -> Json<wire::Integrations> {
    let (by_login, on_device): (Vec<_>, Vec<_>) =
        auth.integrations().into_iter().partition(|info| info.connects == Connects::ByLogin);
    let names = |infos: &[ProviderInfo]| infos.iter().map(|info| info.provider.to_string()).collect();
    Json(wire::Integrations {
        providers: names(&by_login),
        sdk_providers: names(&on_device),
        integrations: by_login.iter().chain(&on_device).map(|info| named(&auth, info)).collect(),
        status: wire::Status::Success,
    })
}

/// List all providers with details, or, with a `dev-id` header, those of the environment.
#[utoipa::path(
    get, path = "/integrations/detailed", tag = "Integrations",
    params(wire::DetailedParams, ("dev-id" = Option<String>, Header, description = "Lists the providers of this environment only")),
    responses((status = 200, description = "The providers", body = wire::IntegrationsDetailed)),
    security(()),
)]
pub(crate) async fn integrations_detailed(
    State(auth): State<Auth>,
    ClaimedEnvironment(developer): ClaimedEnvironment,
    Query(params): Query<wire::DetailedParams>,
) -> Result<Json<wire::IntegrationsDetailed>, ApiError> {
    let sdk = params.sdk.unwrap_or_default();
    let wanted = |info: &&ProviderInfo| {
        let enabled = developer.as_deref().is_none_or(|developer| auth.offers_provider(developer, info));
        enabled && (sdk || info.connects == Connects::ByLogin)
    };
    let providers = auth.integrations().iter().filter(wanted).map(|info| to_wire(&auth, info)).collect();
    Ok(Json(wire::IntegrationsDetailed { status: wire::Status::Success, providers }))
}

fn named(auth: &Auth, info: &ProviderInfo) -> wire::IntegrationName {
    wire::IntegrationName {
        name: info.name.clone(),
        resource: info.provider.to_string(),
        logo_url: icon::url(auth, &info.provider).into(),
    }
}

fn to_wire(auth: &Auth, info: &ProviderInfo) -> wire::Integration {
    wire::Integration {
        provider: info.provider.to_string(),
        name: info.name.clone(),
        icon: icon::url(auth, &info.provider).into(),
        setup: "API_KEYS_MANAGED".to_owned(),
        enabled: true,
        types: info.types,
    }
}
