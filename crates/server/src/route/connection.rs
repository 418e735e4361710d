//! Connections, which the API calls users.

use axum::{Json, extract::State};
use terra_auth_core::{Auth, connection::MAX_USERS};
use terra_auth_types::{UserId, wire};

use crate::{
    authentication::{ApiKeyAuth, scope},
    error::ApiError,
    params::{JsonArray, Query},
};

const DEFAULT_PER_PAGE: u32 = 500;

/// Deauthenticate a user: delete the connection and revoke the access at the provider.
///
/// A `deauth` event follows. The server revokes the grant in the background, and retries until the provider confirms.
#[utoipa::path(
    delete, path = "/auth/deauthenticateUser", tag = "Authentication",
    params(wire::DeauthenticateUserParams),
    responses(
        (status = 200, description = "The user is deauthenticated", body = wire::Deauthenticated),
        (status = 404, description = "There is no such user in this environment"),
    ),
    security(("dev_id" = [], "api_key" = ["connections:write"])),
)]
pub(crate) async fn deauthenticate_user(
    State(auth): State<Auth>,
    caller: ApiKeyAuth<scope::ConnectionsWrite>,
    Query(params): Query<wire::DeauthenticateUserParams>,
) -> Result<Json<wire::Deauthenticated>, ApiError> {
    let user_id = params.user_id.ok_or_else(|| ApiError::bad_request("user_id is missing"))?;
    let user_id = user_id.parse().map_err(|_| ApiError::not_found("user not found"))?;
    auth.deauthenticate_user(&caller.developer, user_id).await?;
    Ok(Json(wire::Deauthenticated::SUCCESS))
}

/// Look up one user by `user_id`, or all users of an end user by `reference_id`.
///
/// The response is an object for `user_id`, and an array of users for `reference_id`.
#[utoipa::path(
    get, path = "/userInfo", tag = "Users",
    params(wire::UserInfoParams),
    responses(
        (status = 200, description = "The user, or an array of users", body = wire::UserInfoResponse),
        (status = 400, description = "Neither id is given, or the user id is malformed"),
        (status = 404, description = "There is no such user in this environment"),
    ),
    security(("dev_id" = [], "api_key" = ["connections:read"])),
)]
pub(crate) async fn user_info(
    State(auth): State<Auth>,
    caller: ApiKeyAuth<scope::ConnectionsRead>,
    Query(params): Query<wire::UserInfoParams>,
) -> Result<Json<wire::UserInfoResponse>, ApiError> {
    match (params.user_id, params.reference_id) {
        (Some(user_id), _) => {
            let user_id = user_id.parse().map_err(ApiError::bad_request)?;
            Ok(Json(wire::UserInfoResponse::User(auth.user_info(&caller.developer, user_id).await?)))
        }
        (None, Some(reference_id)) => {
            let reference_id = reference_id.parse().map_err(ApiError::bad_request)?;
            let users = auth.users_by_reference_id(&caller.developer, reference_id).await?;
            Ok(Json(wire::UserInfoResponse::Users(users)))
        }
        (None, None) => Err(ApiError::bad_request("user_id or reference_id is missing")),
    }
}

/// Look up many users by id. Unknown ids are left out.
#[utoipa::path(
    post, path = "/bulkUserInfo", tag = "Users",
    request_body(content = Vec<uuid::Uuid>, description = "User ids"),
    responses(
        (status = 200, description = "The users found", body = Vec<wire::TerraUser>),
        (status = 400, description = "Not an array of user ids"),
    ),
    security(("dev_id" = [], "api_key" = ["connections:read"])),
)]
pub(crate) async fn bulk_user_info(
    State(auth): State<Auth>,
    caller: ApiKeyAuth<scope::ConnectionsRead>,
    JsonArray(user_ids): JsonArray<String>,
) -> Result<Json<Vec<wire::TerraUser>>, ApiError> {
    let user_ids: Result<Vec<UserId>, _> = user_ids.iter().map(|id| id.parse()).collect();
    let user_ids = user_ids.map_err(ApiError::bad_request)?;
    Ok(Json(auth.bulk_user_info(&caller.developer, user_ids).await?))
}

/// List the users of the environment, all or page by page.
#[utoipa::path(
    get, path = "/subscriptions", tag = "Users",
    params(wire::SubscriptionsParams),
    responses(
        (status = 200, description = "All users, or one page of them", body = wire::SubscriptionsResponse),
        (status = 400, description = "There is no such page, or too many users for one response"),
    ),
    security(("dev_id" = [], "api_key" = ["connections:read"])),
)]
pub(crate) async fn subscriptions(
    State(auth): State<Auth>,
    caller: ApiKeyAuth<scope::ConnectionsRead>,
    Query(params): Query<wire::SubscriptionsParams>,
) -> Result<Json<wire::SubscriptionsResponse>, ApiError> {
    let Some(page) = params.page else {
        let (users, total) = auth.subscriptions(&caller.developer, 0, MAX_USERS).await?;
        if total > u64::from(MAX_USERS) {
            return Err(ApiError::bad_request(format!("{total} users do not fit into one response; add page=0")));
        }
        return Ok(Json(wire::SubscriptionsResponse { users: Some(users), ..Default::default() }));
    };
    let per_page = params.per_page.unwrap_or(DEFAULT_PER_PAGE);
    let offset = u64::from(page) * u64::from(per_page);
    let (results, total) = auth.subscriptions(&caller.developer, offset, per_page).await?;
    Ok(Json(page_of(page, per_page, results, total)))
}

/// A page in both published shapes: flat, and under `data`, where `max_page` is the last index instead of the count.
fn page_of(page: u32, per_page: u32, results: Vec<wire::TerraUser>, total: u64) -> wire::SubscriptionsResponse {
    let pages = u32::try_from(total.div_ceil(u64::from(per_page))).unwrap_or(u32::MAX);
    let next = (page.saturating_add(1) < pages).then(|| page + 1);
    let nested = wire::SubscriptionsPage { next, max_page: pages.saturating_sub(1), results: results.clone() };
    wire::SubscriptionsResponse {
        status: wire::Status::Success,
        users: None,
        next: Some(next),
        max_page: Some(pages),
        results: Some(results),
        data: Some(nested),
    }
}
