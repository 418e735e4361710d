//! Whatever goes wrong, the old file is whole and the message says what to do.

use std::{
    fs,
    io::{ErrorKind, Write as _},
    os::unix::fs::PermissionsExt as _,
    process::Child,
    thread,
    time::Duration,
};

use insta::assert_snapshot;

use crate::support::{Answer, FILE, Folder, api, dev_id, key, lines, slow_api};

const SETUP: &str = "setup-environment --no-verify --yes";

/// Another key for a folder that has testing's keys.
fn other_key() -> String {
    lines("testing", "").replace(&key("testing"), "other-key-not-a-secret")
}

#[test]
fn on_a_full_disk_the_old_file_stays() {
    let folder = Folder::with(&["testing"], "http://127.0.0.1:1/v2");
    folder.write("new.in", &(lines("staging", "STAGING_") + &other_key()));
    let before = folder.read(FILE);
    // A process that may write no byte into any file; the signal for it is ignored, so that writing fails.
    let answer = folder.shell(&format!("trap '' XFSZ; ulimit -f 0; exec $TERRA_AUTH {SETUP} --from new.in"));
    assert_snapshot!(answer, @"
    exit 1
    --- stderr
    error: could not write .env.terra.testing, which is as it was: file too large
    next: raise the limit on what this process may write: see `ulimit -f`
    ");
    assert_eq!(folder.read(FILE), before);
    assert_eq!(folder.env_files(), [FILE]);
}

#[test]
fn in_a_folder_that_may_not_be_written_the_old_file_stays() {
    let folder = Folder::with(&["testing"], "http://127.0.0.1:1/v2");
    let before = folder.read(FILE);
    folder.write("new.in", &other_key());
    let mode = |mode| fs::set_permissions(folder.path("."), fs::Permissions::from_mode(mode)).unwrap();
    mode(0o555);
    // Root may write everywhere, unless it gives that up.
    let answer = folder.shell(&format!(
        "run=; [ $(id -u) != 0 ] || run='setpriv --bounding-set=-all --inh-caps=-all'; exec $run $TERRA_AUTH {SETUP} --from new.in"
    ));
    mode(0o755);
    assert_snapshot!(answer, @"
    exit 1
    --- stderr
    error: could not write .env.terra.testing, which is as it was: permission denied
    next: get the right to write in this folder: see `ls -ld .`
    ");
    assert_eq!(folder.read(FILE), before);
}

#[test]
fn a_file_that_others_could_read_is_private_afterwards() {
    let folder = Folder::with(&["testing"], "http://127.0.0.1:1/v2");
    fs::set_permissions(folder.path(FILE), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(folder.run_with(&format!("{SETUP} --from -"), &other_key()).code, Some(0));
    assert_eq!(fs::metadata(folder.path(FILE)).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_half_written_or_foreign_file_is_left_as_it_is() {
    let folder = Folder::new();
    for broken in
        ["TERRA_DEV_ID=acme\nTERRA_API_K", "TERRA_API_KEY='never", "TERRA_API_KEY=a\nTERRA_API_KEY=b\n", "a\0b"]
    {
        folder.write(FILE, broken);
        let answer = folder.run_with(&format!("{SETUP} --from -"), &lines("testing", ""));
        assert_eq!(answer.code, Some(8), "{broken:?}: {answer}");
        assert!(answer.stderr.contains("next: mend or delete that line"), "{answer}");
        assert_eq!(folder.read(FILE), broken);
    }
    fs::write(folder.path(FILE), [0xff, 0xfe, b'A']).unwrap();
    let answer = folder.run_with(&format!("{SETUP} --from -"), &lines("testing", ""));
    assert!(answer.code == Some(1) && answer.stderr.contains("valid UTF-8"), "{answer}");
    assert_eq!(fs::read(folder.path(FILE)).unwrap(), [0xff, 0xfe, b'A']);
    folder.write(FILE, &"#\n".repeat(40_000));
    let answer = folder.run_with(&format!("{SETUP} --from -"), &lines("testing", ""));
    assert!(answer.code == Some(1) && answer.stderr.contains("longer than 64 KiB"), "{answer}");
}

#[test]
fn one_tracked_file_keeps_all_from_being_written() {
    let folder = Folder::new();
    folder.write(".env.terra.staging", "A=1\n");
    let git = folder.shell("git init --quiet && git add --force .env.terra.staging");
    assert_eq!(git.code, Some(0), "{git}");
    let both = lines("testing", "TESTING_") + &lines("staging", "STAGING_");
    let answer = folder.run_with(&format!("{SETUP} --from -"), &both);
    assert!(answer.stderr.contains(".env.terra.staging is tracked by git"), "{answer}");
    assert_eq!(folder.env_files(), [".env.terra.staging"]);
}

#[test]
fn killed_at_any_moment_the_file_is_the_old_or_the_new() {
    let folder = Folder::with(&["testing"], "http://127.0.0.1:1/v2");
    let comments = "# kept\n".repeat(2000);
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
    assert!(seen[0] > 0, "it was never killed before the end: {seen:?}");
    // What a killed run left is removed by the next that ends.
    folder.write(".env.terra.tmp-killed", "half");
    assert_eq!(folder.run(&format!("{SETUP} --from new.in")).code, Some(0));
    assert_eq!(folder.env_files(), [FILE]);
}

fn finished(child: Child) -> Answer {
    Answer::of(child.wait_with_output().unwrap())
}

#[test]
fn of_several_who_write_at_once_nobody_loses_a_change() {
    let folder = Folder::with(&["testing"], &slow_api(Duration::from_millis(50)));
    let urls = ["--widget-url https://widget.example.com", "--streaming-url wss://streaming.example.com"];
    let secret = "--signing-secret-file secret";
    folder.write("secret", "signing-not-a-secret");
    let writers = [urls[0], urls[1], secret];
    let children = writers.map(|change| folder.start(&format!("setup-environment --yes {change}")));
    let answers = children.map(finished);
    let file = folder.read(FILE);
    assert!(file.starts_with(&lines("testing", "")), "{file}");
    assert!(answers.iter().any(|answer| answer.code == Some(0)));
    for (change, answer) in writers.iter().zip(answers) {
        let value = if *change == secret { "signing-not-a-secret" } else { change.split(' ').next_back().unwrap() };
        assert_eq!(file.contains(value), answer.code == Some(0), "{change}: {answer}{file}");
        let told = "error: .env.terra.testing was changed by somebody else meanwhile; nothing was written";
        assert!(answer.code == Some(0) || answer.stderr.starts_with(told), "{answer}");
    }
}

#[test]
fn a_change_made_by_hand_during_the_verification_is_not_lost() {
    let folder = Folder::with(&["testing"], &slow_api(Duration::from_millis(400)));
    let child = folder.start("setup-environment --yes --widget-url https://widget.example.com");
    thread::sleep(Duration::from_millis(200));
    let by_hand = folder.read(FILE) + "# by hand\n";
    folder.write(FILE, &by_hand);
    let answer = finished(child);
    assert_snapshot!(answer, @"
    exit 1
    --- stderr
    error: .env.terra.testing was changed by somebody else meanwhile; nothing was written
    next: run this again, to change it as it is now
    ");
    assert_eq!(folder.read(FILE), by_hand);
}

#[test]
fn a_writer_that_hangs_is_not_waited_for_forever() {
    let folder = Folder::new();
    let lock = fs::File::open(folder.path(".")).unwrap();
    lock.lock().unwrap();
    let answer = folder.run_with(&format!("{SETUP} --from -"), &lines("testing", ""));
    assert!(answer.stderr.contains("another program keeps this folder locked; nothing was written"), "{answer}");
    assert!(folder.env_files().is_empty());
    drop(lock);
    assert_eq!(folder.run_with(&format!("{SETUP} --from -"), &lines("testing", "")).code, Some(0));
}

#[test]
fn a_reader_who_leaves_early_is_no_failure_of_the_writing() {
    let (folder, api) = (Folder::new(), api());
    let mut child =
        folder.start(&format!("setup-environment --dev-id {} --api-key-file - --api-url {api}", dev_id("testing")));
    drop(child.stdout.take());
    let written = child.stdin.take().unwrap().write_all(key("testing").as_bytes());
    assert!(written.is_ok() || written.unwrap_err().kind() == ErrorKind::BrokenPipe);
    assert_eq!(finished(child).code, Some(0));
    assert!(folder.read(FILE).contains(&key("testing")));
}
