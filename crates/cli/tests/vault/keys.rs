//! Master keys and data keys: missing, wrong, readable by others, or rotated.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use terra_auth_model::vault::SealedColumn;
use terra_auth_testkit::StoreExt as _;

/// A folder with a store.
struct Folder(TempDir);

impl Folder {
    /// A folder in which a server was started and stopped once.
    fn served() -> Self {
        let folder = Self(TempDir::new().unwrap());
        folder.serve(&[]);
        folder
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(".terra-auth").join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_terra-auth"));
        command.args(args).current_dir(&self.0).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Starts a server, waits until it is ready, and stops it.
    fn serve(&self, more: &[&str]) {
        let args = ["serve", "--sandbox", "--listen", "127.0.0.1:0", "--create-environment", "testing"];
        let mut server = self.command(&[&args[..], more].concat());
        let mut server = server.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        end(&mut server);
        assert!(line.contains("is ready"), "{line}");
    }

    fn json(&self, args: &[&str]) -> Value {
        let output = self.run(&[args, &["--output", "json"]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The error output and the exit code of a command, which must fail.
    fn error_of(&self, args: &[&str]) -> (String, i32) {
        let output = self.run(args);
        (String::from_utf8(output.stderr).unwrap(), output.status.code().unwrap())
    }

    /// Corrupts the only encrypted value; returns the dev-id of its environment.
    #[tokio::main(flavor = "current_thread")]
    async fn corrupt_value(&self) -> String {
        let url = format!("sqlite://{}", self.file("terra-auth.db").display());
        let store = terra_auth_store::open(&url.into()).await.unwrap();
        let value = store.sealed_values(&SealedColumn::SigningSecret, &None, &1).await.unwrap().remove(0);
        let mut changed = value.sealed.clone();
        changed.0[30] ^= 1;
        assert!(store.reseal(&SealedColumn::SigningSecret, &value, &changed).await.unwrap());
        value.dev_id.to_string()
    }

    fn database(&self) -> Vec<u8> {
        fs::read(self.file("terra-auth.db")).unwrap()
    }
}

fn end(server: &mut Child) {
    let pid = server.id().to_string();
    assert!(Command::new("kill").arg(pid).status().unwrap().success());
    server.wait().unwrap();
}

const SERVE: [&str; 4] = ["serve", "--sandbox", "--listen", "127.0.0.1:0"];

#[test]
fn a_missing_master_key_prevents_the_start_and_changes_nothing() {
    let folder = Folder::served();
    let before = folder.database();
    fs::rename(folder.file("master.key"), folder.file("elsewhere")).unwrap();
    let (said, code) = folder.error_of(&SERVE);
    assert!(said.contains("the master key is missing") && said.contains("master.key"), "{said}");
    assert_eq!((code, folder.database() == before, folder.file("master.key").exists()), (1, true, false));
}

#[test]
fn a_wrong_master_key_prevents_the_start_and_changes_nothing() {
    let folder = Folder::served();
    folder.json(&["vault", "status"]); // moves the server's write-ahead log into the file
    let before = folder.database();
    fs::write(folder.file("master.key"), "ab".repeat(32)).unwrap();
    for args in [&SERVE[..], &["vault", "verify"], &["vault", "rotate"], &["vault", "rotate", "--master"]] {
        let (said, code) = folder.error_of(args);
        assert!(said.contains("wrong master key for this store") && said.contains("nothing was changed"), "{said}");
        assert!(!said.contains("abab"), "{said}");
        assert_eq!((code, folder.database() == before), (1, true));
    }
}

#[test]
fn a_master_key_that_others_can_read_is_rejected() {
    let folder = Folder::served();
    fs::set_permissions(folder.file("master.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let (said, code) = folder.error_of(&SERVE);
    assert!(said.contains("other users of this machine can open") && said.contains("chmod 600"), "{said}");
    assert_eq!(code, 1);
}

#[test]
fn a_data_key_and_then_the_master_key_are_rotated() {
    let folder = Folder::served();
    assert_eq!(folder.json(&["vault", "rotate"]), json!({ "data_key": 2, "resealed": 1 }));
    let status = folder.json(&["vault", "status"]);
    let keys = status["data_keys"].as_array().unwrap();
    let uses: Vec<_> = keys.iter().map(|key| key["state"].as_str().unwrap()).collect();
    assert_eq!((uses, &status["older_values"]), (vec!["current", "retired", "current"], &json!(0)));

    let old = fs::read_to_string(folder.file("master.key")).unwrap();
    let new = "cd".repeat(32);
    fs::write(folder.file("master.key"), format!("{new}\n{old}")).unwrap();
    assert_eq!(folder.json(&["vault", "rotate", "--master"])["rewrapped"], 3);
    fs::write(folder.file("master.key"), &new).unwrap();
    let verified = folder.json(&["vault", "verify"]);
    assert_eq!(verified["broken"], json!([]));
    assert_eq!(
        verified["columns"][2],
        json!({ "column": "developer.signing_secret", "values": 1, "older": 0, "broken": 0 })
    );
    folder.serve(&[]);
    fs::write(folder.file("master.key"), old).unwrap();
    assert_eq!(folder.error_of(&SERVE).1, 1);
}

#[test]
fn a_command_prints_the_master_key_without_a_shell() {
    let folder = Folder::served();
    fs::rename(folder.file("master.key"), folder.file("moved")).unwrap();
    let moved = folder.file("moved").display().to_string();
    folder.serve(&["--master-key-command", &format!("cat {moved}")]);
    folder.serve(&["--master-key-file", &moved]);
    let (said, _) = folder.error_of(&["vault", "verify", "--master-key-command", &format!("cat {moved}; true")]);
    assert!(said.contains("the master key command failed"), "{said}");
    let (said, _) = folder.error_of(&["vault", "verify", "--master-key-command", "echo test-key-not-a-secret"]);
    assert!(said.contains("64 hex digits") && !said.contains("not-a-secret"), "{said}");
}

#[test]
fn a_value_that_cannot_be_decrypted_is_named_with_its_row_and_column() {
    let folder = Folder::served();
    let dev_id = folder.corrupt_value();
    let output = folder.run(&["vault", "verify", "--output", "json"]);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let location = json!({ "dev_id": dev_id, "row": "developer", "column": "developer.signing_secret" });
    assert_eq!((output.status.code(), &found["broken"]), (Some(11), &json!([location])));
    assert_eq!(folder.error_of(&["vault", "rotate"]).1, 11);
}

#[test]
fn without_a_store_the_vault_commands_fail() {
    let folder = Folder(TempDir::new().unwrap());
    let (said, code) = folder.error_of(&["vault", "status"]);
    assert!(said.contains("there is no store here"), "{said}");
    assert_eq!((code, folder.0.path().read_dir().unwrap().count()), (4, 0));
}
