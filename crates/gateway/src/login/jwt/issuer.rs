use url::Url;
use uuid::Uuid;

use crate::setup::SetupError;

/// Stands for the tenant in the name of an issuer that signs for many, as Entra ID's does.
const TENANT: &str = "{tenantid}";

/// The tenant's place in the address where such an issuer describes itself for all of them.
const ALL_TENANTS: &str = "common";

/// The signer of the tokens.
#[derive(Clone)]
pub(crate) struct Issuer {
    name: String,
    /// `None` if its name is no address.
    url: Option<Url>,
}

impl Issuer {
    pub(crate) fn new(name: &str) -> Result<Self, SetupError> {
        if name.trim().is_empty() {
            return Err(SetupError::invalid("login.jwt.issuer", "name at least one, as the tokens' `iss` says it"));
        }
        Ok(Self { name: name.to_owned(), url: name.replace(TENANT, ALL_TENANTS).parse().ok() })
    }

    /// Whether `name` in a token is the issuer's, to the letter, with the token's own `tenant` in the place of `{tenantid}`. A
    /// slash at the end of a URL without a path is optional.
    pub(crate) fn is(&self, name: &str, tenant: Option<&str>) -> bool {
        match tenant.filter(|_| self.is_of_many()) {
            Some(tenant) => fits(&self.name, name, tenant),
            None => self.is_described_as(name) && !self.is_of_many(),
        }
    }

    /// Whether its description of itself may have this name.
    pub(crate) fn is_described_as(&self, name: &str) -> bool {
        let has_no_path = self.url.as_ref().is_some_and(|url| url.path() == "/");
        let without_slash = |name: &str| name.strip_suffix('/').unwrap_or(name).to_owned();
        name == self.name || (has_no_path && without_slash(name) == without_slash(&self.name))
    }

    /// Whether it signs for many tenants.
    pub(crate) fn is_of_many(&self) -> bool {
        self.name.contains(TENANT)
    }

    /// Where the issuer describes itself.
    ///
    /// Source: `OpenID` Connect Discovery 1.0, section 4.
    pub(crate) fn discovery_url(&self) -> Option<Url> {
        let mut url = self.url.clone().filter(|url| ["https", "http"].contains(&url.scheme()))?;
        url.set_path(&format!("{}/.well-known/openid-configuration", url.path().trim_end_matches('/')));
        Some(url)
    }

    /// Whether keys from `url` are as safe from others on the way as the issuer's description of itself is.
    pub(crate) fn may_publish_at(&self, url: &Url) -> bool {
        url.scheme() == "https" || self.url.as_ref().is_some_and(|own| own.scheme() == "http")
    }
}

/// Whether `name` is `pattern` with `tenant`, which must be a tenant's id, in the place of `{tenantid}`.
pub(super) fn fits(pattern: &str, name: &str, tenant: &str) -> bool {
    tenant.len() == Uuid::nil().hyphenated().to_string().len()
        && Uuid::try_parse(tenant).is_ok()
        && pattern.replace(TENANT, tenant) == name
}
