//! Pairs of tokens that live beside each other until the newer one is used.

use super::{GrantError, GrantId, Ledger};
use crate::{
    digest::Digest,
    face::{Face, Rotation, SecondUse},
};

/// A pair, and the refresh token that brought it.
#[derive(Debug)]
pub(super) struct LivePair {
    pub(super) access_token: Digest,
    pub(super) refresh_token: Digest,
    pub(super) parent: Option<Digest>,
}

/// How many pairs of a grant may live, where a face lets them live beside each other.
pub(super) fn most_pairs(face: &Face) -> Option<usize> {
    match face.rotation {
        Rotation::SingleUse(SecondUse::UntilUsed { most_pairs }) => Some(most_pairs),
        _ => None,
    }
}

impl Ledger {
    /// Notes a pair that is issued for a grant.
    pub(super) fn add_live_pair(&mut self, id: GrantId, pair: LivePair) {
        match self.pairs.get_mut(&id) {
            Some(pairs) => pairs.push(pair),
            None => self.pairs.add(id, vec![pair]),
        }
    }

    /// Notes which refresh token brought the last pair.
    pub(super) fn set_parent(&mut self, id: GrantId, parent: Digest) {
        if let Some(pair) = self.pairs.get_mut(&id).and_then(|pairs| pairs.last_mut()) {
            pair.parent = Some(parent);
        }
    }

    /// Refuses a refresh that would bring one pair too many.
    pub(super) fn has_room(&self, face: &Face, id: GrantId) -> Result<(), GrantError> {
        let live = self.pairs.get(&id).map_or(0, Vec::len);
        if most_pairs(face).is_some_and(|most| live >= most) { Err(GrantError::TooManyPairs) } else { Ok(()) }
    }

    /// An access token is used: the pair that brought it dies, and all else that this one brought.
    pub(super) fn kill_parent_of(&mut self, id: GrantId, access_token: &Digest) {
        let Some(pairs) = self.pairs.get_mut(&id) else { return };
        let used = pairs.iter().find(|pair| pair.access_token == *access_token);
        let Some(parent) = used.and_then(|pair| pair.parent) else { return };
        let dies = |pair: &mut LivePair| {
            pair.refresh_token == parent || (pair.parent == Some(parent) && pair.access_token != *access_token)
        };
        let dead: Vec<_> = pairs.extract_if(.., dies).collect();
        for pair in dead {
            self.access_tokens.take(&pair.access_token);
            self.refresh_tokens.take(&pair.refresh_token);
        }
    }
}
