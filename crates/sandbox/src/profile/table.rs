//! The profiles of the providers.

use std::time::Duration;

use super::{
    AccountIdField, GrantedScopes, Pkce, ProviderProfile, ResponseFormat, ReusePolicy, Revocation, Rotation, Scope,
    TokenEndpoints,
};

const DAY: Duration = Duration::from_hours(24);

/// A provider that follows the RFCs. The other profiles name their differences from it.
const STANDARD: ProviderProfile = ProviderProfile {
    slug: "",
    display_name: "",
    accent: "",
    scopes: &[],
    scope_separator: ' ',
    granted_scopes: GrantedScopes::TokenResponse,
    identity: AccountIdField::Userinfo("sub"),
    rotation: Rotation::SingleUse(ReusePolicy::RevokesGrant),
    refresh_token_ttl: None,
    offline_scope: None,
    token_endpoints: TokenEndpoints::One,
    pkce: Pkce::Optional,
    max_grants_per_user: None,
    token_params: &[],
    envelope: ResponseFormat::Plain,
    revocation: Revocation::Form,
    requires_registration: false,
    requires_subscription_key: false,
};

impl ProviderProfile {
    /// COROS: no scopes, a separate refresh endpoint, and a result code in each response.
    pub const COROS: Self = Self {
        slug: "coros",
        display_name: "COROS",
        accent: "#a3123f",
        scopes: &[scope("workouts", "Workouts"), scope("daily", "Daily summaries and sleep")],
        granted_scopes: GrantedScopes::NotReported,
        identity: AccountIdField::TokenResponse("openId"),
        rotation: Rotation::Kept { repeated: true },
        token_endpoints: TokenEndpoints::SeparateRefresh,
        envelope: ResponseFormat::Result,
        revocation: Revocation::Query("token"),
        ..STANDARD
    };

    /// Dexcom: one scope, and single-use refresh tokens.
    pub const DEXCOM: Self = Self {
        slug: "dexcom",
        display_name: "Dexcom",
        accent: "#3d7a1f",
        scopes: &[scope("offline_access", "Glucose readings, also while you are away")],
        rotation: Rotation::SingleUse(ReusePolicy::Refused),
        ..STANDARD
    };

    /// Fitbit: fifteen scopes, separated by spaces. A spent refresh token gets the same response for two minutes, and
    /// errors are a list.
    pub const FITBIT: Self = Self {
        slug: "fitbit",
        display_name: "Fitbit",
        accent: "#006a75",
        scopes: &[
            scope("activity", "Activities, steps and exercise"),
            scope("cardio_fitness", "Cardio fitness score"),
            scope("electrocardiogram", "Electrocardiogram readings"),
            scope("heartrate", "Heart rate"),
            scope("irregular_rhythm_notifications", "Irregular rhythm notifications"),
            scope("location", "Where you exercise"),
            scope("nutrition", "Food and water"),
            scope("oxygen_saturation", "Blood oxygen"),
            scope("profile", "Your profile"),
            scope("respiratory_rate", "Breathing rate"),
            scope("settings", "Devices and settings"),
            scope("sleep", "Sleep"),
            scope("social", "Friends"),
            scope("temperature", "Skin and body temperature"),
            scope("weight", "Weight and body fat"),
        ],
        identity: AccountIdField::TokenResponse("user_id"),
        rotation: Rotation::SingleUse(ReusePolicy::SameResponse(Duration::from_mins(2))),
        envelope: ResponseFormat::Errors,
        ..STANDARD
    };

    /// Garmin: PKCE is required. There are no scopes, only permissions that the user toggles on the page. A
    /// refresh token expires after 90 days.
    pub const GARMIN: Self = Self {
        slug: "garmin",
        display_name: "Garmin",
        accent: "#1f5fa8",
        scopes: &[
            scope("ACTIVITY_EXPORT", "Activities"),
            scope("HEALTH_EXPORT", "Daily health statistics"),
            scope("HISTORICAL_DATA_EXPORT", "Data from before today"),
            scope("WORKOUT_IMPORT", "Send workouts to your device"),
        ],
        granted_scopes: GrantedScopes::NotReported,
        identity: AccountIdField::Userinfo("userId"),
        rotation: Rotation::Kept { repeated: true },
        pkce: Pkce::Required,
        refresh_token_ttl: Some(DAY.saturating_mul(90)),
        revocation: Revocation::DeleteBearer,
        ..STANDARD
    };

    /// Google: scopes are URLs. The refresh token is returned once and stays valid.
    pub const GOOGLE: Self = Self {
        slug: "google",
        display_name: "Google Health",
        accent: "#1a5fd0",
        scopes: &[
            scope("openid", "Your identity"),
            scope("email", "Your e-mail address"),
            scope("https://www.googleapis.com/auth/googlehealth.activity_and_fitness.readonly", "Activity and fitness"),
            scope(
                "https://www.googleapis.com/auth/googlehealth.health_metrics_and_measurements.readonly",
                "Health metrics and measurements",
            ),
            scope("https://www.googleapis.com/auth/googlehealth.nutrition.readonly", "Nutrition"),
            scope("https://www.googleapis.com/auth/googlehealth.profile.readonly", "Your health profile"),
            scope("https://www.googleapis.com/auth/googlehealth.sleep.readonly", "Sleep"),
        ],
        identity: AccountIdField::Userinfo("healthUserId"),
        rotation: Rotation::Kept { repeated: false },
        revocation: Revocation::TokenAlone,
        ..STANDARD
    };

    /// Oura: follows the RFCs. A second use of a refresh token revokes the complete grant.
    pub const OURA: Self = Self {
        slug: "oura",
        display_name: "Oura",
        accent: "#4a4668",
        scopes: &[
            scope("personal", "Age, height and weight"),
            scope("email", "Your e-mail address"),
            scope("daily", "Daily summaries of sleep, activity and readiness"),
            scope("activity", "Activity"),
            scope("heartrate", "Heart rate"),
            scope("workout", "Workouts"),
            scope("tag", "Tags you entered"),
            scope("session", "Guided and unguided sessions"),
            scope("spo2", "Blood oxygen"),
            scope("spo2Daily", "Average blood oxygen of a night"),
            scope("ring_configuration", "Your ring"),
            scope("stress", "Stress"),
            scope("heart_health", "Heart health"),
        ],
        identity: AccountIdField::Userinfo("id"),
        token_endpoints: TokenEndpoints::TwoPortals,
        revocation: Revocation::Query("access_token"),
        ..STANDARD
    };

    /// Polar: one scope for all data, and data calls require a registered account.
    pub const POLAR: Self = Self {
        slug: "polar",
        display_name: "Polar",
        accent: "#b3132b",
        scopes: &[scope("accesslink.read_all", "Training, activity, sleep and physical information")],
        identity: AccountIdField::TokenResponse("x_user_id"),
        rotation: Rotation::Kept { repeated: false },
        revocation: Revocation::DeleteUser,
        requires_registration: true,
        ..STANDARD
    };

    /// Strava: scopes are separated by commas, and the redirect contains the granted ones. Errors name the
    /// resource and the field.
    pub const STRAVA: Self = Self {
        slug: "strava",
        display_name: "Strava",
        accent: "#b83a00",
        scopes: &[
            scope("read", "Public profile and routes"),
            scope("read_all", "Private routes and segments"),
            scope("profile:read_all", "Your complete profile"),
            scope("activity:read", "Activities you show to others"),
            scope("activity:read_all", "All activities, with privacy zones"),
        ],
        scope_separator: ',',
        granted_scopes: GrantedScopes::Redirect,
        identity: AccountIdField::TokenResponse("athlete.id"),
        rotation: Rotation::SingleUse(ReusePolicy::Refused),
        envelope: ResponseFormat::Fault,
        revocation: Revocation::Basic,
        ..STANDARD
    };

    /// Suunto: no scopes. The access token is a JWT with the account id, and data calls require a subscription key.
    pub const SUUNTO: Self = Self {
        slug: "suunto",
        display_name: "Suunto",
        accent: "#2c5d73",
        scopes: &[scope("workouts", "Workouts"), scope("activity", "Daily activity and sleep")],
        granted_scopes: GrantedScopes::NotReported,
        identity: AccountIdField::Claim("sub"),
        rotation: Rotation::SingleUse(ReusePolicy::Refused),
        revocation: Revocation::GetBearer,
        requires_subscription_key: true,
        ..STANDARD
    };

    /// Ultrahuman: the refresh token stays valid, and a refresh does not repeat it, as RFC 6749 allows.
    pub const ULTRAHUMAN: Self = Self {
        slug: "ultrahuman",
        display_name: "Ultrahuman",
        accent: "#5a3a8c",
        scopes: &[
            scope("ring_data", "Sleep, activity and recovery from your ring"),
            scope("cgm_data", "Glucose readings"),
            scope("profile", "Your profile"),
        ],
        rotation: Rotation::Kept { repeated: false },
        ..STANDARD
    };

    /// Wahoo: single-use refresh tokens, and at most ten grants per user for the app.
    pub const WAHOO: Self = Self {
        slug: "wahoo",
        display_name: "Wahoo",
        accent: "#0a6aa6",
        scopes: &[
            scope("user_read", "Your profile"),
            scope("workouts_read", "Workouts"),
            scope("workouts_write", "Add and change workouts"),
            scope("routes_read", "Routes"),
            scope("routes_write", "Add and change routes"),
            scope("offline_data", "New workouts while you are away"),
        ],
        identity: AccountIdField::Userinfo("id"),
        rotation: Rotation::SingleUse(ReusePolicy::UntilUsed { most_pairs: 10 }),
        max_grants_per_user: Some(10),
        revocation: Revocation::DeleteBearer,
        ..STANDARD
    };

    /// WHOOP: `offline` is one of the scopes, and each refresh must request it again.
    pub const WHOOP: Self = Self {
        slug: "whoop",
        display_name: "WHOOP",
        accent: "#47586f",
        scopes: &[
            scope("offline", "Stay connected while you are away"),
            scope("read:recovery", "Recovery"),
            scope("read:cycles", "Daily strain and heart rate"),
            scope("read:sleep", "Sleep"),
            scope("read:workout", "Workouts"),
            scope("read:profile", "Your profile"),
            scope("read:body_measurement", "Height, weight and maximum heart rate"),
        ],
        identity: AccountIdField::Userinfo("user_id"),
        rotation: Rotation::SingleUse(ReusePolicy::Refused),
        offline_scope: Some("offline"),
        revocation: Revocation::DeleteBearer,
        ..STANDARD
    };

    /// Withings: responses are wrapped, and scopes are separated by commas. A spent refresh token works until
    /// the access token that it returned is used.
    pub const WITHINGS: Self = Self {
        slug: "withings",
        display_name: "Withings",
        accent: "#0b6b57",
        scopes: &[
            scope("user.info", "Your profile"),
            scope("user.metrics", "Weight, blood pressure and other measurements"),
            scope("user.activity", "Activity and sleep"),
            scope("user.sleepevents", "When you go to bed and get up"),
        ],
        scope_separator: ',',
        identity: AccountIdField::TokenResponse("userid"),
        rotation: Rotation::SingleUse(ReusePolicy::AnotherPair(Duration::from_hours(8))),
        refresh_token_ttl: Some(DAY.saturating_mul(365)),
        token_params: &[("action", "requesttoken")],
        envelope: ResponseFormat::StatusAndBody,
        ..STANDARD
    };
}

const fn scope(name: &'static str, description: &'static str) -> Scope {
    Scope { name, description }
}
