//! What the providers grant and how they write it.

use std::time::Duration;

use super::{Envelope, Face, GrantedScopes, Identity, Pkce, Revocation, Rotation, Scope, SecondUse, TokenEndpoints};

const DAY: Duration = Duration::from_hours(24);

/// A provider as the RFCs want it; a face says where it differs.
const PLAIN: Face = Face {
    slug: "",
    display_name: "",
    accent: "",
    scopes: &[],
    scope_separator: ' ',
    granted_scopes: GrantedScopes::TokenAnswer,
    identity: Identity::Userinfo("sub"),
    rotation: Rotation::SingleUse(SecondUse::EndsGrant),
    refresh_token_ttl: None,
    offline_scope: None,
    token_endpoints: TokenEndpoints::One,
    pkce: Pkce::Optional,
    most_grants: None,
    token_params: &[],
    envelope: Envelope::Plain,
    revocation: Revocation::Form,
    registration: false,
    subscription_key: false,
};

impl Face {
    /// COROS: no scopes, refreshes apart, and a result code in each answer.
    pub const COROS: Self = Self {
        slug: "coros",
        display_name: "COROS",
        accent: "#a3123f",
        scopes: &[scope("workouts", "Workouts"), scope("daily", "Daily summaries and sleep")],
        granted_scopes: GrantedScopes::Untold,
        identity: Identity::TokenAnswer("openId"),
        rotation: Rotation::Kept { repeated: true },
        token_endpoints: TokenEndpoints::RefreshApart,
        envelope: Envelope::Result,
        revocation: Revocation::Query("token"),
        ..PLAIN
    };

    /// Dexcom: one scope, and a refresh token for one use.
    pub const DEXCOM: Self = Self {
        slug: "dexcom",
        display_name: "Dexcom",
        accent: "#3d7a1f",
        scopes: &[scope("offline_access", "Glucose readings, also while you are away")],
        rotation: Rotation::SingleUse(SecondUse::Refused),
        ..PLAIN
    };

    /// Fitbit: fifteen scopes with a space between them. A spent refresh token gets the same answer for two
    /// minutes, and errors come as a list.
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
        identity: Identity::TokenAnswer("user_id"),
        rotation: Rotation::SingleUse(SecondUse::SameAnswer(Duration::from_mins(2))),
        envelope: Envelope::Errors,
        ..PLAIN
    };

    /// Garmin: PKCE, and no scopes, only permissions that a person toggles on its page. A refresh token lives 90 days.
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
        granted_scopes: GrantedScopes::Untold,
        identity: Identity::Userinfo("userId"),
        rotation: Rotation::Kept { repeated: true },
        pkce: Pkce::Required,
        refresh_token_ttl: Some(DAY.saturating_mul(90)),
        revocation: Revocation::DeleteBearer,
        ..PLAIN
    };

    /// Google: scopes are addresses. The refresh token comes once, and stays.
    pub const GOOGLE: Self = Self {
        slug: "google",
        display_name: "Google Health",
        accent: "#1a5fd0",
        scopes: &[
            scope("openid", "Who you are"),
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
        identity: Identity::Userinfo("healthUserId"),
        rotation: Rotation::Kept { repeated: false },
        revocation: Revocation::TokenAlone,
        ..PLAIN
    };

    /// Oura: by the book. A refresh token that comes twice ends the whole grant.
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
        identity: Identity::Userinfo("id"),
        token_endpoints: TokenEndpoints::TwoPortals,
        revocation: Revocation::Query("access_token"),
        ..PLAIN
    };

    /// Polar: one scope for everything, and no data before the account is registered.
    pub const POLAR: Self = Self {
        slug: "polar",
        display_name: "Polar",
        accent: "#b3132b",
        scopes: &[scope("accesslink.read_all", "Training, activity, sleep and physical information")],
        identity: Identity::TokenAnswer("x_user_id"),
        rotation: Rotation::Kept { repeated: false },
        revocation: Revocation::DeleteUser,
        registration: true,
        ..PLAIN
    };

    /// Strava: a comma between the scopes, and the redirect says which were granted. Errors name what they are about.
    pub const STRAVA: Self = Self {
        slug: "strava",
        display_name: "Strava",
        accent: "#b83a00",
        scopes: &[
            scope("read", "Public profile and routes"),
            scope("read_all", "Private routes and segments"),
            scope("profile:read_all", "Your whole profile"),
            scope("activity:read", "Activities you show to others"),
            scope("activity:read_all", "All activities, with privacy zones"),
        ],
        scope_separator: ',',
        granted_scopes: GrantedScopes::Redirect,
        identity: Identity::TokenAnswer("athlete.id"),
        rotation: Rotation::SingleUse(SecondUse::Refused),
        envelope: Envelope::Fault,
        revocation: Revocation::Basic,
        ..PLAIN
    };

    /// Suunto: no scopes. The access token is a JWT that says whose it is, and data calls want a subscription key.
    pub const SUUNTO: Self = Self {
        slug: "suunto",
        display_name: "Suunto",
        accent: "#2c5d73",
        scopes: &[scope("workouts", "Workouts"), scope("activity", "Daily activity and sleep")],
        granted_scopes: GrantedScopes::Untold,
        identity: Identity::Claim("sub"),
        rotation: Rotation::SingleUse(SecondUse::Refused),
        revocation: Revocation::GetBearer,
        subscription_key: true,
        ..PLAIN
    };

    /// Ultrahuman: a refresh keeps the refresh token and does not say it again, as RFC 6749 allows.
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
        ..PLAIN
    };

    /// Wahoo: a refresh token for one use, and at most ten grants of a person to the app.
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
        identity: Identity::Userinfo("id"),
        rotation: Rotation::SingleUse(SecondUse::UntilUsed { most_pairs: 10 }),
        most_grants: Some(10),
        revocation: Revocation::DeleteBearer,
        ..PLAIN
    };

    /// WHOOP: `offline` is a scope among the others, and each refresh must ask for it again.
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
        identity: Identity::Userinfo("user_id"),
        rotation: Rotation::SingleUse(SecondUse::Refused),
        offline_scope: Some("offline"),
        revocation: Revocation::DeleteBearer,
        ..PLAIN
    };

    /// Withings: wrapped answers, a comma between the scopes. A spent refresh token works until what it brought is used.
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
        identity: Identity::TokenAnswer("userid"),
        rotation: Rotation::SingleUse(SecondUse::AnotherPair(Duration::from_hours(8))),
        refresh_token_ttl: Some(DAY.saturating_mul(365)),
        token_params: &[("action", "requesttoken")],
        envelope: Envelope::StatusAndBody,
        ..PLAIN
    };
}

const fn scope(name: &'static str, description: &'static str) -> Scope {
    Scope { name, description }
}
