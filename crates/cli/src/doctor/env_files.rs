//! The dotenv files of the folder, which git may ignore and the walk through the tree then does not see.

use std::{fs, path::Path};

use secrecy::SecretString;
use terra_auth::{Environment, ownership};

use super::context::{Held, KEYS};
use crate::{
    env_file,
    git::{self, Standing},
};

/// One dotenv file of the folder.
pub(crate) struct EnvFile {
    pub(crate) name: String,
    /// By its name.
    pub(crate) environment: Option<Environment>,
    pub(crate) text: String,
    pub(crate) held: Vec<Held>,
    /// Whether a value is kept elsewhere.
    pub(crate) refers: bool,
    pub(crate) standing: Standing,
    /// Whether other users of the machine can open it.
    pub(crate) open_to_others: bool,
}

impl EnvFile {
    /// Whether it must stay where it is.
    pub(crate) fn is_secret(&self) -> bool {
        self.held.iter().any(Held::is_secret)
    }
}

const LONGEST: u64 = 64 * 1024;

/// Files that show a reader what to fill in.
const TEMPLATES: [&str; 4] = ["example", "sample", "template", "dist"];

pub(crate) fn is_env_file(name: &str) -> bool {
    let is_template = name.rsplit('.').next().is_some_and(|end| TEMPLATES.contains(&end));
    name.starts_with(".env") && !is_template
}

/// In the order of their names. What cannot be read is left out: the credentials' own check says why.
pub(crate) fn read() -> Vec<EnvFile> {
    let entries = fs::read_dir(".").into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| is_env_file(name));
    names.sort();
    names.into_iter().filter_map(one).collect()
}

fn one(name: String) -> Option<EnvFile> {
    fs::metadata(&name).ok().filter(|metadata| metadata.is_file() && metadata.len() <= LONGEST)?;
    let text = fs::read_to_string(&name).ok()?;
    let environment = environment(&name);
    let (mut held, mut refers) = (Vec::new(), false);
    let entries = env_file::EnvFile::parse(&text).ok();
    for key in KEYS {
        let value = entries.as_ref().and_then(|entries| entries.get(key)).map_or("", str::trim);
        let is_reference = value.starts_with("command:") || value.starts_with("keyring:");
        refers |= is_reference;
        if !value.is_empty() && !is_reference {
            let place = format!("{name}:{}", line_of(&text, key));
            held.push(Held { environment, key, value: SecretString::from(value), place });
        }
    }
    let standing = git::standing(&name);
    Some(EnvFile {
        open_to_others: ownership::is_open_to_others(Path::new(&name)),
        environment,
        text,
        held,
        refers,
        standing,
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

/// Whether the walk through the tree leaves the keys of `path` to the checks of credential files.
pub(crate) fn covers(files: &[EnvFile], path: &Path) -> bool {
    files.iter().any(|file| Path::new(&file.name) == path && file.is_secret())
}
