//! Other endpoints for some apps of a provider.

use serde::Deserialize;

use crate::{
    field::{Endpoint, FieldError},
    recipe::login::Login,
    template::UrlTemplate,
};

/// The endpoints that differ for some apps, such as those registered in another portal. An app names its profile. There is no
/// fallback between profiles.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Written")]
pub(crate) struct Profile {
    /// The apps of the profile.
    pub(crate) about: String,
    authorize_url: Option<Endpoint>,
    token_url: Option<Endpoint>,
    refresh_url: Option<Endpoint>,
    revoke_url: Option<UrlTemplate>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    about: String,
    authorize_url: Option<Endpoint>,
    token_url: Option<Endpoint>,
    refresh_url: Option<Endpoint>,
    revoke_url: Option<UrlTemplate>,
}

impl TryFrom<Written> for Profile {
    type Error = FieldError;

    fn try_from(written: Written) -> Result<Self, FieldError> {
        let Written { about, authorize_url, token_url, refresh_url, revoke_url } = written;
        if authorize_url.is_none() && token_url.is_none() && refresh_url.is_none() && revoke_url.is_none() {
            return Err(FieldError::EmptyProfile);
        }
        Ok(Self { about, authorize_url, token_url, refresh_url, revoke_url })
    }
}

/// The name of a profile: lower-case letters, digits and `_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ProfileName(pub(crate) String);

impl TryFrom<String> for ProfileName {
    type Error = FieldError;

    fn try_from(text: String) -> Result<Self, FieldError> {
        let may_be = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(may_be);
        if fits { Ok(Self(text)) } else { Err(FieldError::ProfileName) }
    }
}

impl Login {
    /// The login with the endpoints of a profile. Refreshes use the token endpoint, unless the recipe or the profile has another
    /// one.
    pub(crate) fn with(&self, profile: &Profile) -> Self {
        let mut login = self.clone();
        let Profile { authorize_url, token_url, refresh_url, revoke_url, .. } = profile.clone();
        login.authorize_url = authorize_url.unwrap_or(login.authorize_url);
        login.token_url = token_url.unwrap_or(login.token_url);
        if let (Some(refresh), Some(url)) = (&mut login.refresh, refresh_url) {
            refresh.url = Some(url);
        }
        if let (Some(revoke), Some(url)) = (&mut login.revoke, revoke_url) {
            revoke.url = url;
        }
        login
    }
}
