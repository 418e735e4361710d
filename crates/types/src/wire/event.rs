use serde::{Deserialize, Serialize, de};
use serde_json::Value;

use super::{Status, TerraUser};
use crate::UserId;

/// The `version` that events carry.
pub const API_VERSION: &str = "2022-03-16";

/// What a webhook tells: something happened to a connection.
///
/// Older spellings are read too: a failed login as `auth` with status `error` and its user, a `user_reauth` that has no
/// more than the old id, bodies without `message` or `version`. A type that is not listed here is [`Event::Other`], to
/// be recorded and acknowledged.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A connection was made.
    Auth(Auth),
    /// A login failed or was cancelled.
    AuthCancelled(AuthCancelled),
    /// A user was deauthenticated.
    Deauth(Deauth),
    /// A user came back under a new id.
    UserReauth(UserReauth),
    /// The end user removed the access at the provider.
    AccessRevoked(AccessRevoked),
    /// The granted permissions changed.
    PermissionChange(PermissionChange),
    /// The provider refuses a connection.
    ConnectionError(ConnectionError),
    /// Anything else, as it came.
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
    /// For people.
    #[serde(default)]
    pub message: Option<String>,
    /// Names the login that completed.
    #[serde(default)]
    pub flow_id: Option<String>,
    /// The widget session it happened in.
    #[serde(default)]
    pub widget_session_id: Option<String>,
    /// The user's reference id again; older receivers look for it here.
    #[serde(default)]
    pub reference_id: Option<String>,
    /// Always [`API_VERSION`].
    #[serde(default = "version")]
    pub version: String,
}

/// Body of an `auth_cancelled` event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AuthCancelledEvent))]
pub struct AuthCancelled {
    /// Always `error`.
    pub status: Status,
    /// Names the login that failed.
    #[serde(default)]
    pub flow_id: Option<String>,
    /// Why, such as `access_denied`.
    #[serde(default)]
    pub reason: Option<String>,
    /// Whose login it was.
    #[serde(default)]
    pub reference_id: Option<String>,
    /// The user that did not come to be; only in the older spelling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<TerraUser>,
}

macro_rules! about_a_user {
    ($(#[$doc:meta])* $name:ident as $schema:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = $schema))]
        pub struct $name {
            /// The connection.
            pub user: TerraUser,
            /// How serious it is.
            #[serde(default)]
            pub status: Status,
            /// For people.
            #[serde(default, deserialize_with = "text")]
            pub message: String,
        }
    };
}
about_a_user!(
    /// Body of a `deauth` event; its status is `success`.
    Deauth as DeauthEvent
);
about_a_user!(
    /// Body of an `access_revoked` event; its status is `warning`.
    AccessRevoked as AccessRevokedEvent
);
about_a_user!(
    /// Body of a `connection_error` event; its status is `warning`.
    ConnectionError as ConnectionErrorEvent
);

/// Body of a `user_reauth` event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = UserReauthEvent))]
pub struct UserReauth {
    /// The connection that counts from now on.
    pub new_user: TerraUser,
    /// The one it replaces.
    #[serde(default)]
    pub old_user: Option<TerraUser>,
    /// No more than its id; only in an older spelling.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<uuid::Uuid>))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_user_id: Option<UserId>,
    /// Always `warning`.
    #[serde(default)]
    pub status: Status,
    /// For people.
    #[serde(default, deserialize_with = "text")]
    pub message: String,
    /// Always [`API_VERSION`].
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
    /// For people.
    #[serde(default, deserialize_with = "text")]
    pub message: String,
    /// Always [`API_VERSION`].
    #[serde(default = "version")]
    pub version: String,
    /// Comma-separated; empty for none.
    #[serde(default, deserialize_with = "text")]
    pub scopes_added: String,
    /// Comma-separated; empty for none.
    #[serde(default, deserialize_with = "text")]
    pub scopes_removed: String,
}

fn version() -> String {
    API_VERSION.to_owned()
}

/// Reads text; `null` is empty.
fn text<'de, D: de::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl Auth {
    /// Whose login it was: a user carries its reference id, and older senders repeat it beside it.
    #[must_use]
    pub fn reference_id(&self) -> Option<&str> {
        self.user.reference_id.as_deref().or(self.reference_id.as_deref())
    }
}

impl AuthCancelled {
    /// Whose login it was, in either spelling.
    #[must_use]
    pub fn reference_id(&self) -> Option<&str> {
        let of_user = || self.user.as_ref()?.reference_id.as_deref();
        self.reference_id.as_deref().or_else(of_user)
    }
}

impl UserReauth {
    /// The id that counts no longer, in either spelling.
    #[must_use]
    pub fn old_user_id(&self) -> Option<UserId> {
        self.old_user.as_ref().map(|user| user.user_id).or(self.old_user_id)
    }
}

impl Event {
    /// Every `type` that is sent, in the order of the variants.
    pub const TYPES: [&str; 7] =
        ["auth", "auth_cancelled", "deauth", "user_reauth", "access_revoked", "permission_change", "connection_error"];

    /// The `type` the event has on the wire; empty for one without.
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
    fn an_event_is_read_back_as_it_was_written() {
        let body = json!({"type": "auth", "status": "success", "user": user(), "message": "hello", "flow_id": null,
                          "widget_session_id": null, "reference_id": "alice", "version": "2022-03-16"});
        let event: Event = serde_json::from_value(body.clone()).unwrap();
        assert_eq!(event.kind(), "auth");
        assert_eq!(serde_json::to_value(&event).unwrap(), body);
    }

    #[test]
    fn a_failed_login_is_read_in_its_older_spelling() {
        let body = json!({"type": "auth", "status": "error", "user": user(), "reason": "access_denied"});
        let event: Event = serde_json::from_value(body).unwrap();
        assert_eq!(event.kind(), "auth_cancelled");
        let Event::AuthCancelled(failure) = event else { panic!("{event:?}") };
        assert_eq!(failure.reference_id(), Some("alice"));
        assert_eq!(failure.reason.as_deref(), Some("access_denied"));
    }

    #[test]
    fn a_reference_id_is_found_beside_the_user_too() {
        let mut user = user();
        user["reference_id"] = serde_json::Value::Null;
        let body = json!({"type": "auth", "status": "success", "user": user, "reference_id": "alice"});
        let Event::Auth(auth) = serde_json::from_value(body).unwrap() else { panic!("no auth") };
        assert_eq!(auth.reference_id(), Some("alice"));
    }

    #[test]
    fn the_old_id_of_a_user_is_found_in_either_spelling() {
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
    fn what_only_people_read_may_be_missing() {
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
    fn an_unknown_type_is_kept_whole() {
        let body = json!({"type": "healthcheck", "trend_percentage": 3});
        let event: Event = serde_json::from_value(body.clone()).unwrap();
        assert_eq!((event.kind(), serde_json::to_value(&event).unwrap()), ("healthcheck", body));
    }
}
