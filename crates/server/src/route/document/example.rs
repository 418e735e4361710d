//! Examples of all bodies, generated from the schemas field by field.
//!
//! They are consistent: the app Acme Coach connects its end user `user_1` at Garmin, on 5 December 2026.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::openapi::{
    RefOr,
    path::Parameter,
    schema::{AdditionalProperties, ArrayItems, KnownFormat, Object, Schema, SchemaFormat, SchemaType, Type},
};

/// The example of a text field without an example. A test fails if it occurs.
const MISSING: &str = "an example is missing here";

/// The schemas by name.
pub(super) struct Examples<'a>(pub(super) &'a BTreeMap<String, RefOr<Schema>>);

impl Examples<'_> {
    /// An example of a body.
    pub(super) fn of(&self, schema: &RefOr<Schema>) -> Value {
        self.value("", "", schema)
    }

    /// `owner` is the schema in which `schema` is the field `field`.
    fn value(&self, owner: &str, field: &str, schema: &RefOr<Schema>) -> Value {
        if let Some(value) = story(owner, field) {
            return value;
        }
        match schema {
            RefOr::Ref(target) => {
                let name = target.ref_location.rsplit('/').next().unwrap_or_default();
                let whole = chosen(name).or_else(|| story(name, ""));
                whole.unwrap_or_else(|| self.0.get(name).map_or(Value::Null, |schema| self.value(name, "", schema)))
            }
            RefOr::T(schema) => self.inline(owner, field, schema),
        }
    }

    fn inline(&self, owner: &str, field: &str, schema: &Schema) -> Value {
        match schema {
            Schema::Object(object) => self.object(owner, field, object),
            Schema::Array(array) => match &array.items {
                ArrayItems::RefOrSchema(item) => json!([self.value(owner, field, item)]),
                ArrayItems::False => json!([]),
            },
            Schema::OneOf(one_of) => one_of.items.first().map_or(Value::Null, |item| self.value(owner, field, item)),
            Schema::AnyOf(any_of) => any_of.items.first().map_or(Value::Null, |item| self.value(owner, field, item)),
            Schema::AllOf(all_of) => {
                let parts = all_of.items.iter().map(|part| self.value(owner, field, part));
                Value::Object(parts.filter_map(|part| part.as_object().cloned()).flatten().collect())
            }
            _ => MISSING.into(),
        }
    }

    fn object(&self, owner: &str, field: &str, object: &Object) -> Value {
        if let Some(example) = object.example.as_ref().or(object.examples.first()) {
            return example.clone();
        }
        if let Some(first) = object.enum_values.as_ref().and_then(|values| values.first()) {
            return first.clone();
        }
        match first_type(&object.schema_type) {
            Type::Boolean => json!(true),
            Type::Integer | Type::Number => json!(1),
            Type::String => formatted(object.format.as_ref()).unwrap_or(MISSING).into(),
            _ => {
                let fields =
                    object.properties.iter().map(|(name, schema)| (name.clone(), self.value(owner, name, schema)));
                let mut fields: Map<_, _> = fields.collect();
                if let (Some(AdditionalProperties::RefOr(item)), true) =
                    (object.additional_properties.as_deref(), fields.is_empty())
                {
                    fields.insert("name".to_owned(), self.value(owner, field, item));
                }
                Value::Object(fields)
            }
        }
    }
}

/// Adds an example to a parameter that needs one.
pub(super) fn add_to(parameter: &mut Parameter) {
    let Some(RefOr::T(Schema::Object(object))) = &mut parameter.schema else { return };
    let has_example = object.example.is_some() || !object.examples.is_empty();
    if let (false, Some(value)) = (has_example, parameter_story(&parameter.name)) {
        object.example = Some(value);
    }
}

/// The type other than `null`.
fn first_type(schema_type: &SchemaType) -> Type {
    match schema_type {
        SchemaType::Type(kind) => kind.clone(),
        SchemaType::Array(kinds) => kinds.iter().find(|kind| **kind != Type::Null).cloned().unwrap_or(Type::Null),
        SchemaType::AnyValue => Type::Object,
    }
}

fn formatted(format: Option<&SchemaFormat>) -> Option<&'static str> {
    match format? {
        SchemaFormat::KnownFormat(KnownFormat::DateTime) => Some("2026-12-05T12:00:00Z"),
        SchemaFormat::KnownFormat(KnownFormat::Uuid) => Some("3f1b6c52-9c1e-4c6b-8f0a-5d2f7b9e4a11"),
        SchemaFormat::KnownFormat(KnownFormat::Uri) => Some("https://acme.example/"),
        _ => None,
    }
}

/// Bodies whose fields exclude each other, so that an example with every field would be wrong.
fn chosen(schema: &str) -> Option<Value> {
    Some(match schema {
        "WidgetSessionParams" => json!({
            "reference_id": "user_1",
            "providers": "GARMIN,OURA",
            "language": "en",
            "auth_success_redirect_url": "https://acme.example/connected",
            "auth_failure_redirect_url": "https://acme.example/not-connected",
        }),
        "AuthenticateUserParams" => json!({
            "resource": "GARMIN",
            "reference_id": "user_1",
            "auth_success_redirect_url": "https://acme.example/connected",
        }),
        "SubscriptionsResponse" => json!({"status": "success", "users": [user()]}),
        "ChangeEnvironment" => json!({"name": "Acme Coach", "accent": "#0b6e4f", "user_limit": null}),
        "RetireKey" => json!({"overlap_s": 3600}),
        "RotateSigningSecret" => json!({"overlap_s": 86_400, "sign_with": "old"}),
        "RotateProviderApp" => json!({"client_secret": "new-client-secret-not-a-secret", "overlap_s": 86_400}),
        "AuditVerdict" => json!({"intact": true, "entries": 1042, "broken_at": null}),
        "RevocationReport" => json!({
            "user_id": story("", "user_id"),
            "provider": "GARMIN",
            "outcome": "confirmed",
            "reason": null,
            "asked_at": "2026-12-05T12:00:00Z",
            "attempts": 1,
            "last_attempt_at": "2026-12-05T12:00:01Z",
            "next_attempt_at": null,
            "ended_at": "2026-12-05T12:00:01Z",
            "status": 204,
            "code": null,
        }),
        "AdminDestination" => json!({
            "destination_id": DESTINATION_ID,
            "url": "https://acme.example/webhooks/terra",
            "event_types": ["auth", "deauth"],
            "description": "CRM",
            "enabled": true,
            "created_at": "2026-12-05T11:00:00Z",
        }),
        "CreateDestination" => json!({
            "url": "https://acme.example/webhooks/terra", "event_types": ["auth", "deauth"], "description": "CRM",
        }),
        "ChangeDestination" => json!({"event_types": null, "enabled": false}),
        "AdminDelivery" => delivery(),
        "AdminDeliveryAttempt" => attempt(),
        "AdminEvent" => json!({
            "event_id": EVENT_ID,
            "type": "auth_cancelled",
            "created_at": "2026-12-05T12:00:00Z",
            "payload": cancelled(),
            "deliveries": [delivery()],
            "attempts": [attempt()],
        }),
        "ReplayDeliveries" => json!({"state": "failed", "since": "2026-12-05T11:00:00Z", "dry_run": true}),
        "TriggerEvent" => json!({"payload": cancelled()}),
        "TriggeredEvent" => json!({"event_id": EVENT_ID, "deliveries": 1}),
        "ReplayedDeliveries" => json!({"selected": 12, "replayed": 0}),
        "VaultRotation" => json!({"data_key": 2, "state": "done", "looked_at": 5210, "resealed": 5210}),
        _ => return None,
    })
}

const EVENT_ID: &str = "019aee90-7c00-7a11-9c55-3f1b6c529c1e";
const DESTINATION_ID: &str = "019aee90-7b00-7a11-9c55-5d2f7b9e4a11";

fn cancelled() -> Value {
    json!({"type": "auth_cancelled", "status": "error", "reason": "access_denied", "reference_id": "user_1"})
}

fn delivery() -> Value {
    json!({
        "event_id": EVENT_ID,
        "destination_id": DESTINATION_ID,
        "url": "https://acme.example/webhooks/terra",
        "type": "auth_cancelled",
        "user_id": null,
        "reference_id": "user_1",
        "created_at": "2026-12-05T12:00:00Z",
        "state": "waiting",
        "attempts": 1,
        "attempted_at": "2026-12-05T12:00:01Z",
        "next_attempt_at": "2026-12-05T12:00:31Z",
        "status": 500,
        "error": "the destination returned 500",
    })
}

fn attempt() -> Value {
    json!({
        "destination_id": DESTINATION_ID,
        "number": 1,
        "attempted_at": "2026-12-05T12:00:01Z",
        "status": 500,
        "error": "the destination returned 500",
        "response": "internal server error",
        "dns_ms": null,
        "connect_ms": null,
        "tls_ms": null,
        "first_byte_ms": 38,
        "total_ms": 41,
    })
}

/// An end user's connection, as most responses show it.
fn user() -> Value {
    json!({
        "user_id": story("", "user_id"),
        "provider": "GARMIN",
        "created_at": story("TerraUser", "created_at"),
        "last_webhook_update": story("", "last_webhook_update"),
        "scopes": story("", "scopes"),
        "reference_id": "user_1",
        "active": true,
    })
}

/// The example value of a field. Fields with the same name have the same value.
fn story(owner: &str, field: &str) -> Option<Value> {
    let of_owner = match (owner, field) {
        ("Provider", "") => json!("GARMIN"),
        ("ReferenceId", "") => json!("user_1"),
        ("ProviderNames", "") => json!("GARMIN,OURA"),
        // The published contract writes the instants of a user with six digits and an offset.
        ("TerraUser", "created_at") => json!("2026-12-05T12:00:00.000000+00:00"),
        ("UserDetails", "last_polled_at" | "most_recent_data_at")
        | ("RefreshReport", "last_error")
        | ("SecretCheck", "until") => json!(null),
        ("Integration" | "IntegrationName", "name") => json!("Garmin"),
        ("AdminKey" | "CreateKey", "name") => json!("backend"),
        ("AdminTokenInfo" | "CreateAdminToken", "name") => json!("deploy pipeline"),
        ("CreateEnvironment" | "EnvironmentSettings", "name") => json!("Acme Coach"),
        ("EnvironmentSettings", "redirect_allow_list") => json!(["https://acme.example/"]),
        ("EnvironmentContents", "waiting_deliveries") | ("RefreshReport", "failures") => json!(0),
        ("RefreshReport", "next_at") => json!("2026-12-06T11:00:00Z"),
        ("WidgetSession", "warnings") | ("WidgetError", "invalid_user_ids") => json!([]),
        ("WidgetError", "message") => json!("invalid auth_success_redirect_url: not an absolute URL"),
        ("WidgetError", "code") => json!("validation_failed"),
        ("InviteToMigrate", "from") => json!("FITBIT"),
        ("InviteToMigrate", "to") => json!("GOOGLE"),
        ("MigrationInvitation", "url") => json!("https://auth.acme.example/session/0f9e8d7c/secret-not-a-secret"),
        ("MigrationInvitations", "skipped") => json!(["user_2"]),
        ("RefusedConnection", "user_limit") => json!(false),
        ("RefusedConnection", "reason") => json!("access_token is missing"),
        ("SecretCheck", "why") => json!("Garmin refused a code that it never gave, and accepted the app"),
        ("VaultKey", "purpose") => json!("vault"),
        ("VaultKey", "state") => json!("current"),
        ("AdminProviderApp", "headers") => json!(["Ocp-Apim-Subscription-Key"]),
        ("SetProviderApp" | "RotateProviderApp", "headers") => {
            json!({"Ocp-Apim-Subscription-Key": "test-key-not-a-secret"})
        }
        ("AuthenticateUser", "user_id") => json!("8d2f0c1e-64b7-4d9a-a3f5-1b7c9e0d2f46"),
        _ => json!(MISSING),
    };
    if of_owner != MISSING {
        return Some(of_owner);
    }
    Some(match field {
        "dev_id" => json!("acme-testing-4fd81c"),
        "api_key" => json!("test-key-not-a-secret"),
        "signing_secret" => json!("test-signing-secret-not-a-secret"),
        "client_id" => json!("acme-coach"),
        "client_secret" => json!("client-secret-not-a-secret"),
        "token" => json!("token-not-a-secret"),
        "access_token" => json!("access-token-not-a-secret"),
        "refresh_token" => json!("refresh-token-not-a-secret"),
        "hint" | "previous_hint" => json!("cret"),
        "user_id" | "target" => json!("3f1b6c52-9c1e-4c6b-8f0a-5d2f7b9e4a11"),
        "session_id" => json!("0f9e8d7c-6b5a-4f3e-8d2c-1b0a9f8e7d6c"),
        "reference_id" => json!("user_1"),
        "resource" | "provider" | "providers" => provider(owner, field),
        "sdk_providers" => json!(["APPLE", "SAMSUNG"]),
        "url" | "auth_url" => {
            json!("https://auth.acme.example/session/0f9e8d7c-6b5a-4f3e-8d2c-1b0a9f8e7d6c/secret-not-a-secret")
        }
        "icon" | "logo_url" => logo(owner),
        "setup" => json!("API_KEYS_MANAGED"),
        "expires_in" => json!(if owner == "AuthToken" { 180 } else { 900 }),
        "expires_at" => json!("2026-12-05T12:15:00Z"),
        "last_webhook_update" => json!("2026-12-05T12:00:01.000000+00:00"),
        "scopes" if owner != "AdminKey" && owner != "CreateKey" => json!("activity,sleep"),
        "account" => json!("garmin-account-1"),
        "destination" => json!("https://acme.example/webhooks/terra"),
        "accent" => json!("#0b6e4f"),
        "user_limit" => json!(500),
        "users" if owner != "SubscriptionsResponse" => json!(128),
        "success_url" => json!("https://acme.example/connected"),
        "failure_url" => json!("https://acme.example/not-connected"),
        "valid_hours" => json!(168),
        "overlap_s" => json!(86_400),
        "expires_in_days" => json!(90),
        "profile" | "next" => json!(null),
        "previous_until" | "old_until" => json!("2026-12-06T12:00:00Z"),
        "actor" => json!("deploy pipeline"),
        "origin" => json!("203.0.113.7"),
        "action" => json!("api_key.rotate"),
        "mac" => json!("9f2c".repeat(16)),
        "master_key" => json!("mk-2026"),
        "master_keys" => json!(["mk-2026"]),
        _ => return None,
    })
}

fn parameter_story(name: &str) -> Option<Value> {
    Some(match name {
        "resource" => json!("GARMIN"),
        "resource_user_identifier" => json!("phone-of-user-1"),
        "key_id" | "token_id" | "id" => story("", "user_id")?,
        "dev-id" => story("", "dev_id")?,
        "dev_id" | "user_id" | "provider" | "reference_id" => story("", name)?,
        "event_id" => json!(EVENT_ID),
        _ => return None,
    })
}

fn provider(owner: &str, field: &str) -> Value {
    match (owner, field) {
        ("Integrations" | "EnvironmentSettings", "providers") => json!(["GARMIN", "OURA"]),
        ("IntegrationsDetailed", "providers") => json!([{
            "provider": "GARMIN",
            "name": "Garmin",
            "icon": logo("Integration"),
            "setup": "API_KEYS_MANAGED",
            "enabled": true,
            "types": {"activity": true, "body": true, "nutrition": false, "daily": true, "sleep": true, "menstruation": true},
        }]),
        _ => json!("GARMIN"),
    }
}

fn logo(owner: &str) -> Value {
    if owner == "EnvironmentSettings" {
        return json!("https://cdn.acme.example/logo.svg");
    }
    json!("https://auth.acme.example/assets/provider/garmin.svg")
}
