//! Chooses the providers that a session offers, and explains why one cannot be offered.

use std::fmt;

use terra_auth_model::{
    developer::Developer,
    provider::{Connects, ProviderInfo},
};
use terra_auth_types::{Provider, wire};

use super::{GenerateWidgetSessionError, printable_value};
use crate::auth::Auth;

const ARRAY_WARNING: &str =
    "providers was sent as a JSON array; the hosted API takes comma-separated text only, such as \"FITBIT,GARMIN\"";

/// The similarity (0 to 1) from which a name is taken for a mistyped one.
const MIN_SIMILARITY: f64 = 0.75;

/// Why a provider cannot be offered in a widget session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotOffered {
    /// The provider connects on a phone.
    OnDevice(Provider),
    /// The server has no such provider.
    Unknown {
        /// The requested name, cut to 64 characters.
        name: String,
        /// The provider that was probably meant.
        similar: Option<Provider>,
    },
    /// The provider is not enabled in the environment.
    NotEnabled(Provider),
    /// The server has no app at the provider, so no end user can log in.
    NoApp(Provider),
    /// The server has no app at any provider of the environment.
    NoAppAtAll,
}

impl NotOffered {
    /// The problem `code`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OnDevice(_) => "provider_on_device",
            Self::Unknown { .. } => "provider_unknown",
            Self::NotEnabled(_) => "provider_not_enabled",
            Self::NoApp(_) | Self::NoAppAtAll => "no_provider_app",
        }
    }
}

impl fmt::Display for NotOffered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnDevice(provider) => write!(f, "{provider} connects on a phone, with a mobile token"),
            Self::Unknown { name, similar: Some(similar) } => write!(f, "{name} is unknown, did you mean {similar}?"),
            Self::Unknown { name, similar: None } => write!(f, "{name} is unknown"),
            Self::NotEnabled(provider) => write!(f, "{provider} is not enabled in this environment"),
            Self::NoApp(provider) => write!(f, "this server has no app at {provider}"),
            Self::NoAppAtAll => f.write_str("this server has no app at any provider of this environment"),
        }
    }
}

impl Auth {
    /// Returns the providers to offer, and a warning for each named provider that cannot be offered.
    pub(super) fn choose_providers(
        &self,
        developer: &Developer,
        named: Option<&wire::ProviderNames>,
        on_device: impl Fn(&str) -> bool,
    ) -> Result<(Vec<Provider>, Vec<String>), GenerateWidgetSessionError> {
        let can_show = |info: &ProviderInfo| info.connects == Connects::ByLogin || on_device(info.provider.as_str());
        let asked: Vec<&str> = named.into_iter().flat_map(wire::ProviderNames::names).collect();
        let mut providers = Vec::new();
        let mut not_offered = Vec::new();
        if asked.is_empty() || asked.iter().any(|name| name.eq_ignore_ascii_case("ALL")) {
            let list = self.providers().list();
            let all = list.iter().filter(|info| self.offers_provider(developer, info) && can_show(info));
            providers.extend(all.map(|info| info.provider.clone()));
            not_offered.extend(providers.is_empty().then_some(NotOffered::NoAppAtAll));
        }
        for name in asked.into_iter().filter(|name| !name.eq_ignore_ascii_case("ALL")) {
            match self.offered(developer, name) {
                Some(info) if providers.contains(&info.provider) => {}
                Some(info) if can_show(&info) => providers.push(info.provider.clone()),
                _ => not_offered.push(self.why_not_offered(developer, name)),
            }
        }
        if providers.is_empty() {
            return Err(GenerateWidgetSessionError::NoProvider(not_offered));
        }
        let sent_as_array = named.is_some_and(wire::ProviderNames::is_array);
        let array = sent_as_array.then(|| ARRAY_WARNING.to_owned());
        Ok((providers, array.into_iter().chain(not_offered.iter().map(ToString::to_string)).collect()))
    }

    fn why_not_offered(&self, developer: &Developer, name: &str) -> NotOffered {
        let list = self.providers().list();
        let Some(info) = list.iter().find(|info| info.provider.as_str().eq_ignore_ascii_case(name)) else {
            return NotOffered::Unknown { name: printable_value(name), similar: similar(name, &list) };
        };
        let provider = info.provider.clone();
        match info.connects {
            _ if !developer.enables(info) => NotOffered::NotEnabled(provider),
            Connects::OnDevice => NotOffered::OnDevice(provider),
            Connects::ByLogin => NotOffered::NoApp(provider),
        }
    }
}

fn similar(name: &str, list: &[ProviderInfo]) -> Option<Provider> {
    let name = printable_value(name).to_ascii_uppercase();
    let rated = list.iter().map(|info| (strsim::normalized_damerau_levenshtein(&name, info.provider.as_str()), info));
    let (rate, best) = rated.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
    (rate >= MIN_SIMILARITY).then(|| best.provider.clone())
}
