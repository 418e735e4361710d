use terra_auth_types::wire::admin::AppCheckVerdict;

/// The provider's verdict on an app, as far as it can be checked without an end user.
#[derive(Debug, thiserror::Error)]
pub enum AppCheck {
    /// The provider rejected our invented code and not the app.
    #[error("the provider knows the app")]
    Known,
    /// The provider rejects the client id with this secret, or does not allow it to log users in.
    #[error("the provider refuses the app: {code}")]
    Refused {
        /// RFC 6749 §5.2, such as `invalid_client`, or the provider's own.
        code: String,
    },
    /// The provider rejects the app with its configured profile and accepts it with another one.
    #[error("{}", by_other_profile(.profile.as_deref()))]
    OtherProfile {
        /// The accepted profile; `None` means the recipe without a profile.
        profile: Option<String>,
    },
    /// The recipe does not have the app's profile. The provider was not asked.
    #[error("the recipe has no profile `{profile}`; {}", those(.known))]
    UnknownProfile {
        /// The profile of the app.
        profile: String,
        /// The profiles of the recipe.
        known: Vec<String>,
    },
    /// The response neither accepts nor rejects the app.
    #[error("the provider's response was inconclusive")]
    Unclear(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The provider could not be reached.
    #[error("the provider cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl AppCheck {
    /// Converts to the wire type.
    #[must_use]
    pub const fn verdict(&self) -> AppCheckVerdict {
        match self {
            Self::Known => AppCheckVerdict::Known,
            Self::Refused { .. } | Self::OtherProfile { .. } | Self::UnknownProfile { .. } => AppCheckVerdict::Refused,
            Self::Unclear(_) => AppCheckVerdict::Unclear,
            Self::Unreachable(_) => AppCheckVerdict::Unreachable,
        }
    }
}

fn by_other_profile(profile: Option<&str>) -> String {
    match profile {
        Some(profile) => format!(
            "the provider accepts the app only with the profile `{profile}` of the recipe; set the app again with this profile"
        ),
        None => "the provider accepts the app only without a profile of the recipe; set the app again without one"
            .to_owned(),
    }
}

fn those(known: &[String]) -> String {
    if known.is_empty() { "it has none".to_owned() } else { format!("it has {}", known.join(", ")) }
}
