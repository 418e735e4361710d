//! Exports connections to another system.

use secrecy::ExposeSecret as _;
use terra_auth_model::{
    connection::Connection,
    keys::{SealContext, UnsealError},
    provider::Tokens,
    unit,
};
use terra_auth_types::{
    DevId, UserId,
    wire::admin::{ExportParams, PortableConnection, PortableConnections, Role},
};

pub(crate) use crate::{
    admin::action::{Admin, AdminError, AuditedAction},
    audit::{AppendAuditEntry, PendingAuditEntry},
    auth::Auth,
};

/// The maximum number of connections on a page.
const MAX_EXPORT_PAGE: u32 = 500;

impl Auth {
    /// Returns one page of an environment's connections, by id. An export with tokens requires the role owner. It is
    /// audited before the tokens are returned.
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
        let act = AuditedAction { action: "connections.export", dev_id: Some(dev_id), target: "with tokens" };
        if with_tokens {
            self.permit(admin, Role::Owner, &act).await?;
        }
        self.require_environment(dev_id)?;
        let limit = limit.unwrap_or(MAX_EXPORT_PAGE).clamp(1, MAX_EXPORT_PAGE);
        let page = self.store().read(ReadConnections { dev_id: dev_id.clone(), after, limit }).await?;
        if with_tokens && !page.is_empty() {
            let target = format!("{} connections with tokens", page.len());
            self.store()
                .run(AppendAuditEntry(PendingAuditEntry::new(
                    self,
                    admin,
                    &AuditedAction { target: &target, ..act },
                    true,
                )))
                .await?;
        }
        let more = page.len() == limit as usize;
        Ok(PortableConnections {
            next: page.last().filter(|_| more).map(|connection| connection.user_id),
            connections: page.iter().map(|connection| self.portable(connection, with_tokens)).collect(),
        })
    }

    fn portable(&self, connection: &Connection, with_tokens: bool) -> PortableConnection {
        let tokens = if with_tokens { self.tokens_of(connection) } else { None };
        let Some(Tokens { access_token, refresh_token, expires_at }) = tokens else {
            return without_tokens(connection);
        };
        PortableConnection {
            access_token: Some(access_token.expose_secret().into()),
            refresh_token: refresh_token.map(|token| token.expose_secret().into()),
            expires_at,
            ..without_tokens(connection)
        }
    }

    /// Decrypts the tokens; `None` for an on-device source, and if the decryption fails. One broken row must not block
    /// an export.
    fn tokens_of(&self, connection: &Connection) -> Option<Tokens> {
        let row = connection.user_id.to_string();
        let context = SealContext { dev_id: connection.dev_id.as_str(), row: &row, column: "grant" };
        let opened = self.keys().open(context, connection.grant.as_ref()?);
        let tokens = opened.and_then(|text| Tokens::from_json(&text).ok_or(UnsealError));
        if tokens.is_err() {
            tracing::error!(connection.id = %row, "could not decrypt the tokens of connection {row}; exported it without tokens");
        }
        tokens.ok()
    }
}

fn without_tokens(connection: &Connection) -> PortableConnection {
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

unit!(ReadConnections(dev_id: DevId, after: Option<UserId>, limit: u32) -> Vec<Connection> = |tx| tx.connections_after(dev_id, *after, *limit));
