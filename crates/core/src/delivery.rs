//! Lists and replays deliveries.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_model::{
    delivery::{Delivery, DeliveryAttempt, DeliveryFilter},
    event::EventRecord,
    store::{Tx, Unit},
    store_error::StoreError,
    unit,
};
use terra_auth_types::{
    DestinationId, DevId, EventId,
    wire::Event,
    wire::admin::{
        AdminDeliveries, AdminDelivery, AdminDeliveryAttempt, AdminEvent, DeliveryParams, ReplayDeliveries,
        ReplayedDeliveries, Role, TriggerEvent, TriggeredEvent,
    },
};
use uuid::Uuid;

pub(crate) use crate::{
    admin::action::{Admin, AdminError, AuditedAction},
    audit::{AppendAuditEntry, PendingAuditEntry},
    auth::Auth,
    event::publish,
    event_stream::first_id_at,
};

const MAX_PAGE_SIZE: u32 = 500;
const DEFAULT_PAGE_SIZE: u32 = 100;
const ACTION: &str = "deliveries.replay";

impl Auth {
    /// Returns one page of an environment's deliveries, newest event first.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn list_deliveries(
        &self,
        dev_id: &DevId,
        params: &DeliveryParams,
    ) -> Result<AdminDeliveries, AdminError> {
        self.require_environment(dev_id)?;
        let limit = params.limit.unwrap_or(DEFAULT_PAGE_SIZE).clamp(1, MAX_PAGE_SIZE);
        let after = params.after.as_deref().map(cursor).transpose()?;
        let filter = filter(dev_id, params, after, limit);
        let deliveries = self.store().read(ReadPage { filter }).await?;
        let last = deliveries.last().filter(|_| deliveries.len() == limit as usize);
        let next = last.map(|last| format!("{}.{}", last.event_id, last.destination_id));
        Ok(AdminDeliveries { deliveries, next })
    }

    /// Returns an event with its deliveries and attempts.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn show_event(&self, dev_id: &DevId, event_id: EventId) -> Result<AdminEvent, AdminError> {
        self.require_environment(dev_id)?;
        self.store().read(ReadEvent { dev_id: dev_id.clone(), event_id }).await
    }

    /// Makes deliveries due again, each from its first attempt. With `dry_run`, only counts them.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn replay_deliveries(
        &self,
        admin: &Admin,
        dev_id: &DevId,
        replay: &ReplayDeliveries,
    ) -> Result<ReplayedDeliveries, AdminError> {
        let act = AuditedAction { action: ACTION, dev_id: Some(dev_id), target: "" };
        self.permit(admin, Role::Operator, &act).await?;
        self.require_environment(dev_id)?;
        if !replay.dry_run {
            self.store().run(AppendAuditEntry(PendingAuditEntry::new(self, admin, &act, true))).await?;
        }
        let replayed = match replay.event_id {
            Some(event_id) => self.replay_event(dev_id, event_id, replay).await?,
            None => self.replay_selection(dev_id, replay).await?,
        };
        self.outbox().notify_one();
        Ok(replayed)
    }

    /// Stores a test event, and its deliveries.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn trigger_event(
        &self,
        admin: &Admin,
        dev_id: &DevId,
        trigger: TriggerEvent,
    ) -> Result<TriggeredEvent, AdminError> {
        let act = AuditedAction { action: "event.trigger", dev_id: Some(dev_id), target: "" };
        self.permit(admin, Role::Operator, &act).await?;
        self.require_environment(dev_id)?;
        let event = match serde_json::from_value(trigger.payload) {
            Ok(Event::Other(_)) | Err(_) => {
                return Err(AdminError::Invalid("payload: a body that matches the schema of its `type`"));
            }
            Ok(event) => event,
        };
        let event_id = self.new_event_id();
        let record = EventRecord::new(event_id, dev_id, &event, self.now());
        let entry = PendingAuditEntry::new(self, admin, &AuditedAction { target: record.kind.as_str(), ..act }, true);
        let deliveries = self.store().run(TriggerUnit { record, entry }).await?;
        self.outbox().notify_one();
        Ok(TriggeredEvent { event_id, deliveries })
    }

    async fn replay_event(
        &self,
        dev_id: &DevId,
        event_id: EventId,
        replay: &ReplayDeliveries,
    ) -> Result<ReplayedDeliveries, AdminError> {
        let (dev_id, destination_id, dry_run) = (dev_id.clone(), replay.destination_id, replay.dry_run);
        self.store().run(ReplayEvent { dev_id, event_id, destination_id, dry_run, now: self.now() }).await
    }

    /// Replays page by page. A delivery that was replayed stays in the selection, so the cursor moves on.
    async fn replay_selection(
        &self,
        dev_id: &DevId,
        replay: &ReplayDeliveries,
    ) -> Result<ReplayedDeliveries, AdminError> {
        let params = DeliveryParams {
            destination_id: replay.destination_id,
            kind: replay.kind.clone(),
            user_id: replay.user_id,
            reference_id: replay.reference_id.clone(),
            state: replay.state,
            since: replay.since,
            until: replay.until,
            after: None,
            limit: None,
        };
        let (mut done, mut after) = (ReplayedDeliveries { selected: 0, replayed: 0 }, None);
        loop {
            let filter = filter(dev_id, &params, after, MAX_PAGE_SIZE);
            let unit = ReplayPage { filter, dry_run: replay.dry_run, now: self.now() };
            let page = self.store().run(unit).await?;
            done.selected += page.len() as u64;
            done.replayed += if replay.dry_run { 0 } else { page.len() as u64 };
            match page.last() {
                Some(last) if page.len() == MAX_PAGE_SIZE as usize => after = Some(*last),
                _ => return Ok(done),
            }
        }
    }
}

fn cursor(text: &str) -> Result<(EventId, DestinationId), AdminError> {
    let parsed =
        text.split_once('.').and_then(|(event, destination)| Some((event.parse().ok()?, destination.parse().ok()?)));
    parsed.ok_or(AdminError::Invalid("after: use `next` of the previous page"))
}

fn filter(
    dev_id: &DevId,
    params: &DeliveryParams,
    after: Option<(EventId, DestinationId)>,
    limit: u32,
) -> DeliveryFilter {
    let last = params.until.map_or(EventId(Uuid::max()), first_id_at);
    DeliveryFilter {
        dev_id: dev_id.clone(),
        first: params.since.map_or(EventId(Uuid::nil()), first_id_at),
        before: after.unwrap_or((last, DestinationId(Uuid::nil()))),
        destination_id: params.destination_id,
        kind: params.kind.clone(),
        state: params.state,
        user_id: params.user_id,
        reference_id: params.reference_id.clone(),
        limit,
    }
}

unit!(ReadPage(filter: DeliveryFilter) -> Vec<AdminDelivery> = |tx| tx.list_deliveries(filter));

struct ReadEvent {
    dev_id: DevId,
    event_id: EventId,
}

#[async_trait]
impl Unit for ReadEvent {
    type Done = AdminEvent;
    type Error = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<AdminEvent, AdminError> {
        let event = tx.event(&self.dev_id, self.event_id).await?.ok_or(UNKNOWN_EVENT)?;
        let deliveries = tx.deliveries_of_event(self.event_id).await?;
        let attempts = tx.delivery_attempts(self.event_id).await?.into_iter().map(to_wire).collect();
        Ok(AdminEvent {
            event_id: event.event_id,
            r#type: event.kind,
            created_at: event.created_at,
            payload: serde_json::from_str(&event.payload).unwrap_or_default(),
            deliveries,
            attempts,
        })
    }
}

const UNKNOWN_EVENT: AdminError = AdminError::NotFound("no such event");

fn to_wire(attempt: DeliveryAttempt) -> AdminDeliveryAttempt {
    let DeliveryAttempt { destination_id, number, attempted_at, report, .. } = attempt;
    AdminDeliveryAttempt {
        destination_id,
        number,
        attempted_at,
        status: report.status,
        error: report.error,
        response: report.response,
        dns_ms: report.timing.dns_ms,
        connect_ms: report.timing.connect_ms,
        tls_ms: report.timing.tls_ms,
        first_byte_ms: report.timing.first_byte_ms,
        total_ms: report.timing.total_ms,
    }
}

struct TriggerUnit {
    record: EventRecord,
    entry: PendingAuditEntry,
}

#[async_trait]
impl Unit for TriggerUnit {
    type Done = u64;
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<u64, StoreError> {
        publish(tx, &self.record).await?;
        self.entry.append(tx).await?;
        Ok(tx.deliveries_of_event(self.record.event_id).await?.len() as u64)
    }
}

struct ReplayEvent {
    dev_id: DevId,
    event_id: EventId,
    destination_id: Option<DestinationId>,
    dry_run: bool,
    now: Timestamp,
}

#[async_trait]
impl Unit for ReplayEvent {
    type Done = ReplayedDeliveries;
    type Error = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<ReplayedDeliveries, AdminError> {
        let event = tx.event(&self.dev_id, self.event_id).await?.ok_or(UNKNOWN_EVENT)?;
        let mut destinations = tx.destinations_of(&self.dev_id).await?;
        destinations.retain(|destination| match self.destination_id {
            Some(only) => destination.destination_id == only,
            None => destination.accepts(&event.kind),
        });
        let mut done = ReplayedDeliveries { selected: destinations.len() as u64, replayed: 0 };
        for destination in destinations.iter().filter(|_| !self.dry_run) {
            tx.replay_delivery(&Delivery::new(&event, destination.destination_id, self.now)).await?;
            done.replayed += 1;
        }
        Ok(done)
    }
}

struct ReplayPage {
    filter: DeliveryFilter,
    dry_run: bool,
    now: Timestamp,
}

#[async_trait]
impl Unit for ReplayPage {
    type Done = Vec<(EventId, DestinationId)>;
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        let page = tx.list_deliveries(&self.filter).await?;
        for delivery in page.iter().filter(|_| !self.dry_run) {
            let event = EventRecord {
                event_id: delivery.event_id,
                dev_id: self.filter.dev_id.clone(),
                kind: delivery.r#type.clone(),
                payload: String::new(), // stored with the event
                user_id: None,
                reference_id: None,
                created_at: delivery.created_at,
            };
            tx.replay_delivery(&Delivery::new(&event, delivery.destination_id, self.now)).await?;
        }
        Ok(page.iter().map(|delivery| (delivery.event_id, delivery.destination_id)).collect())
    }
}
