//! Prompts on a terminal.

use std::{
    fs::File,
    io::{BufReader, Read as _, Write as _},
    os::fd::OwnedFd,
    process::Child,
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::{Mode, OFlags},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};
use terra_auth_cli_testkit::Folder;

use crate::support::{FILE, api, dev_id, folder_with, key, lines};

/// A user at a terminal in which the command runs.
struct TerminalUser {
    terminal: File,
    shown: Receiver<u8>,
    /// The output so far, and how much of it was already matched.
    seen: String,
    known: usize,
    child: Child,
}

impl TerminalUser {
    fn starts(folder: &Folder, arguments: &str) -> Self {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let size = Winsize { ws_row: 40, ws_col: 200, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&terminal, size).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap();
        let inside = || -> OwnedFd { rustix::fs::open(&*name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap() };
        let child = folder.start_on(arguments, inside(), inside(), inside());
        let terminal = File::from(terminal);
        let (sender, shown) = mpsc::channel();
        let reader = terminal.try_clone().unwrap();
        // The terminal closes when the command exits.
        thread::spawn(move || {
            BufReader::new(reader).bytes().map_while(Result::ok).try_for_each(|byte| sender.send(byte))
        });
        Self { terminal, shown, seen: String::new(), known: 0, child }
    }

    /// Waits for a prompt, then types an answer and Enter.
    fn answers(&mut self, question: &str, answer: &str) {
        self.wait_for(question);
        self.terminal.write_all(format!("{answer}\r").as_bytes()).unwrap();
    }

    fn wait_for(&mut self, text: &str) {
        let (began, timeout) = (Instant::now(), Duration::from_secs(20));
        while !self.seen[self.known..].contains(text) {
            let left = timeout.saturating_sub(began.elapsed());
            let byte = self.shown.recv_timeout(left).unwrap_or_else(|_| panic!("no {text:?} in {}", self.seen));
            self.seen.push(char::from(byte));
        }
        self.known = self.seen.len();
    }

    fn exit_code(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

#[test]
fn all_environments_are_prompted_for_and_one_can_be_skipped() {
    let (folder, api) = (Folder::new(), api());
    let mut person = TerminalUser::starts(&folder, &format!("setup-environment --all --api-url {api}"));
    for environment in ["testing", "production"] {
        if environment == "production" {
            person.answers("dev-id of staging (Enter to skip)", "");
        }
        person.answers(&format!("dev-id of {environment}"), &dev_id(environment));
        person.answers(&format!("API key of {environment}"), &key(environment));
        person.answers("Signing secret", "");
    }
    person.wait_for("Wrote .env.terra.production");
    assert_eq!(person.exit_code(), Some(0));
    assert_eq!(folder.env_files(), [".env.terra.production", FILE]);
    assert_eq!(folder.read(FILE), format!("{}TERRA_API_URL={api}\n", lines("testing", "")));
}

#[test]
fn a_typed_secret_is_not_shown_and_enter_leaves_the_value_unchanged() {
    let folder = folder_with(&["testing"], &api());
    let before = folder.read(FILE);
    let mut person = TerminalUser::starts(&folder, "setup-environment");
    person.answers("dev-id of testing", "");
    person.answers("API key of testing", "");
    person.wait_for("Signing secret");
    person.terminal.write_all(b"signing-not-a-secret").unwrap();
    person.wait_for("********************");
    person.terminal.write_all(b"\r").unwrap();
    person.wait_for("Connected!");
    assert!(!person.seen.contains("not-a-secret"), "{}", person.seen);
    assert_eq!(person.exit_code(), Some(0));
    assert_eq!(folder.read(FILE), format!("{before}TERRA_SIGNING_SECRET=signing-not-a-secret\n"));
}

#[test]
fn answering_no_or_cancelling_changes_nothing() {
    let folder = folder_with(&["testing"], &api());
    let before = folder.read(FILE);
    for answer in ["n\r", "\u{1b}", "\u{3}"] {
        folder.write("new", &lines("testing", "").replace(&key("testing"), &format!("older-{}", key("testing"))));
        let mut person = TerminalUser::starts(&folder, "setup-environment --from new");
        person.wait_for("has a different TERRA_API_KEY. Replace it?");
        person.terminal.write_all(answer.as_bytes()).unwrap();
        assert_eq!(person.exit_code(), Some(7));
        assert_eq!(folder.read(FILE), before);
    }
}
