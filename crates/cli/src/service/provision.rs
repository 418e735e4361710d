//! Creates an environment on the local server and the credential file for it.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use terra_auth::{
    Environment,
    credentials::{Reference, VARIABLES},
};
use terra_auth_core::{
    Auth,
    admin::action::Admin,
    developer::{IssuedCredentials, NewDeveloper},
    node::directory::NotAuthenticated,
};
use terra_auth_model::developer::{Developer, EnvironmentStatus, UNNAMED};
use terra_auth_types::{
    AdminToken, ApiKey,
    wire::admin::{ChangeEnvironment, CreateAdminToken, CreateKey, Role},
};
use url::Url;

use crate::{
    credentials::{credential_file, env_file::EnvFile, private_file},
    git::{self, GitStatus},
};

/// First line of the files that this program may overwrite. Existing files have it, so it must not change.
const GENERATED_FILE_HEADER: &str =
    "# Written by terra-auth for the server on this machine; it rewrites this file when it has to.";
/// The actor in audit log entries.
const LOCAL_ADMIN_NAME: &str = "this machine";

/// An environment and its credential file.
pub(crate) struct Provisioned {
    pub(crate) developer: Developer,
    pub(crate) file: PathBuf,
    /// An existing file with another content, which was not changed.
    pub(crate) foreign_file: Option<PathBuf>,
}

/// Where events are posted, as requested at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// The stored destination stays.
    Unchanged,
    /// No destination.
    Clear,
    /// This URL.
    Set(Url),
}

/// Ensures that an environment exists and that a credential file has valid keys for it. In an
/// existing environment, only the destination may change.
///
/// The file is `.env.terra.<environment>` in `dir`, or in `fallback_dir` if `dir` has one that this
/// program did not write.
pub(crate) async fn ensure_environment(
    auth: &Auth,
    url: &Url,
    environment: Environment,
    destination: Destination,
    (dir, fallback_dir): (&Path, &Path),
) -> anyhow::Result<Provisioned> {
    let name = format!(".env.terra.{environment}");
    let wanted = dir.join(&name);
    let ours = is_generated(&wanted)?;
    let file = if ours { wanted.clone() } else { std::path::absolute(fallback_dir.join(&name))? };
    let left_alone = (!ours).then_some(wanted);

    let developer = if let Some(developer) = existing(auth, environment).await? {
        with_credentials(auth, developer, destination, (&file, url)).await?
    } else {
        let destination = match destination {
            Destination::Unchanged | Destination::Clear => None,
            Destination::Set(url) => Some(url),
        };
        let new = NewDeveloper { environment, name: UNNAMED.to_owned(), destination, bound_tokens_only: false };
        let issued = auth.create_first_developer(&Admin::local(LOCAL_ADMIN_NAME), new.clone()).await?;
        if let Some(issued) = &issued {
            write(&file, url, issued)?;
        }
        let developer = existing(auth, environment).await?.context("the environment was deleted during the start")?;
        if issued.is_some() {
            developer
        } else {
            let destination = new.destination.map_or(Destination::Unchanged, Destination::Set);
            with_credentials(auth, developer, destination, (&file, url)).await?
        }
    };
    let text = update_urls(&file, url)?;
    if !has_references(&EnvFile::parse(&text)?) {
        // If this cannot be stored, commands report the untrusted file when they need it.
        drop(credential_file::trust(&file, &text));
    }
    Ok(Provisioned { developer, file, foreign_file: left_alone })
}

async fn existing(auth: &Auth, environment: Environment) -> anyhow::Result<Option<Developer>> {
    let developers = auth.developers().await?;
    let fits =
        |developer: &Developer| developer.environment == environment && developer.status != EnvironmentStatus::Deleting;
    Ok(developers.into_iter().find(fits))
}

/// For an existing environment: writes a file with a new key, unless the file has valid keys already.
async fn with_credentials(
    auth: &Auth,
    developer: Developer,
    destination: Destination,
    (file, url): (&Path, &Url),
) -> anyhow::Result<Developer> {
    // Another node may have created the environment after this node read the directory.
    auth.reload().await.context("could not read the environments")?;
    let developer = with_destination(auth, developer, destination).await?;
    if !has_valid_keys(auth, file, &developer)? {
        write(file, url, &create_replacement_key(auth, &developer).await?)?;
    }
    Ok(developer)
}

async fn with_destination(
    auth: &Auth,
    mut developer: Developer,
    destination: Destination,
) -> anyhow::Result<Developer> {
    let wanted = match destination {
        Destination::Unchanged => return Ok(developer),
        Destination::Clear => None,
        Destination::Set(url) => Some(url),
    };
    if developer.destination != wanted {
        let change = ChangeEnvironment { destination: Some(wanted.clone()), ..ChangeEnvironment::default() };
        let changed = auth.change_environment(&Admin::local(LOCAL_ADMIN_NAME), &developer.dev_id, &change).await;
        changed.context("could not change where events are posted")?;
        developer.destination = wanted;
    }
    Ok(developer)
}

/// Creates a key to replace a lost or foreign file. Existing keys stay valid.
async fn create_replacement_key(auth: &Auth, developer: &Developer) -> anyhow::Result<IssuedCredentials> {
    let new = CreateKey { name: "credential file".to_owned(), ..CreateKey::default() };
    let issued = auth.create_api_key(&Admin::local(LOCAL_ADMIN_NAME), &developer.dev_id, &new).await?;
    let signing_secret = auth.signing_secret(developer)?;
    Ok(IssuedCredentials { dev_id: issued.dev_id, api_key: issued.api_key, signing_secret })
}

/// Ensures that a file contains a valid admin token with the role owner, because the operator of
/// the server is an owner.
pub(crate) async fn ensure_admin_token(auth: &Auth, file: &Path) -> anyhow::Result<()> {
    auth.reload().await.context("could not read the admin tokens")?;
    let known = std::fs::read_to_string(file).is_ok_and(|text| {
        let token = AdminToken::from(text.trim());
        let admin = auth.authenticate_admin(&token, None).ok().flatten();
        admin.is_some_and(|admin| admin.role == Role::Owner)
    });
    if known {
        return Ok(());
    }
    let issued = if let Some(issued) = auth.bootstrap_admin().await? {
        issued
    } else {
        let new = CreateAdminToken { name: LOCAL_ADMIN_NAME.to_owned(), role: Role::Owner, expires_in_days: Some(365) };
        auth.create_admin_token(&Admin::local(LOCAL_ADMIN_NAME), &new).await?
    };
    private_file::replace(file, &format!("{}\n", issued.token.expose()))
        .with_context(|| format!("could not write {}", file.display()))
}

/// Whether a file may be written: it does not exist, or it starts with [`GENERATED_FILE_HEADER`].
fn is_generated(path: &Path) -> anyhow::Result<bool> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.starts_with(GENERATED_FILE_HEADER)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error).with_context(|| format!("could not read {}", path.display())),
    }
}

/// Whether a value is a reference to an external source, which this program never writes.
fn has_references(file: &EnvFile) -> bool {
    VARIABLES
        .into_iter()
        .filter_map(|key| file.get(key))
        .any(|value| !matches!(Reference::parse(value.trim()), Ok(None)))
}

/// Whether the file has valid credentials of the environment.
fn has_valid_keys(auth: &Auth, file: &Path, developer: &Developer) -> anyhow::Result<bool> {
    let Ok(text) = std::fs::read_to_string(file) else { return Ok(false) };
    let file = EnvFile::parse(&text)?;
    let (Some(dev_id), Some(api_key)) = (file.get("TERRA_DEV_ID"), file.get("TERRA_API_KEY")) else { return Ok(false) };
    match auth.authenticate(dev_id, &ApiKey::from(api_key)) {
        Ok(found) => Ok(found.developer.dev_id == developer.dev_id),
        Err(error @ NotAuthenticated::Stale) => Err(error.into()),
        Err(NotAuthenticated::Mismatch | NotAuthenticated::Disabled) => Ok(false),
    }
}

/// Writes a credential file, after adding it to `.gitignore`.
fn write(path: &Path, url: &Url, issued: &IssuedCredentials) -> anyhow::Result<()> {
    if git::status(path) == GitStatus::NotIgnored {
        git::ignore(path.parent().unwrap_or(Path::new("."))).context("could not write .gitignore")?;
    }
    // Lines that the user added to the file stay.
    let before = std::fs::read_to_string(path).ok().and_then(|text| EnvFile::parse(&text).ok());
    let mut file = before.map_or_else(|| EnvFile::parse(&format!("{GENERATED_FILE_HEADER}\n")), Ok)?;
    file.set("TERRA_DEV_ID", issued.dev_id.as_str());
    file.set("TERRA_API_KEY", issued.api_key.expose());
    file.set("TERRA_SIGNING_SECRET", issued.signing_secret.expose());
    set_urls(&mut file, url);
    save(path, &file)
}

/// Updates the URLs of the file, because the port may have changed. Returns the text of the file.
fn update_urls(path: &Path, url: &Url) -> anyhow::Result<String> {
    let before = std::fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))?;
    let mut file = EnvFile::parse(&before)?;
    set_urls(&mut file, url);
    if file.to_string() != before {
        save(path, &file)?;
    }
    Ok(file.to_string())
}

fn set_urls(file: &mut EnvFile, url: &Url) {
    let origin = url.as_str().trim_end_matches('/');
    file.set("TERRA_API_URL", &format!("{origin}/v2"));
    file.set("TERRA_WIDGET_URL", origin);
    file.set("TERRA_STREAMING_URL", &origin.replacen("http", "ws", 1));
}

fn save(path: &Path, file: &EnvFile) -> anyhow::Result<()> {
    private_file::replace(path, &file.to_string()).with_context(|| format!("could not write {}", path.display()))
}
