//! The settings of an environment as a TOML file that people review and promote. It contains no secret.
//!
//! ```toml
//! name = "Acme"                                      # name of the app in the widget
//! logo_url = "https://app.example.com/logo.png"      # "" is none
//! accent = "#00aa77"                                 # "" is the default colour
//! user_limit = 50                                    # "none" is no limit
//! providers = ["FITBIT", "GARMIN"]                   # "all" is all providers of the server
//! redirect_allow_list = ["https://app.example.com/"] # [] allows any safe URL
//! destination = "https://app.example.com/hooks"      # "" sends no events
//! keep_user_id = true                                # false gives returning users a new user id
//! bound_tokens_only = true                           # false lets a mobile app choose the user
//! ```
//!
//! An absent setting stays unchanged, so a file may contain only the settings to promote.

use std::fmt;

use serde::Serialize;
use terra_auth::{
    Provider,
    wire::admin::{ChangeEnvironment, EnvironmentSettings},
};
use toml::{Table, Value};
use url::Url;

use crate::terminal::ui::{shown, table};

/// A setting's name, the check of its value, and the error message of an invalid value.
type Field = (&'static str, fn(&Value) -> bool, &'static str);

/// In display order.
const FIELDS: [Field; 9] = [
    ("name", |value| value.as_str().is_some_and(|name| !name.trim().is_empty()), "must be a non-empty string"),
    ("logo_url", is_url_or_none, "must be an address or \"\""),
    ("accent", is_colour_or_none, "must be #rrggbb or \"\""),
    ("user_limit", is_limit, "must be a number or \"none\""),
    ("providers", is_providers, "must be a list of names or \"all\""),
    ("redirect_allow_list", |value| is_list(value, |url| Url::parse(url).is_ok()), "must be a list of addresses"),
    ("destination", is_url_or_none, "must be an address or \"\""),
    ("keep_user_id", Value::is_bool, "must be true or false"),
    ("bound_tokens_only", Value::is_bool, "must be true or false"),
];

/// The settings in a file.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct EnvSettings(Table);

/// Why a file cannot be read as settings.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EnvSettingsError {
    /// The line number and the error, on one line and without the file's text.
    #[error("is not valid TOML: {0}")]
    NotToml(String),
    #[error("has an unknown setting {0}; the settings are {known}", known = FIELDS.map(|field| field.0).join(", "))]
    Unknown(String),
    #[error("{0} {1}")]
    Invalid(&'static str, &'static str),
}

impl EnvSettings {
    pub(crate) fn parse(text: &str) -> Result<Self, EnvSettingsError> {
        let not_toml = |error: toml::de::Error| {
            let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            EnvSettingsError::NotToml(format!("line {line}: {}", error.message().replace('\n', ", ")))
        };
        Self::of_table(text.parse().map_err(not_toml)?)
    }

    /// Checks settings by name, as in a file.
    pub(crate) fn of_table(table: Table) -> Result<Self, EnvSettingsError> {
        for (name, value) in &table {
            let field = FIELDS.iter().find(|field| field.0 == name);
            let (name, fits, problem) = field.ok_or_else(|| EnvSettingsError::Unknown(name.clone()))?;
            if !fits(value) {
                return Err(EnvSettingsError::Invalid(name, problem));
            }
        }
        Ok(Self(table))
    }

    /// All settings of an environment.
    pub(crate) fn of(settings: &EnvironmentSettings) -> Self {
        let or_none = |text: Option<String>| Value::from(text.unwrap_or_default());
        let address = |url: &Option<Url>| or_none(url.as_ref().map(Url::to_string));
        let names = |names: &Vec<Provider>| names.iter().map(|name| Value::from(name.as_str())).collect();
        let values = [
            Value::from(settings.name.as_str()),
            address(&settings.logo_url),
            or_none(settings.accent.clone()),
            settings.user_limit.map_or(Value::from("none"), |limit| Value::from(i64::from(limit))),
            settings.providers.as_ref().map_or(Value::from("all"), |list| Value::Array(names(list))),
            Value::Array(settings.redirect_allow_list.iter().map(|url| Value::from(url.as_str())).collect()),
            address(&settings.destination),
            Value::from(settings.keep_user_id),
            Value::from(settings.bound_tokens_only),
        ];
        Self(FIELDS.iter().map(|field| field.0.to_owned()).zip(values).collect())
    }

    /// The body of the change request; an absent setting stays unchanged.
    pub(crate) fn to_change(&self) -> ChangeEnvironment {
        let text = |name| self.0.get(name).and_then(Value::as_str);
        let or_null = |name| text(name).map(|value| Some(value).filter(|value| !value.is_empty()));
        let address = |name| or_null(name).map(|value| value.and_then(|value| value.parse().ok()));
        let list = |name: &str| {
            let items = self.0.get(name).and_then(Value::as_array)?;
            Some(items.iter().filter_map(Value::as_str))
        };
        let limit =
            self.0.get("user_limit").map(|value| value.as_integer().and_then(|limit| u32::try_from(limit).ok()));
        let providers = list("providers").map(|names| Some(names.filter_map(|name| name.parse().ok()).collect()));
        ChangeEnvironment {
            name: text("name").map(str::to_owned),
            logo_url: address("logo_url"),
            accent: or_null("accent").map(|value| value.map(str::to_owned)),
            user_limit: limit,
            providers: providers.or_else(|| text("providers").map(|_| None)),
            redirect_allow_list: list("redirect_allow_list")
                .map(|urls| urls.filter_map(|url| url.parse().ok()).collect()),
            destination: address("destination"),
            keep_user_id: self.0.get("keep_user_id").and_then(Value::as_bool),
            bound_tokens_only: self.0.get("bound_tokens_only").and_then(Value::as_bool),
            active: None,
        }
    }

    /// The settings that both files set to different values. The order of a list does not matter.
    pub(crate) fn differences(&self, other: &Self) -> Vec<Difference> {
        let both = FIELDS.iter().filter_map(|(name, ..)| Some((*name, self.0.get(*name)?, other.0.get(*name)?)));
        let differ = both.filter(|(_, left, right)| sorted(left) != sorted(right));
        differ.map(|(setting, left, right)| Difference::new(setting, left, right)).collect()
    }
}

impl fmt::Display for EnvSettings {
    /// A settings file, in the order of its fields.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = FIELDS.iter().filter_map(|field| Some(format!("{} = {}", field.0, self.0.get(field.0)?)));
        f.write_str(&lines.collect::<Vec<_>>().join("\n"))
    }
}

/// One setting that differs.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Difference {
    pub(crate) setting: &'static str,
    pub(crate) left: Value,
    pub(crate) right: Value,
}

impl Difference {
    fn new(setting: &'static str, left: &Value, right: &Value) -> Self {
        Self { setting, left: left.clone(), right: right.clone() }
    }

    /// Both sides as text. Of two lists, each side shows only the items that the other lacks.
    pub(crate) fn shown(&self) -> [String; 2] {
        let only = |here: &Value, there: &Value| match (here.as_array(), there.as_array()) {
            (Some(here), Some(there)) => {
                let own: Vec<_> = here.iter().filter(|item| !there.contains(item)).map(text).collect();
                own.join(", ")
            }
            (Some(here), None) => here.iter().map(text).collect::<Vec<_>>().join(", "),
            (None, _) => text(here),
        };
        [only(&self.left, &self.right), only(&self.right, &self.left)].map(|side| match side {
            side if side.is_empty() => "–".to_owned(),
            side => side,
        })
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn sorted(value: &Value) -> Vec<String> {
    let mut items: Vec<_> =
        value.as_array().map_or_else(|| vec![value.to_string()], |list| list.iter().map(text).collect());
    items.sort();
    items.dedup();
    items
}

fn is_list(value: &Value, is_item: impl Fn(&str) -> bool) -> bool {
    value.as_array().is_some_and(|items| items.iter().all(|item| item.as_str().is_some_and(&is_item)))
}

fn is_providers(value: &Value) -> bool {
    value.as_str() == Some("all") || is_list(value, |name| name.parse::<Provider>().is_ok())
}

fn is_limit(value: &Value) -> bool {
    value.as_str() == Some("none") || value.as_integer().is_some_and(|limit| u32::try_from(limit).is_ok())
}

fn is_url_or_none(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.is_empty() || Url::parse(text).is_ok())
}

fn is_colour_or_none(value: &Value) -> bool {
    let is_colour = |text: &str| {
        let digits = text.strip_prefix('#');
        digits.is_some_and(|digits| digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    value.as_str().is_some_and(|text| text.is_empty() || is_colour(text))
}

/// The differences as a table.
pub(crate) fn difference_table(header: [&str; 3], differences: &[Difference]) -> String {
    let row = |difference: &Difference| {
        let [left, right] = difference.shown();
        [difference.setting.to_owned(), shown(&left), shown(&right)]
    };
    table(header, differences.iter().map(row))
}

#[cfg(test)]
mod tests;
