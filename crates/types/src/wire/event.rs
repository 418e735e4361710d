use serde::{Deserialize, Serialize, de};
use serde_json::Value;

use super::{Status, TerraUser};
use crate::UserId;

/// The `version` field of events.
pub const API_VERSION: &str = "2022-03-16";

/// The body of a webhook: something happened to a connection.
///
/// Older formats are parsed too: a failed login as `auth` with status `error` and a user, a `user_reauth` with
/// `old_user_id` instead of `old_user`, bodies without `message` or `version`. A type that is not listed here
/// becomes [`Event::Other`]; receivers store and acknowledge it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A connection was created.
    Auth(Auth),
    /// A login failed or was cancelled.
    AuthCancelled(AuthCancelled),
    /// A user was deauthenticated.
    Deauth(Deauth),
    /// A user connected again and has a new id.
    UserReauth(UserReauth),
    /// The end user revoked the access at the provider.
    AccessRevoked(AccessRevoked),
    /// The granted permissions changed.
    PermissionChange(PermissionChange),
    /// The provider rejects the tokens of a connection.
    ConnectionError(ConnectionError),
    /// Any other body, unchanged.
    #[serde(untagged)]
    Other(Value),
}

/// Body of an `auth` event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AuthEvent))]
pub struct Auth {
    /// Always `success`.
    pub status: Status,
    /// The new connection.
    pub user: TerraUser,
    /// A message for people.
    #[serde(default)]
    pub message: Option<String>,
    /// The id of the completed login.
    #[serde(default)]
    pub flow_id: Option<String>,
    /// The widget session of the login.
    #[serde(default)]
    pub widget_session_id: Option<String>,
    /// The user's reference id, repeated for older receivers.
    #[serde(default)]
    pub reference_id: Option<String>,
    /// Always `2022-03-16`.
    #[serde(default = "version")]
    pub version: String,
}

/// Body of an `auth_cancelled` event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AuthCancelledEvent))]
pub struct AuthCancelled {
    /// Always `error`.
    pub status: Status,
    /// The id of the failed login.
    #[serde(default)]
    pub flow_id: Option<String>,
    /// The reason, such as `access_denied`.
    #[serde(default)]
    pub reason: Option<String>,
    /// The reference id of the end user who logged in.
    #[serde(default)]
    pub reference_id: Option<String>,
    /// The user that the login did not create; only in the older format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<TerraUser>,
}

macro_rules! user_event {
    ($(#[$doc:meta])* $name:ident as $schema:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = $schema))]
        pub struct $name {
            /// The connection.
            pub user: TerraUser,
            /// The severity of the event.
            #[serde(default)]
            pub status: Status,
            /// A message for people.
            #[serde(default, deserialize_with = "text")]
            pub message: String,
        }
    };
}
user_event!(
    /// Body of a `deauth` event; its status is `success`.
    Deauth as DeauthEvent
);
user_event!(
    /// Body of an `access_revoked` event; its status is `warning`.
    AccessRevoked as AccessRevokedEvent
);
user_event!(
    /// Body of a `connection_error` event; its status is `warning`.
    ConnectionError as ConnectionErrorEvent
);

/// Body of a `user_reauth` event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = UserReauthEvent))]
pub struct UserReauth {
    /// The new connection.
    pub new_user: TerraUser,
    /// The replaced connection.
    #[serde(default)]
    pub old_user: Option<TerraUser>,
    /// The id of the replaced connection; only in an older format.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<uuid::Uuid>))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_user_id: Option<UserId>,
    /// Always `warning`.
    #[serde(default)]
    pub status: Status,
    /// A message for people.
    #[serde(default, deserialize_with = "text")]
    pub message: String,
    /// Always `2022-03-16`.
    #[serde(default = "version")]
    pub version: String,
}

/// Body of a `permission_change` event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = PermissionChangeEvent))]
pub struct PermissionChange {
    /// The connection.
    pub user: TerraUser,
    /// Always `warning`.
    #[serde(default)]
    pub status: Status,
    /// A message for people.
    #[serde(default, deserialize_with = "text")]
    pub message: String,
    /// Always `2022-03-16`.
    #[serde(default = "version")]
    pub version: String,
    /// Comma-separated; empty if there are none.
    #[serde(default, deserialize_with = "text")]
    pub scopes_added: String,
    /// Comma-separated; empty if there are none.
    #[serde(default, deserialize_with = "text")]
    pub scopes_removed: String,
}

fn version() -> String {
    API_VERSION.to_owned()
}

/// Deserializes text; `null` becomes the empty text.
fn text<'de, D: de::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl Auth {
    /// The reference id of the login, from the user or, with older senders, from the event.
    #[must_use]
    pub fn reference_id(&self) -> Option<&str> {
        self.user.reference_id.as_deref().or(self.reference_id.as_deref())
    }
}

impl AuthCancelled {
    /// The reference id of the login, in either format.
    #[must_use]
    pub fn reference_id(&self) -> Option<&str> {
        let of_user = || self.user.as_ref()?.reference_id.as_deref();
        self.reference_id.as_deref().or_else(of_user)
    }
}

impl UserReauth {
    /// The id of the replaced connection, in either format.
    #[must_use]
    pub fn old_user_id(&self) -> Option<UserId> {
        self.old_user.as_ref().map(|user| user.user_id).or(self.old_user_id)
    }
}

impl Event {
    /// Every `type` that servers send, in the order of the variants.
    pub const TYPES: [&str; 7] =
        ["auth", "auth_cancelled", "deauth", "user_reauth", "access_revoked", "permission_change", "connection_error"];

    /// The `type` on the wire; empty if the body has none.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Auth(_) => "auth",
            Self::AuthCancelled(_) => "auth_cancelled",
            Self::Deauth(_) => "deauth",
            Self::UserReauth(_) => "user_reauth",
            Self::AccessRevoked(_) => "access_revoked",
            Self::PermissionChange(_) => "permission_change",
            Self::ConnectionError(_) => "connection_error",
            Self::Other(body) => body["type"].as_str().unwrap_or_default(),
        }
    }
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        fn read<T: de::DeserializeOwned, E: de::Error>(body: Value) -> Result<T, E> {
            serde_json::from_value(body).map_err(E::custom)
        }
        let body = Value::deserialize(deserializer)?;
        match body["type"].as_str() {
            Some("auth") if body["status"] == "error" => read(body).map(Self::AuthCancelled),
            Some("auth") => read(body).map(Self::Auth),
            Some("auth_cancelled") => read(body).map(Self::AuthCancelled),
            Some("deauth") => read(body).map(Self::Deauth),
            Some("user_reauth") => read(body).map(Self::UserReauth),
            Some("access_revoked") => read(body).map(Self::AccessRevoked),
            Some("permission_change") => read(body).map(Self::PermissionChange),
            Some("connection_error") => read(body).map(Self::ConnectionError),
            _ => Ok(Self::Other(body)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Event;

    fn user() -> serde_json::Value {
        json!({"user_id": "23dc2540-7139-44c6-8158-f81196e2cf2e", "provider": "FITBIT", "created_at": null,
               "last_webhook_update": null, "scopes": null, "reference_id": "alice", "active": true})
    }

    #[test]
    fn an_event_round_trips() {
        let body = json!({"type": "auth", "status": "success", "user": user(), "message": "hello", "flow_id": null,
                          "widget_session_id": null, "reference_id": "alice", "version": "2022-03-16"});
        let event: Event = serde_json::from_value(body.clone()).unwrap();
        assert_eq!(event.kind(), "auth");
        assert_eq!(serde_json::to_value(&event).unwrap(), body);
    }

    #[test]
    fn a_failed_login_is_parsed_in_its_older_format() {
        let body = json!({"type": "auth", "status": "error", "user": user(), "reason": "access_denied"});
        let event: Event = serde_json::from_value(body).unwrap();
        assert_eq!(event.kind(), "auth_cancelled");
        let Event::AuthCancelled(failure) = event else { panic!("{event:?}") };
        assert_eq!(failure.reference_id(), Some("alice"));
        assert_eq!(failure.reason.as_deref(), Some("access_denied"));
    }

    #[test]
    fn a_reference_id_outside_the_user_is_found_too() {
        let mut user = user();
        user["reference_id"] = serde_json::Value::Null;
        let body = json!({"type": "auth", "status": "success", "user": user, "reference_id": "alice"});
        let Event::Auth(auth) = serde_json::from_value(body).unwrap() else { panic!("no auth") };
        assert_eq!(auth.reference_id(), Some("alice"));
    }

    #[test]
    fn the_old_id_of_a_user_is_found_in_either_format() {
        let id = "9a3b2540-7139-44c6-8158-f81196e2cf2e";
        let mut old = user();
        old["user_id"] = id.into();
        for body in [
            json!({"type": "user_reauth", "new_user": user(), "old_user_id": id}),
            json!({"type": "user_reauth", "new_user": user(), "old_user": old, "status": "warning", "message": "hello"}),
        ] {
            let Event::UserReauth(event) = serde_json::from_value(body).unwrap() else { panic!("no user_reauth") };
            assert_eq!(event.old_user_id(), Some(id.parse().unwrap()));
        }
    }

    #[test]
    fn fields_for_people_may_be_missing() {
        for kind in ["deauth", "access_revoked", "connection_error", "permission_change"] {
            for body in [
                json!({"type": kind, "user": user()}),
                json!({"type": kind, "user": user(), "message": null, "scopes_added": null}),
            ] {
                let event: Event = serde_json::from_value(body).unwrap();
                assert_eq!(event.kind(), kind);
            }
        }
    }

    #[test]
    fn an_event_of_unknown_type_is_unchanged() {
        let body = json!({"type": "healthcheck", "trend_percentage": 3});
        let event: Event = serde_json::from_value(body.clone()).unwrap();
        assert_eq!((event.kind(), serde_json::to_value(&event).unwrap()), ("healthcheck", body));
    }
}
