//! One provider as data.

pub(crate) mod account_id;
pub(crate) mod after_consent;
pub(crate) mod client_auth;
pub(crate) mod login;
pub(crate) mod notification;
pub(crate) mod refresh;
pub(crate) mod request_style;
pub(crate) mod response_shape;
pub(crate) mod revoke;
pub(crate) mod scopes;

use std::path::{Path, PathBuf};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::Deserialize;
use terra_auth_model::provider::{Connects, Logo, ProviderInfo};
use terra_auth_types::{Provider, wire::DataTypes};

use crate::recipe::login::Login;

/// One provider. Without a login it is connected on the device, through the mobile SDK.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    pub(crate) provider: Provider,
    name: String,
    #[serde(deserialize_with = "data_types")]
    types: DataTypes,
    shutdown: Option<Shutdown>,
    /// The path of an image file, relative to the recipe's file.
    logo: Option<PathBuf>,
    #[serde(default)]
    app_limits: Vec<String>,
    #[serde(default)]
    sources: Vec<String>,
    #[serde(default)]
    unverified: Vec<String>,
    pub(crate) login: Option<Login>,
    #[serde(skip)]
    pub(crate) image: Option<Logo>,
    #[serde(skip)]
    text: String,
    #[serde(skip)]
    file: String,
}

/// The shutdown of a provider.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shutdown {
    /// The first day (UTC) on which logins fail.
    pub on: Date,
    /// The reason, for the operator.
    pub why: String,
}

impl Recipe {
    /// Records its file and text. Comments at the end of `text` belong to the next recipe.
    pub(crate) fn written(self, file: &str, text: &str) -> Self {
        let lines: Vec<_> = text.lines().collect();
        let is_own = |line: &&str| !(line.trim().is_empty() || line.starts_with('#'));
        let end = lines.iter().rposition(is_own).map_or(0, |last| last + 1);
        Self { text: lines[..end].join("\n"), file: file.to_owned(), ..self }
    }

    /// The entry in the list of providers.
    #[must_use]
    pub fn info(&self) -> ProviderInfo {
        let connects = if self.login.is_some() { Connects::ByLogin } else { Connects::OnDevice };
        let (provider, name, logo) = (self.provider.clone(), self.name.clone(), self.image.clone());
        ProviderInfo { provider, name, connects, types: self.types, logo }
    }

    /// The file of its logo, relative to [`file`](Self::file).
    #[must_use]
    pub fn logo_file(&self) -> Option<&Path> {
        self.logo.as_deref()
    }

    /// The provider's limits for an app, until its review or permanently.
    #[must_use]
    pub fn app_limits(&self) -> &[String] {
        &self.app_limits
    }

    /// The sources of its facts.
    #[must_use]
    pub fn sources(&self) -> &[String] {
        &self.sources
    }

    /// Facts that are not confirmed or not known.
    #[must_use]
    pub fn unverified(&self) -> &[String] {
        &self.unverified
    }

    /// The names of its profiles, and the apps that each is for.
    pub fn profiles(&self) -> impl Iterator<Item = (&str, &str)> {
        let profiles = self.login.iter().flat_map(|login| &login.profiles);
        profiles.map(|(name, profile)| (name.0.as_str(), profile.about.as_str()))
    }

    /// The text of the recipe, with comments.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The file of the recipe.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Its announced shutdown, past or future.
    #[must_use]
    pub fn shutdown(&self) -> Option<&Shutdown> {
        self.shutdown.as_ref()
    }

    /// Its shutdown, if it is past.
    #[must_use]
    pub fn is_shut_down(&self, now: Timestamp) -> Option<&Shutdown> {
        let today = now.to_zoned(TimeZone::UTC).date();
        self.shutdown.as_ref().filter(|shutdown| shutdown.on <= today)
    }
}

/// A list of data types, such as `["activity", "sleep"]`.
fn data_types<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<DataTypes, D::Error> {
    let kinds = Vec::<Kind>::deserialize(deserializer)?;
    let has = |kind| kinds.contains(&kind);
    Ok(DataTypes {
        activity: has(Kind::Activity),
        body: has(Kind::Body),
        nutrition: has(Kind::Nutrition),
        daily: has(Kind::Daily),
        sleep: has(Kind::Sleep),
        menstruation: has(Kind::Menstruation),
    })
}

#[derive(PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Activity,
    Body,
    Nutrition,
    Daily,
    Sleep,
    Menstruation,
}
