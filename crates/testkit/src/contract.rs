//! The contract of every store, as one list of tests: `store_contract!(sqlite: InAFile, postgres: InADatabase);`

mod admin_token;
mod api_key;
mod audit;
mod connection;
mod delivery;
mod destination;
mod developer;
mod event;
mod grant;
mod housekeeping;
mod known_connection;
mod login;
mod mobile_token;
mod provider_app;
mod receipt;
mod received_event;
mod revocation;
mod row_mac;
mod unit;
mod vault;
mod widget_session;

use std::future::Future;

use terra_auth_model::{developer::Developer, store::Store};

pub use self::{
    admin_token::*, api_key::*, audit::*, connection::*, delivery::*, destination::*, developer::*, event::*, grant::*,
    housekeeping::*, known_connection::*, login::*, mobile_token::*, provider_app::*, receipt::*, received_event::*,
    revocation::*, row_mac::*, unit::*, vault::*, widget_session::*,
};
use crate::{Fixtures, StoreExt as _};

/// The location of a store, empty at first.
pub trait EmptyStore: Sized {
    /// Creates an empty location.
    fn fresh() -> impl Future<Output = Self> + Send;

    /// Opens the store. It must be dropped before it is opened again.
    fn open(&self) -> impl Future<Output = Store> + Send;
}

/// Runs the contract on stores of one or more kinds.
#[macro_export]
macro_rules! store_contract {
    ($($name:ident: $place:ty),+ $(,)?) => {$(
        mod $name {
            use super::*;
            $crate::store_contract! { @tests $place =>
                a_developer_is_read_as_it_was_added
                a_dev_id_is_taken_once
                a_developer_is_updated_but_for_its_id_environment_and_creation
                an_unknown_developer_is_not_updated
                developers_come_by_the_bytes_of_their_ids
                a_developer_goes_with_its_keys_sessions_deliveries_and_counts
                revocations_outlive_their_developer
                a_developer_with_a_connection_stays
                a_developer_goes_while_others_add_to_it
                of_two_who_rotate_a_secret_neither_is_forgotten
                api_keys_are_read_as_they_were_added
                an_api_key_needs_a_developer
                a_key_is_added_once
                the_keys_of_a_developer_are_told_apart_from_others
                the_end_of_a_key_only_comes_nearer
                no_environment_revokes_the_key_of_another
                a_key_remembers_its_last_use
                many_may_rotate_a_key_at_once
                admin_tokens_are_read_as_they_were_added
                an_admin_token_is_added_once
                an_admin_token_is_removed_once
                the_revision_counts_every_change
                a_line_of_the_audit_log_is_read_as_it_was_appended
                a_line_of_the_audit_log_is_not_appended_twice
                the_audit_log_comes_page_by_page
                a_hundred_who_append_at_once_leave_one_chain
                a_connection_is_read_as_it_was_added
                a_connection_is_taken_once
                two_who_take_a_connection_do_not_both_receive_it
                a_connection_is_renewed_in_place
                a_connection_is_added_once
                no_environment_lists_the_connections_of_another
                the_connections_of_an_end_user_come_oldest_first_and_bounded
                the_connections_of_an_account_are_told_apart_by_provider_and_reference_id
                connections_come_page_by_page
                connections_come_after_one_another
                connections_are_counted_as_they_come_and_go
                a_touched_connection_remembers_when_and_a_gone_one_stays_gone
                a_cap_holds_against_many_at_once
                a_grant_is_due_for_a_look_when_its_connection_is_made
                only_connections_with_tokens_have_a_grant
                a_claimed_grant_is_hidden_and_others_are_not
                no_two_claims_hold_the_same_grant
                the_next_refresh_is_known
                of_many_who_lease_a_grant_one_succeeds
                a_lease_ends_by_itself
                kept_tokens_make_a_grant_fine
                refreshed_tokens_wait_until_they_are_confirmed
                what_becomes_of_refreshes_is_remembered
                older_tokens_never_replace_newer_ones
                a_verdict_on_older_tokens_is_not_recorded
                a_worker_that_lost_a_lease_settles_nothing
                late_tokens_leave_the_lease_of_another_alone
                late_tokens_outdo_a_doubt
                a_notice_lets_the_grants_of_an_account_fall_due_once
                the_grant_of_a_login_is_hastened_again
                a_grant_that_is_over_is_not_hastened
                every_grant_is_put_in_doubt_and_no_lease_holds
                late_tokens_do_not_undo_a_revocation
                tokens_of_a_login_are_newer_than_those_of_any_lease
                a_worker_that_leases_a_grant_sees_the_stored_state
                no_environment_refreshes_the_grants_of_another
                a_revocation_starts_again_with_newer_tokens
                a_session_is_read_as_it_was_added
                a_session_moves_until_it_is_used
                of_many_who_use_a_session_one_succeeds
                the_session_of_a_user_is_found_until_it_is_used_or_expires
                the_logins_of_a_session_are_counted
                a_promised_user_is_taken_once
                of_many_who_spend_a_login_one_succeeds
                a_login_has_one_outcome
                a_receipt_is_added_once
                a_unit_with_a_receipt_happens_once
                a_token_is_spent_once
                of_a_thousand_who_spend_a_token_one_succeeds
                a_destination_is_read_as_it_was_written
                the_destinations_of_a_developer_come_oldest_first
                a_destination_is_removed_with_its_deliveries
                the_attempts_of_a_delivery_are_read_oldest_first
                deliveries_are_listed_by_each_filter
                a_disabled_destination_has_no_queue
                events_are_read_in_the_order_of_their_ids
                a_delivery_is_claimed_when_it_is_due
                claims_take_the_longest_due_and_come_oldest_first
                a_claimed_delivery_is_hidden_until_its_lease_ends
                a_delivery_that_follows_another_is_due_when_that_has_ended
                no_two_claims_hold_the_same_delivery
                a_failed_delivery_is_due_again_when_said
                an_ended_delivery_is_never_due_and_never_changes
                the_queues_of_deliveries_are_known
                a_claim_takes_the_deliveries_of_one_environment
                released_deliveries_are_those_that_were_leased
                deliveries_that_were_attempted_in_the_future_are_due
                the_waiting_deliveries_of_a_developer_are_counted
                the_newest_deliveries_of_a_developer_come_first
                a_revocation_is_claimed_retried_and_ended
                an_attempt_that_no_longer_counts_changes_nothing
                the_tokens_of_a_revocation_are_refreshed
                a_revocation_is_reported_from_its_beginning_to_its_end
                the_newest_reports_come_first
                no_two_claims_hold_the_same_revocation
                a_claim_takes_the_revocations_at_one_provider
                released_revocations_are_those_that_were_leased
                a_revocation_of_the_same_id_gives_way
                unreachable_rows_are_deleted
                what_was_forgotten_stays_spent
                what_still_waits_is_not_forgotten
                housekeeping_takes_small_bites
                an_event_is_read_as_it_was_recorded
                an_event_that_comes_again_is_recognised
                a_forward_is_claimed_when_it_is_due
                claims_of_forwards_take_the_longest_due_and_come_oldest_first
                no_two_claims_hold_the_same_forward
                a_forward_ends_as_its_attempt_did
                an_attempt_that_no_longer_counts_settles_nothing
                the_next_forward_is_known_and_what_is_left_is_counted
                a_replayed_event_is_due_again
                the_oldest_dead_events_are_replayed
                the_newest_events_come_first
                a_known_connection_is_read_as_it_was_added
                of_many_who_add_a_known_connection_one_succeeds
                a_known_connection_is_changed
                a_caller_sees_its_own_connections_oldest_first_and_bounded
                known_connections_come_page_by_page
                the_latest_failed_login_is_remembered
                what_was_received_and_is_over_is_forgotten_in_small_bites
                data_keys_are_read_as_they_were_added
                the_number_of_a_data_key_is_taken_once
                a_data_key_is_wrapped_again
                an_app_is_read_as_it_was_put
                an_app_takes_the_place_of_the_one_before
                apps_come_by_environment_and_provider_and_outlive_their_environment
                an_app_is_removed_once
                an_app_remembers_its_last_use
                every_sealed_value_is_found_once
                a_sealed_value_is_replaced_if_it_is_still_the_same
                of_many_who_replace_a_sealed_value_one_succeeds
                a_row_is_believed_only_with_the_right_mark
                a_change_of_one_column_marks_only_a_row_that_was_believed
                rows_are_marked_as_they_are
                a_refusal_rolls_back_everything
                a_panic_rolls_back_and_affects_no_other_caller
                a_failed_statement_fails_its_unit_and_no_other
                a_unit_that_only_reads_cannot_write
                a_caller_who_hangs_up_does_not_cut_a_unit
                units_see_what_was_committed_before
                two_units_that_hold_the_same_developers_both_end
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn reopening_keeps_everything() {
                $crate::contract::reopening_keeps_everything(<$place as $crate::contract::EmptyStore>::fresh().await).await;
            }
        }
    )+};
    (@tests $place:ty => $($test:ident)+) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            let place = <$place as $crate::contract::EmptyStore>::fresh().await;
            $crate::contract::$test($crate::contract::EmptyStore::open(&place).await).await;
        }
    )+};
}

/// Adds a developer.
pub(crate) async fn developer(store: &Store, dev_id: &str) -> Developer {
    let developer = Fixtures::default().developer(dev_id);
    assert!(store.add_developer(&developer).await.unwrap());
    developer
}

/// Runs a function many times at once. Returns all results.
pub async fn at_once<T, F>(times: usize, mut start: impl FnMut(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = (0..times).map(|n| tokio::spawn(start(n))).collect();
    let mut outcomes = Vec::with_capacity(times);
    for task in tasks {
        outcomes.push(task.await.unwrap());
    }
    outcomes
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_test_of_the_contract_is_in_its_list() {
        let list = include_str!("contract.rs");
        let sources = [
            include_str!("contract/admin_token.rs"),
            include_str!("contract/api_key.rs"),
            include_str!("contract/audit.rs"),
            include_str!("contract/connection.rs"),
            include_str!("contract/delivery.rs"),
            include_str!("contract/destination.rs"),
            include_str!("contract/developer.rs"),
            include_str!("contract/event.rs"),
            include_str!("contract/login.rs"),
            include_str!("contract/grant.rs"),
            include_str!("contract/housekeeping.rs"),
            include_str!("contract/known_connection.rs"),
            include_str!("contract/mobile_token.rs"),
            include_str!("contract/provider_app.rs"),
            include_str!("contract/received_event.rs"),
            include_str!("contract/revocation.rs"),
            include_str!("contract/row_mac.rs"),
            include_str!("contract/unit.rs"),
            include_str!("contract/vault.rs"),
            include_str!("contract/widget_session.rs"),
        ];
        let tests: Vec<_> = sources.iter().flat_map(|source| source.split("\npub async fn ").skip(1)).collect();
        assert!(tests.len() > 60);
        for test in tests {
            let name = test.split(['(', '<']).next().unwrap();
            assert!(list.contains(&format!(" {name}")), "{name}");
        }
    }
}
