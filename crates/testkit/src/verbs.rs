use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_core::{
    connection::Connection,
    delivery::{AttemptOutcome, Delivery},
    developer::{ApiKeyRecord, Developer},
    mobile_token::TokenId,
    revocation::Revocation,
    store::{Expired, Store, StoreError, Tx, Unit},
    widget_session::{SessionState, WidgetSession},
};
use terra_auth_types::{DeliveryId, DevId, Provider, ReferenceId, SessionId, UserId};

/// Gives a [`Store`] each verb, as a unit of work of its own.
macro_rules! verbs {
    ($($through:ident $verb:ident($($name:ident: $type:ty),*) -> $done:ty = |$tx:ident| $call:expr;)+) => {
        /// Every verb of the store as a unit of work of its own.
        #[expect(clippy::ptr_arg, reason = "the unit keeps a clone of each argument")]
        #[async_trait]
        pub trait Verbs {
            $(
                #[doc = concat!("Runs `", stringify!($verb), "` alone.")]
                async fn $verb(&self, $($name: &$type),*) -> Result<$done, StoreError>;
            )+
        }

        #[async_trait]
        impl Verbs for Store {
            $(
                async fn $verb(&self, $($name: &$type),*) -> Result<$done, StoreError> {
                    struct Verb { $($name: $type),* }

                    #[async_trait]
                    impl Unit for Verb {
                        type Done = $done;
                        type Refusal = StoreError;

                        async fn run(&self, $tx: &mut dyn Tx) -> Result<$done, StoreError> {
                            let Self { $($name),* } = self;
                            $call.await
                        }
                    }

                    self.$through(Verb { $($name: $name.clone()),* }).await
                }
            )+
        }
    };
}

verbs! {
    run add_developer(developer: Developer) -> bool = |tx| tx.add_developer(developer);
    run update_developer(developer: Developer) -> bool = |tx| tx.update_developer(developer);
    read developer(dev_id: DevId) -> Option<Developer> = |tx| tx.developer(dev_id);
    run hold_developer(dev_id: DevId) -> Option<Developer> = |tx| tx.hold_developer(dev_id);
    read developers() -> Vec<Developer> = |tx| tx.developers();
    run add_api_key(key: ApiKeyRecord) -> () = |tx| tx.add_api_key(key);
    read api_keys() -> Vec<ApiKeyRecord> = |tx| tx.api_keys();

    run add_connection(connection: Connection) -> () = |tx| tx.add_connection(connection);
    run take_connection(dev_id: DevId, user_id: UserId) -> Option<Connection>
        = |tx| tx.take_connection(dev_id, *user_id);
    read connection(dev_id: DevId, user_id: UserId) -> Option<Connection> = |tx| tx.connection(dev_id, *user_id);
    read connections_of(dev_id: DevId, reference_id: ReferenceId, limit: u32) -> Vec<Connection>
        = |tx| tx.connections_of(dev_id, reference_id, *limit);
    read connections_of_account(
        dev_id: DevId, provider: Provider, account: String, reference_id: Option<ReferenceId>
    ) -> Vec<Connection> = |tx| tx.connections_of_account(dev_id, provider, account, reference_id.as_ref());
    read connections(dev_id: DevId, offset: u64, limit: u32) -> Vec<Connection>
        = |tx| tx.connections(dev_id, *offset, *limit);
    read count_connections(dev_id: DevId) -> u64 = |tx| tx.count_connections(dev_id);
    run touch_connection(dev_id: DevId, user_id: UserId, now: Timestamp) -> ()
        = |tx| tx.touch_connection(dev_id, *user_id, *now);

    run add_widget_session(session: WidgetSession) -> () = |tx| tx.add_widget_session(session);
    read widget_session(session_id: SessionId) -> Option<WidgetSession> = |tx| tx.widget_session(*session_id);
    run move_widget_session(session_id: SessionId, to: SessionState) -> bool
        = |tx| tx.move_widget_session(*session_id, *to);
    read session_of_user(dev_id: DevId, user_id: UserId, now: Timestamp) -> Option<WidgetSession>
        = |tx| tx.session_of_user(dev_id, *user_id, *now);

    run spend_token(token_id: TokenId, expires_at: Timestamp) -> bool = |tx| tx.spend_token(*token_id, *expires_at);

    run add_delivery(delivery: Delivery) -> () = |tx| tx.add_delivery(delivery);
    run claim_deliveries(now: Timestamp, lease_until: Timestamp, limit: u32) -> Vec<Delivery>
        = |tx| tx.claim_deliveries(*now, *lease_until, *limit);
    run settle_delivery(delivery_id: DeliveryId, outcome: AttemptOutcome) -> ()
        = |tx| tx.settle_delivery(*delivery_id, outcome);
    read next_delivery_at() -> Option<Timestamp> = |tx| tx.next_delivery_at();
    read waiting_deliveries() -> u64 = |tx| tx.waiting_deliveries();
    read deliveries(dev_id: DevId, limit: u32) -> Vec<Delivery> = |tx| tx.deliveries(dev_id, *limit);

    run add_revocation(revocation: Revocation) -> () = |tx| tx.add_revocation(revocation);
    run claim_revocations(now: Timestamp, lease_until: Timestamp, limit: u32) -> Vec<Revocation>
        = |tx| tx.claim_revocations(*now, *lease_until, *limit);
    run settle_revocation(user_id: UserId, outcome: AttemptOutcome) -> ()
        = |tx| tx.settle_revocation(*user_id, outcome);
    read next_revocation_at() -> Option<Timestamp> = |tx| tx.next_revocation_at();
    read waiting_revocations() -> u64 = |tx| tx.waiting_revocations();

    run forget_expired(expired: Expired) -> u64 = |tx| tx.forget_expired(expired);
}
