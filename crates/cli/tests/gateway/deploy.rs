//! Checks the files in `deploy/`: the settings file, the systemd unit and the container.

use std::{collections::BTreeSet, fs, path::PathBuf, process::Command};

use terra_auth_cli_testkit::Folder;
use terra_auth_gateway::Settings;
use toml::{Table, Value};

const KEYS: &str = "TERRA_DEV_ID=acme-testing-0000000000\nTERRA_API_KEY=test-key-not-a-secret\n";

#[test]
fn the_settings_file_has_every_setting_and_no_other() {
    let text = read("gateway.toml");
    Settings::from_toml(&text, "deploy/gateway.toml").unwrap();

    let complete: Table = with_examples(&text).parse().unwrap();
    Settings::from_toml(&complete.to_string(), "deploy/gateway.toml with all examples").unwrap();
    let mut tables = vec![(String::new(), &complete)];
    while let Some((path, table)) = tables.pop() {
        let names: BTreeSet<String> = table.keys().cloned().collect();
        assert_eq!(names, known_settings(&complete, &path), "[{path}]");
        let below = table.iter().filter_map(|(name, value)| Some((format!("{path}.{name}"), value.as_table()?)));
        tables.extend(below.map(|(path, table)| (path.trim_start_matches('.').to_owned(), table)));
    }
}

#[test]
fn a_start_accepts_the_settings_file_unchanged() {
    let folder = Folder::new();
    folder.write(".env.terra.testing", KEYS);
    folder.write("gateway.toml", &read("gateway.toml"));
    let answer = folder.run("gateway check");
    assert_eq!(answer.code, 0, "{answer}");
}

#[test]
fn systemd_accepts_the_unit_and_its_command_is_valid() {
    let unit = read("terra-auth-gateway.service");
    let command = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/terra-auth ")).unwrap();
    assert_starts(&command.split(' ').collect::<Vec<_>>());

    let folder = Folder::new();
    let ours = unit.replace("/usr/local/bin/terra-auth", env!("CARGO_BIN_EXE_terra-auth"));
    folder.write("terra-auth-gateway.service", &ours);
    let unit = folder.path("terra-auth-gateway.service");
    let verify = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&unit).output();
    // Not every machine has systemd.
    if let Ok(verify) = verify {
        let said = String::from_utf8(verify.stderr).unwrap();
        assert!(verify.status.success() && !said.contains("terra-auth-gateway.service"), "{said}");
    }
}

#[test]
fn the_container_starts_a_gateway() {
    let file = read("Containerfile");
    let command = file.lines().find_map(|line| line.strip_prefix("CMD ")).unwrap();
    let command: Vec<String> = serde_json::from_str(command).unwrap();
    assert_starts(&command.iter().map(String::as_str).collect::<Vec<_>>());
    let copied = file.lines().filter_map(|line| line.strip_prefix("COPY ")).filter(|line| !line.starts_with("--from"));
    for source in copied.flat_map(|line| line.rsplit_once(' ').unwrap().0.split(' ')) {
        assert!(root().join(source).exists(), "{source}");
    }
}

/// Asserts that a command line that begins with `gateway` would start a gateway, given keys and a login.
fn assert_starts(command: &[&str]) {
    let (gateway, flags) = command.split_first().unwrap();
    let folder = Folder::new();
    folder.write(".env.terra.production", KEYS);
    folder.write("gateway.toml", &read("gateway.toml"));
    let answer = folder.run(&format!("{gateway} check {}", flags.join(" ")));
    assert_eq!(answer.code, 0, "{command:?}: {answer}");
}

/// The file with its examples uncommented: an example setting begins with `#` without a space.
fn with_examples(text: &str) -> String {
    let lines = text.lines().map(|line| match line.strip_prefix('#') {
        Some(setting) if !setting.is_empty() && !setting.starts_with(' ') => setting,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The valid names in a section, parsed from the error about an unknown one.
fn known_settings(complete: &Table, path: &str) -> BTreeSet<String> {
    let mut invalid = complete.clone();
    let section = path
        .split('.')
        .filter(|name| !name.is_empty())
        .fold(&mut invalid, |table, name| table.get_mut(name).and_then(Value::as_table_mut).unwrap());
    section.insert("unknown".to_owned(), Value::Boolean(true));
    let refused = Settings::from_toml(&invalid.to_string(), "the file").unwrap_err().to_string();
    let (_, known) = refused.split_once("unknown field `unknown`, expected ").unwrap_or_else(|| panic!("{refused}"));
    known.lines().next().unwrap().split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join("deploy").join(file)).unwrap()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}
