//! Questions and answers, on a terminal.

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

use crate::support::{FILE, Folder, api, dev_id, key, lines};

/// A person at a terminal, in which the command runs.
struct Person {
    terminal: File,
    shown: Receiver<u8>,
    /// Everything so far, and how much of it was waited for.
    seen: String,
    known: usize,
    child: Child,
}

impl Person {
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
        // The terminal is gone when the command has ended.
        thread::spawn(move || {
            BufReader::new(reader).bytes().map_while(Result::ok).try_for_each(|byte| sender.send(byte))
        });
        Self { terminal, shown, seen: String::new(), known: 0, child }
    }

    /// Waits for a question, then types an answer and Enter.
    fn answers(&mut self, question: &str, answer: &str) {
        self.sees(question);
        self.terminal.write_all(format!("{answer}\r").as_bytes()).unwrap();
    }

    fn sees(&mut self, text: &str) {
        let (began, patience) = (Instant::now(), Duration::from_secs(20));
        while !self.seen[self.known..].contains(text) {
            let left = patience.saturating_sub(began.elapsed());
            let byte = self.shown.recv_timeout(left).unwrap_or_else(|_| panic!("no {text:?} in {}", self.seen));
            self.seen.push(char::from(byte));
        }
        self.known = self.seen.len();
    }

    fn ends(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

#[test]
fn all_environments_are_asked_for_and_one_may_be_left_out() {
    let (folder, api) = (Folder::new(), api());
    let mut person = Person::starts(&folder, &format!("setup-environment --all --api-url {api}"));
    for environment in ["testing", "production"] {
        if environment == "production" {
            person.answers("dev-id of staging (Enter leaves it out)", "");
        }
        person.answers(&format!("dev-id of {environment}"), &dev_id(environment));
        person.answers(&format!("API key of {environment}"), &key(environment));
        person.answers("Signing secret", "");
    }
    person.sees("Wrote .env.terra.production");
    assert_eq!(person.ends(), Some(0));
    assert_eq!(folder.env_files(), [".env.terra.production", FILE]);
    assert_eq!(folder.read(FILE), format!("{}TERRA_API_URL={api}\n", lines("testing", "")));
}

#[test]
fn a_secret_is_not_shown_while_it_is_typed_and_enter_keeps_what_is_there() {
    let folder = Folder::with(&["testing"], &api());
    let before = folder.read(FILE);
    let mut person = Person::starts(&folder, "setup-environment");
    person.answers("dev-id of testing", "");
    person.answers("API key of testing", "");
    person.sees("Signing secret");
    person.terminal.write_all(b"signing-not-a-secret").unwrap();
    person.sees("********************");
    person.terminal.write_all(b"\r").unwrap();
    person.sees("Connected!");
    assert!(!person.seen.contains("not-a-secret"), "{}", person.seen);
    assert_eq!(person.ends(), Some(0));
    assert_eq!(folder.read(FILE), format!("{before}TERRA_SIGNING_SECRET=signing-not-a-secret\n"));
}

#[test]
fn whoever_says_no_or_escapes_changes_nothing() {
    let folder = Folder::with(&["testing"], &api());
    let before = folder.read(FILE);
    for answer in ["n\r", "\u{1b}", "\u{3}"] {
        folder.write("new", &lines("testing", "").replace(&key("testing"), &format!("older-{}", key("testing"))));
        let mut person = Person::starts(&folder, "setup-environment --from new");
        person.sees("has another TERRA_API_KEY. Replace it?");
        person.terminal.write_all(answer.as_bytes()).unwrap();
        assert_eq!(person.ends(), Some(7));
        assert_eq!(folder.read(FILE), before);
    }
}
