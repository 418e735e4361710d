//! A secret from outside a credential file is never sent to an address in the file, unless the user
//! has trusted the file.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    os::unix::fs::{PermissionsExt as _, chown, symlink},
    sync::{Arc, Mutex},
    thread,
};

use terra_auth_cli_testkit::Folder;

use crate::support::{FILE, dev_id, key};

/// An attacker's server: accepts every request and records its head.
struct AttackerServer {
    url: String,
    heard: Arc<Mutex<Vec<String>>>,
}

impl AttackerServer {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v2", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let recorded = Arc::clone(&heard);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, mut request) = (stream.unwrap(), [0; 8192]);
                let length = stream.read(&mut request).unwrap_or(0);
                recorded.lock().unwrap().push(String::from_utf8_lossy(&request[..length]).into_owned());
                let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            }
        });
        Self { url, heard }
    }

    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut self.heard.lock().unwrap())
    }
}

/// A file with its own plain keys and an address.
fn plain(url: &str) -> String {
    format!("TERRA_DEV_ID=acme\nTERRA_API_KEY=their-own-key\nTERRA_API_URL={url}\n")
}

const TOKEN: &str = "owner-token-not-a-secret";

/// A way to get a file that the user has not trusted: a name, and the change after the file was written.
type Way = (&'static str, fn(&Folder));

const UNTRUSTED_FILES: [Way; 6] = [
    ("from git clone", |folder| mode(folder, FILE, 0o644)),
    ("from an archive", |folder| mode(folder, FILE, 0o600)),
    ("of another user", |folder| drop(chown(folder.path(FILE), Some(65_534), None))),
    ("changed after it was trusted", |folder| {
        let text = folder.read(FILE);
        folder.write_trusted(FILE, &text.replace("TERRA_DEV_ID=acme", "TERRA_DEV_ID=other"));
        folder.write(FILE, &text);
    }),
    ("a link to a file elsewhere", |folder| {
        fs::create_dir(folder.path("elsewhere")).unwrap();
        fs::rename(folder.path(FILE), folder.path("elsewhere/keys")).unwrap();
        symlink("elsewhere/keys", folder.path(FILE)).unwrap();
    }),
    ("a copy of a file that is trusted elsewhere", |folder| {
        let text = folder.read(FILE);
        fs::create_dir(folder.path("trusted")).unwrap();
        folder.write_trusted("trusted/.env.terra.testing", &text);
    }),
];

fn mode(folder: &Folder, file: &str, mode: u32) {
    fs::set_permissions(folder.path(file), fs::Permissions::from_mode(mode)).unwrap();
}

/// The attacks: what a file tries to get, its text, and the command that would leak it.
fn attacks(url: &str) -> [(&'static str, String, &'static str); 7] {
    let keys = |value: &str| format!("TERRA_DEV_ID=acme\nTERRA_API_KEY={value}\nTERRA_API_URL={url}\n");
    [
        ("a program runs", keys("'command:touch ran'"), "users list"),
        (
            "a program runs for the signing secret",
            plain(url) + "TERRA_SIGNING_SECRET='command:touch ran'\n",
            "env exec -- true",
        ),
        (
            "a program runs for the retiring signing secret",
            plain(url) + "TERRA_RETIRING_SIGNING_SECRET='command:touch ran'\n",
            "doctor",
        ),
        ("an entry of the keyring", keys("keyring:terra-auth/acme/api-key"), "verify-connection"),
        ("another program's entry", keys("keyring:gh:github.com/me"), "users list"),
        ("the admin token", plain(url), "environments list"),
        ("the admin token, by a call", plain(url), "api GET /v2/x --admin"),
    ]
}

#[test]
fn no_secret_is_sent_to_an_address_in_an_untrusted_file() {
    let listener = AttackerServer::start();
    for (way, prepare) in UNTRUSTED_FILES {
        for (what, text, command) in attacks(&listener.url) {
            // The token comes from the variable, the named file, the flag, or the file of `dev`.
            for source in ["variable", "file", "flag", "dev"] {
                let mut folder = Folder::new();
                let mut command = command.to_owned();
                if source == "variable" {
                    folder = folder.variable("TERRA_AUTH_ADMIN_TOKEN", TOKEN);
                } else if source == "file" {
                    folder = folder.variable("TERRA_AUTH_ADMIN_TOKEN_FILE", "token");
                } else if !command.contains("environments") {
                    continue;
                } else if source == "flag" {
                    command += " --admin-token-file token";
                }
                fs::create_dir(folder.path(".terra-auth")).unwrap();
                for file in ["token", ".terra-auth/admin-token"] {
                    folder.write(file, &format!("{TOKEN}\n"));
                }
                folder.write(FILE, &text);
                prepare(&folder);
                let answer = folder.run(&command);
                let heard = listener.heard();
                assert!(!folder.path("ran").exists(), "{what}, {way}, {source}: {answer}");
                let leaks = heard.iter().any(|head| head.contains(TOKEN) || !head.contains("their-own-key"));
                assert!(!leaks, "{what}, {way}, {source}: {heard:?} {answer}");
                assert!(answer.code != 0 || command.starts_with("doctor"), "{what}, {way}, {source}: {answer}");
                assert!(!answer.to_string().contains(TOKEN), "{answer}");
            }
        }
    }
}

#[test]
fn the_error_names_the_command_that_trusts_the_file() {
    let listener = AttackerServer::start();
    let folder = Folder::new().variable("TERRA_AUTH_ADMIN_TOKEN", TOKEN);
    folder.write(FILE, &plain(&listener.url));
    let refused = folder.run("environments list");
    assert_eq!(refused.code, 8);
    assert!(refused.stderr.contains("no admin token is sent to"), "{refused}");
    assert!(refused.stderr.contains("run `terra-auth env trust .env.terra.testing`"), "{refused}");
    assert!(listener.heard().is_empty());

    let trusted = folder.run("env trust");
    assert!(trusted.code == 0 && trusted.stdout.contains(&format!("TERRA_API_URL  {}", listener.url)), "{trusted}");
    folder.run("environments list");
    assert!(listener.heard().iter().any(|head| head.contains(TOKEN)));

    let list = folder.run("env trust --list --output json").json();
    assert_eq!((&list[0]["unchanged"], list.as_array().unwrap().len()), (&true.into(), 1), "{list}");
    assert_eq!(folder.run("env trust --remove").code, 0);
    assert_eq!(folder.run("env trust --remove").code, 4);
    folder.run("environments list");
    assert!(listener.heard().is_empty());
}

#[test]
fn a_server_that_the_user_names_gets_the_token() {
    let (listener, other) = (AttackerServer::start(), AttackerServer::start());
    let folder = Folder::new().variable("TERRA_AUTH_ADMIN_TOKEN", TOKEN).variable("TERRA_AUTH_SERVER", &listener.url);
    folder.write(FILE, &plain(&other.url));
    folder.run("environments list");
    assert!(listener.heard().iter().any(|head| head.contains(TOKEN)));
    folder.run(&format!("environments list --server {}", other.url));
    assert!(other.heard().iter().any(|head| head.contains(TOKEN)));
}

#[test]
fn a_program_gets_no_admin_token_together_with_an_untrusted_address() {
    let folder =
        Folder::new().variable("TERRA_AUTH_ADMIN_TOKEN", TOKEN).variable("TERRA_AUTH_ADMIN_TOKEN_FILE", "token");
    folder.write(FILE, &plain("http://127.0.0.1:1/v2"));
    let tokens = |folder: &Folder| folder.run("env exec -- sh -c 'env | grep -c ADMIN_TOKEN'").stdout.trim().to_owned();
    assert_eq!(tokens(&folder), "0");
    folder.write_trusted(FILE, &plain("http://127.0.0.1:1/v2"));
    assert_eq!(tokens(&folder), "2");
}

#[test]
fn a_new_key_is_not_sent_to_an_address_from_an_untrusted_file() {
    let listener = AttackerServer::start();
    for line in [format!("TERRA_API_URL={}", listener.url), "TERRA_STREAMING_URL=ws://127.0.0.1:1".to_owned()] {
        let folder = Folder::new();
        folder.write(FILE, &format!("{line}\n"));
        let setup = format!("setup-environment --yes --dev-id {} --api-key-file -", dev_id("testing"));
        let refused = folder.run_with(&setup, &key("testing"));
        assert_eq!(refused.code, 7, "{refused}");
        assert!(refused.stderr.contains("is not trusted, and contains TERRA_"), "{refused}");
        assert_eq!((folder.read(FILE), listener.heard().len()), (format!("{line}\n"), 0));
    }
}

#[test]
fn setup_environment_runs_no_program_of_an_untrusted_file() {
    let folder = Folder::new();
    let setup = format!("setup-environment --no-verify --yes --dev-id {}", dev_id("testing"));
    folder.write(FILE, &format!("TERRA_DEV_ID={}\nTERRA_API_KEY='command:touch ran'\n", dev_id("testing")));
    let existing = folder.run(&setup);
    folder.write("given", &format!("TERRA_DEV_ID={}\nTERRA_API_KEY='command:touch ran'\n", dev_id("testing")));
    fs::remove_file(folder.path(FILE)).unwrap();
    let given = folder.run("setup-environment --no-verify --from given");
    for answer in [existing, given] {
        assert!(answer.code == 7 && answer.stderr.contains("terra-auth env trust"), "{answer}");
    }
    assert!(!folder.path("ran").exists());
}

#[test]
fn a_file_written_by_setup_environment_is_trusted() {
    let folder = Folder::new();
    folder.write("vault", &key("testing"));
    let setup = format!("setup-environment --no-verify --dev-id {} --api-key-command 'cat vault'", dev_id("testing"));
    assert_eq!(folder.run(&setup).code, 0);
    assert_eq!(folder.run("env exec -- printenv TERRA_API_KEY").stdout, format!("{}\n", key("testing")));
}

#[test]
fn in_ci_a_file_is_trusted_by_its_digest() {
    let text = format!("TERRA_DEV_ID={}\nTERRA_API_KEY='command:echo {}'\n", dev_id("testing"), key("testing"));
    let digest = terra_auth::credentials::FileDigest::of(text.as_bytes()).to_string();
    let without = Folder::new();
    without.write(FILE, &text);
    let script = "env -u HOME $TERRA_AUTH env exec -- printenv TERRA_API_KEY";
    assert_eq!(without.shell(script).code, 8);
    let folder = Folder::new().variable("TERRA_AUTH_TRUSTED_FILES", &digest);
    folder.write(FILE, &text);
    assert_eq!(folder.shell(script).stdout, format!("{}\n", key("testing")));
}

#[test]
fn trusted_files_are_recorded_without_a_home_folder_too() {
    let folder = Folder::new();
    fs::create_dir(folder.path("tmp")).unwrap();
    folder.write(FILE, &format!("TERRA_DEV_ID=a\nTERRA_API_KEY='command:echo {}'\n", key("testing")));
    let script = "export TMPDIR=$PWD/tmp; unset HOME; $TERRA_AUTH env trust >/dev/null && $TERRA_AUTH env exec -- printenv TERRA_API_KEY";
    let answer = folder.shell(script);
    assert_eq!((answer.code, &*answer.stdout), (0, &*format!("{}\n", key("testing"))), "{answer}");
}

#[test]
fn a_file_in_a_parent_folder_is_found_and_its_commands_run_there() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path("src/deep")).unwrap();
    folder.write("vault", &key("testing"));
    folder.write_trusted(FILE, "TERRA_DEV_ID=a\nTERRA_API_KEY='command:cat vault'\n");
    let answer = folder.shell("cd src/deep && $TERRA_AUTH env exec -- printenv TERRA_API_KEY");
    assert_eq!((answer.code, &*answer.stdout), (0, &*format!("{}\n", key("testing"))), "{answer}");
}

/// No program from a repository's own configuration runs.
#[test]
fn git_runs_no_program_of_the_repository() {
    let folder = Folder::new();
    let setup = "git init -q . && git config core.fsmonitor 'touch ran; false' && git config core.hooksPath . \
        && git config log.showSignature true && git config gpg.program \"$PWD/evil\" && echo .env > .gitignore";
    assert_eq!(folder.shell(setup).code, 0);
    folder.write("evil", "#!/bin/sh\ntouch ran\n");
    mode(&folder, "evil", 0o755);
    folder.run("setup-environment --no-verify --dev-id acme --api-key-command 'echo test-key-not-a-secret'");
    folder.run("doctor --offline");
    assert!(!folder.path("ran").exists());
}
