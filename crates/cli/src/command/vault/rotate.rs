//! `terra-auth vault rotate`: by this process, or by a server that goes on serving.

use anyhow::Context as _;
use serde_json::json;
use terra_auth::{
    admin::AdminClient,
    wire::admin::{RotatedMasterKey, VaultRotation, VaultRotationState},
};
use terra_auth_core::{
    admin::Admin,
    vault::{NODES_HEAR_WITHIN, Progress, RotateError},
};
use tokio::time::{Duration, Instant, sleep};

use super::{SAYS_EVERY, open};
use crate::{
    app::App,
    command::admin::access::Access,
    dry_run::DryRun,
    failure::{Advice, Kind},
    keeping::Keeping,
    ui::Ui,
};

/// Seal everything with a new data key, or wrap the data keys with a new master key
///
/// With --server the server does it, while it goes on serving, and needs an admin token of the role owner. Otherwise this
/// command opens the store itself.
///
/// A rotation that was cut off goes on with the next one. The old data key is kept, wrapped, for what is on its way; once no
/// value needs it, it retires.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth vault rotate --server https://auth.acme.example",
    "terra-auth vault rotate --server https://auth.acme.example --master",
    "terra-auth vault rotate",
])]
pub(crate) struct Args {
    /// Only wrap the data keys with the current master key, so that the previous ones are not needed any more
    ///
    /// Before, put the new master key before the old one where the server reads them: in the file, or in what the command
    /// prints. A server that has them from its environment must be started again with both.
    #[arg(long)]
    master: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    keeping: Keeping,
}

impl Args {
    pub(super) async fn run(self, app: &App) -> anyhow::Result<()> {
        let what = if self.master {
            "encrypt every data key with the current master key"
        } else {
            "create a data key and encrypt every value with it"
        };
        if self.dry_run.stops(
            app.ui,
            what,
            &json!({ "rotate": if self.master { "master_key" } else { "data_key" } }),
        )? {
            return Ok(());
        }
        let server = self.access.flag();
        let admin = server.map(|server| self.access.open_at(app, &server)).transpose()?;
        match (admin, self.master) {
            (Some(admin), true) => {
                let rotated = admin.rotate_master_key().await.context("the server did not change its master key")?;
                show_master_key(app.ui, &rotated)
            }
            (Some(admin), false) => by_server(&admin, app.ui).await,
            (None, true) => self.rewrap(app.ui).await,
            (None, false) => self.rotate(app.ui).await,
        }
    }

    async fn rewrap(&self, ui: Ui) -> anyhow::Result<()> {
        let auth = open(&self.keeping).await?;
        let rewrapped = auth.rewrap_data_keys(&Admin::local("vault rotate")).await?;
        let master_key = auth.keys.masters().current().id().to_string();
        show_master_key(ui, &RotatedMasterKey { master_key, rewrapped })
    }

    async fn rotate(&self, ui: Ui) -> anyhow::Result<()> {
        let auth = open(&self.keeping).await?;
        ui.note(&format!("letting every node hear of the new key, {} s …", 2 * NODES_HEAR_WITHIN.as_secs()))?;
        let mut teller = Teller::new(ui);
        let tell = |progress: Progress| teller.tell(progress.looked_at, progress.resealed);
        let rotated = auth.rotate_data_key(&Admin::local("vault rotate"), NODES_HEAR_WITHIN, tell).await;
        let rotated = rotated.map_err(failed)?;
        show(ui, rotated.data_key, rotated.progress.resealed)
    }
}

fn show_master_key(ui: Ui, rotated: &RotatedMasterKey) -> anyhow::Result<()> {
    let RotatedMasterKey { master_key, rewrapped } = rotated;
    ui.result(
        || format!("{rewrapped} data keys were wrapped anew; all are wrapped by the master key {master_key}"),
        rotated,
    )
}

fn show(ui: Ui, data_key: u32, resealed: u64) -> anyhow::Result<()> {
    let plain = || format!("everything is sealed with data key {data_key}; {resealed} values were sealed anew");
    ui.result(plain, &json!({ "data_key": data_key, "resealed": resealed }))
}

/// Says now and then how far it is.
struct Teller {
    ui: Ui,
    said: Instant,
}

impl Teller {
    fn new(ui: Ui) -> Self {
        Self { ui, said: Instant::now() }
    }

    fn tell(&mut self, looked_at: u64, resealed: u64) {
        if self.said.elapsed() >= SAYS_EVERY {
            self.said = Instant::now();
            // A rotation goes on whether or not somebody listens.
            drop(self.ui.note(&format!("{looked_at} values looked at, {resealed} sealed anew …")));
        }
    }
}

/// How often a server is asked how far it is, and for how long nobody needs to be at it.
const ASKS_EVERY: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(30);

async fn by_server(admin: &AdminClient, ui: Ui) -> anyhow::Result<()> {
    let mut rotation = admin.begin_rotation().await.context("the rotation did not begin")?;
    let (mut teller, mut at_it) = (Teller::new(ui), Instant::now());
    loop {
        match (rotation.state, rotation.failure) {
            (VaultRotationState::Done, _) => return show(ui, rotation.data_key, rotation.resealed),
            (VaultRotationState::Running, _) => at_it = Instant::now(),
            (VaultRotationState::Unfinished, Some(failure)) => return Err(stopped(failure)),
            // Among several nodes, another one may be at it.
            (VaultRotationState::Unfinished, None) if at_it.elapsed() > PATIENCE => {
                return Err(stopped("nobody is at it any more".to_owned()));
            }
            (VaultRotationState::Unfinished, None) => {}
        }
        teller.tell(rotation.looked_at, rotation.resealed);
        sleep(ASKS_EVERY).await;
        rotation = progress(admin).await?;
    }
}

async fn progress(admin: &AdminClient) -> anyhow::Result<VaultRotation> {
    let rotation = admin.vault_rotation().await;
    rotation.context("it is not known how far the rotation is; run this again, and it goes on from there")
}

fn stopped(failure: String) -> anyhow::Error {
    let next =
        "see what the server's log says and `terra-auth vault verify`, then run this again: it goes on from there";
    Advice::new(Kind::Failed, failure, next).into()
}

fn failed(error: RotateError) -> anyhow::Error {
    match error {
        RotateError::Admin(_) | RotateError::Store(_) => {
            anyhow::Error::new(error).context("the rotation stopped; run it again, and it goes on from there")
        }
        RotateError::Broken(_) => {
            Advice::new(Kind::FoundErrors, error.to_string(), "see which with `terra-auth vault verify`").into()
        }
        RotateError::Restless => {
            let next = "start every server with all master keys, then run this again";
            Advice::new(Kind::Failed, error.to_string(), next).into()
        }
    }
}
