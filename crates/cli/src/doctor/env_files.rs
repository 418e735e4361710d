//! The dotenv files of the folder. If git ignores one, the walk through the tree does not include it.

use std::{fs, path::Path};

use secrecy::SecretString;
use terra_auth::{Environment, ownership};

use super::context::{KEYS, StoredCredential};
use crate::{
    credentials::env_file,
    git::{self, GitStatus},
};

/// One dotenv file of the folder.
pub(crate) struct EnvFile {
    pub(crate) name: String,
    /// According to the file name.
    pub(crate) environment: Option<Environment>,
    pub(crate) text: String,
    pub(crate) credentials: Vec<StoredCredential>,
    /// Whether a value is an external reference.
    pub(crate) has_references: bool,
    pub(crate) git_status: GitStatus,
    /// Whether other users of the machine can read it.
    pub(crate) open_to_others: bool,
}

impl EnvFile {
    /// Whether it contains secrets.
    pub(crate) fn is_secret(&self) -> bool {
        self.credentials.iter().any(StoredCredential::is_secret)
    }
}

const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Extensions of template files, which contain no real keys.
const TEMPLATES: [&str; 4] = ["example", "sample", "template", "dist"];

pub(crate) fn is_env_file(name: &str) -> bool {
    let is_template = name.rsplit('.').next().is_some_and(|end| TEMPLATES.contains(&end));
    name.starts_with(".env") && !is_template
}

/// Reads the files, sorted by name. Skips unreadable files, because the check of the credentials reports them.
pub(crate) fn read() -> Vec<EnvFile> {
    let entries = fs::read_dir(".").into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| is_env_file(name));
    names.sort();
    names.into_iter().filter_map(read_one).collect()
}

fn read_one(name: String) -> Option<EnvFile> {
    fs::metadata(&name).ok().filter(|metadata| metadata.is_file() && metadata.len() <= MAX_FILE_BYTES)?;
    let text = fs::read_to_string(&name).ok()?;
    let environment = environment(&name);
    let (mut credentials, mut has_references) = (Vec::new(), false);
    let entries = env_file::EnvFile::parse(&text).ok();
    for key in KEYS {
        let value = entries.as_ref().and_then(|entries| entries.get(key)).map_or("", str::trim);
        let is_reference = value.starts_with("command:") || value.starts_with("keyring:");
        has_references |= is_reference;
        if !value.is_empty() && !is_reference {
            let location = format!("{name}:{}", line_of(&text, key));
            let value = SecretString::from(value);
            credentials.push(StoredCredential { environment, key, value, location });
        }
    }
    let git_status = git::status(&name);
    Some(EnvFile {
        open_to_others: ownership::is_open_to_others(Path::new(&name)),
        environment,
        text,
        credentials,
        has_references,
        git_status,
        name,
    })
}

fn environment(name: &str) -> Option<Environment> {
    let rest = name.strip_prefix(".env.")?;
    rest.strip_prefix("terra.").unwrap_or(rest).parse().ok()
}

fn line_of(text: &str, key: &str) -> usize {
    let sets = |line: &str| {
        let line = line.trim_start_matches('\u{feff}').trim_start();
        line.strip_prefix("export ").unwrap_or(line).trim_start().starts_with(key)
    };
    text.lines().position(sets).map_or(1, |index| index + 1)
}

/// Whether the checks of credential files cover the keys in `path`, so the walk through the tree skips them.
pub(crate) fn covers(files: &[EnvFile], path: &Path) -> bool {
    files.iter().any(|file| Path::new(&file.name) == path && file.is_secret())
}
