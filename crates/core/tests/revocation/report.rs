//! The reports of revocations, and how long a revocation is tried.

use jiff::SignedDuration;
use terra_auth_model::provider::{RevokeError, Revoked};
use terra_auth_types::wire::admin::{
    RevocationOutcome::{self, AlreadyGone, Confirmed, GivenUp, Impossible, Pending},
    RevocationReason::{self, AppRefused, NoAccount, NoApp, NoRevokeCall, Refused, Unreachable},
};

use crate::{
    script::{Answer, ProviderBehaviour, answered, busy, confirmed},
    world::{World, in_seconds},
};

#[tokio::test]
async fn every_response_has_its_outcome_and_reason() {
    let table: Vec<(Answer, RevocationOutcome, Option<RevocationReason>)> = vec![
        (confirmed(), Confirmed, None),
        (Ok(Revoked::AlreadyGone(answered(400, Some("invalid_token")))), AlreadyGone, None),
        (Err(RevokeError::NoCall), Impossible, Some(NoRevokeCall)),
        (Err(RevokeError::NoAccount), Impossible, Some(NoAccount)),
        (Err(RevokeError::Unknown), Pending, Some(NoApp)),
        (Err(RevokeError::AppRefused(answered(401, Some("invalid_client")))), Pending, Some(AppRefused)),
        (busy(), Pending, Some(Refused)),
        (Err(RevokeError::Unreachable("connection refused".into())), Pending, Some(Unreachable)),
    ];
    for (answer, outcome, reason) in table {
        let name = format!("{answer:?}");
        let (world, connection) =
            World::ended(ProviderBehaviour { answers: vec![answer], ..ProviderBehaviour::default() }).await;
        world.attempt().await;
        assert_eq!(world.verdict(&connection).await, (outcome, reason), "{name}");
        let report = world.report(connection.user_id).await;
        assert_eq!((report.attempts, report.last_attempt_at), (1, Some(in_seconds(0))), "{name}");
        let again = (outcome == Pending).then(|| in_seconds(30));
        let over = (outcome != Pending).then(|| in_seconds(0));
        assert_eq!((report.next_attempt_at, report.ended_at), (again, over), "{name}");
    }
}

#[tokio::test]
async fn a_revocation_is_tried_for_two_weeks() {
    for (answer, outcome) in [(busy as fn() -> Answer, GivenUp), (|| Err(RevokeError::Unknown), Impossible)] {
        let answers = std::iter::repeat_with(answer).take(100).collect();
        let (world, connection) =
            World::ended(ProviderBehaviour { rotation: None, answers, ..ProviderBehaviour::default() }).await;
        let mut days = 0;
        while world.verdict(&connection).await.0 == Pending {
            for _ in 0..24 {
                world.attempt().await;
                world.pass(3600);
            }
            days += 1;
        }
        assert_eq!((days, world.verdict(&connection).await.0), (14, outcome));
        assert!((40..=60).contains(&world.report(connection.user_id).await.attempts));
    }
}

#[tokio::test]
async fn a_report_is_retained_for_ninety_days() {
    let (world, _) =
        World::ended(ProviderBehaviour { rotation: None, answers: vec![confirmed()], ..ProviderBehaviour::default() })
            .await;
    world.pass(24 * 3600);
    world.attempt().await;
    world.clock.advance(SignedDuration::from_hours(90 * 24) - SignedDuration::from_millis(1));
    world.auth.delete_expired().await.unwrap();
    assert_eq!(world.reports().await.len(), 1);
    world.clock.advance(SignedDuration::from_millis(1));
    world.auth.delete_expired().await.unwrap();
    assert_eq!(world.reports().await.len(), 0);
}

#[tokio::test]
async fn a_code_that_repeats_a_token_is_not_stored() {
    for (code, kept) in [
        ("invalid_token", Some("invalid_token")),
        ("refresh-0", None),
        ("no-such-token:access-0", None),
        ("refresh-", None),
        ("0", Some("0")),
    ] {
        let answer = Err(RevokeError::Refused(answered(400, Some(code))));
        let (world, connection) =
            World::ended(ProviderBehaviour { answers: vec![answer], ..ProviderBehaviour::default() }).await;
        world.attempt().await;
        assert_eq!(world.report(connection.user_id).await.code.as_deref(), kept, "{code}");
    }
}
