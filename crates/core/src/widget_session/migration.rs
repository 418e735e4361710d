//! Invites end users to migrate from one provider to another: creates links for the login at the new provider,
//! while the old connection remains.

use async_trait::async_trait;
use jiff::SignedDuration;
use terra_auth_model::{
    connection::MAX_CONNECTIONS_OF_END_USER,
    developer::Developer,
    store::{Tx, Unit},
    widget_session::{SessionRequest, WidgetSession},
};
use terra_auth_types::{
    DevId, Provider, ReferenceId,
    wire::{
        self,
        admin::{InviteToMigrate, MigrationInvitation, MigrationInvitations, Role},
    },
};

pub(crate) use crate::{
    admin::action::{Admin, AdminError, AuditedAction},
    audit::{AppendAuditEntry, PendingAuditEntry},
    auth::Auth,
};

/// The maximum number of end users in one call.
const MAX_INVITED: usize = 500;
/// The default lifetime of a link in hours: a week, because mail is not always read at once.
const DEFAULT_TTL_HOURS: u32 = 7 * 24;
/// The maximum lifetime of a link in hours.
const MAX_TTL_HOURS: u32 = 14 * 24;
const ACTION: &str = "migration.invite";

impl Auth {
    /// Creates a widget session for each end user who is connected to the old provider and not to the new one.
    /// These sessions are valid for days, because their links are sent by mail.
    ///
    /// # Errors
    ///
    /// See [`AdminError`]; no session was created.
    pub async fn invite_to_migrate(
        &self,
        admin: &Admin,
        dev_id: &DevId,
        invite: &InviteToMigrate,
    ) -> Result<MigrationInvitations, AdminError> {
        self.permit(admin, Role::Operator, &AuditedAction { action: ACTION, dev_id: Some(dev_id), target: "" }).await?;
        if invite.reference_ids.len() > MAX_INVITED {
            return Err(AdminError::Invalid("reference_ids: at most 500 at once"));
        }
        let developer = self.require_environment(dev_id)?;
        let sessions = self.migration_sessions(&developer, invite)?;
        let (from, to) = (invite.from.clone(), invite.to.clone());
        let unit =
            InviteEndUsers { auth: self.clone(), admin: admin.clone(), dev_id: dev_id.clone(), from, to, sessions };
        self.store().run_once(self.receipt(), unit).await
    }

    fn migration_sessions(
        &self,
        developer: &Developer,
        invite: &InviteToMigrate,
    ) -> Result<Vec<(WidgetSession, MigrationInvitation)>, AdminError> {
        let hours = invite.valid_hours.unwrap_or(DEFAULT_TTL_HOURS);
        if !(1..=MAX_TTL_HOURS).contains(&hours) {
            return Err(AdminError::Invalid("valid_hours: 1 to 336"));
        }
        let expires_at = self.now() + SignedDuration::from_hours(i64::from(hours));
        let request = self.migration_request(developer, invite)?;
        let of = |reference_id: &ReferenceId| {
            let request = SessionRequest { reference_id: Some(reference_id.clone()), ..request.clone() };
            let (session, url) = self.new_session(developer, request, None);
            let invitation = MigrationInvitation { reference_id: reference_id.clone(), url, expires_at };
            (WidgetSession { expires_at, ..session }, invitation)
        };
        Ok(invite.reference_ids.iter().map(of).collect())
    }

    fn migration_request(&self, developer: &Developer, invite: &InviteToMigrate) -> Result<SessionRequest, AdminError> {
        let params = wire::WidgetSessionParams {
            providers: Some(invite.to.to_string().into()),
            auth_success_redirect_url: invite.success_url.as_ref().map(ToString::to_string),
            auth_failure_redirect_url: invite.failure_url.as_ref().map(ToString::to_string),
            ..Default::default()
        };
        let wants =
            "to: a provider with a login that is enabled here; URLs: https, and on the allow-list if there is one";
        let checked = self.check_session_request(developer, &params);
        checked.map(|(request, _)| request).map_err(|_| AdminError::Invalid(wants))
    }
}

struct InviteEndUsers {
    auth: Auth,
    admin: Admin,
    dev_id: DevId,
    from: Provider,
    to: Provider,
    sessions: Vec<(WidgetSession, MigrationInvitation)>,
}

#[async_trait]
impl Unit for InviteEndUsers {
    type Done = MigrationInvitations;
    type Error = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<MigrationInvitations, AdminError> {
        let mut done = MigrationInvitations { invitations: Vec::new(), skipped: Vec::new() };
        for (session, invitation) in &self.sessions {
            let found = tx.connections_of(&self.dev_id, &invitation.reference_id, MAX_CONNECTIONS_OF_END_USER).await?;
            let has = |provider: &Provider| found.iter().any(|connection| connection.provider == *provider);
            if has(&self.from) && !has(&self.to) {
                tx.add_widget_session(session).await?;
                done.invitations.push(invitation.clone());
            } else {
                done.skipped.push(invitation.reference_id.clone());
            }
        }
        let target = format!("{} end users from {} to {}", done.invitations.len(), self.from, self.to);
        let act = AuditedAction { action: ACTION, dev_id: Some(&self.dev_id), target: &target };
        AppendAuditEntry(PendingAuditEntry::new(&self.auth, &self.admin, &act, true)).run(tx).await?;
        Ok(done)
    }
}
