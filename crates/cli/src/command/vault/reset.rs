//! `terra-auth vault reset`: a store whose master key is lost, put to use again.

use anyhow::Context as _;
use serde_json::json;
use terra_auth_core::{
    admin::Admin,
    clock::SystemEntropy,
    seal::{KeyRing, KeysInStead, LostKeysError, MasterKeys},
    store::Store,
    vault::{ColumnCount, Forgotten, NODES_HEAR_WITHIN, Reset, ResetVaultError, SealedColumn},
};
use tokio::time::Instant;

use super::{IN_USE, SAYS_EVERY};
use crate::{
    app, ask,
    dry_run::DryRun,
    failure::{Advice, Kind},
    keeping::Keeping,
    node,
    opening::{advised, in_use},
    ui::Ui,
};

/// Forget what a lost master key has sealed, and go on with a new one
///
/// End every server of this store first, and make a copy of the store: what is forgotten does not come back.
///
/// Gone are the provider tokens, so that end users must connect again, the signing secrets, in whose place there are new ones,
/// and the secrets of apps at providers. Environments, API keys, connections with their user ids and reference ids, what
/// waits to be delivered and the audit log stay. Each connection becomes inactive, and its app is told with a `connection_error`
/// event. A reset that was cut off goes on with the next one; until it is done, no server starts.
///
/// The new master key comes from where the server finds it. In the data directory, one is made if there is none.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth vault reset",
    "TERRA_AUTH_STORE=postgres://terra@db/terra TERRA_AUTH_MASTER_KEY=$(cat new-key) terra-auth vault reset --yes",
])]
pub(crate) struct Args {
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Forget everything although its master key is at hand, because all of it leaked
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    keeping: Keeping,
}

impl Args {
    pub(super) async fn run(self, ui: Ui) -> anyhow::Result<()> {
        self.keeping.must_be_there()?;
        let (masters, unkept) = self.keeping.new_master_keys()?;
        let store = terra_auth_store::open(&self.keeping.store()).await.map_err(advised);
        let store = store.map_err(|error| in_use(error, IN_USE))?;
        let KeysInStead { ring, rows } = self.instead_of_lost(&store, masters).await?;
        let auth = node::alone(store, ring)?;
        let counts = auth.verify_vault(|_, _| {}).await.context("could not read every value")?;
        if self.dry_run.stops(ui, &format!("ask: {}", question(&counts)), &json!({ "reset": question(&counts) }))? {
            return Ok(());
        }
        ask::sure(self.yes, "reset", || Ok(question(&counts)))?;
        if let Some(unkept) = &unkept {
            unkept.keep()?;
            ui.note(&format!(
                "the new master key is in {}; keep a copy, and not beside the store's",
                unkept.file.display()
            ))?;
        }
        let mut said = Instant::now();
        let tell = |so_far: Forgotten| {
            if said.elapsed() >= SAYS_EVERY {
                said = Instant::now();
                // A reset goes on whether or not somebody listens.
                drop(ui.note(&format!("{} values looked at, {} forgotten …", so_far.looked_at, so_far.values)));
            }
        };
        let reset = auth.reset_vault(&Admin::local("vault reset"), rows, NODES_HEAR_WITHIN, tell).await;
        let reset = reset.map_err(failed)?;
        let master_key = auth.keys.masters().current().id().to_string();
        let mut json = as_json(&reset, &master_key);
        json["new_master_key_file"] = json!(unkept.map(|unkept| unkept.file.display().to_string()));
        ui.result(|| plain(&reset, &master_key), &json)
    }

    async fn instead_of_lost(&self, store: &Store, masters: MasterKeys) -> anyhow::Result<KeysInStead> {
        let all = self.keeping.with_all_at_hand(&masters);
        let now = app::now();
        if !self.force {
            let found = KeyRing::instead_of_lost(store, all, &SystemEntropy, now, false).await;
            found.map_err(refused)?;
        }
        KeyRing::instead_of_lost(store, masters, &SystemEntropy, now, self.force).await.map_err(refused)
    }
}

fn refused(error: LostKeysError) -> anyhow::Error {
    let next = match &error {
        LostKeysError::NothingLost => {
            "start the server with the master key that it had; to forget everything all the same, add --force"
        }
        LostKeysError::NoKeys => "there is nothing to reset: start a server on it",
        LostKeysError::Open(_) => "give the master key that is to take the place of the lost one, and no other",
        LostKeysError::Store(_) => return error.into(),
    };
    Advice::new(Kind::Failed, error.to_string(), next).into()
}

fn failed(error: ResetVaultError) -> anyhow::Error {
    let next = "run it again with the same master key, and it goes on from there";
    let stopped = Advice::new(Kind::Failed, "the reset stopped", next);
    match error {
        ResetVaultError::Restless => {
            Advice::new(Kind::Failed, error.to_string(), "end every server of this store, then run this again").into()
        }
        ResetVaultError::Admin(_) | ResetVaultError::Store(_) => anyhow::Error::new(error).context(stopped),
    }
}

fn question(counts: &[ColumnCount]) -> String {
    let of = |column| counts.iter().find(|count| count.column == column).map_or(0, |count| count.broken);
    format!(
        "Forget the tokens of {} connections and {} grants that are still to be revoked, and make {} signing secrets anew?",
        of(SealedColumn::Grant),
        of(SealedColumn::OwedGrant),
        of(SealedColumn::SigningSecret)
    )
}

/// What somebody has to do now.
fn next(reset: &Reset) -> Vec<String> {
    let secrets = reset.signing_secrets.iter().map(|dev_id| {
        let command = format!("terra-auth keys rotate-signing-secret --dev-id {dev_id} --now");
        format!("give the receivers of {dev_id} a new signing secret: {command}")
    });
    let apps = reset.apps.iter().map(|(dev_id, provider)| {
        let command = format!("terra-auth providers app rotate {provider} --dev-id {dev_id} --now");
        format!("give the secret of the app at {provider} again: {command}")
    });
    secrets.chain(apps).collect()
}

fn plain(reset: &Reset, master_key: &str) -> String {
    let forgotten = &reset.forgotten;
    let done = format!(
        "the vault is sealed with the master key {master_key}; {} values were forgotten: {} connections wait for their end \
         users to connect again, {} grants can no longer be revoked",
        forgotten.values, forgotten.connections, forgotten.revocations
    );
    let next = next(reset).into_iter().map(|line| format!("  {line}"));
    let head = ["what is to be done now, beside starting the server:".to_owned()];
    let lines = if next.len() == 0 { Vec::new() } else { head.into_iter().chain(next).collect() };
    [done].into_iter().chain(lines).collect::<Vec<_>>().join("\n")
}

fn as_json(reset: &Reset, master_key: &str) -> serde_json::Value {
    let apps = reset.apps.iter().map(|(dev_id, provider)| json!({ "dev_id": dev_id, "provider": provider }));
    let Forgotten { values, connections, revocations, .. } = reset.forgotten;
    json!({
        "master_key": master_key,
        "forgotten": { "values": values, "connections": connections, "revocations": revocations },
        "signing_secrets": reset.signing_secrets, "provider_apps": apps.collect::<Vec<_>>(), "next": next(reset),
    })
}
