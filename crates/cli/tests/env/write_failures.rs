//! If a write fails, the old file stays intact and the error names a remedy.

use std::{
    fs,
    io::{ErrorKind, Write as _},
    os::unix::fs::PermissionsExt as _,
    process::Child,
    thread,
    time::Duration,
};

use insta::assert_snapshot;
use terra_auth_cli_testkit::{CommandOutput, Folder};

use crate::support::{FILE, api, dev_id, folder_with, key, lines, slow_api};

const SETUP: &str = "setup-environment --no-verify --yes";

/// A file with another key for the testing environment.
fn other_key() -> String {
    lines("testing", "").replace(&key("testing"), "other-key-not-a-secret")
}

#[test]
fn on_a_full_disk_the_old_file_stays() {
    let folder = folder_with(&["testing"], "http://127.0.0.1:1/v2");
    folder.write("new.in", &(lines("staging", "STAGING_") + &other_key()));
    let before = folder.read(FILE);
    // The file size limit is 0 bytes. The signal for it is ignored, so the write fails.
    let answer = folder.shell(&format!("trap '' XFSZ; ulimit -f 0; exec $TERRA_AUTH {SETUP} --from new.in"));
    assert_snapshot!(answer, @"
    exit 1
    --- stderr
    error: could not write .env.terra.testing; it was not changed: file too large
    next: raise the file size limit of this process: see `ulimit -f`
    ");
    assert_eq!(folder.read(FILE), before);
    assert_eq!(folder.env_files(), [FILE]);
}

#[test]
fn in_a_read_only_folder_the_old_file_stays() {
    let folder = folder_with(&["testing"], "http://127.0.0.1:1/v2");
    let before = folder.read(FILE);
    folder.write("new.in", &other_key());
    let mode = |mode| fs::set_permissions(folder.path("."), fs::Permissions::from_mode(mode)).unwrap();
    mode(0o555);
    // Root can write everywhere, unless it drops that capability.
    let answer = folder.shell(&format!(
        "run=; [ $(id -u) != 0 ] || run='setpriv --bounding-set=-all --inh-caps=-all'; exec $run $TERRA_AUTH {SETUP} --from new.in"
    ));
    mode(0o755);
    assert_snapshot!(answer, @"
    exit 1
    --- stderr
    error: could not write .env.terra.testing; it was not changed: permission denied
    next: get write permission for this folder: see `ls -ld .`
    ");
    assert_eq!(folder.read(FILE), before);
}

#[test]
fn a_file_that_others_could_read_is_private_afterwards() {
    let folder = folder_with(&["testing"], "http://127.0.0.1:1/v2");
    fs::set_permissions(folder.path(FILE), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(folder.run_with(&format!("{SETUP} --from -"), &other_key()).code, 0);
    assert_eq!(fs::metadata(folder.path(FILE)).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_half_written_or_foreign_file_is_not_changed() {
    let folder = Folder::new();
    for broken in
        ["TERRA_DEV_ID=acme\nTERRA_API_K", "TERRA_API_KEY='never", "TERRA_API_KEY=a\nTERRA_API_KEY=b\n", "a\0b"]
    {
        folder.write(FILE, broken);
        let answer = folder.run_with(&format!("{SETUP} --from -"), &lines("testing", ""));
        assert_eq!(answer.code, 8, "{broken:?}: {answer}");
        assert!(answer.stderr.contains("next: fix or delete that line"), "{answer}");
        assert_eq!(folder.read(FILE), broken);
    }
    fs::write(folder.path(FILE), [0xff, 0xfe, b'A']).unwrap();
    let answer = folder.run_with(&format!("{SETUP} --from -"), &lines("testing", ""));
    assert!(answer.code == 1 && answer.stderr.contains("valid UTF-8"), "{answer}");
    assert_eq!(fs::read(folder.path(FILE)).unwrap(), [0xff, 0xfe, b'A']);
    folder.write(FILE, &"#\n".repeat(40_000));
    let answer = folder.run_with(&format!("{SETUP} --from -"), &lines("testing", ""));
    assert!(answer.code == 1 && answer.stderr.contains("longer than 64 KiB"), "{answer}");
}

#[test]
fn if_git_tracks_one_file_none_is_written() {
    let folder = Folder::new();
    folder.write(".env.terra.staging", "A=1\n");
    let git = folder.shell("git init --quiet && git add --force .env.terra.staging");
    assert_eq!(git.code, 0, "{git}");
    let both = lines("testing", "TESTING_") + &lines("staging", "STAGING_");
    let answer = folder.run_with(&format!("{SETUP} --from -"), &both);
    assert!(answer.stderr.contains(".env.terra.staging is tracked by git"), "{answer}");
    assert_eq!(folder.env_files(), [".env.terra.staging"]);
}

#[test]
fn after_a_kill_at_any_moment_the_file_is_the_old_or_the_new() {
    let folder = folder_with(&["testing"], "http://127.0.0.1:1/v2");
    let comments = "# comment\n".repeat(2000);
    folder.write(FILE, &(folder.read(FILE) + &comments));
    let old = folder.read(FILE);
    let new = old.replace(&key("testing"), "other-key-not-a-secret");
    folder.write("new.in", &other_key());
    let mut seen = [0, 0];
    for round in 0..60_u64 {
        let mut child = folder.start(&format!("{SETUP} --from new.in"));
        thread::sleep(Duration::from_micros(round * 250));
        child.kill().unwrap();
        child.wait().unwrap();
        let now = folder.read(FILE);
        assert!(now == old || now == new, "after {round}: {} bytes", now.len());
        seen[usize::from(now == new)] += 1;
        folder.write(FILE, &old);
    }
    assert!(seen[0] > 0, "no run was killed before its end: {seen:?}");
    // The next run removes the temporary files of a killed one.
    folder.write(".env.terra.tmp-killed", "half");
    assert_eq!(folder.run(&format!("{SETUP} --from new.in")).code, 0);
    assert_eq!(folder.env_files(), [FILE]);
}

fn finished(child: Child) -> CommandOutput {
    CommandOutput::read(child.wait_with_output().unwrap())
}

#[test]
fn concurrent_writers_lose_no_change() {
    let folder = folder_with(&["testing"], &slow_api(Duration::from_millis(50)));
    let urls = ["--widget-url https://widget.example.com", "--streaming-url wss://streaming.example.com"];
    let secret = "--signing-secret-file secret";
    folder.write("secret", "signing-not-a-secret");
    let writers = [urls[0], urls[1], secret];
    let children = writers.map(|change| folder.start(&format!("setup-environment --yes {change}")));
    let answers = children.map(finished);
    let file = folder.read(FILE);
    assert!(file.starts_with(&lines("testing", "")), "{file}");
    assert!(answers.iter().any(|answer| answer.code == 0));
    for (change, answer) in writers.iter().zip(answers) {
        let value = if *change == secret { "signing-not-a-secret" } else { change.split(' ').next_back().unwrap() };
        assert_eq!(file.contains(value), answer.code == 0, "{change}: {answer}{file}");
        let expected = "error: another program changed .env.terra.testing during this run; nothing was written";
        assert!(answer.code == 0 || answer.stderr.starts_with(expected), "{answer}");
    }
}

#[test]
fn a_manual_change_during_the_verification_is_not_lost() {
    let folder = folder_with(&["testing"], &slow_api(Duration::from_millis(400)));
    let child = folder.start("setup-environment --yes --widget-url https://widget.example.com");
    thread::sleep(Duration::from_millis(200));
    let by_hand = folder.read(FILE) + "# by hand\n";
    folder.write(FILE, &by_hand);
    let answer = finished(child);
    assert_snapshot!(answer, @"
    exit 1
    --- stderr
    error: another program changed .env.terra.testing during this run; nothing was written
    next: run this again to change the new version
    ");
    assert_eq!(folder.read(FILE), by_hand);
}

#[test]
fn waiting_for_another_writers_lock_times_out() {
    let folder = Folder::new();
    let lock = fs::File::open(folder.path(".")).unwrap();
    lock.lock().unwrap();
    let answer = folder.run_with(&format!("{SETUP} --from -"), &lines("testing", ""));
    assert!(answer.stderr.contains("another program has locked this folder; nothing was written"), "{answer}");
    assert!(folder.env_files().is_empty());
    drop(lock);
    assert_eq!(folder.run_with(&format!("{SETUP} --from -"), &lines("testing", "")).code, 0);
}

#[test]
fn a_closed_standard_output_does_not_prevent_the_write() {
    let (folder, api) = (Folder::new(), api());
    let mut child =
        folder.start(&format!("setup-environment --dev-id {} --api-key-file - --api-url {api}", dev_id("testing")));
    drop(child.stdout.take());
    let written = child.stdin.take().unwrap().write_all(key("testing").as_bytes());
    assert!(written.is_ok() || written.unwrap_err().kind() == ErrorKind::BrokenPipe);
    assert_eq!(finished(child).code, 0);
    assert!(folder.read(FILE).contains(&key("testing")));
}
