//! The inbox keeps its promises on both databases.
#![expect(clippy::unwrap_used, reason = "a test that cannot continue panics")]

mod scenarios;

use secrecy::SecretString;
use terra_auth_store::open;
use terra_auth_testkit::Postgres;

/// Runs each scenario on an empty SQLite file and on an empty PostgreSQL database.
macro_rules! on_both_databases {
    ($($scenario:ident)+) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $scenario() {
                    let folder = tempfile::tempdir().unwrap();
                    let url = format!("sqlite://{}", folder.path().join("store.db").display());
                    crate::scenarios::$scenario(crate::open(&url.into()).await.unwrap()).await;
                }
            )+
        }

        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $scenario() {
                    let database = crate::Postgres::start().database();
                    let url = crate::SecretString::from(database.url());
                    crate::scenarios::$scenario(crate::open(&url).await.unwrap()).await;
                }
            )+
        }
    };
}

on_both_databases! {
    a_webhook_is_recorded_and_forwarded
    without_an_app_a_webhook_is_only_kept
    of_a_hundred_same_webhooks_one_is_recorded
    a_webhook_that_makes_no_sense_is_recorded
    a_forward_is_settled_by_whoever_claimed_it_last
    a_connection_follows_its_events
    old_news_bring_no_connection_back
    a_connection_keeps_our_id_when_its_user_id_changes
    an_unknown_user_may_change_its_id
    a_connection_of_another_caller_is_not_seen
    a_failed_login_is_told_to_its_caller
    a_connection_that_we_removed_is_gone
    an_event_from_the_future_does_not_silence_later_ones
    what_the_upstream_has_is_adopted
    what_the_upstream_does_not_have_is_gone
    an_inbox_forgets_what_is_over
    events_about_one_connection_may_come_at_once
}
