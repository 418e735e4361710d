use std::{
    fmt,
    path::{Path, PathBuf},
};

use terra_auth_types::{ApiKey, DevId, Environment};

use super::{
    API_KEY, API_URL, Audience, Credentials, CredentialsError, DEV_ID, ENV, RETIRING_SIGNING_SECRET, SIGNING_SECRET,
    STREAMING_URL, Source, SourceLocation, Trust, TrustStore, WIDGET_URL, file, file_name, hosts::BaseUrls,
    settings::Settings, variable_of,
};
use crate::ownership;

/// The values of one source. References to values that are stored elsewhere are not resolved yet.
pub struct UnresolvedCredentials {
    environment: Environment,
    settings: Settings,
    notices: Vec<String>,
    trusted: TrustStore,
}

impl UnresolvedCredentials {
    /// Selects the source like [`Credentials::load_from`]. `vars` also locate the trusted files.
    ///
    /// # Errors
    ///
    /// See [`Credentials::load_from`], except for errors about single values.
    pub fn find(
        environment: Environment,
        dir: &Path,
        vars: &impl Fn(&str) -> Option<String>,
    ) -> Result<Self, CredentialsError> {
        let process = || Settings::of_process(vars);
        let own = Settings::of_process_for(environment, vars);
        let mut of_file = Vec::new();
        let settings = if has_pair(environment, &own)? {
            own
        } else if has_pair(environment, &process())? {
            check_process_environment(environment, process())?
        } else {
            settings_from_file(environment, dir, &mut of_file)?
        };
        let mut notices = Vec::from_iter(unused_variables_warning(environment, settings.source(), vars));
        notices.extend(of_file);
        reject_shared_keys(environment, dir, vars, &settings)?;
        Ok(Self { environment, settings, notices, trusted: TrustStore::of(vars) })
    }

    /// Sets another store of trusted files.
    #[must_use]
    pub fn with_trust_store(self, trusted: TrustStore) -> Self {
        Self { trusted, ..self }
    }

    /// Whether the user trusts the source: the programs and entries that it names, and its URLs.
    ///
    /// A secret from another source, such as an admin token, must not be sent to a URL of a source that is not
    /// [`Trust::Trusted`].
    #[must_use]
    pub fn trust(&self) -> Trust {
        self.settings.trust(&self.trusted)
    }

    /// The file, or the process environment.
    #[must_use]
    pub fn source(&self) -> &Source {
        self.settings.source()
    }

    /// The servers that the keys are sent to.
    ///
    /// # Errors
    ///
    /// [`CredentialsError`] for an invalid URL.
    pub fn audience(&self) -> Result<Audience, CredentialsError> {
        let hosts = hosts_of(&self.settings)?;
        Ok(Audience::of(&hosts.api, &hosts.streaming))
    }

    /// Returns the text of a variable: the value or a [`Reference`](super::Reference). An empty variable counts
    /// as absent.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.settings.get(key)
    }

    /// Returns the location of a variable.
    #[must_use]
    pub fn location(&self, key: &str) -> SourceLocation {
        self.settings.location(key)
    }

    /// Resolves all references and returns the credentials.
    ///
    /// # Errors
    ///
    /// [`CredentialsError`] for a single value.
    pub fn resolve(self) -> Result<Credentials, CredentialsError> {
        read(self.environment, &self.settings, self.notices, &self.trusted)
    }
}

/// Omits the values, which may be secrets.
impl fmt::Debug for UnresolvedCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Written").field("source", self.source()).finish_non_exhaustive()
    }
}

/// Whether both variables of the pair are set. One alone is an error.
fn has_pair(environment: Environment, settings: &Settings) -> Result<bool, CredentialsError> {
    let half = |present, missing| {
        let [present, missing] = [present, missing].map(|key| settings.source().variable(key));
        Err(CredentialsError::HalfPair { environment, present, missing })
    };
    match (settings.get(DEV_ID), settings.get(API_KEY)) {
        (Some(_), Some(_)) => Ok(true),
        (Some(_), None) => half(DEV_ID, API_KEY),
        (None, Some(_)) => half(API_KEY, DEV_ID),
        (None, None) => Ok(false),
    }
}

/// Returns the process environment's settings, unless `TERRA_ENV` names another environment.
fn check_process_environment(asked: Environment, process: Settings) -> Result<Settings, CredentialsError> {
    match process.get(ENV) {
        Some(held) if held != asked.as_str() => {
            Err(CredentialsError::OtherEnvironment { asked, found: held.to_owned() })
        }
        _ => Ok(process),
    }
}

/// Returns a warning about variables that are set but not used, because all values come from another source.
fn unused_variables_warning(
    environment: Environment,
    chosen: &Source,
    vars: &impl Fn(&str) -> Option<String>,
) -> Option<String> {
    let process = Settings::of_process(vars);
    let (named, whole) = (process.get(ENV).unwrap_or(DEFAULT_ENVIRONMENT), process.get(DEV_ID).is_some());
    let of_another = whole && named != environment.as_str();
    let plain = Some(process).filter(|_| !of_another);
    let others = plain.into_iter().chain([Settings::of_process_for(environment, vars)]);
    let set: Vec<String> = others.filter(|other| other.source() != chosen).flat_map(|other| other.names()).collect();
    let suffix = variable_of("", environment);
    let instead = match chosen {
        Source::ProcessOf(_) => format!("variables that end in {suffix}: set it there"),
        Source::Process | Source::Program => format!("{DEV_ID} and {API_KEY}: set it without {suffix}"),
        Source::File(_) => format!("a file: set it in {}", file_name(environment)),
    };
    let notice = || format!("{} of the process environment is not used; the keys come from {instead}", set.join(", "));
    (!set.is_empty()).then(notice)
}

/// The environment of the plain variables without `TERRA_ENV`.
const DEFAULT_ENVIRONMENT: &str = Environment::Testing.as_str();

fn settings_from_file(
    environment: Environment,
    dir: &Path,
    notices: &mut Vec<String>,
) -> Result<Settings, CredentialsError> {
    let [file, older] = files(environment).map(|name| dir.join(name));
    let (used, read) = match (file::read(&file)?, older.exists()) {
        (Some(read), both) => {
            notices.extend(both.then(|| format!("using {}; {} is not read", file.display(), older.display())));
            (file, read)
        }
        (None, _) => match file::read(&older)? {
            Some(read) => (older, read),
            None => return Err(CredentialsError::NoFile { environment, file, older }),
        },
    };
    notices.extend(open_to_others(&used));
    Ok(Settings::of_file(Source::File(used), read))
}

/// Returns a warning if other users can open the file. Its folders matter for references only.
fn open_to_others(file: &Path) -> Option<String> {
    ownership::is_open_to_others(file)
        .then(|| format!("other users of this machine can open {0}; run `chmod 600 {0}`", file.display()))
}

pub(super) fn files(environment: Environment) -> [String; 2] {
    [file_name(environment), format!(".env.{environment}")]
}

fn read(
    environment: Environment,
    settings: &Settings,
    notices: Vec<String>,
    trusted: &TrustStore,
) -> Result<Credentials, CredentialsError> {
    let missing = |key| CredentialsError::Missing { environment, location: settings.location(key), key };
    let dev_id = settings.parse::<DevId>(DEV_ID, "must be 1 to 128 visible ASCII characters")?;
    let dev_id = dev_id.ok_or_else(|| missing(DEV_ID))?;
    let BaseUrls { api: api_url, widget: widget_url, streaming: streaming_url } = hosts_of(settings)?;
    let audience = Audience::of(&api_url, &streaming_url);
    let secret = |key| settings.secret(key, &audience, trusted);
    // Secrets come last, because the user may have to unlock a password store for them.
    let api_key = secret(API_KEY)?.ok_or_else(|| missing(API_KEY))?;
    if !api_key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(settings.invalid(API_KEY, "must be visible ASCII characters"));
    }
    Ok(Credentials {
        environment,
        dev_id,
        api_key: ApiKey::from(api_key),
        signing_secret: secret(SIGNING_SECRET)?.map(Into::into),
        retiring_signing_secret: secret(RETIRING_SIGNING_SECRET)?.map(Into::into),
        widget_url,
        streaming_url,
        api_url,
        source: settings.source().clone(),
        warnings: notices,
    })
}

/// Returns the URLs of a source, or their defaults.
fn hosts_of(settings: &Settings) -> Result<BaseUrls, CredentialsError> {
    let api = settings.address(API_URL, ["https", "http"])?;
    let BaseUrls { api, widget, streaming } = api.map_or_else(BaseUrls::published, BaseUrls::defaults_for);
    let widget = settings.address(WIDGET_URL, ["https", "http"])?.unwrap_or(widget);
    let streaming = settings.address(STREAMING_URL, ["wss", "ws"])?.unwrap_or(streaming);
    Ok(BaseUrls { api, widget, streaming })
}

/// Rejects a key that another environment has too, because it was copied into the wrong one. Files that cannot
/// be read are ignored.
fn reject_shared_keys(
    asked: Environment,
    dir: &Path,
    vars: &impl Fn(&str) -> Option<String>,
    settings: &Settings,
) -> Result<(), CredentialsError> {
    for other in Environment::ALL.into_iter().filter(|other| *other != asked) {
        let files = files(other).map(|name| of_file_if_readable(dir.join(name)));
        for foreign in files.into_iter().chain([Settings::of_process_for(other, vars)]) {
            let shared = |key: &&'static str| foreign.get(key).is_some() && foreign.get(key) == settings.get(key);
            if let Some(key) = [DEV_ID, API_KEY].into_iter().find(shared) {
                let (place, elsewhere) = (settings.location(key), foreign.source().clone());
                return Err(CredentialsError::SharedKey { asked, key, place, other, elsewhere });
            }
        }
    }
    Ok(())
}

fn of_file_if_readable(file: PathBuf) -> Settings {
    let read = file::read(&file).ok().flatten();
    let source = Source::File(file);
    match read {
        Some(read) => Settings::of_file(source, read),
        None => Settings::of_no_file(source),
    }
}
