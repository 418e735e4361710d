use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_model::{
    admin_token::AdminTokenRecord,
    api_key::ApiKeyRecord,
    audit::{AuditHead, AuditRecord},
    connection::Connection,
    delivery::{AttemptOutcome, Delivery, DeliveryAttempt, DeliveryFilter},
    destination::Destination,
    developer::Developer,
    event::EventRecord,
    grant::{FailureRecord, Lease, NewTokens, RefreshRecord, StoredGrant},
    housekeeping::{ReceivedRetention, Retention},
    keys::{DataKey, Sealed},
    known_connection::{KnownConnection, LoginFailure},
    login::{ConsumedLogin, RecordedOutcome},
    mobile_token::TokenId,
    provider_app::ProviderApp,
    receipt::Receipt,
    received_event::{EventFilter, ForwardCounts, NewEvent, ReceivedEvent},
    revocation::{ReportCursor, Revocation, RevocationResult},
    row_mac::RowsToMac,
    store::{Store, Tx, Unit},
    store_error::StoreError,
    vault::{SealedColumn, SealedValue},
    widget_session::{SessionState, WidgetSession},
};
use terra_auth_types::{
    DestinationId, DevId, EventId, KeyId, Provider, ReferenceId, SessionId, UserId,
    wire::admin::{AdminDelivery, RevocationReport},
};
use uuid::Uuid;

/// Adds each verb to [`Store`], as one unit of work.
macro_rules! verbs {
    ($($through:ident $verb:ident($($name:ident: $type:ty),*) -> $done:ty = |$tx:ident| $call:expr;)+) => {
        /// Every verb of the store, as one unit of work.
        #[expect(clippy::ptr_arg, reason = "the unit keeps a clone of each argument")]
        #[async_trait]
        pub trait StoreExt {
            $(
                #[doc = concat!("Runs `", stringify!($verb), "` alone.")]
                async fn $verb(&self, $($name: &$type),*) -> Result<$done, StoreError>;
            )+
        }

        #[async_trait]
        impl StoreExt for Store {
            $(
                async fn $verb(&self, $($name: &$type),*) -> Result<$done, StoreError> {
                    struct Verb { $($name: $type),* }

                    #[async_trait]
                    impl Unit for Verb {
                        type Done = $done;
                        type Error = StoreError;

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
    run lock_developer(dev_id: DevId) -> Option<Developer> = |tx| tx.lock_developer(dev_id);
    run share_developer(dev_id: DevId) -> Option<Developer> = |tx| tx.lock_developer_shared(dev_id);
    read developers() -> Vec<Developer> = |tx| tx.developers();
    run remove_developer(dev_id: DevId) -> bool = |tx| tx.remove_developer(dev_id);

    run add_api_key(key: ApiKeyRecord) -> () = |tx| tx.add_api_key(key);
    read api_keys() -> Vec<ApiKeyRecord> = |tx| tx.api_keys();
    read api_keys_of(dev_id: DevId) -> Vec<ApiKeyRecord> = |tx| tx.api_keys_of(dev_id);
    run end_api_key(dev_id: DevId, key_id: KeyId, expires_at: Timestamp) -> bool
        = |tx| tx.expire_api_key(dev_id, *key_id, *expires_at);
    run touch_api_key(key_id: KeyId, used_at: Timestamp) -> () = |tx| tx.touch_api_key(*key_id, *used_at);

    run put_provider_app(app: ProviderApp) -> () = |tx| tx.put_provider_app(app);
    read provider_app(dev_id: DevId, provider: Provider) -> Option<ProviderApp>
        = |tx| tx.provider_app(dev_id, provider);
    read provider_apps() -> Vec<ProviderApp> = |tx| tx.provider_apps();
    run remove_provider_app(dev_id: DevId, provider: Provider) -> bool
        = |tx| tx.remove_provider_app(dev_id, provider);
    run touch_provider_app(dev_id: DevId, provider: Provider, used_at: Timestamp) -> ()
        = |tx| tx.touch_provider_app(dev_id, provider, *used_at);

    run add_admin_token(token: AdminTokenRecord) -> () = |tx| tx.add_admin_token(token);
    read admin_tokens() -> Vec<AdminTokenRecord> = |tx| tx.admin_tokens();
    run remove_admin_token(token_id: Uuid) -> bool = |tx| tx.remove_admin_token(*token_id);
    run bump_revision() -> () = |tx| tx.bump_revision();
    read revision() -> u64 = |tx| tx.revision();

    run mark_rows(which: RowsToMac) -> u64 = |tx| tx.write_row_macs(*which);
    read marked_since() -> Option<u64> = |tx| tx.row_macs_since();
    run set_marked_since(seq: u64) -> () = |tx| tx.set_row_macs_since(*seq);

    run hold_audit_head() -> AuditHead = |tx| tx.lock_audit_head();
    run append_audit_record(record: AuditRecord) -> () = |tx| tx.append_audit_record(record);
    read audit_records(after: u64, limit: u32) -> Vec<AuditRecord> = |tx| tx.audit_records(*after, *limit);

    run add_connection(connection: Connection) -> () = |tx| tx.add_connection(connection);
    run take_connection(dev_id: DevId, user_id: UserId) -> Option<Connection>
        = |tx| tx.delete_connection(dev_id, *user_id);
    run renew_connection(new: Connection, now: Timestamp) -> bool = |tx| tx.renew_connection(new, *now);
    read connection(dev_id: DevId, user_id: UserId) -> Option<Connection> = |tx| tx.connection(dev_id, *user_id);
    read connections_of(dev_id: DevId, reference_id: ReferenceId, limit: u32) -> Vec<Connection>
        = |tx| tx.connections_of(dev_id, reference_id, *limit);
    read connections_of_account(
        dev_id: DevId, provider: Provider, account: String, reference_id: Option<ReferenceId>
    ) -> Vec<Connection> = |tx| tx.connections_of_account(dev_id, provider, account, reference_id.as_ref());
    read connections(dev_id: DevId, offset: u64, limit: u32) -> Vec<Connection>
        = |tx| tx.connections(dev_id, *offset, *limit);
    read connections_after(dev_id: DevId, after: Option<UserId>, limit: u32) -> Vec<Connection>
        = |tx| tx.connections_after(dev_id, *after, *limit);
    read count_connections(dev_id: DevId) -> u64 = |tx| tx.count_connections(dev_id);
    run touch_connection(dev_id: DevId, user_id: UserId, now: Timestamp) -> ()
        = |tx| tx.touch_connection(dev_id, *user_id, *now);

    read kept_grant(dev_id: DevId, user_id: UserId) -> Option<StoredGrant> = |tx| tx.stored_grant(dev_id, *user_id);
    run hold_grant(dev_id: DevId, user_id: UserId) -> Option<StoredGrant> = |tx| tx.lock_grant(dev_id, *user_id);
    run hold_grants_of_account(dev_id: DevId, provider: Provider, account: String) -> Vec<StoredGrant>
        = |tx| tx.lock_grants_of_account(dev_id, provider, account);
    read refresh_record(dev_id: DevId, user_id: UserId) -> Option<RefreshRecord>
        = |tx| tx.refresh_record(dev_id, *user_id);
    run claim_grants(provider: Provider, now: Timestamp, hidden_until: Timestamp, limit: u32) -> Vec<StoredGrant>
        = |tx| tx.claim_grants(provider, *now, *hidden_until, *limit);
    read next_refresh_at(provider: Provider) -> Option<Timestamp> = |tx| tx.next_refresh_at(provider);
    run schedule_refresh(seen: StoredGrant, expires_at: Option<Timestamp>, refresh_at: Option<Timestamp>) -> bool
        = |tx| tx.schedule_refresh(seen, *expires_at, *refresh_at);
    run hasten_refresh(provider: Provider, account: String, now: Timestamp, not_since: Timestamp) -> u64
        = |tx| tx.make_refresh_due(provider, account, *now, *not_since);
    run mark_in_doubt() -> u64 = |tx| tx.mark_in_doubt();
    run lease_grant(seen: StoredGrant, lease: Lease) -> bool = |tx| tx.lease_grant(seen, lease);
    run keep_tokens(leased: StoredGrant, new: NewTokens) -> bool = |tx| tx.save_tokens(leased, new);
    run confirm_grant(kept: StoredGrant) -> bool = |tx| tx.confirm_grant(kept);
    run settle_grant(leased: StoredGrant, settled: FailureRecord) -> bool = |tx| tx.record_refresh_failure(leased, settled);

    run add_widget_session(session: WidgetSession) -> () = |tx| tx.add_widget_session(session);
    read widget_session(session_id: SessionId) -> Option<WidgetSession> = |tx| tx.widget_session(*session_id);
    run move_widget_session(session_id: SessionId, to: SessionState) -> bool
        = |tx| tx.move_widget_session(*session_id, *to);
    read session_of_user(dev_id: DevId, user_id: UserId, now: Timestamp) -> Option<WidgetSession>
        = |tx| tx.session_of_user(dev_id, *user_id, *now);

    run count_login(session_id: SessionId, most: u32) -> bool = |tx| tx.count_login(*session_id, *most);
    run take_promised_user(session_id: SessionId) -> bool = |tx| tx.take_reserved_user_id(*session_id);

    run spend_flow(flow_id: Uuid, expires_at: Timestamp) -> bool = |tx| tx.consume_login(*flow_id, *expires_at);
    run end_flow(flow_id: Uuid, outcome: RecordedOutcome) -> bool = |tx| tx.record_login_outcome(*flow_id, outcome);
    read consumed_login(flow_id: Uuid) -> Option<ConsumedLogin> = |tx| tx.consumed_login(*flow_id);

    run spend_token(token_id: TokenId, expires_at: Timestamp) -> bool = |tx| tx.consume_token(*token_id, *expires_at);

    run add_receipt(receipt: Receipt) -> bool = |tx| tx.add_receipt(*receipt);

    run add_delivery_after(delivery: Delivery, before: EventId) -> () = |tx| add_with_event(tx, delivery, Some(*before));
    run add_delivery(delivery: Delivery) -> () = |tx| add_with_event(tx, delivery, None);
    read delivery_queues() -> Vec<(DestinationId, Timestamp)> = |tx| tx.delivery_queues();
    run claim_deliveries(destination_id: DestinationId, now: Timestamp, lease_until: Timestamp, limit: u32) -> Vec<Delivery>
        = |tx| tx.claim_deliveries(*destination_id, *now, *lease_until, *limit);
    run release_deliveries(now: Timestamp) -> u64 = |tx| tx.release_deliveries(*now);
    run reschedule_deliveries(now: Timestamp, attempted_after: Timestamp) -> u64
        = |tx| tx.reschedule_deliveries(*now, *attempted_after);
    run record_delivery_attempt(delivery: Delivery, outcome: AttemptOutcome) -> bool
        = |tx| tx.record_delivery_attempt(delivery.event_id, delivery.destination_id, outcome);
    run add_delivery_attempt(attempt: DeliveryAttempt) -> () = |tx| tx.add_delivery_attempt(attempt);
    run replay_delivery(delivery: Delivery) -> () = |tx| tx.replay_delivery(delivery);
    read list_deliveries(filter: DeliveryFilter) -> Vec<AdminDelivery> = |tx| tx.list_deliveries(filter);
    read delivery_attempts(event_id: EventId) -> Vec<DeliveryAttempt> = |tx| tx.delivery_attempts(*event_id);
    run add_event(event: EventRecord) -> () = |tx| tx.add_event(event);
    read event(dev_id: DevId, event_id: EventId) -> Option<EventRecord> = |tx| tx.event(dev_id, *event_id);
    read events_after(dev_id: DevId, after: Option<EventId>, limit: u32) -> Vec<EventRecord>
        = |tx| tx.events_after(dev_id, *after, *limit);
    run add_destination(destination: Destination) -> () = |tx| tx.add_destination(destination);
    run update_destination(destination: Destination) -> bool = |tx| tx.update_destination(destination);
    run remove_destination(destination_id: DestinationId) -> bool = |tx| tx.remove_destination(*destination_id);
    read destination(destination_id: DestinationId) -> Option<Destination> = |tx| tx.destination(*destination_id);
    read destinations_of(dev_id: DevId) -> Vec<Destination> = |tx| tx.destinations_of(dev_id);
    read waiting_deliveries() -> u64 = |tx| tx.waiting_deliveries();
    read waiting_deliveries_of(dev_id: DevId) -> u64 = |tx| tx.waiting_deliveries_of(dev_id);
    read deliveries(dev_id: DevId, limit: u32) -> Vec<Delivery> = |tx| tx.deliveries(dev_id, *limit);

    run add_revocation(revocation: Revocation) -> () = |tx| tx.add_revocation(revocation);
    run renew_revocation(user_id: UserId, grant: Sealed, now: Timestamp) -> bool
        = |tx| tx.renew_revocation(*user_id, grant, *now);
    read revocation_queues() -> Vec<(Provider, Timestamp)> = |tx| tx.revocation_queues();
    run claim_revocations(provider: Provider, now: Timestamp, lease_until: Timestamp, limit: u32) -> Vec<Revocation>
        = |tx| tx.claim_revocations(provider, *now, *lease_until, *limit);
    run release_revocations(now: Timestamp) -> u64 = |tx| tx.release_revocations(*now);
    run reschedule_revocations(now: Timestamp, attempted_after: Timestamp) -> u64
        = |tx| tx.reschedule_revocations(*now, *attempted_after);
    run mark_revocation(claimed: Revocation, since: Timestamp) -> bool = |tx| tx.mark_revocation_in_doubt(claimed, *since);
    run keep_revocation_tokens(claimed: Revocation, grant: Sealed) -> bool
        = |tx| tx.save_revocation_tokens(claimed, grant);
    run settle_revocation(claimed: Revocation, settlement: RevocationResult) -> bool
        = |tx| tx.record_revocation_result(claimed, settlement);
    read revocation_reports(
        dev_id: DevId, user_id: Option<UserId>, after: Option<ReportCursor>, limit: u32
    ) -> Vec<RevocationReport> = |tx| tx.revocation_reports(dev_id, *user_id, *after, *limit);
    read waiting_revocations() -> u64 = |tx| tx.waiting_revocations();

    run add_received_event(new: NewEvent) -> bool = |tx| tx.add_received_event(new);
    run claim_forwards(now: Timestamp, lease_until: Timestamp, limit: u32) -> Vec<ReceivedEvent>
        = |tx| tx.claim_forwards(*now, *lease_until, *limit);
    run settle_forward(claimed: ReceivedEvent, outcome: AttemptOutcome, problem: Option<String>) -> bool
        = |tx| tx.record_forward_attempt(claimed, outcome, problem.as_deref());
    read next_forward_at() -> Option<Timestamp> = |tx| tx.next_forward_at();
    read forward_counts() -> ForwardCounts = |tx| tx.forward_counts();
    read received_event(event_id: EventId) -> Option<ReceivedEvent> = |tx| tx.received_event(*event_id);
    read received_events(filter: EventFilter) -> Vec<ReceivedEvent> = |tx| tx.received_events(filter);
    run replay(event_id: EventId, now: Timestamp) -> bool = |tx| tx.replay(*event_id, *now);
    run replay_dead(now: Timestamp, limit: u32) -> u64 = |tx| tx.replay_dead(*now, *limit);

    run add_known_connection(connection: KnownConnection) -> bool = |tx| tx.add_known_connection(connection);
    run hold_known_connection(user_id: UserId) -> Option<KnownConnection> = |tx| tx.lock_known_connection(*user_id);
    run update_known_connection(connection: KnownConnection) -> () = |tx| tx.update_known_connection(connection);
    read known_connection(reference_id: ReferenceId, user_id: UserId) -> Option<KnownConnection>
        = |tx| tx.known_connection(reference_id, *user_id);
    read known_connections_of(reference_id: ReferenceId, limit: u32) -> Vec<KnownConnection>
        = |tx| tx.known_connections_of(reference_id, *limit);
    read known_connections(after: Option<UserId>, limit: u32) -> Vec<KnownConnection>
        = |tx| tx.known_connections(*after, *limit);
    run put_login_failure(reference_id: ReferenceId, failure: LoginFailure) -> ()
        = |tx| tx.put_login_failure(reference_id, failure);
    read login_failure(reference_id: ReferenceId) -> Option<LoginFailure> = |tx| tx.login_failure(reference_id);

    read data_keys() -> Vec<DataKey> = |tx| tx.data_keys();
    run add_data_key(key: DataKey) -> bool = |tx| tx.add_data_key(key);
    run update_data_key(key: DataKey) -> bool = |tx| tx.update_data_key(key);
    read sealed_values(column: SealedColumn, after: Option<SealedValue>, limit: u32) -> Vec<SealedValue>
        = |tx| tx.sealed_values(*column, after.as_ref(), *limit);
    run reseal(column: SealedColumn, old: SealedValue, new: Sealed) -> bool = |tx| tx.reseal(*column, old, new);
    run forget_sealed(column: SealedColumn, value: SealedValue, now: Timestamp) -> bool
        = |tx| tx.discard_sealed(*column, value, *now);

    run forget_expired(expired: Retention) -> u64 = |tx| tx.delete_expired(expired);
    run forget_received(forgotten: ReceivedRetention) -> u64 = |tx| tx.delete_received(forgotten);
}

/// Adds a delivery, its event and, if there is none, its destination.
async fn add_with_event(tx: &mut dyn Tx, delivery: &Delivery, before: Option<EventId>) -> Result<(), StoreError> {
    let Delivery { event_id, destination_id, dev_id, kind, payload, created_at, .. } = delivery.clone();
    if tx.destination(destination_id).await?.is_none() {
        let url = "https://acme.example/hook".parse().unwrap();
        tx.add_destination(&Destination::new(destination_id, &dev_id, url, created_at)).await?;
    }
    tx.add_event(&EventRecord { event_id, dev_id, kind, payload, user_id: None, reference_id: None, created_at })
        .await?;
    match before {
        Some(before) => tx.add_delivery_after(delivery, before).await,
        None => tx.add_delivery(delivery).await,
    }
}
