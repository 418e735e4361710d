//! Timestamps in the wire format: microseconds and a numeric offset, `2022-12-12T10:00:00.000000+00:00`.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde::{Deserialize, Deserializer, Serializer};

/// Formats a timestamp as the published contract does.
#[must_use]
pub fn format(instant: Timestamp) -> String {
    instant.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S%.6f%:z").to_string()
}

/// Parses RFC 3339 with any offset. A time without an offset is UTC.
///
/// # Errors
///
/// The text is not a valid time.
pub fn parse(text: &str) -> Result<Timestamp, jiff::Error> {
    text.parse::<Timestamp>().or_else(|_| Ok(text.parse::<DateTime>()?.to_zoned(TimeZone::UTC)?.timestamp()))
}

/// For `#[serde(with = "time::option")]` on an `Option<Timestamp>`.
pub mod option {
    use super::{Deserialize, Deserializer, Serializer, Timestamp};

    /// Serializes the timestamp or `null`.
    pub fn serialize<S: Serializer>(instant: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        match instant {
            Some(instant) => serializer.serialize_str(&super::format(*instant)),
            None => serializer.serialize_none(),
        }
    }

    /// Deserializes a timestamp or `null`.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.as_deref().map(super::parse).transpose().map_err(serde::de::Error::custom)
    }
}

/// For `#[serde(default, with = "time::second")]` on an `Option<Timestamp>`: full seconds and a `Z`.
pub mod second {
    use super::{Deserialize, Deserializer, Serializer, TimeZone, Timestamp};

    /// Serializes the timestamp, rounded down, or `null`: `2026-12-05T12:15:00Z`.
    pub fn serialize<S: Serializer>(instant: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        match instant {
            Some(instant) => {
                let text = instant.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
                serializer.serialize_str(&text)
            }
            None => serializer.serialize_none(),
        }
    }

    /// Deserializes a timestamp. Anything else is `None`, because the field is our addition and other servers may use
    /// its name for something else.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Ok(value.as_str().and_then(|text| super::parse(text).ok()))
    }
}

#[cfg(test)]
mod tests {
    use super::{format, parse};

    #[test]
    fn the_published_format_is_parsed() {
        let text = "2022-12-12T10:00:00.000000+00:00";
        assert_eq!(format(parse(text).unwrap()), text);
    }

    #[test]
    fn other_formats_of_the_same_time_are_parsed() {
        let expected = parse("2022-12-12T10:00:00Z").unwrap();
        for text in ["2022-12-12T12:00:00+02:00", "2022-12-12T10:00:00.000000", "2022-12-12 10:00:00"] {
            assert_eq!(parse(text).unwrap(), expected, "{text}");
        }
        assert!(parse("yesterday").is_err());
    }
}
