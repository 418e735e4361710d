//! The admin API, an addition of ours below the published prefix: `/api/v3/admin`.

mod access_token;
mod admin_token;
mod api_key;
mod audit;
mod check;
mod connection;
mod delivery;
mod destination;
mod environment;
mod migration;
mod portable;
mod provider_app;
mod revocation;
mod signing_secret;
mod vault;

pub use access_token::IssuedAccessToken;
pub use admin_token::{AdminTokenInfo, AdminTokens, CreateAdminToken, IssuedAdminToken, Role};
pub use api_key::{AdminKey, AdminKeys, CreateKey, IssuedKey, RetireKey};
pub use audit::{AuditEntry, AuditPage, AuditParams, AuditVerdict};
pub use check::{AppCheckVerdict, ProviderAppCheck, SecretCheck};
pub use connection::{AdminConnection, FailedRefresh, GrantState, RefreshFailure, RefreshReport};
pub use delivery::{
    AdminDeliveries, AdminDelivery, AdminDeliveryAttempt, AdminEvent, DeliveryParams, DeliveryState, ReplayDeliveries,
    ReplayedDeliveries, TriggerEvent, TriggeredEvent,
};
pub use destination::{AdminDestination, AdminDestinations, ChangeDestination, CreateDestination};
pub use environment::{
    AdminEnvironment, AdminEnvironments, ChangeEnvironment, CreateEnvironment, DeleteEnvironmentParams,
    EnvironmentContents, EnvironmentSettings, IssuedEnvironment, WebhookDestination,
};
pub use migration::{InviteToMigrate, MigrationInvitation, MigrationInvitations};
pub use portable::{
    ExportParams, ImportConnections, ImportedConnections, PortableConnection, PortableConnections, RefusedConnection,
};
pub use provider_app::{AdminProviderApp, AdminProviderApps, RotateProviderApp, SetProviderApp};
pub use revocation::{RevocationOutcome, RevocationParams, RevocationReason, RevocationReport, RevocationReports};
pub use signing_secret::{RotateSigningSecret, RotatedSigningSecret, SignWith};
pub use vault::{RotatedMasterKey, VaultKey, VaultKeyState, VaultRotation, VaultRotationState, VaultStatus};

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{AppCheckVerdict, Role, SignWith};

    #[test]
    fn a_name_is_the_same_in_texts_and_on_the_wire() {
        for role in [Role::ReadOnly, Role::Operator, Role::Owner] {
            assert_eq!(json!(role), role.as_str());
            assert_eq!(Role::from_name(role.as_str()), Some(role));
        }
        for choice in [SignWith::Old, SignWith::New, SignWith::Both] {
            assert_eq!(json!(choice), choice.as_str());
            assert_eq!(SignWith::from_name(choice.as_str()), Some(choice));
        }
        for verdict in
            [AppCheckVerdict::Known, AppCheckVerdict::Refused, AppCheckVerdict::Unclear, AppCheckVerdict::Unreachable]
        {
            assert_eq!(json!(verdict), verdict.as_str());
        }
    }
}
