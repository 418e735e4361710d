//! Values that callers send in more than one format, and the bounds of numbers.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned},
};
use serde_json::{Map, Value};

/// Deserializes `true`, `"true"`, `"1"` and their opposites: a query string has only text. `null` counts as absent,
/// and other text is rejected.
pub(super) fn bool<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    deserializer.deserialize_any(BoolVisitor)
}

/// Like `bool`, but an absent value is false.
pub(super) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    bool(deserializer).map(Option::unwrap_or_default)
}

/// Deserializes an array of objects. Unlike a derived `serde` implementation, it rejects an array instead of
/// an object.
pub(super) fn objects<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let objects = Vec::<Map<String, Value>>::deserialize(deserializer)?;
    let read = |object| serde_json::from_value(Value::Object(object)).map_err(de::Error::custom);
    objects.into_iter().map(read).collect()
}

/// Deserializes a present field, which may be `null`.
#[expect(clippy::option_option, reason = "absent and null mean different things")]
pub(super) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Deserializes text; `null` becomes the empty text.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// The largest numbers of the formats `int32` and `int64`, which generated clients use.
pub(super) const INT32: u64 = i32::MAX as u64;
pub(super) const INT64: u64 = i64::MAX as u64;

/// Deserializes a count that fits into the format `int64`.
pub(super) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let count = within::<0, INT64, D, u64>(deserializer)?;
    count.ok_or_else(|| de::Error::invalid_type(de::Unexpected::Unit, &NumberVisitor::<0, INT64>))
}

/// Deserializes an integer from `MIN` to `MAX`, or its decimal text; `null` counts as absent. The field's schema
/// declares the same bounds.
pub(super) fn within<'de, const MIN: u64, const MAX: u64, D: Deserializer<'de>, N: TryFrom<u64>>(
    deserializer: D,
) -> Result<Option<N>, D::Error> {
    let Some(value) = deserializer.deserialize_any(NumberVisitor::<MIN, MAX>)? else {
        return Ok(None);
    };
    let fitting = N::try_from(value).map(Some);
    fitting.map_err(|_| de::Error::invalid_value(de::Unexpected::Unsigned(value), &NumberVisitor::<MIN, MAX>))
}

/// Deserializes a value. A value of another shape becomes the default.
pub(super) fn or_default<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

struct BoolVisitor;

impl de::Visitor<'_> for BoolVisitor {
    type Value = Option<bool>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true or false")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(value))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" => Ok(Some(true)),
            "false" | "0" => Ok(Some(false)),
            _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
        }
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

struct NumberVisitor<const MIN: u64, const MAX: u64>;

impl<const MIN: u64, const MAX: u64> de::Visitor<'_> for NumberVisitor<MIN, MAX> {
    type Value = Option<u64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {MIN} to {MAX}")
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
        if (MIN..=MAX).contains(&value) {
            return Ok(Some(value));
        }
        Err(E::invalid_value(de::Unexpected::Unsigned(value), &self))
    }

    /// JSON has one number type: 5.0 is 5.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "only what fits is cast")]
    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Self::Value, E> {
        if value.fract() == 0.0 && (0.0..9_007_199_254_740_992.0).contains(&value) {
            return self.visit_u64(value as u64);
        }
        Err(E::invalid_value(de::Unexpected::Float(value), &self))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
        Err(E::invalid_value(de::Unexpected::Signed(value), &self))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        let value = text.parse().map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))?;
        self.visit_u64(value)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}
