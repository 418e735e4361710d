//! A signing secret that is replaced without a lost event.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::time::Duration;

use jiff::SignedDuration;
use terra_auth_core::admin::action::Admin;
use terra_auth_egress::AddressPolicy;
use terra_auth_types::wire::admin::{RotateSigningSecret, SignWith};

use crate::{
    receiver::{Receipt, Receiver},
    world::World,
};

struct Rotation {
    world: World,
    receiver: Receiver,
    old: String,
    new: String,
}

impl Rotation {
    async fn start(how: RotateSigningSecret) -> Self {
        let receiver = Receiver::start().await;
        let world = World::start(Some(&receiver.url)).await;
        let dev_id = &world.environment.dev_id;
        let rotated = world.auth.rotate_signing_secret(&Admin::local("tests"), dev_id, how).await.unwrap();
        let (old, new) =
            (world.environment.signing_secret.expose().to_owned(), rotated.signing_secret.expose().to_owned());
        Self { world, receiver, old, new }
    }

    async fn receipt(&self) -> Receipt {
        self.world.add_event().await;
        self.world.worker(AddressPolicy::AllowPrivate).run_once().await.unwrap();
        self.receiver.receipts().pop().unwrap()
    }

    /// Whether an event that is sent now verifies with the old secret, and with the new one.
    async fn verifies(&self) -> (bool, bool) {
        let (receipt, now) = (self.receipt().await, self.world.now());
        (receipt.is_signed(&self.old, now), receipt.is_signed(&self.new, now))
    }
}

#[tokio::test]
async fn the_operator_chooses_the_secret_that_signs_during_the_overlap() {
    for (sign_with, meanwhile) in
        [(SignWith::Old, (true, false)), (SignWith::New, (false, true)), (SignWith::Both, (true, true))]
    {
        let how = RotateSigningSecret { overlap_s: Some(3600), sign_with, now: false };
        let rotation = Rotation::start(how).await;
        assert_eq!(rotation.verifies().await, meanwhile, "{sign_with:?}");
        rotation.world.clock.advance(SignedDuration::from_hours(1) - SignedDuration::from_millis(1));
        assert_eq!(rotation.verifies().await, meanwhile, "{sign_with:?}");
        rotation.world.clock.advance(SignedDuration::from_millis(1));
        assert_eq!(rotation.verifies().await, (false, true), "{sign_with:?}");
    }
}

#[tokio::test]
async fn by_default_the_old_secret_signs_for_a_day() {
    let rotation = Rotation::start(RotateSigningSecret::default()).await;
    rotation.world.clock.advance(SignedDuration::from_hours(24) - SignedDuration::from_millis(1));
    assert_eq!(rotation.verifies().await, (true, false));
    rotation.world.clock.advance(SignedDuration::from_millis(1));
    assert_eq!(rotation.verifies().await, (false, true));
}

#[tokio::test]
async fn a_leaked_secret_signs_nothing_more() {
    let rotation = Rotation::start(RotateSigningSecret { now: true, ..RotateSigningSecret::default() }).await;
    assert_eq!(rotation.verifies().await, (false, true));
}

#[tokio::test]
async fn two_secrets_sign_as_two_v1_of_one_time() {
    let how = RotateSigningSecret { sign_with: SignWith::Both, ..RotateSigningSecret::default() };
    let rotation = Rotation::start(how).await;
    let receipt = rotation.receipt().await;
    let header = receipt.header("terra-signature");
    let parts: Vec<_> = header.split(',').map(|part| part.split_once('=').unwrap()).collect();
    assert_eq!(parts[0], ("t", &*rotation.world.now().to_string()));
    assert_eq!(parts[1..].iter().map(|(name, code)| (*name, code.len())).collect::<Vec<_>>(), [("v1", 64), ("v1", 64)]);
    assert_ne!(parts[1], parts[2]);
    assert_eq!(receipt.header("x-terra-signature"), header);
    let believes_both =
        terra_auth_webhook::Verifier::new([&rotation.old, &rotation.new]).with_tolerance(Duration::ZERO);
    assert!(believes_both.verify(header, &receipt.body, rotation.world.now()).is_ok());
}
