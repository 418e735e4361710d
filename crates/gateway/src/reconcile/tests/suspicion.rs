use super::{super::ReconcileError, LOOK, REPAIR, World, counts, users};
use crate::ReconcileOptions;

const FORCE: ReconcileOptions<'static> = ReconcileOptions { force: true, ..REPAIR };

#[tokio::test]
async fn an_empty_list_is_suspicious() {
    let world = World::agreeing_on(&users(1..=5)).await;
    world.upstream.lists(&[]);
    let before = world.known().await;
    for options in [LOOK, REPAIR] {
        let error = world.run(options).await.unwrap_err();
        assert!(matches!(error, ReconcileError::Suspicious { known: 5, gone: 5 }), "{error:?}");
    }
    assert_eq!(world.known().await, before);
    assert_eq!(counts(&world.run(FORCE).await.unwrap()), (0, 0, 5));
}

#[tokio::test]
async fn the_users_of_another_environment_are_not_added() {
    let world = World::agreeing_on(&users(1..=5)).await;
    world.upstream.lists(&users(101..=120));
    let before = world.known().await;
    assert!(matches!(world.run(REPAIR).await, Err(ReconcileError::Suspicious { known: 5, gone: 5 })));
    assert_eq!(world.known().await, before);
}

#[tokio::test]
async fn up_to_four_connections_may_all_be_gone() {
    let world = World::agreeing_on(&users(1..=4)).await;
    world.upstream.lists(&[]);
    assert_eq!(counts(&world.repair().await), (0, 0, 4));
}

#[tokio::test]
async fn at_most_half_of_twenty_or_more_connections_may_be_gone() {
    let world = World::agreeing_on(&users(1..=20)).await;
    world.upstream.lists(&users(1..=9));
    assert!(matches!(world.run(REPAIR).await, Err(ReconcileError::Suspicious { known: 20, gone: 11 })));
    world.upstream.lists(&users(1..=10));
    assert_eq!(counts(&world.repair().await), (0, 0, 10));
}

#[tokio::test]
async fn a_run_looks_up_at_most_a_thousand_connections_and_the_next_run_continues() {
    let world = World::agreeing_on(&users(1..=1003)).await;
    world.upstream.lists(&[]);
    let drift = world.run(FORCE).await.unwrap();
    assert_eq!((counts(&drift), drift.not_asked, drift.repaired), ((0, 0, 1000), 3, 1000));
    let drift = world.run(FORCE).await.unwrap();
    assert_eq!((counts(&drift), drift.not_asked), ((0, 0, 3), 0));
}
