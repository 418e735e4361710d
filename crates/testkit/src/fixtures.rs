use jiff::{SignedDuration, Timestamp};
use terra_auth_model::{
    admin_token::AdminTokenRecord,
    api_key::ApiKeyRecord,
    audit::AuditRecord,
    clock::Entropy,
    connection::Connection,
    delivery::Delivery,
    developer::{Developer, EnvironmentStatus},
    digest::KeyDigest,
    keys::Sealed,
    known_connection::{ConnectionState, KnownConnection},
    mobile_token::TokenId,
    provider::RevokeResponse,
    provider_app::{AppSecret, ProviderApp},
    received_event::{ForwardState, NewEvent, ReceivedEvent},
    revocation::{Revocation, RevocationResult},
    widget_session::{SessionRequest, SessionState, WidgetSession},
};
use terra_auth_types::{
    ConnectionId, DestinationId, DevId, Environment, EventId, KeyId, Scopes, SessionId, UserId,
    wire::admin::{RevocationOutcome, RevocationReason, Role},
};
use uuid::Uuid;

use crate::{CountingEntropy, FixedClock};

/// Creates rows, each of them unique.
#[derive(Debug, Default)]
pub struct Fixtures {
    entropy: CountingEntropy,
}

impl Fixtures {
    /// The creation time of all rows.
    pub const NOW: Timestamp = FixedClock::START;

    /// An instant some milliseconds after [`Fixtures::NOW`].
    #[must_use]
    pub fn at(ms: i64) -> Timestamp {
        Self::NOW + SignedDuration::from_millis(ms)
    }

    /// A dev-id.
    #[must_use]
    pub fn dev_id(name: &str) -> DevId {
        name.parse().unwrap()
    }

    /// The destination of an environment.
    #[must_use]
    pub fn destination_id(dev_id: &DevId) -> DestinationId {
        let mut bytes = [0; 16];
        for (byte, of_name) in bytes.iter_mut().zip(dev_id.as_str().bytes()) {
            *byte = of_name;
        }
        DestinationId(Uuid::from_bytes(bytes))
    }

    fn entropy(&self) -> &dyn Entropy {
        &self.entropy
    }

    /// A developer with required fields only.
    #[must_use]
    pub fn developer(&self, dev_id: &str) -> Developer {
        Developer {
            dev_id: Self::dev_id(dev_id),
            environment: Environment::Testing,
            name: "Acme".to_owned(),
            logo_url: None,
            accent: None,
            user_limit: None,
            providers: None,
            redirect_allow_list: Vec::new(),
            destination: None,
            keep_user_id: false,
            bound_tokens_only: false,
            signing_secret: self.sealed(),
            retiring_secret: None,
            status: EnvironmentStatus::Active,
            created_at: Self::NOW,
        }
    }

    /// Bytes in place of a sealed value.
    #[must_use]
    pub fn sealed(&self) -> Sealed {
        Sealed(self.entropy().bytes::<40>().to_vec())
    }

    /// An API key with all scopes, never used.
    #[must_use]
    pub fn api_key(&self, developer: &Developer) -> ApiKeyRecord {
        ApiKeyRecord {
            key_id: KeyId(self.entropy().id()),
            dev_id: developer.dev_id.clone(),
            name: "first".to_owned(),
            hint: "0000".to_owned(),
            digest: KeyDigest(self.entropy().bytes()),
            scopes: Scopes::DEFAULT,
            created_at: Self::NOW,
            expires_at: None,
            last_used_at: None,
        }
    }

    /// An owner's admin token that never expires.
    #[must_use]
    pub fn admin_token(&self) -> AdminTokenRecord {
        AdminTokenRecord {
            token_id: self.entropy().id(),
            name: "alice".to_owned(),
            role: Role::Owner,
            digest: KeyDigest(self.entropy().bytes()),
            created_at: Self::NOW,
            expires_at: None,
        }
    }

    /// An entry of the audit log.
    #[must_use]
    pub fn audit_record(&self, seq: u64) -> AuditRecord {
        AuditRecord {
            seq,
            at: Self::NOW,
            actor: "alice".to_owned(),
            actor_id: None,
            origin: None,
            action: "api_key.rotate".to_owned(),
            dev_id: None,
            target: "first".to_owned(),
            allowed: true,
            mac: self.entropy().bytes(),
        }
    }

    /// A user id.
    #[must_use]
    pub fn user_id(&self) -> UserId {
        UserId(self.entropy().id())
    }

    /// A connection with tokens and without a reference id.
    #[must_use]
    pub fn connection(&self, developer: &Developer) -> Connection {
        Connection {
            user_id: self.user_id(),
            dev_id: developer.dev_id.clone(),
            provider: "FITBIT".parse().unwrap(),
            account: "account-1".to_owned(),
            reference_id: None,
            scopes: None,
            active: true,
            created_at: Self::NOW,
            last_webhook_update: None,
            grant: Some(self.sealed()),
        }
    }

    /// An open session without a reserved user id, valid for one second.
    #[must_use]
    pub fn widget_session(&self, developer: &Developer) -> WidgetSession {
        WidgetSession {
            session_id: SessionId(self.entropy().id()),
            dev_id: developer.dev_id.clone(),
            secret_digest: self.entropy().bytes(),
            state: SessionState::Open,
            request: SessionRequest::default(),
            user_id: None,
            created_at: Self::NOW,
            expires_at: Self::at(1000),
            logins: 0,
        }
    }

    /// A UUID.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        self.entropy().id()
    }

    /// A token id.
    #[must_use]
    pub fn token_id(&self) -> TokenId {
        TokenId(self.entropy().bytes())
    }

    /// A delivery that is due at once.
    #[must_use]
    pub fn delivery(&self, developer: &Developer) -> Delivery {
        Delivery {
            event_id: EventId(self.entropy().id_at(Self::NOW)),
            destination_id: Self::destination_id(&developer.dev_id),
            dev_id: developer.dev_id.clone(),
            kind: "auth".to_owned(),
            payload: r#"{"type": "auth", "größe": 1}"#.to_owned(),
            created_at: Self::NOW,
            attempts: 0,
            next_attempt_at: Self::NOW,
        }
    }

    /// A revocation that is due at once.
    #[must_use]
    pub fn revocation(&self, developer: &Developer) -> Revocation {
        Revocation::of(&self.connection(developer), Self::NOW)
    }

    /// The result of an attempt at an instant: with status 200 or, if the revocation continues, with 503 and a retry 30 ms later.
    #[must_use]
    pub fn settlement(outcome: RevocationOutcome, at: Timestamp) -> RevocationResult {
        let goes_on = outcome == RevocationOutcome::Pending;
        RevocationResult {
            outcome,
            reason: goes_on.then_some(RevocationReason::Refused),
            answer: RevokeResponse { status: Some(if goes_on { 503 } else { 200 }), code: None },
            at,
            next_attempt_at: at + SignedDuration::from_millis(30),
            in_flight_since: None,
        }
    }

    /// An app that has one secret and no headers.
    #[must_use]
    pub fn provider_app(&self, dev_id: &str, provider: &str) -> ProviderApp {
        ProviderApp {
            dev_id: Self::dev_id(dev_id),
            provider: provider.parse().unwrap(),
            client_id: "acme".to_owned(),
            secret: self.app_secret(),
            previous: None,
            created_at: Self::NOW,
            changed_at: Self::NOW,
            last_used_at: None,
            profile: None,
        }
    }

    /// A secret of an app.
    #[must_use]
    pub fn app_secret(&self) -> AppSecret {
        AppSecret { sealed: self.sealed(), hint: "cret".to_owned(), headers: Vec::new() }
    }

    /// An event that was received at an instant and is due for forwarding.
    #[must_use]
    pub fn received_event(&self, at: Timestamp) -> NewEvent {
        let event = ReceivedEvent {
            event_id: EventId(self.entropy().id_at(at)),
            trace_id: Some(self.entropy().id().to_string()),
            reference: None,
            ordering: None,
            kind: "activity".to_owned(),
            user_id: None,
            body: br#"{"type": "activity"}"#.to_vec(),
            received_at: at,
            state: ForwardState::Waiting,
            attempts: 0,
            next_attempt_at: at,
            problem: None,
        };
        NewEvent { event, digest: self.entropy().bytes() }
    }

    /// An active connection of the caller `alice`, known since [`Fixtures::NOW`].
    #[must_use]
    pub fn known_connection(&self) -> KnownConnection {
        KnownConnection {
            connection_id: ConnectionId(self.entropy().id_at(Self::NOW)),
            user_id: self.user_id(),
            reference_id: Some("alice".parse().unwrap()),
            provider: "FITBIT".parse().unwrap(),
            scopes: None,
            state: ConnectionState::Active,
            connected_at: None,
            changed_at: Self::NOW,
        }
    }
}
