use terra_auth_types::wire::admin::AppVerdict;

/// What a provider makes of an app, as far as that can be told without an end user.
#[derive(Debug, thiserror::Error)]
pub enum AppCheck {
    /// It refused the code that nobody gave us, and did not mind the app.
    #[error("the provider knows the app")]
    Known,
    /// It does not accept the client id with this secret, or not for logins.
    #[error("the provider refuses the app: {code}")]
    Refused {
        /// RFC 6749 §5.2, such as `invalid_client`, or the provider's own.
        code: String,
    },
    /// It refuses the app by the profile that the app uses, and knows it by another one.
    #[error("{}", by_other_profile(.profile.as_deref()))]
    OtherProfile {
        /// That profile; `None` is the recipe as it stands.
        profile: Option<String>,
    },
    /// The app uses a profile that the recipe does not have. The provider was not asked.
    #[error("the recipe has no profile `{profile}`; {}", those(.known))]
    UnknownProfile {
        /// The app's.
        profile: String,
        /// Those of the recipe.
        known: Vec<String>,
    },
    /// It answered something from which neither follows.
    #[error("the provider's answer leaves it open")]
    Unclear(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It could not be reached.
    #[error("the provider cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl AppCheck {
    /// The same as the wire says it.
    #[must_use]
    pub const fn verdict(&self) -> AppVerdict {
        match self {
            Self::Known => AppVerdict::Known,
            Self::Refused { .. } | Self::OtherProfile { .. } | Self::UnknownProfile { .. } => AppVerdict::Refused,
            Self::Unclear(_) => AppVerdict::Unclear,
            Self::Unreachable(_) => AppVerdict::Unreachable,
        }
    }
}

fn by_other_profile(profile: Option<&str>) -> String {
    match profile {
        Some(profile) => format!(
            "the provider knows the app, but by the profile `{profile}` of the recipe; set the app again with this profile"
        ),
        None => {
            "the provider knows the app, but without a profile of the recipe; set the app again without one".to_owned()
        }
    }
}

fn those(known: &[String]) -> String {
    if known.is_empty() { "it has none".to_owned() } else { format!("it has {}", known.join(", ")) }
}
