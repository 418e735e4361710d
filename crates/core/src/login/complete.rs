//! Records a successful login: step 5 of [the protocol](crate::login).

use async_trait::async_trait;
use terra_auth_model::{
    connection::Connection,
    lock::Lock,
    login::{ConnectFailure, RecordedOutcome},
    provider::Grant,
    store::{Tx, Unit},
    store_error::StoreError,
    widget_session::{SessionState, WidgetSession},
};
use terra_auth_types::{Provider, UserId, redirect};
use uuid::Uuid;

use crate::{
    auth::Auth,
    connection::NewConnection,
    event::Proof,
    login::{
        begin::is_at_user_limit,
        failure::{FailureCause, LoginOutcome},
        open_session::{OpenSession, ReturnTarget},
        reason::Connected,
        state::LoginState,
    },
};

impl Auth {
    pub(super) async fn complete_login(&self, open: &OpenSession, flow: &LoginState, grant: Grant) -> LoginOutcome {
        let session = &open.session;
        let unit = RecordSuccessfulLogin {
            auth: self.clone(),
            flow_id: flow.id,
            reserved_user_id: session.user_id,
            session: session.clone(),
            new: self.new_connection(session, flow, &grant),
            declined_scopes: grant.declined_scopes.clone(),
        };
        let failed = |reason| LoginOutcome::failed(reason, grant.account, grant.tokens);
        match self.store().run(unit).await {
            Ok(user_id) => {
                let return_target = self.return_target_of_success(session, user_id, &flow.provider);
                LoginOutcome::Connected(Connected { user_id, declined_scopes: grant.declined_scopes, return_target })
            }
            Err(CompleteError::UserLimit) => failed(ConnectFailure::UserLimit.into()),
            Err(CompleteError::Used) => failed(FailureCause::Used),
            Err(CompleteError::Store(error)) => failed(FailureCause::Store(error)),
        }
    }

    fn new_connection(&self, session: &WidgetSession, flow: &LoginState, grant: &Grant) -> NewConnection {
        let connection = Connection {
            user_id: UserId(self.entropy().id()),
            dev_id: session.dev_id.clone(),
            provider: flow.provider.clone(),
            account: grant.account.clone(),
            reference_id: session.request.reference_id.clone(),
            scopes: Some(grant.scopes.join(",")),
            active: true,
            created_at: self.now(),
            last_webhook_update: None,
            grant: None,
        };
        NewConnection {
            connection,
            tokens: Some(grant.tokens.clone().bounded(self.now())),
            flow_id: Some(flow.id),
            session_id: Some(session.session_id),
            proof: Proof::OfUser,
            event_ids: [self.new_event_id(), self.new_event_id()],
            now: self.now(),
        }
    }

    pub(super) fn return_target_of_success(
        &self,
        session: &WidgetSession,
        user_id: UserId,
        provider: &Provider,
    ) -> ReturnTarget {
        let request = &session.request;
        let own_page = self.widget_page(&["session", "demo", "success"]);
        let stays = request.bypass_feedback == Some(false) || request.multi_auth;
        let target =
            if stays { request.success_url.as_ref() } else { request.success_url.as_ref().or(Some(&own_page)) };
        let url = target.map(|url| redirect::with_success(url, user_id, request.reference_id.as_ref(), provider));
        ReturnTarget { immediate: !stays, url }
    }
}

struct RecordSuccessfulLogin {
    auth: Auth,
    flow_id: Uuid,
    /// The user id that the session reserved. The first connection gets it; later ones get new ids.
    reserved_user_id: Option<UserId>,
    session: WidgetSession,
    new: NewConnection,
    declined_scopes: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
enum CompleteError {
    #[error("user limit reached")]
    UserLimit,
    #[error("session used")]
    Used,
    #[error("could not complete the connection")]
    Store(#[from] StoreError),
}

#[async_trait]
impl Unit for RecordSuccessfulLogin {
    type Done = UserId;
    type Error = CompleteError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<UserId, CompleteError> {
        let new = &self.new.connection;
        let developer = tx.lock_developer_shared(&new.dev_id).await?.ok_or(CompleteError::Used)?;
        let to = if self.session.request.multi_auth { SessionState::Open } else { SessionState::Connected };
        if !tx.move_widget_session(self.session.session_id, to).await? {
            return Err(CompleteError::Used);
        }
        tx.lock(Lock::Account(&new.dev_id, &new.provider, &new.account)).await?;
        let reference_id = new.reference_id.as_ref();
        let earlier = tx.connections_of_account(&new.dev_id, &new.provider, &new.account, reference_id).await?;
        if earlier.is_empty() && is_at_user_limit(tx, &developer).await? {
            return Err(CompleteError::UserLimit);
        }
        let user_id = self.new_for(tx).await?.add_or_renew_connection(&self.auth, tx, &developer, &earlier).await?;
        let outcome = RecordedOutcome::Connected { user_id, declined_scopes: self.declined_scopes.clone() };
        if tx.record_login_outcome(self.flow_id, &outcome).await? { Ok(user_id) } else { Err(CompleteError::Used) }
    }
}

impl RecordSuccessfulLogin {
    async fn new_for(&self, tx: &mut dyn Tx) -> Result<NewConnection, StoreError> {
        let mut new = self.new.clone();
        if let Some(promised) = self.reserved_user_id
            && tx.take_reserved_user_id(self.session.session_id).await?
        {
            new.connection.user_id = promised;
        }
        Ok(new)
    }
}
