use super::{super::ReconcileError, LOOK, REPAIR, World, counts, users};
use crate::ReconcileOptions;

const FORCE: ReconcileOptions<'static> = ReconcileOptions { force: true, ..REPAIR };

#[tokio::test]
async fn an_empty_list_is_not_believed() {
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
async fn the_users_of_another_environment_are_not_taken_over() {
    let world = World::agreeing_on(&users(1..=5)).await;
    world.upstream.lists(&users(101..=120));
    let before = world.known().await;
    assert!(matches!(world.run(REPAIR).await, Err(ReconcileError::Suspicious { known: 5, gone: 5 })));
    assert_eq!(world.known().await, before);
}

#[tokio::test]
async fn a_few_may_all_be_gone() {
    let world = World::agreeing_on(&users(1..=4)).await;
    world.upstream.lists(&[]);
    assert_eq!(counts(&world.repair().await), (0, 0, 4));
}

#[tokio::test]
async fn half_of_many_may_be_gone_and_no_more() {
    let world = World::agreeing_on(&users(1..=20)).await;
    world.upstream.lists(&users(1..=9));
    assert!(matches!(world.run(REPAIR).await, Err(ReconcileError::Suspicious { known: 20, gone: 11 })));
    world.upstream.lists(&users(1..=10));
    assert_eq!(counts(&world.repair().await), (0, 0, 10));
}

#[tokio::test]
async fn a_thousand_are_asked_for_in_a_run_and_the_rest_in_the_next() {
    let world = World::agreeing_on(&users(1..=1003)).await;
    world.upstream.lists(&[]);
    let drift = world.run(FORCE).await.unwrap();
    assert_eq!((counts(&drift), drift.not_asked, drift.repaired), ((0, 0, 1000), 3, 1000));
    let drift = world.run(FORCE).await.unwrap();
    assert_eq!((counts(&drift), drift.not_asked), ((0, 0, 3), 0));
}
