//! `terra-auth vault rotate`: rotates the keys in this process, or in a running server.

use anyhow::Context as _;
use serde_json::json;
use terra_auth::{
    admin::AdminClient,
    wire::admin::{RotatedMasterKey, VaultRotation, VaultRotationState},
};
use terra_auth_core::{
    admin::action::Admin,
    node::rotation::RotationProgress,
    vault::{KEY_PROPAGATION_TIME, RotateError},
};
use tokio::time::{Duration, Instant, sleep};

use super::{REPORT_INTERVAL, open};
use crate::{
    app::App,
    command::admin::access::AdminOptions,
    dry_run::DryRun,
    failure::{CommandError, FailureKind},
    service::storage_options::StorageOptions,
    terminal::ui::Ui,
};

/// Rotate the data key and re-encrypt all values, or rotate the master key
///
/// With --server, the running server does the rotation; this requires an admin token with the role
/// owner. Otherwise, this command opens the store itself.
///
/// If a rotation is interrupted, run the command again to continue. The old data key is stored,
/// wrapped by the master key, as long as a value still needs it.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth vault rotate --server https://auth.acme.example",
    "terra-auth vault rotate --server https://auth.acme.example --master",
    "terra-auth vault rotate",
])]
pub(crate) struct Args {
    /// Wrap all data keys with the current master key instead; the previous master keys are then obsolete
    ///
    /// First, add the new master key before the old one where the server reads them: in the file, or in
    /// the output of the command. A server that reads them from environment variables must be restarted
    /// with both.
    #[arg(long)]
    master: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    access: AdminOptions,
    #[command(flatten)]
    storage: StorageOptions,
}

impl Args {
    pub(super) async fn run(self, app: &App) -> anyhow::Result<()> {
        let what = if self.master {
            "wrap every data key with the current master key"
        } else {
            "create a data key and encrypt every value with it"
        };
        if self.dry_run.report(
            app.ui,
            what,
            &json!({ "rotate": if self.master { "master_key" } else { "data_key" } }),
        )? {
            return Ok(());
        }
        let server = self.access.server_option();
        let admin = server.map(|server| self.access.client_for(app, &server)).transpose()?;
        match (admin, self.master) {
            (Some(admin), true) => {
                let rotated = admin.rotate_master_key().await.context("the server could not rotate its master key")?;
                show_master_key(app.ui, &rotated)
            }
            (Some(admin), false) => rotate_on_server(&admin, app.ui).await,
            (None, true) => self.rewrap(app.ui).await,
            (None, false) => self.rotate(app.ui).await,
        }
    }

    async fn rewrap(&self, ui: Ui) -> anyhow::Result<()> {
        let auth = open(&self.storage).await?;
        let rewrapped = auth.rewrap_data_keys(&Admin::local("vault rotate")).await?;
        let master_key = auth.keys().master_keys().current().id().to_string();
        show_master_key(ui, &RotatedMasterKey { master_key, rewrapped })
    }

    async fn rotate(&self, ui: Ui) -> anyhow::Result<()> {
        let auth = open(&self.storage).await?;
        ui.note(&format!("waiting {} s until every node has the new key …", 2 * KEY_PROPAGATION_TIME.as_secs()))?;
        let mut reporter = ProgressReporter::new(ui);
        let report = |progress: RotationProgress| reporter.report(progress.looked_at, progress.resealed);
        let rotated = auth.rotate_data_key(&Admin::local("vault rotate"), KEY_PROPAGATION_TIME, report).await;
        let rotated = rotated.map_err(rotation_error)?;
        show(ui, rotated.data_key, rotated.progress.resealed)
    }
}

fn show_master_key(ui: Ui, rotated: &RotatedMasterKey) -> anyhow::Result<()> {
    let RotatedMasterKey { master_key, rewrapped } = rotated;
    ui.result(
        || format!("{rewrapped} data keys were rewrapped; all are now wrapped by the master key {master_key}"),
        rotated,
    )
}

fn show(ui: Ui, data_key: u32, resealed: u64) -> anyhow::Result<()> {
    let plain = || format!("all values are encrypted with data key {data_key}; {resealed} values were re-encrypted");
    ui.result(plain, &json!({ "data_key": data_key, "resealed": resealed }))
}

/// Reports the progress of a rotation from time to time.
struct ProgressReporter {
    ui: Ui,
    last_report: Instant,
}

impl ProgressReporter {
    fn new(ui: Ui) -> Self {
        Self { ui, last_report: Instant::now() }
    }

    fn report(&mut self, looked_at: u64, resealed: u64) {
        if self.last_report.elapsed() >= REPORT_INTERVAL {
            self.last_report = Instant::now();
            // The rotation continues even if standard error is closed.
            drop(self.ui.note(&format!("{looked_at} values checked, {resealed} re-encrypted …")));
        }
    }
}

/// Interval between calls for the state of the server's rotation.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// How long no node may work on the rotation before the command gives up.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

async fn rotate_on_server(admin: &AdminClient, ui: Ui) -> anyhow::Result<()> {
    let mut rotation = admin.begin_rotation().await.context("the rotation did not start")?;
    let (mut reporter, mut last_active) = (ProgressReporter::new(ui), Instant::now());
    loop {
        match (rotation.state, rotation.failure) {
            (VaultRotationState::Done, _) => return show(ui, rotation.data_key, rotation.resealed),
            (VaultRotationState::Running, _) => last_active = Instant::now(),
            (VaultRotationState::Unfinished, Some(failure)) => return Err(stopped_error(failure)),
            // This node may not know that another one works on the rotation.
            (VaultRotationState::Unfinished, None) if last_active.elapsed() > IDLE_TIMEOUT => {
                return Err(stopped_error(format!(
                    "no node has worked on the rotation for {} s",
                    IDLE_TIMEOUT.as_secs()
                )));
            }
            (VaultRotationState::Unfinished, None) => {}
        }
        reporter.report(rotation.looked_at, rotation.resealed);
        sleep(POLL_INTERVAL).await;
        rotation = progress(admin).await?;
    }
}

async fn progress(admin: &AdminClient) -> anyhow::Result<VaultRotation> {
    let rotation = admin.vault_rotation().await;
    rotation.context("could not read the state of the rotation; run the command again to continue")
}

fn stopped_error(failure: String) -> anyhow::Error {
    let next = "check the server's log and `terra-auth vault verify`, then run the command again to continue";
    CommandError::new(FailureKind::Failed, failure, next).into()
}

fn rotation_error(error: RotateError) -> anyhow::Error {
    match error {
        RotateError::Admin(_) | RotateError::Store(_) => {
            anyhow::Error::new(error).context("the rotation stopped; run the command again to continue")
        }
        RotateError::UnreadableValues(_) => {
            CommandError::new(FailureKind::FoundErrors, error.to_string(), "list them with `terra-auth vault verify`")
                .into()
        }
        RotateError::OlderKeyInUse => {
            let next = "start every server with all master keys, then run the command again";
            CommandError::new(FailureKind::Failed, error.to_string(), next).into()
        }
    }
}
