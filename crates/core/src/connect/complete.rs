//! The end of a login that went well: the connection, in the place of an earlier one.

use async_trait::async_trait;
use terra_auth_types::{Provider, UserId};
use uuid::Uuid;

use super::{
    Connected,
    failure::{ConnectFailure, Unused, Why},
    has_no_room,
};
use crate::{
    auth::Auth,
    connection::{Connection, NewConnection, Proof},
    flow::{Flow, FlowOutcome},
    lock::Lock,
    open_session::{OpenSession, WayBack},
    provider::Grant,
    redirect,
    store::{StoreError, Tx, Unit},
    widget_session::{SessionState, WidgetSession},
};

impl Auth {
    pub(super) async fn complete(&self, open: &OpenSession, flow: &Flow, grant: Grant) -> Result<Connected, Unused> {
        let session = &open.session;
        let unit = CompleteConnection {
            auth: self.clone(),
            flow_id: flow.id,
            promised: session.user_id,
            session: session.clone(),
            new: self.new_connection(session, flow, &grant),
            declined_scopes: grant.declined_scopes.clone(),
        };
        let unused = |why| Unused::new(why, grant.account, grant.tokens);
        match self.store.run(unit).await {
            Ok(user_id) => {
                let way_back = self.way_back_connected(session, user_id, &flow.provider);
                Ok(Connected { user_id, declined_scopes: grant.declined_scopes, way_back })
            }
            Err(CompleteError::UserLimit) => Err(unused(ConnectFailure::UserLimit.into())),
            Err(CompleteError::Used) => Err(unused(Why::Used)),
            Err(CompleteError::Store(error)) => Err(unused(Why::Store(error))),
        }
    }

    fn new_connection(&self, session: &WidgetSession, flow: &Flow, grant: &Grant) -> NewConnection {
        let connection = Connection {
            user_id: UserId(self.entropy.id()),
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
            delivery_ids: [self.delivery_id(), self.delivery_id()],
            now: self.now(),
        }
    }

    pub(super) fn way_back_connected(&self, session: &WidgetSession, user_id: UserId, provider: &Provider) -> WayBack {
        let request = &session.request;
        let own_page = self.widget_page(&["session", "demo", "success"]);
        let stays = request.bypass_feedback == Some(false) || request.multi_auth;
        let target =
            if stays { request.success_url.as_ref() } else { request.success_url.as_ref().or(Some(&own_page)) };
        let url = target.map(|url| redirect::with_success(url, user_id, request.reference_id.as_ref(), provider));
        WayBack { at_once: !stays, url }
    }
}

struct CompleteConnection {
    auth: Auth,
    flow_id: Uuid,
    /// The user that the session promised. The first connection takes it; later ones have ids of their own.
    promised: Option<UserId>,
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
impl Unit for CompleteConnection {
    type Done = UserId;
    type Refusal = CompleteError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<UserId, CompleteError> {
        let new = &self.new.connection;
        let developer = tx.share_developer(&new.dev_id).await?.ok_or(StoreError::Closed)?;
        let to = if self.session.request.multi_auth { SessionState::Open } else { SessionState::Connected };
        if !tx.move_widget_session(self.session.session_id, to).await? {
            return Err(CompleteError::Used);
        }
        tx.lock(Lock::Account(&new.dev_id, &new.provider, &new.account)).await?;
        let reference_id = new.reference_id.as_ref();
        let earlier = tx.connections_of_account(&new.dev_id, &new.provider, &new.account, reference_id).await?;
        if earlier.is_empty() && has_no_room(tx, &developer).await? {
            return Err(CompleteError::UserLimit);
        }
        let user_id = self.new_for(tx).await?.place(&self.auth, tx, &developer, &earlier).await?;
        let outcome = FlowOutcome::Connected { user_id, declined_scopes: self.declined_scopes.clone() };
        if tx.end_flow(self.flow_id, &outcome).await? { Ok(user_id) } else { Err(CompleteError::Used) }
    }
}

impl CompleteConnection {
    async fn new_for(&self, tx: &mut dyn Tx) -> Result<NewConnection, StoreError> {
        let mut new = self.new.clone();
        if let Some(promised) = self.promised
            && tx.take_promised_user(self.session.session_id).await?
        {
            new.connection.user_id = promised;
        }
        Ok(new)
    }
}
