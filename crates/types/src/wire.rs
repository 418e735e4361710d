//! Requests and responses, field by field.

pub mod admin;
mod auth;
mod event;
mod integration;
mod lenient;
mod problem;
mod provider_names;
mod user;

pub use auth::{
    AuthToken, AuthenticateSdkUser, AuthenticateSdkUserParams, AuthenticateUser, AuthenticateUserParams,
    DeauthenticateUserParams, Deauthenticated, Done, GenerateAuthTokenParams, MOBILE_TOKEN_TTL_S, SESSION_TTL_S,
    SdkApp, Status, StreamToken, StreamUserParams, WidgetError, WidgetSession, WidgetSessionParams,
};
pub use event::{
    API_VERSION, AccessRevoked, Auth, AuthCancelled, ConnectionError, Deauth, Event, PermissionChange, UserReauth,
};
pub use integration::{DataTypes, DetailedParams, Integration, IntegrationName, Integrations, IntegrationsDetailed};
pub use problem::Problem;
pub use provider_names::ProviderNames;
pub use user::{
    Subscriptions, SubscriptionsPage, SubscriptionsParams, SubscriptionsResponse, TerraUser, UserDetails, UserInfo,
    UserInfoParams, UserInfoResponse,
};
