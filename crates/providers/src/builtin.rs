//! The built-in recipes.

/// File name and text, in the order of the widget.
pub(crate) const BUILTIN: [(&str, &str); 14] = [
    ("fitbit.toml", include_str!("../recipes/builtin/fitbit.toml")),
    ("google.toml", include_str!("../recipes/builtin/google.toml")),
    ("garmin.toml", include_str!("../recipes/builtin/garmin.toml")),
    ("oura.toml", include_str!("../recipes/builtin/oura.toml")),
    ("withings.toml", include_str!("../recipes/builtin/withings.toml")),
    ("strava.toml", include_str!("../recipes/builtin/strava.toml")),
    ("whoop.toml", include_str!("../recipes/builtin/whoop.toml")),
    ("polar.toml", include_str!("../recipes/builtin/polar.toml")),
    ("suunto.toml", include_str!("../recipes/builtin/suunto.toml")),
    ("coros.toml", include_str!("../recipes/builtin/coros.toml")),
    ("dexcom.toml", include_str!("../recipes/builtin/dexcom.toml")),
    ("ultrahuman.toml", include_str!("../recipes/builtin/ultrahuman.toml")),
    ("wahoo.toml", include_str!("../recipes/builtin/wahoo.toml")),
    ("on_device.toml", include_str!("../recipes/builtin/on_device.toml")),
];
