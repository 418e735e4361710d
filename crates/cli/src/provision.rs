//! An environment of our own server, and the credential file that points at it.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use terra_auth::{
    Environment,
    credentials::{Reference, VARIABLES},
};
use terra_auth_core::{
    Auth,
    admin::Admin,
    developer::{self, Developer, IssuedCredentials, NewDeveloper},
    directory::NotAuthenticated,
};
use terra_auth_types::{
    AdminToken, ApiKey,
    wire::admin::{ChangeEnvironment, CreateAdminToken, CreateKey, Role},
};
use url::Url;

use crate::{
    credential_file,
    env_file::EnvFile,
    git::{self, Standing},
    private_file,
};

/// First line of the files that are ours to rewrite.
const MARK: &str = "# Written by terra-auth for the server on this machine; it rewrites this file when it has to.";

/// Who the audit log says it was.
const ACTOR: &str = "this machine";

/// Where the credentials of an environment lie.
pub(crate) struct Provisioned {
    pub(crate) developer: Developer,
    pub(crate) file: PathBuf,
    /// The file that stood in the way, if one did.
    pub(crate) left_alone: Option<PathBuf>,
}

/// What a start says about where events are posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// Nothing: what is stored stays.
    Keep,
    /// Nowhere from now on.
    Clear,
    /// To this URL from now on.
    Set(Url),
}

/// Makes sure that an environment exists and that a credential file opens it. An environment that exists keeps every setting
/// that the caller does not name.
///
/// The file is `.env.terra.<environment>` in `dir`; where that is somebody else's, the same name in `fallback_dir`.
pub(crate) async fn ensure_environment(
    auth: &Auth,
    url: &Url,
    environment: Environment,
    destination: Destination,
    (dir, fallback_dir): (&Path, &Path),
) -> anyhow::Result<Provisioned> {
    let name = format!(".env.terra.{environment}");
    let wanted = dir.join(&name);
    let ours = is_ours(&wanted)?;
    let file = if ours { wanted.clone() } else { std::path::absolute(fallback_dir.join(&name))? };
    let left_alone = (!ours).then_some(wanted);

    let developer = if let Some(developer) = existing(auth, environment).await? {
        with_credentials(auth, developer, destination, (&file, url)).await?
    } else {
        let destination = match destination {
            Destination::Keep | Destination::Clear => None,
            Destination::Set(url) => Some(url),
        };
        let new =
            NewDeveloper { environment, name: developer::UNNAMED.to_owned(), destination, bound_tokens_only: false };
        let issued = auth.create_first_developer(&Admin::local(ACTOR), new.clone()).await?;
        if let Some(issued) = &issued {
            write(&file, url, issued)?;
        }
        let developer = existing(auth, environment).await?.context("the environment was deleted meanwhile")?;
        if issued.is_some() {
            developer
        } else {
            let destination = new.destination.map_or(Destination::Keep, Destination::Set);
            with_credentials(auth, developer, destination, (&file, url)).await?
        }
    };
    let text = point_at(&file, url)?;
    if !refers(&EnvFile::parse(&text)?) {
        // Where this cannot be remembered, commands name the file when they need it.
        drop(credential_file::trust(&file, &text));
    }
    Ok(Provisioned { developer, file, left_alone })
}

async fn existing(auth: &Auth, environment: Environment) -> anyhow::Result<Option<Developer>> {
    let developers = auth.developers().await?;
    let fits = |developer: &Developer| {
        developer.environment == environment && developer.standing != developer::Standing::Deleting
    };
    Ok(developers.into_iter().find(fits))
}

/// For an environment that exists: a file with a key of its own, unless the file opens it already.
async fn with_credentials(
    auth: &Auth,
    developer: Developer,
    destination: Destination,
    (file, url): (&Path, &Url),
) -> anyhow::Result<Developer> {
    // Another node may have created it after this one read the directory.
    auth.reload().await.context("could not read the environments")?;
    let developer = with_destination(auth, developer, destination).await?;
    if !opens(auth, file, &developer)? {
        write(file, url, &another_key(auth, &developer).await?)?;
    }
    Ok(developer)
}

async fn with_destination(
    auth: &Auth,
    mut developer: Developer,
    destination: Destination,
) -> anyhow::Result<Developer> {
    let wanted = match destination {
        Destination::Keep => return Ok(developer),
        Destination::Clear => None,
        Destination::Set(url) => Some(url),
    };
    if developer.destination != wanted {
        let change = ChangeEnvironment { destination: Some(wanted.clone()), ..ChangeEnvironment::default() };
        let changed = auth.change_environment(&Admin::local(ACTOR), &developer.dev_id, &change).await;
        changed.context("could not change where events are posted")?;
        developer.destination = wanted;
    }
    Ok(developer)
}

/// For a file that was lost or holds something else. Keys that others hold go on working.
async fn another_key(auth: &Auth, developer: &Developer) -> anyhow::Result<IssuedCredentials> {
    let new = CreateKey { name: "credential file".to_owned(), ..CreateKey::default() };
    let issued = auth.create_api_key(&Admin::local(ACTOR), &developer.dev_id, &new).await?;
    let signing_secret = auth.signing_secret(developer)?;
    Ok(IssuedCredentials { dev_id: issued.dev_id, api_key: issued.api_key, signing_secret })
}

/// Makes sure that a file holds an admin token that works: an owner's, as whoever runs the server is one.
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
        let new = CreateAdminToken { name: ACTOR.to_owned(), role: Role::Owner, expires_in_days: Some(365) };
        auth.create_admin_token(&Admin::local(ACTOR), &new).await?
    };
    private_file::replace(file, &format!("{}\n", issued.token.expose()))
        .with_context(|| format!("could not write {}", file.display()))
}

/// Whether a file may be written: there is none, or it carries our mark.
fn is_ours(path: &Path) -> anyhow::Result<bool> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.starts_with(MARK)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error).with_context(|| format!("could not read {}", path.display())),
    }
}

/// Whether a value is kept elsewhere, which no file of ours says.
fn refers(file: &EnvFile) -> bool {
    VARIABLES
        .into_iter()
        .filter_map(|key| file.get(key))
        .any(|value| !matches!(Reference::parse(value.trim()), Ok(None)))
}

/// Whether the file's credentials are those of the environment.
fn opens(auth: &Auth, file: &Path, developer: &Developer) -> anyhow::Result<bool> {
    let Ok(text) = std::fs::read_to_string(file) else { return Ok(false) };
    let file = EnvFile::parse(&text)?;
    let (Some(dev_id), Some(api_key)) = (file.get("TERRA_DEV_ID"), file.get("TERRA_API_KEY")) else { return Ok(false) };
    match auth.authenticate(dev_id, &ApiKey::from(api_key)) {
        Ok(found) => Ok(found.developer.dev_id == developer.dev_id),
        Err(error @ NotAuthenticated::Stale) => Err(error.into()),
        Err(NotAuthenticated::Mismatch | NotAuthenticated::Disabled) => Ok(false),
    }
}

/// Writes a new file of credentials, after telling git to ignore it.
fn write(path: &Path, url: &Url, issued: &IssuedCredentials) -> anyhow::Result<()> {
    if git::standing(path) == Standing::NotIgnored {
        git::ignore(path.parent().unwrap_or(Path::new("."))).context("could not write .gitignore")?;
    }
    // Lines that somebody added to a file of ours stay.
    let before = std::fs::read_to_string(path).ok().and_then(|text| EnvFile::parse(&text).ok());
    let mut file = before.map_or_else(|| EnvFile::parse(&format!("{MARK}\n")), Ok)?;
    file.set("TERRA_DEV_ID", issued.dev_id.as_str());
    file.set("TERRA_API_KEY", issued.api_key.expose());
    file.set("TERRA_SIGNING_SECRET", issued.signing_secret.expose());
    set_urls(&mut file, url);
    save(path, &file)
}

/// The port may have changed since the file was written. Returns the text of the file.
fn point_at(path: &Path, url: &Url) -> anyhow::Result<String> {
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
