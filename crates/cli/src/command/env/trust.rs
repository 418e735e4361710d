use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::ValueHint;
use serde_json::{Value, json};
use terra_auth::{
    CredentialsError,
    credentials::{
        FileDigest, Reference, Source, TrustStore, TrustedFile, UnresolvedCredentials, VARIABLES, credential_folder,
    },
    ownership::Access,
};

use crate::{
    app::App,
    credentials::{credential_file, guard::OwnershipCheck},
    dry_run::DryRun,
    failure::{CommandError, FailureKind},
    terminal::ui::{shown, table},
};

/// Trust the current content of a credential file: its programs, keyring entries and addresses
///
/// A credential file may come from a repository or an archive. Until you trust the file, terra-auth
/// does not run a program or read a keyring entry that the file names, and sends no admin token to
/// its address. Your state folder records the path and the SHA-256 of each trusted file; trust a
/// file again after it changes. `setup-environment` and `dev` trust the files that they write. A
/// file that contains its keys itself needs no trust.
///
/// Without a home folder, for example in CI, set `TERRA_AUTH_TRUSTED_FILES` to the SHA-256 instead.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth env trust",
    "terra-auth env trust ../api/.env.terra.production",
    "terra-auth env trust --list",
    "terra-auth env trust --remove",
])]
pub(crate) struct Args {
    /// Credential file [default: that of --env]
    #[arg(value_hint = ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// List the trusted files instead
    #[arg(long, conflicts_with_all = ["file", "remove"])]
    list: bool,
    /// Stop trusting the file
    #[arg(long)]
    remove: bool,
    #[command(flatten)]
    dry_run: DryRun,
}

/// The same limit as in the client.
const MAX_FILE_BYTES: u64 = 64 * 1024;

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let store = TrustStore::of_process();
        if self.list {
            return list(app, &store);
        }
        let file = match self.file {
            Some(file) => file,
            None => file_of(app)?,
        };
        if self.remove { remove(app, &store, &file, self.dry_run) } else { add(app, &store, &file, self.dry_run) }
    }
}

/// The credential file that the commands would read.
fn file_of(app: &App) -> anyhow::Result<PathBuf> {
    let written = UnresolvedCredentials::find(app.environment, &credential_folder(app.environment), &|_| None);
    match written.map(|written| written.source().clone()) {
        Ok(Source::File(file)) => Ok(file),
        Err(error @ CredentialsError::NoFile { .. }) => Err(error.into()),
        // The path of an invalid file is not known here, but the user can pass it.
        Err(error) => Err(anyhow::Error::new(error).context(CommandError::new(
            FailureKind::NoCredentials,
            "no file was trusted",
            "fix the file",
        ))),
        Ok(Source::Program | Source::Process | Source::ProcessOf(_)) => {
            let next = "pass the file: terra-auth env trust FILE";
            Err(CommandError::new(FailureKind::Misused, "there is no credential file here", next).into())
        }
    }
}

fn add(app: &App, store: &TrustStore, file: &Path, dry_run: DryRun) -> anyhow::Result<()> {
    let name = file.display().to_string();
    let length = fs::metadata(file).with_context(|| format!("could not read {name}"))?.len();
    if length > MAX_FILE_BYTES {
        let next = "pass a credential file, which has lines such as TERRA_DEV_ID=…";
        return Err(CommandError::new(FailureKind::Misused, format!("{name} is longer than 64 KiB"), next).into());
    }
    let text = fs::read(file).with_context(|| format!("could not read {name}"))?;
    let entries = credential_file::parse(&name, &String::from_utf8_lossy(&text))?;
    let value =
        |key: &'static str| Some((key, entries.get(key)?.trim().to_owned())).filter(|(_, value)| !value.is_empty());
    let agreed: Vec<(&str, String)> = VARIABLES.into_iter().filter_map(value).filter_map(requires_trust).collect();
    let refers = agreed.iter().any(|(key, _)| !key.ends_with("_URL"));
    OwnershipCheck::Fail.check(file, if refers { Access::ReadOrChange } else { Access::Change })?;
    let digest = FileDigest::of(&text);
    let json = json!({
        "file": name, "sha256": digest.to_string(),
        "trusts": agreed.iter().map(|(key, value)| json!({ "variable": key, "value": value })).collect::<Vec<Value>>(),
    });
    if dry_run.report(app.ui, &format!("trust {name}"), &json)? {
        return Ok(());
    }
    store.add(file, &digest).with_context(|| {
        let next = format!("set TERRA_AUTH_TRUSTED_FILES={digest} where the commands run, or set XDG_STATE_HOME to a folder of your own");
        CommandError::new(FailureKind::Failed, format!("could not record that {name} is trusted"), next)
    })?;
    let plain = || {
        let lines = agreed.iter().map(|(key, value)| format!("\n  {key}  {}", shown(value)));
        format!("Trusted {name}, sha256 {digest}{}", lines.collect::<String>())
    };
    app.ui.result(plain, &json)
}

/// A value of the file that requires trust: an external reference or a URL. These are not secrets.
fn requires_trust((key, value): (&'static str, String)) -> Option<(&'static str, String)> {
    let refers = !matches!(Reference::parse(&value), Ok(None));
    (refers || key.ends_with("_URL")).then_some((key, value))
}

fn remove(app: &App, store: &TrustStore, file: &Path, dry_run: DryRun) -> anyhow::Result<()> {
    let name = file.display().to_string();
    if dry_run.report(app.ui, &format!("stop trusting {name}"), &json!({ "file": name }))? {
        return Ok(());
    }
    let removed = store.remove(file).with_context(|| format!("could not remove {name} from the trusted files"))?;
    if !removed {
        return Err(CommandError::new(
            FailureKind::NotFound,
            format!("{name} was not trusted"),
            "list the trusted files with `terra-auth env trust --list`",
        )
        .into());
    }
    app.ui.result(|| format!("{name} is no longer trusted"), &json!({ "file": name, "removed": true }))
}

fn list(app: &App, store: &TrustStore) -> anyhow::Result<()> {
    let files = store.list();
    let is_current = |file: &TrustedFile| fs::read(&file.path).is_ok_and(|text| FileDigest::of(&text) == file.digest);
    let json: Vec<Value> = files
        .iter()
        .map(|file| json!({ "file": file.path.display().to_string(), "sha256": file.digest.to_string(), "unchanged": is_current(file) }))
        .collect();
    let rows = || {
        files.iter().map(|file| {
            let state = if is_current(file) { "trusted" } else { "changed or missing" };
            [shown(&file.path.display().to_string()), state.to_owned(), file.digest.to_string()]
        })
    };
    app.ui.result(|| table(["file", "state", "sha256"], rows()), &json)
}
