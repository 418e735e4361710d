//! What the providers grant and how they write it.

use super::{Face, Identity, Scope};

impl Face {
    /// Fitbit: fifteen scopes with a space between them.
    pub const FITBIT: Self = Self {
        slug: "fitbit",
        display_name: "Fitbit",
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
        scope_separator: ' ',
        identity: Identity::TokenAnswer,
        accent: "#006a75",
    };

    /// Garmin: the permissions a person toggles on its page, here as scopes.
    pub const GARMIN: Self = Self {
        slug: "garmin",
        display_name: "Garmin",
        scopes: &[
            scope("ACTIVITY_EXPORT", "Activities"),
            scope("HEALTH_EXPORT", "Daily health statistics"),
            scope("HISTORICAL_DATA_EXPORT", "Data from before today"),
            scope("WORKOUT_IMPORT", "Send workouts to your device"),
        ],
        scope_separator: ' ',
        identity: Identity::Userinfo,
        accent: "#1f5fa8",
    };

    /// Google: scopes are addresses.
    pub const GOOGLE: Self = Self {
        slug: "google",
        display_name: "Google Health",
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
        scope_separator: ' ',
        identity: Identity::Userinfo,
        accent: "#1a5fd0",
    };

    /// Oura: whose account it is, is told at the userinfo endpoint.
    pub const OURA: Self = Self {
        slug: "oura",
        display_name: "Oura",
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
        scope_separator: ' ',
        identity: Identity::Userinfo,
        accent: "#4a4668",
    };

    /// Polar: one scope for everything.
    pub const POLAR: Self = Self {
        slug: "polar",
        display_name: "Polar",
        scopes: &[scope("accesslink.read_all", "Training, activity, sleep and physical information")],
        scope_separator: ' ',
        identity: Identity::TokenAnswer,
        accent: "#b3132b",
    };

    /// Strava: a comma between the scopes.
    pub const STRAVA: Self = Self {
        slug: "strava",
        display_name: "Strava",
        scopes: &[
            scope("read", "Public profile and routes"),
            scope("read_all", "Private routes and segments"),
            scope("profile:read_all", "Your whole profile"),
            scope("activity:read", "Activities you show to others"),
            scope("activity:read_all", "All activities, with privacy zones"),
        ],
        scope_separator: ',',
        identity: Identity::TokenAnswer,
        accent: "#b83a00",
    };

    /// WHOOP: `offline` is a scope among the others.
    pub const WHOOP: Self = Self {
        slug: "whoop",
        display_name: "WHOOP",
        scopes: &[
            scope("offline", "Stay connected while you are away"),
            scope("read:recovery", "Recovery"),
            scope("read:cycles", "Daily strain and heart rate"),
            scope("read:sleep", "Sleep"),
            scope("read:workout", "Workouts"),
            scope("read:profile", "Your profile"),
            scope("read:body_measurement", "Height, weight and maximum heart rate"),
        ],
        scope_separator: ' ',
        identity: Identity::Userinfo,
        accent: "#47586f",
    };

    /// Withings: a comma between the scopes. Its wrapped answers are not imitated.
    pub const WITHINGS: Self = Self {
        slug: "withings",
        display_name: "Withings",
        scopes: &[
            scope("user.info", "Your profile"),
            scope("user.metrics", "Weight, blood pressure and other measurements"),
            scope("user.activity", "Activity and sleep"),
            scope("user.sleepevents", "When you go to bed and get up"),
        ],
        scope_separator: ',',
        identity: Identity::TokenAnswer,
        accent: "#0b6b57",
    };
}

const fn scope(name: &'static str, description: &'static str) -> Scope {
    Scope { name, description }
}
