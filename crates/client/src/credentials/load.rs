use std::{fmt, path::Path};

use terra_auth_types::{ApiKey, DevId, Environment};

use super::{
    API_KEY, API_URL, Credentials, CredentialsError, DEV_ID, ENV, Place, RETIRING_SIGNING_SECRET, SIGNING_SECRET,
    STREAMING_URL, Source, WIDGET_URL, file, file_name, hosts::Hosts, settings::Settings,
};

/// What one source says, before anybody is asked for a value that is kept elsewhere.
pub struct Written {
    environment: Environment,
    settings: Settings,
    notices: Vec<String>,
}

impl Written {
    /// Chooses the source as [`Credentials::load_from`] does.
    ///
    /// # Errors
    ///
    /// As there, as far as it is about the source and not about a value.
    pub fn find(
        environment: Environment,
        dir: &Path,
        vars: &impl Fn(&str) -> Option<String>,
    ) -> Result<Self, CredentialsError> {
        let process = Settings::of_process(vars);
        let mut notices = Vec::new();
        let settings = match (process.get(DEV_ID), process.get(API_KEY)) {
            (Some(_), Some(_)) => own_process(environment, process)?,
            (Some(_), None) => return Err(half(environment, DEV_ID, API_KEY)),
            (None, Some(_)) => return Err(half(environment, API_KEY, DEV_ID)),
            (None, None) => {
                notices.extend(unused(environment, &process));
                own_file(environment, dir, &mut notices)?
            }
        };
        refuse_shared_keys(environment, dir, &settings)?;
        Ok(Self { environment, settings, notices })
    }

    /// The file, or the process environment.
    #[must_use]
    pub fn source(&self) -> &Source {
        self.settings.source()
    }

    /// The text of a variable as it stands there: the value or a [`Reference`](super::Reference). An empty one is none.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.settings.get(key)
    }

    /// Where a variable stands.
    #[must_use]
    pub fn place(&self, key: &str) -> Place {
        self.settings.place(key)
    }

    /// The credentials, for which whoever keeps a secret is asked for it.
    ///
    /// # Errors
    ///
    /// [`CredentialsError`] about a single value.
    pub fn read(self) -> Result<Credentials, CredentialsError> {
        read(self.environment, &self.settings, self.notices)
    }
}

/// Without the values, which may be secrets.
impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Written").field("source", self.source()).finish_non_exhaustive()
    }
}

fn half(environment: Environment, present: &'static str, missing: &'static str) -> CredentialsError {
    CredentialsError::HalfPair { environment, present, missing }
}

/// The process environment's pair, unless `TERRA_ENV` says that it is another environment's.
fn own_process(asked: Environment, process: Settings) -> Result<Settings, CredentialsError> {
    match process.get(ENV) {
        Some(held) if held != asked.as_str() => {
            Err(CredentialsError::OtherEnvironment { asked, held: held.to_owned() })
        }
        _ => Ok(process),
    }
}

/// Every value comes from one source, which may surprise whoever set an address only.
fn unused(environment: Environment, process: &Settings) -> Option<String> {
    let names = [SIGNING_SECRET, RETIRING_SIGNING_SECRET, API_URL, WIDGET_URL, STREAMING_URL];
    let set: Vec<&str> = names.into_iter().filter(|name| process.get(name).is_some()).collect();
    let file = file_name(environment);
    let notice = || {
        format!(
            "{} of the process environment is not used; the keys come from a file: set it in {file}",
            set.join(", ")
        )
    };
    (!set.is_empty()).then(notice)
}

fn own_file(environment: Environment, dir: &Path, notices: &mut Vec<String>) -> Result<Settings, CredentialsError> {
    let [file, older] = files(environment).map(|name| dir.join(name));
    let (used, entries) = match (file::read(&file)?, older.exists()) {
        (Some(entries), both) => {
            notices.extend(both.then(|| format!("using {}; {} is not read", file.display(), older.display())));
            (file, entries)
        }
        (None, _) => match file::read(&older)? {
            Some(entries) => (older, entries),
            None => return Err(CredentialsError::NoFile { environment, file, older }),
        },
    };
    let name = used.display().to_string();
    let source = Source::File(used);
    if source.is_open_to_others() {
        notices.push(format!("other users of this machine can open {name}; run `chmod 600 {name}`"));
    }
    Ok(Settings::of_file(source, entries))
}

fn files(environment: Environment) -> [String; 2] {
    [file_name(environment), format!(".env.{environment}")]
}

fn read(environment: Environment, settings: &Settings, notices: Vec<String>) -> Result<Credentials, CredentialsError> {
    let missing = |key| CredentialsError::Missing { environment, place: settings.place(key), key };
    let dev_id = settings.parse::<DevId>(DEV_ID, "must be 1 to 128 visible ASCII characters")?;
    let dev_id = dev_id.ok_or_else(|| missing(DEV_ID))?;
    let api = settings.address(API_URL, ["https", "http"])?;
    let hosts = api.map_or_else(Hosts::published, Hosts::beside);
    let widget_url = settings.address(WIDGET_URL, ["https", "http"])?.unwrap_or(hosts.widget);
    let streaming_url = settings.address(STREAMING_URL, ["wss", "ws"])?.unwrap_or(hosts.streaming);
    // Last, because somebody may have to unlock something for them.
    let api_key = settings.secret(API_KEY)?.ok_or_else(|| missing(API_KEY))?;
    if !api_key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(settings.invalid(API_KEY, "must be visible ASCII characters"));
    }
    Ok(Credentials {
        environment,
        dev_id,
        api_key: ApiKey::from(api_key),
        signing_secret: settings.secret(SIGNING_SECRET)?.map(Into::into),
        retiring_signing_secret: settings.secret(RETIRING_SIGNING_SECRET)?.map(Into::into),
        widget_url,
        streaming_url,
        api_url: hosts.api,
        source: settings.source().clone(),
        notices,
    })
}

/// A key that two environments have was copied into the wrong one. A file that cannot be read proves nothing.
fn refuse_shared_keys(asked: Environment, dir: &Path, settings: &Settings) -> Result<(), CredentialsError> {
    let others = Environment::ALL.into_iter().filter(|other| *other != asked);
    for (other, name) in others.flat_map(|other| files(other).map(|name| (other, name))) {
        let file = dir.join(name);
        let entries = file::read(&file).ok().flatten().unwrap_or_default();
        let foreign = Settings::of_file(Source::File(file.clone()), entries);
        let shared = |key: &&'static str| foreign.get(key).is_some() && foreign.get(key) == settings.get(key);
        if let Some(key) = [DEV_ID, API_KEY].into_iter().find(shared) {
            return Err(CredentialsError::SharedKey { asked, key, place: settings.place(key), other, file });
        }
    }
    Ok(())
}
