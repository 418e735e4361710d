//! The memory budget for webhook bodies that are being received.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Duration, timeout},
};

/// The total size of all bodies in memory at a time.
const MAX_HELD_KIB: usize = 256 << 10;
/// The unit of a reservation.
const STEP_KIB: u32 = 64;
const STEP_BYTES: usize = STEP_KIB as usize * 1024;
/// Bodies longer than this share one half of the budget. The other half is left for events of the
/// usual size.
const SMALL_BYTES: usize = 256 << 10;
/// The share of one subscriber, in steps: at most a quarter of the budget.
const SHARE_STEPS: usize = MAX_HELD_KIB / STEP_KIB as usize / 4;
/// How long a body waits for free budget.
const BUDGET_TIMEOUT: Duration = Duration::from_secs(2);

/// The budget, or the sender's share of it, is used up.
#[derive(Debug)]
pub(super) struct BudgetExhausted;

/// The budget of a gateway, shared by all webhook requests.
pub(crate) struct BodyBudget {
    all: Semaphore,
    large: Semaphore,
    of_peers: Mutex<HashMap<IpAddr, usize>>,
}

/// The part of the budget that one body has reserved; dropping it releases the part.
pub(super) struct Reservation<'a> {
    room: &'a BodyBudget,
    peer: Option<IpAddr>,
    steps: usize,
    permits: Vec<SemaphorePermit<'a>>,
}

impl BodyBudget {
    pub(crate) fn new() -> Self {
        Self { all: Semaphore::new(MAX_HELD_KIB), large: Semaphore::new(MAX_HELD_KIB / 2), of_peers: Mutex::default() }
    }

    /// Starts an empty reservation for a body that `peer` sends.
    pub(super) fn reserve(&self, peer: Option<IpAddr>) -> Reservation<'_> {
        Reservation { room: self, peer, steps: 0, permits: Vec::new() }
    }

    fn take_share(&self, peer: IpAddr) -> Result<(), BudgetExhausted> {
        let mut of_peers = self.of_peers.lock().unwrap_or_else(PoisonError::into_inner);
        let steps = of_peers.entry(peer).or_default();
        if *steps >= SHARE_STEPS {
            return Err(BudgetExhausted);
        }
        *steps += 1;
        Ok(())
    }
}

impl Reservation<'_> {
    /// Grows the reservation to the number of bytes received so far. The announced length is
    /// ignored, so a sender that announces a large body and sends nothing does not block others.
    pub(super) async fn grow_to(&mut self, bytes: usize) -> Result<(), BudgetExhausted> {
        timeout(BUDGET_TIMEOUT, self.take_steps(bytes)).await.map_err(|_| BudgetExhausted)?
    }

    async fn take_steps(&mut self, bytes: usize) -> Result<(), BudgetExhausted> {
        while self.steps * STEP_BYTES < bytes {
            if (self.steps + 1) * STEP_BYTES > SMALL_BYTES {
                self.permits.push(self.room.large.acquire_many(STEP_KIB).await.map_err(|_| BudgetExhausted)?);
            }
            self.permits.push(self.room.all.acquire_many(STEP_KIB).await.map_err(|_| BudgetExhausted)?);
            if let Some(peer) = self.peer {
                self.room.take_share(peer)?;
            }
            self.steps += 1;
        }
        Ok(())
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        let Some(peer) = self.peer else { return };
        let mut of_peers = self.room.of_peers.lock().unwrap_or_else(PoisonError::into_inner);
        let left = of_peers.get(&peer).map_or(0, |steps| steps.saturating_sub(self.steps));
        if left == 0 {
            of_peers.remove(&peer);
        } else {
            of_peers.insert(peer, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::{BodyBudget, MAX_HELD_KIB};

    const MIB: usize = 1 << 20;

    fn peer(number: u8) -> IpAddr {
        Ipv4Addr::new(1, 1, 1, number).into()
    }

    #[tokio::test(start_paused = true)]
    async fn half_of_the_budget_is_for_small_bodies() {
        let room = BodyBudget::new();
        let mut large = Vec::new();
        for number in 0..8 {
            let mut held = room.reserve(Some(peer(number)));
            held.grow_to(16 * MIB).await.unwrap();
            large.push(held);
        }
        assert!(room.reserve(Some(peer(100))).grow_to(16 * MIB).await.is_err());
        room.reserve(Some(peer(100))).grow_to(256 * 1024).await.unwrap();
        large.pop();
        room.reserve(Some(peer(100))).grow_to(16 * MIB).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn one_subscriber_reserves_at_most_a_quarter_and_releases_it() {
        let room = BodyBudget::new();
        let held = async || {
            let mut held = Vec::new();
            for _ in 0..4 * 64 {
                let mut one = room.reserve(Some(peer(1)));
                one.grow_to(256 * 1024).await.unwrap();
                held.push(one);
            }
            assert!(room.reserve(Some(peer(1))).grow_to(1).await.is_err());
            room.reserve(Some(peer(2))).grow_to(16 * MIB).await.unwrap();
            room.reserve(None).grow_to(16 * MIB).await.unwrap();
        };
        held().await;
        held().await;
        assert_eq!((room.all.available_permits(), room.of_peers.lock().unwrap().len()), (MAX_HELD_KIB, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_waits_a_moment_for_free_budget() {
        let room = BodyBudget::new();
        let mut first = Vec::new();
        for number in 0..8 {
            let mut held = room.reserve(Some(peer(number)));
            held.grow_to(16 * MIB).await.unwrap();
            first.push(held);
        }
        let (mut second, ends) = (room.reserve(Some(peer(100))), async {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            drop(first);
        });
        let (outcome, ()) = tokio::join!(second.grow_to(16 * MIB), ends);
        assert!(outcome.is_ok());
    }
}
