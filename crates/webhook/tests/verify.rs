//! Accepted signature headers, and each error.

use std::error::Error;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use terra_auth_webhook::{MalformedHeader, Verifier, VerifyError, sign};

const SECRET: &str = "test-secret-not-a-secret";
const OTHER: &str = "other-secret-not-a-secret";
const BODY: &[u8] = br#"{"type":"auth","status":"success"}"#;
const NOW: i64 = 1_893_456_000;

fn at(now: i64) -> Result<i64, VerifyError> {
    Verifier::new([SECRET]).verify(sign(SECRET.as_bytes(), NOW, BODY), BODY, now)
}

fn v1(secret: &str) -> String {
    sign(secret.as_bytes(), NOW, BODY).replace("t=1893456000,v1=", "")
}

fn header(header: &str) -> Result<i64, VerifyError> {
    Verifier::new([SECRET]).verify(header, BODY, NOW)
}

#[test]
fn five_minutes_either_way_are_tolerated_and_no_second_more() {
    for now in [NOW - 300, NOW, NOW + 300] {
        assert_eq!(at(now), Ok(NOW), "{now}");
    }
    assert_eq!(at(NOW + 301), Err(VerifyError::Stale { age_s: 301 }));
    assert_eq!(at(NOW - 301), Err(VerifyError::FromTheFuture { ahead_s: 301 }));
}

#[test]
fn the_tolerance_can_be_changed() {
    let strict = Verifier::new([SECRET]).with_tolerance(Duration::ZERO);
    let signed = sign(SECRET.as_bytes(), NOW, BODY);
    assert_eq!(strict.verify(&signed, BODY, NOW), Ok(NOW));
    assert_eq!(strict.verify(&signed, BODY, NOW + 1), Err(VerifyError::Stale { age_s: 1 }));
    assert_eq!(strict.verify(&signed, BODY, NOW - 1), Err(VerifyError::FromTheFuture { ahead_s: 1 }));
}

#[test]
fn times_at_the_ends_of_the_range_do_not_overflow() {
    let signed = |t| sign(SECRET.as_bytes(), t, BODY);
    let verifier = Verifier::new([SECRET]);
    assert_eq!(verifier.verify(signed(i64::MIN), BODY, i64::MAX), Err(VerifyError::Stale { age_s: u64::MAX }));
    assert_eq!(
        verifier.verify(signed(i64::MAX), BODY, i64::MIN),
        Err(VerifyError::FromTheFuture { ahead_s: u64::MAX })
    );
}

#[test]
fn one_matching_signature_among_several_is_enough() {
    let (good, bad) = (v1(SECRET), v1(OTHER));
    assert_eq!(header(&format!("t={NOW},v1={bad},v1={good}")), Ok(NOW));
    assert_eq!(header(&format!("t={NOW},v1={good},v1={bad}")), Ok(NOW));
    assert_eq!(header(&format!("v1={good}, t={NOW}")), Ok(NOW));
    assert_eq!(header(&format!("t={NOW},v1={}", good.to_uppercase())), Ok(NOW));
    assert_eq!(header(&format!("t={NOW},v1={bad},v1={bad}")), Err(VerifyError::NoMatch));
}

#[test]
fn each_secret_of_a_rotation_is_accepted() {
    for secrets in [[SECRET, OTHER], [OTHER, SECRET]] {
        assert_eq!(Verifier::new(secrets).verify(sign(SECRET.as_bytes(), NOW, BODY), BODY, NOW), Ok(NOW));
    }
    assert_eq!(Verifier::new([OTHER]).verify(sign(SECRET.as_bytes(), NOW, BODY), BODY, NOW), Err(VerifyError::NoMatch));
}

#[test]
fn an_empty_secret_is_ignored() {
    let forged = sign(b"", NOW, BODY);
    assert_eq!(Verifier::new([""]).verify(&forged, BODY, NOW), Err(VerifyError::NoMatch));
    assert_eq!(Verifier::new(["", SECRET]).verify(&forged, BODY, NOW), Err(VerifyError::NoMatch));
    assert_eq!(Verifier::new(Vec::<String>::new()).verify(&forged, BODY, NOW), Err(VerifyError::NoMatch));
    assert_eq!(Verifier::new(["", SECRET]).verify(sign(SECRET.as_bytes(), NOW, BODY), BODY, NOW), Ok(NOW));
}

#[test]
fn another_scheme_is_not_accepted() {
    assert_eq!(header(&format!("t={NOW},v0={}", v1(SECRET))), Err(VerifyError::NoSignature));
    assert_eq!(header(&format!("t={NOW},v0={},v1={}", v1(SECRET), v1(OTHER))), Err(VerifyError::NoMatch));
}

#[test]
fn the_error_for_a_malformed_header_names_the_defect() {
    let error = header("hello").unwrap_err();
    assert_eq!(error, VerifyError::Malformed(MalformedHeader::NotAPair));
    assert_eq!(error.to_string(), "malformed signature header");
    assert_eq!(error.source().unwrap().to_string(), "an element is not a key and a value");
    let good = v1(SECRET);
    assert_eq!(header(&format!("v1={good}")), Err(MalformedHeader::NoTimestamp.into()));
    assert_eq!(header(&format!("t={NOW},v1={good},v1=zz")), Err(MalformedHeader::BadSignature.into()));
}

#[test]
fn the_time_is_checked_only_after_the_signature_matches() {
    let verifier = Verifier::new([OTHER]);
    assert_eq!(verifier.verify(sign(SECRET.as_bytes(), NOW, BODY), BODY, NOW + 9999), Err(VerifyError::NoMatch));
}

#[test]
fn the_timestamp_is_signed_unparsed() {
    assert_eq!(header(&format!("t=0{NOW},v1={}", v1(SECRET))), Err(VerifyError::NoMatch));
}

#[test]
fn a_verifier_shows_no_secret() {
    let shown = format!("{:?}", Verifier::new([SECRET]));
    assert!(shown.contains("tolerance"), "{shown}");
    assert!(!shown.contains("secret"), "{shown}");
}

proptest! {
    #[test]
    fn every_signed_delivery_is_verified(
        secret in vec(any::<u8>(), 1..200), body in vec(any::<u8>(), 0..2000), time: i64, late in -300_i64..=300,
    ) {
        let now = time.saturating_add(late);
        prop_assert_eq!(Verifier::new([&secret]).verify(sign(&secret, time, &body), &body, now), Ok(time));
    }

    #[test]
    fn a_flipped_bit_in_the_body_is_rejected(mut body in vec(any::<u8>(), 1..500), at: prop::sample::Index, bit in 0..8) {
        let signed = sign(SECRET.as_bytes(), NOW, &body);
        let at = at.index(body.len());
        body[at] ^= 1_u8 << bit;
        prop_assert_eq!(Verifier::new([SECRET]).verify(signed, &body, NOW), Err(VerifyError::NoMatch));
    }

    #[test]
    fn a_flipped_bit_in_the_secret_is_rejected(mut secret in vec(any::<u8>(), 1..200), at: prop::sample::Index, bit in 0..8) {
        let signed = sign(&secret, NOW, BODY);
        let at = at.index(secret.len());
        secret[at] ^= 1_u8 << bit;
        prop_assert_eq!(Verifier::new([secret]).verify(signed, BODY, NOW), Err(VerifyError::NoMatch));
    }

    #[test]
    fn a_flipped_bit_in_the_header_is_rejected(at: prop::sample::Index, bit in 0..8) {
        let signed = sign(SECRET.as_bytes(), NOW, BODY);
        let mut flipped = signed.clone().into_bytes();
        let at = at.index(flipped.len());
        flipped[at] ^= 1_u8 << bit;
        prop_assume!(!flipped.eq_ignore_ascii_case(signed.as_bytes()) || flipped[at] == b'T' || flipped[at] == b'V');
        prop_assert!(Verifier::new([SECRET]).verify(flipped, BODY, NOW).is_err());
    }

    #[test]
    fn no_header_causes_a_panic(header in vec(any::<u8>(), 0..1200), now: i64) {
        prop_assert!(Verifier::new([SECRET]).verify(header, BODY, now).is_err());
    }

    #[test]
    fn no_header_of_the_right_letters_is_accepted_by_chance(header in "[tv=,01 a-f-]{0,90}", now: i64) {
        prop_assert!(Verifier::new([SECRET]).verify(header, BODY, now).is_err());
    }
}
