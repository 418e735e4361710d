//! `terra-auth vault reset`: makes a store usable again after the loss of its master key.

use anyhow::Context as _;
use serde_json::json;
use terra_auth_core::{
    admin::action::Admin,
    vault::{ColumnCount, KEY_PROPAGATION_TIME, Reset, ResetProgress, ResetVaultError},
};
use terra_auth_model::{
    clock::SystemEntropy,
    keys::{KeyRing, LostKeysError, MasterKeys, ReplacementKeys},
    store::Store,
    vault::SealedColumn,
};
use tokio::time::Instant;

use super::{IN_USE, REPORT_INTERVAL};
use crate::{
    app,
    dry_run::DryRun,
    failure::{CommandError, FailureKind},
    service::{
        node,
        open_options::{with_in_use_remedy, with_remedy},
        storage_options::StorageOptions,
    },
    terminal::{prompt, ui::Ui},
};

/// Reset the vault after the loss of its master key: replace the key and delete the values it encrypted
///
/// Stop every server that uses this store, and copy the store first. Deleted values cannot be recovered.
///
/// The reset deletes all provider tokens, so end users must connect again. It replaces all signing
/// secrets with new ones, and deletes the secrets of apps at providers. Environments, API keys,
/// connections with their user ids and reference ids, undelivered events and the audit log remain.
/// Each connection becomes inactive, and its app receives a `connection_error` event. If a reset is
/// interrupted, run it again to continue; until it is complete, no server starts.
///
/// The new master key is read from where the server reads it. If the data directory has none, the
/// command creates one.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth vault reset",
    "TERRA_AUTH_STORE=postgres://terra@db/terra TERRA_AUTH_MASTER_KEY=$(cat new-key) terra-auth vault reset --yes",
])]
pub(crate) struct Args {
    /// Skip the confirmation (required without a terminal)
    #[arg(long)]
    yes: bool,
    /// Reset even though the master key is available, because it leaked together with the store
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    storage: StorageOptions,
}

impl Args {
    pub(super) async fn run(self, ui: Ui) -> anyhow::Result<()> {
        self.storage.require_store()?;
        let (masters, unsaved) = self.storage.new_master_keys()?;
        let store = terra_auth_store::open(&self.storage.store()).await.map_err(with_remedy);
        let store = store.map_err(|error| with_in_use_remedy(error, IN_USE))?;
        let ReplacementKeys { ring, rows } = self.replacement_keys(&store, masters).await?;
        let auth = node::auth_without_network(store, ring)?;
        let counts = auth.verify_vault(|_, _| {}).await.context("could not read all encrypted values")?;
        if self.dry_run.report(ui, &format!("ask: {}", question(&counts)), &json!({ "reset": question(&counts) }))? {
            return Ok(());
        }
        prompt::confirm_or_yes(self.yes, "reset", || Ok(question(&counts)))?;
        if let Some(unsaved) = &unsaved {
            unsaved.save()?;
            ui.note(&format!(
                "the new master key is in {}; store a copy, but not with the backups of the store",
                unsaved.file.display()
            ))?;
        }
        let mut last_report = Instant::now();
        let report = |so_far: ResetProgress| {
            if last_report.elapsed() >= REPORT_INTERVAL {
                last_report = Instant::now();
                // The reset continues even if standard error is closed.
                drop(ui.note(&format!("{} values checked, {} deleted …", so_far.looked_at, so_far.values)));
            }
        };
        let reset = auth.reset_vault(&Admin::local("vault reset"), rows, KEY_PROPAGATION_TIME, report).await;
        let reset = reset.map_err(reset_error)?;
        let master_key = auth.keys().master_keys().current().id().to_string();
        let mut json = as_json(&reset, &master_key);
        json["new_master_key_file"] = json!(unsaved.map(|unsaved| unsaved.file.display().to_string()));
        ui.result(|| plain(&reset, &master_key), &json)
    }

    async fn replacement_keys(&self, store: &Store, masters: MasterKeys) -> anyhow::Result<ReplacementKeys> {
        let all = self.storage.with_discovered_keys(&masters);
        let now = app::now();
        if !self.force {
            let found = KeyRing::replace_lost_keys(store, all, &SystemEntropy, now, false).await;
            found.map_err(lost_keys_error)?;
        }
        KeyRing::replace_lost_keys(store, masters, &SystemEntropy, now, self.force).await.map_err(lost_keys_error)
    }
}

fn lost_keys_error(error: LostKeysError) -> anyhow::Error {
    let next = match &error {
        LostKeysError::NothingLost => {
            "start the server with its existing master key; to reset the vault anyway, add --force"
        }
        LostKeysError::NoKeys => "there is nothing to reset; start a server with this store",
        LostKeysError::Open(_) => "pass only the master key that replaces the lost one",
        LostKeysError::Store(_) => return error.into(),
    };
    CommandError::new(FailureKind::Failed, error.to_string(), next).into()
}

fn reset_error(error: ResetVaultError) -> anyhow::Error {
    let next = "run it again with the same master key to continue";
    let stopped = CommandError::new(FailureKind::Failed, "the reset stopped", next);
    match error {
        ResetVaultError::LostKeyInUse => CommandError::new(
            FailureKind::Failed,
            error.to_string(),
            "stop every server that uses this store, then run the reset again",
        )
        .into(),
        ResetVaultError::Admin(_) | ResetVaultError::Store(_) => anyhow::Error::new(error).context(stopped),
    }
}

fn question(counts: &[ColumnCount]) -> String {
    let of = |column| counts.iter().find(|count| count.column == column).map_or(0, |count| count.broken);
    format!(
        "Delete the tokens of {} connections and of {} grants that await revocation, and replace {} signing secrets?",
        of(SealedColumn::Grant),
        of(SealedColumn::OwedGrant),
        of(SealedColumn::SigningSecret)
    )
}

/// The remaining steps for the operator.
fn next_steps(reset: &Reset) -> Vec<String> {
    let secrets = reset.signing_secrets.iter().map(|dev_id| {
        let command = format!("terra-auth keys rotate-signing-secret --dev-id {dev_id} --now");
        format!("give the receivers of {dev_id} a new signing secret: {command}")
    });
    let apps = reset.apps.iter().map(|(dev_id, provider)| {
        let command = format!("terra-auth providers app rotate {provider} --dev-id {dev_id} --now");
        format!("enter the secret of the app at {provider} again: {command}")
    });
    secrets.chain(apps).collect()
}

fn plain(reset: &Reset, master_key: &str) -> String {
    let discarded = &reset.discarded;
    let done = format!(
        "the vault is encrypted with the master key {master_key}; {} values were deleted: the end users of {} connections \
         must connect again, and {} grants can no longer be revoked",
        discarded.values, discarded.connections, discarded.revocations
    );
    let next = next_steps(reset).into_iter().map(|line| format!("  {line}"));
    let head = ["next steps, in addition to starting the server:".to_owned()];
    let lines = if next.len() == 0 { Vec::new() } else { head.into_iter().chain(next).collect() };
    [done].into_iter().chain(lines).collect::<Vec<_>>().join("\n")
}

fn as_json(reset: &Reset, master_key: &str) -> serde_json::Value {
    let apps = reset.apps.iter().map(|(dev_id, provider)| json!({ "dev_id": dev_id, "provider": provider }));
    let ResetProgress { values, connections, revocations, .. } = reset.discarded;
    json!({
        "master_key": master_key,
        "forgotten": { "values": values, "connections": connections, "revocations": revocations },
        "signing_secrets": reset.signing_secrets, "provider_apps": apps.collect::<Vec<_>>(), "next": next_steps(reset),
    })
}
