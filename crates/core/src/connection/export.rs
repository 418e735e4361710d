//! Connections on their way to another system.

use async_trait::async_trait;
use secrecy::ExposeSecret as _;
use terra_auth_types::{
    DevId, UserId,
    wire::admin::{ExportParams, PortableConnection, PortableConnections, Role},
};

use super::Connection;
use crate::{
    admin::{Act, Admin, AdminError},
    audit::{Draft, Remark},
    auth::Auth,
    provider::Tokens,
    seal::{Place, SealBroken},
    store::{StoreError, Tx, Unit},
};

/// The most connections on a page.
const PAGE: u32 = 500;

impl Auth {
    /// One page of an environment's connections, by id. With tokens it is an owner's act and a line in the audit log,
    /// which is written before the tokens are shown.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn export_connections(
        &self,
        admin: &Admin,
        dev_id: &DevId,
        params: ExportParams,
    ) -> Result<PortableConnections, AdminError> {
        let ExportParams { after, limit, with_tokens } = params;
        let act = Act { action: "connections.export", dev_id: Some(dev_id), target: "with tokens" };
        if with_tokens {
            self.permit(admin, Role::Owner, &act).await?;
        }
        self.known(dev_id)?;
        let limit = limit.unwrap_or(PAGE).clamp(1, PAGE);
        let page = self.store.read(ReadConnections { dev_id: dev_id.clone(), after, limit }).await?;
        if with_tokens && !page.is_empty() {
            let target = format!("{} connections with tokens", page.len());
            self.store.run(Remark(Draft::new(self, admin, &Act { target: &target, ..act }, true))).await?;
        }
        let more = page.len() == limit as usize;
        Ok(PortableConnections {
            next: page.last().filter(|_| more).map(|connection| connection.user_id),
            connections: page.iter().map(|connection| self.portable(connection, with_tokens)).collect(),
        })
    }

    fn portable(&self, connection: &Connection, with_tokens: bool) -> PortableConnection {
        let tokens = if with_tokens { self.tokens_of(connection) } else { None };
        let Some(Tokens { access_token, refresh_token, expires_at }) = tokens else { return bare(connection) };
        PortableConnection {
            access_token: Some(access_token.expose_secret().into()),
            refresh_token: refresh_token.map(|token| token.expose_secret().into()),
            expires_at,
            ..bare(connection)
        }
    }

    /// None for an on-device source, and where they do not open: one broken row keeps nobody from leaving.
    fn tokens_of(&self, connection: &Connection) -> Option<Tokens> {
        let row = connection.user_id.to_string();
        let place = Place { dev_id: connection.dev_id.as_str(), row: &row, column: "grant" };
        let opened = self.keys.open(place, connection.grant.as_ref()?);
        let tokens = opened.and_then(|text| Tokens::from_json(&text).ok_or(SealBroken));
        if tokens.is_err() {
            tracing::error!(connection.id = %row, "the tokens of connection {row} do not open; it is exported without");
        }
        tokens.ok()
    }
}

fn bare(connection: &Connection) -> PortableConnection {
    PortableConnection {
        user_id: Some(connection.user_id),
        provider: connection.provider.clone(),
        account: connection.account.clone(),
        reference_id: connection.reference_id.clone(),
        scopes: connection.scopes.clone(),
        active: Some(connection.active),
        created_at: Some(connection.created_at),
        access_token: None,
        refresh_token: None,
        expires_at: None,
    }
}

struct ReadConnections {
    dev_id: DevId,
    after: Option<UserId>,
    limit: u32,
}

#[async_trait]
impl Unit for ReadConnections {
    type Done = Vec<Connection>;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        tx.connections_after(&self.dev_id, self.after, self.limit).await
    }
}
