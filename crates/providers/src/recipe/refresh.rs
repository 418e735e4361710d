//! The refresh of tokens.

use std::num::NonZeroU32;

use jiff::SignedDuration;
use serde::Deserialize;
use terra_auth_model::provider::{RefreshPolicy, Rotation};

use crate::{
    field::{Endpoint, ExtraParams},
    recipe::{client_auth::ClientAuth, request_style::RequestStyle},
};

/// The refresh of tokens (RFC 6749 §6), and its effect on the refresh token.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Written")]
pub(crate) struct Refresh {
    pub(crate) policy: RefreshPolicy,
    /// `None` is the token endpoint.
    pub(crate) url: Option<Endpoint>,
    pub(crate) params: ExtraParams,
    /// The scopes to request again.
    pub(crate) scopes: Vec<String>,
    /// `None` is the same as in the exchange of a code.
    pub(crate) client_auth: Option<ClientAuth>,
    pub(crate) request: RequestStyle,
    /// Statuses that mean that the provider did nothing.
    pub(crate) untouched: Vec<u16>,
    /// The URL to call with the new access token, if the provider ends the old tokens only then.
    pub(crate) confirm_url: Option<Endpoint>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    rotation: RotationKind,
    grace_s: Option<NonZeroU32>,
    #[serde(default)]
    reuse_ends_grant: bool,
    #[serde(default = "ten_minutes")]
    ahead_s: u32,
    token_life_s: Option<NonZeroU32>,
    #[serde(default = "four")]
    at_once: NonZeroU32,
    per_minute: Option<NonZeroU32>,
    url: Option<Endpoint>,
    #[serde(default)]
    params: ExtraParams,
    #[serde(default)]
    scopes: Vec<String>,
    client_auth: Option<ClientAuth>,
    #[serde(default)]
    request: RequestStyle,
    #[serde(default)]
    untouched: Vec<u16>,
    confirm_url: Option<Endpoint>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RotationKind {
    Kept,
    SingleUse,
}

/// The settings contradict each other: a reusable token cannot be used twice.
#[derive(Debug, thiserror::Error)]
#[error("`grace_s` and `reuse_ends_grant` need rotation = \"single_use\"")]
struct NothingIsSpent;

impl TryFrom<Written> for Refresh {
    type Error = NothingIsSpent;

    fn try_from(written: Written) -> Result<Self, NothingIsSpent> {
        Ok(Self {
            policy: RefreshPolicy {
                rotation: written.rotation()?,
                lead_time: SignedDuration::from_secs(written.ahead_s.into()),
                refresh_token_lifetime: written
                    .token_life_s
                    .map(|seconds| SignedDuration::from_secs(seconds.get().into())),
                max_in_flight: written.at_once.get(),
                max_per_minute: written.per_minute.map(NonZeroU32::get),
                confirm: written.confirm_url.is_some(),
            },
            url: written.url,
            params: written.params,
            scopes: written.scopes,
            client_auth: written.client_auth,
            request: written.request,
            untouched: written.untouched,
            confirm_url: written.confirm_url,
        })
    }
}

impl Written {
    fn rotation(&self) -> Result<Rotation, NothingIsSpent> {
        let grace = self.grace_s.map(|seconds| SignedDuration::from_secs(seconds.get().into()));
        match (self.rotation, grace, self.reuse_ends_grant) {
            (RotationKind::Kept, None, false) => Ok(Rotation::Reusable),
            (RotationKind::Kept, ..) => Err(NothingIsSpent),
            (RotationKind::SingleUse, grace, reuse_ends_grant) => Ok(Rotation::SingleUse { grace, reuse_ends_grant }),
        }
    }
}

const fn ten_minutes() -> u32 {
    600
}

const fn four() -> NonZeroU32 {
    const { NonZeroU32::new(4).unwrap() }
}
