//! Logins that came back from their provider.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_core::{
    flow::{FlowOutcome, SpentFlow, SpentFlows},
    store::StoreError,
};
use uuid::Uuid;

use crate::{
    engine::{Database, Queries, Sql, statements},
    value::{Json, Parameter as _, Record, Row, Value},
};

statements! {
    SPEND_FLOW: Sql::plain(
        "INSERT INTO spent_flow (flow_id, expires_at_ms)
        SELECT $1, $2 WHERE $2 > (SELECT expires_at_ms FROM spent_watermark WHERE kind = 'flow')
        ON CONFLICT (flow_id) DO NOTHING",
    );
    END_FLOW: Sql::plain("UPDATE spent_flow SET outcome = $1 WHERE flow_id = $2 AND outcome IS NULL");
    SPENT_FLOW: Sql::plain("SELECT outcome FROM spent_flow WHERE flow_id = $1");
}

#[async_trait]
impl<D: Database> SpentFlows for Queries<D> {
    async fn spend_flow(&mut self, flow_id: Uuid, expires_at: Timestamp) -> Result<bool, StoreError> {
        self.changes(SPEND_FLOW, &[flow_id.value(), expires_at.value()]).await
    }

    async fn end_flow(&mut self, flow_id: Uuid, outcome: &FlowOutcome) -> Result<bool, StoreError> {
        self.changes(END_FLOW, &[Value::json(outcome)?, flow_id.value()]).await
    }

    async fn spent_flow(&mut self, flow_id: Uuid) -> Result<Option<SpentFlow>, StoreError> {
        self.first(SPENT_FLOW, &[flow_id.value()]).await
    }
}

impl Record for SpentFlow {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self { outcome: row.take::<Option<Json<_>>>()?.map(|outcome| outcome.0) })
    }
}
