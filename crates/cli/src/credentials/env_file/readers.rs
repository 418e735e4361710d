//! Checks that other dotenv libraries read the values that this program writes. See `tests/dotenv/README.md`.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};

use crate::credentials::env_file::{EnvFile, is_portable};

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/dotenv");

type Read = BTreeMap<String, BTreeMap<String, String>>;

/// Runs a reader on the files of `folder`.
fn read(program: &str, script: &str, folder: &Path) -> Read {
    let installed = ["node_modules/.pins", "../../target/dotenv/.pins"].map(|file| Path::new(SCRIPTS).join(file));
    assert!(installed.iter().all(|file| file.exists()), "run tests/dotenv/setup.sh first");
    let mut command = Command::new(program);
    command.arg(script).arg(folder).current_dir(SCRIPTS).env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::null());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The values that a shell reads: both values of each file, one after the other.
fn read_by_shell(folder: &Path) -> Vec<String> {
    let script = r#"for file in *; do ( . "./$file"; printf '%s\0%s\0' "$TERRA_API_KEY" "$AFTER" ); done"#;
    let output = Command::new("sh").args(["-c", script]).current_dir(folder).env("LC_ALL", "C").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().split_terminator('\0').map(str::to_owned).collect()
}

/// Writes one file for each value, with other lines around it. Every second value replaces an old one.
fn write(values: &[String]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (at, value) in values.iter().enumerate() {
        let old = if at % 2 == 0 { "" } else { "export TERRA_API_KEY='old' # ours\n" };
        let mut file = EnvFile::parse(&format!("# keys\nBEFORE=\"two words\"\n{old}")).unwrap();
        file.set("TERRA_API_KEY", value);
        file.set("AFTER", "1");
        fs::write(folder.path().join(format!("{at:04}")), file.to_string()).unwrap();
    }
    folder
}

fn sample(strategy: impl Strategy<Value = String>, count: usize, runner: &mut TestRunner) -> Vec<String> {
    (0..count).map(|_| strategy.new_tree(runner).unwrap().current()).collect()
}

#[test]
fn python_node_and_a_shell_read_portable_values_alike() {
    let mut runner = TestRunner::deterministic();
    let mut values = sample(r"[A-Za-z0-9_./+=-]{1,64}", 150, &mut runner);
    values.extend(sample("[!-~]{1,32}", 300, &mut runner));
    values.extend(sample(r#"[ a-c#=$'"\\{}&;*~!%n-]{1,8}"#, 500, &mut runner));
    values.extend(sample(any::<String>(), 150, &mut runner));
    values.extend(
        [
            "it's",
            "it's a # b",
            r"a\nb",
            r"\'",
            "$HOME",
            "$(id)",
            "a b",
            " ",
            "",
            r#"command:op read "op://my vault/terra""#,
        ]
        .map(str::to_owned),
    );
    values.retain(|value| is_portable(value));
    assert!(values.len() > 500 && values.iter().any(|value| value.contains('\'')), "{}", values.len());

    let folder = write(&values);
    let by_name: Vec<_> = [("python3", "read.py"), ("node", "read.mjs")].map(|(p, s)| read(p, s, folder.path())).into();
    let by_shell = read_by_shell(folder.path());
    for (at, value) in values.iter().enumerate() {
        let name = format!("{at:04}");
        let text = fs::read_to_string(folder.path().join(&name)).unwrap();
        for read in &by_name {
            assert_eq!((&read[&name]["TERRA_API_KEY"], &*read[&name]["AFTER"]), (value, "1"), "{text}");
            assert_eq!(read[&name]["BEFORE"], "two words");
        }
        assert_eq!((&by_shell[2 * at], &*by_shell[2 * at + 1]), (value, "1"), "{text}");
    }
}

#[test]
fn python_or_node_reads_a_value_that_is_not_portable_differently() {
    let values = ["a${HOME}b", "it's \"so\"", "$ and '", r"two\\", r"'end\", "'`"].map(str::to_owned);
    assert_eq!(values.iter().find(|value| is_portable(value)), None);
    let folder = write(&values);
    let (python, node) = (read("python3", "read.py", folder.path()), read("node", "read.mjs", folder.path()));
    for (at, value) in values.iter().enumerate() {
        let of = |read: &Read| read[&format!("{at:04}")].get("TERRA_API_KEY").cloned();
        assert!([of(&python), of(&node)].iter().any(|read| read.as_ref() != Some(value)), "{value} may be allowed");
    }
}
