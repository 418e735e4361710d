//! Token pairs of one grant that are valid at the same time, until a newer one is used.

use super::{GrantError, GrantId, TokenStore};
use crate::{
    digest::Digest,
    profile::{ProviderProfile, ReusePolicy, Rotation},
};

/// A token pair, and the refresh token whose use returned it.
#[derive(Debug)]
pub(super) struct LivePair {
    pub(super) access_token: Digest,
    pub(super) refresh_token: Digest,
    pub(super) parent: Option<Digest>,
}

/// The maximum number of active pairs per grant, if the provider allows several.
pub(super) fn max_pairs(face: &ProviderProfile) -> Option<usize> {
    match face.rotation {
        Rotation::SingleUse(ReusePolicy::UntilUsed { most_pairs }) => Some(most_pairs),
        _ => None,
    }
}

impl TokenStore {
    /// Stores a pair of a grant.
    pub(super) fn add_live_pair(&mut self, id: GrantId, pair: LivePair) {
        match self.pairs.get_mut(&id) {
            Some(pairs) => pairs.push(pair),
            None => self.pairs.insert(id, vec![pair]),
        }
    }

    /// Stores the refresh token whose use returned the newest pair.
    pub(super) fn set_parent(&mut self, id: GrantId, parent: Digest) {
        if let Some(pair) = self.pairs.get_mut(&id).and_then(|pairs| pairs.last_mut()) {
            pair.parent = Some(parent);
        }
    }

    /// Rejects a refresh that would exceed the maximum number of pairs.
    pub(super) fn check_pair_limit(&self, face: &ProviderProfile, id: GrantId) -> Result<(), GrantError> {
        let live = self.pairs.get(&id).map_or(0, Vec::len);
        if max_pairs(face).is_some_and(|most| live >= most) { Err(GrantError::TooManyPairs) } else { Ok(()) }
    }

    /// Called on the first use of an access token. Removes the parent pair and all other pairs that the parent
    /// returned.
    pub(super) fn remove_parent_of(&mut self, id: GrantId, access_token: &Digest) {
        let Some(pairs) = self.pairs.get_mut(&id) else { return };
        let used = pairs.iter().find(|pair| pair.access_token == *access_token);
        let Some(parent) = used.and_then(|pair| pair.parent) else { return };
        let dies = |pair: &mut LivePair| {
            pair.refresh_token == parent || (pair.parent == Some(parent) && pair.access_token != *access_token)
        };
        let dead: Vec<_> = pairs.extract_if(.., dies).collect();
        for pair in dead {
            self.access_tokens.remove(&pair.access_token);
            self.refresh_tokens.remove(&pair.refresh_token);
        }
    }
}
