use url::Url;
use uuid::Uuid;

use crate::setup::SetupError;

/// The placeholder for the tenant in the name of an issuer that signs for many tenants, such as
/// Entra ID.
const TENANT: &str = "{tenantid}";

/// The tenant in the URL of the discovery document that is shared by all tenants.
const ALL_TENANTS: &str = "common";

/// The signer of the tokens.
#[derive(Clone)]
pub(crate) struct Issuer {
    name: String,
    /// `None` if the name is not a URL.
    url: Option<Url>,
}

impl Issuer {
    pub(crate) fn new(name: &str) -> Result<Self, SetupError> {
        if name.trim().is_empty() {
            return Err(SetupError::invalid("login.jwt.issuer", "name at least one; it is the `iss` of the tokens"));
        }
        Ok(Self { name: name.to_owned(), url: name.replace(TENANT, ALL_TENANTS).parse().ok() })
    }

    /// Whether `name` in a token is this issuer, compared exactly, with the token's own `tenant` in
    /// place of `{tenantid}`. A slash at the end of a URL without a path is optional.
    pub(crate) fn is(&self, name: &str, tenant: Option<&str>) -> bool {
        match tenant.filter(|_| self.is_of_many()) {
            Some(tenant) => fits(&self.name, name, tenant),
            None => self.is_described_as(name) && !self.is_of_many(),
        }
    }

    /// Whether the issuer's discovery document may contain this name.
    pub(crate) fn is_described_as(&self, name: &str) -> bool {
        let has_no_path = self.url.as_ref().is_some_and(|url| url.path() == "/");
        let without_slash = |name: &str| name.strip_suffix('/').unwrap_or(name).to_owned();
        name == self.name || (has_no_path && without_slash(name) == without_slash(&self.name))
    }

    /// Whether the issuer signs for many tenants.
    pub(crate) fn is_of_many(&self) -> bool {
        self.name.contains(TENANT)
    }

    /// The URL of the issuer's discovery document.
    ///
    /// Source: `OpenID` Connect Discovery 1.0, section 4.
    pub(crate) fn discovery_url(&self) -> Option<Url> {
        let mut url = self.url.clone().filter(|url| ["https", "http"].contains(&url.scheme()))?;
        url.set_path(&format!("{}/.well-known/openid-configuration", url.path().trim_end_matches('/')));
        Some(url)
    }

    /// Whether `url` is as safe from tampering in transit as the issuer's discovery document.
    pub(crate) fn may_publish_at(&self, url: &Url) -> bool {
        url.scheme() == "https" || self.url.as_ref().is_some_and(|own| own.scheme() == "http")
    }
}

/// Whether `name` is `pattern` with `tenant` in place of `{tenantid}`. `tenant` must be a tenant
/// id.
pub(super) fn fits(pattern: &str, name: &str, tenant: &str) -> bool {
    tenant.len() == Uuid::nil().hyphenated().to_string().len()
        && Uuid::try_parse(tenant).is_ok()
        && pattern.replace(TENANT, tenant) == name
}
