//! The operator's view of a server: its settings, its logs and its behaviour under load.

use std::{
    io::Write as _,
    net::TcpStream,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use http::Method;
use serde_json::Value;
use terra_auth_cli_testkit::{CommandOutput, Folder, Server, http::send, until};

const SERVE: &str = "serve --sandbox --listen 127.0.0.1:0 --output json";

fn row<'a>(settings: &'a Value, name: &str) -> (&'a str, &'a str) {
    let rows = settings["settings"].as_array().unwrap();
    let row = rows.iter().find(|row| row["setting"] == name).unwrap_or_else(|| panic!("{name} in {settings}"));
    (row["value"].as_str().unwrap(), row["origin"].as_str().unwrap())
}

#[test]
fn serve_check_shows_each_setting_with_its_source_and_creates_nothing() {
    let folder = Folder::new();
    let mut command =
        folder.command("serve check --public-url https://auth.acme.example --idle-timeout 90s --output json");
    command
        .env("TERRA_AUTH_LISTEN", "127.0.0.1:9999")
        .env("TERRA_AUTH_STORE", "postgres://terra:word-not-a-secret@db/terra");
    command.env("TERRA_AUTH_MASTER_KEY", "ab".repeat(32));
    let answer = CommandOutput::of(&mut command);
    assert_eq!(answer.code, 0, "{answer}");
    assert!(!answer.stdout.contains("word-not-a-secret") && !answer.stdout.contains("abab"), "{answer}");
    let settings: Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!(row(&settings, "listen"), ("127.0.0.1:9999", "TERRA_AUTH_LISTEN"));
    assert_eq!(row(&settings, "public URL"), ("https://auth.acme.example/", "--public-url"));
    assert_eq!(row(&settings, "store"), ("postgres://terra:***@db/terra", "TERRA_AUTH_STORE"));
    assert_eq!(row(&settings, "data directory"), (".terra-auth", "default"));
    assert_eq!(row(&settings, "master key"), ("set", "TERRA_AUTH_MASTER_KEY"));
    assert_eq!(row(&settings, "providers with an app"), ("none", "default"));
    assert!(row(&settings, "connections").0.ends_with("idle for 90 s"));
    assert!(settings["warnings"][0].as_str().unwrap().contains("no app at any provider"), "{settings}");
    assert!(!folder.path(".terra-auth").exists());
}

#[test]
fn serve_check_rejects_the_settings_that_a_start_rejects() {
    let folder = Folder::new();
    folder.write("apps.toml", "[NOWHERE]\nclient_id = \"a\"\nclient_secret = \"test-key-not-a-secret\"\n");
    let answer = folder.run("serve check --provider-apps apps.toml");
    assert!(answer.code == 2 && answer.stderr.contains("NOWHERE"), "{answer}");
    let answer = folder.run("serve check --public-url http://auth.acme.example");
    assert!(answer.code == 2 && answer.stderr.contains("must be https"), "{answer}");
}

#[test]
fn a_start_prints_its_settings() {
    let folder = Folder::new();
    let server = Server::start(&mut folder.command(&format!("{SERVE} --create-environment staging")));
    let store = row(&server.ready, "store").0;
    assert_eq!(store, "sqlite://.terra-auth/terra-auth.db");
    assert!(row(&server.ready, "environments").0.starts_with("staging staging-"), "{}", server.ready);
}

#[tokio::test]
async fn a_rejected_key_is_logged_with_the_reason_once_a_second() {
    let folder = Folder::new();
    let server = Server::start(&mut folder.command(SERVE));
    let url = format!("{}/v2/subscriptions", server.origin());
    let headers = [("dev-id", "acme-testing-0"), ("x-api-key", "test-key-not-a-secret")];
    let began = Instant::now();
    for _ in 0..50 {
        assert_eq!(send(Method::GET, &url, &headers, String::new()).await.unwrap().status.as_u16(), 401);
    }
    let seconds = began.elapsed().as_secs() + 1;
    let line = until("the refusal is in the log", || {
        server.stderr().lines().find(|line| line.contains("rejected a request")).map(str::to_owned)
    });
    for part in ["/v2/subscriptions", "401", "acme-testing-0", "do not belong together", "127.0.0.1"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    let lines = server.stderr().matches("rejected a request").count();
    assert!(u64::try_from(lines).unwrap() <= seconds + 1, "{lines} lines in {seconds} s");
    assert!(
        !server.stderr().contains("test-key-not-a-secret") && !server.stderr().contains("answered"),
        "{}",
        server.stderr()
    );
}

#[tokio::test]
async fn the_access_log_has_a_line_for_each_request_and_no_secret_of_a_path() {
    let folder = Folder::new();
    let mut command = folder.command(SERVE);
    let server = Server::start(command.env("TERRA_AUTH_ACCESS_LOG", "1"));
    for path in ["/healthz", "/session/01a2-not-a-session/word-not-a-secret", "/nothing-here"] {
        send(Method::GET, &format!("{}{path}", server.origin()), &[], String::new()).await.unwrap();
    }
    let stderr = until("three lines are there", || {
        let stderr = server.stderr();
        (stderr.matches("answered").count() == 3).then_some(stderr)
    });
    assert!(stderr.contains("/healthz") && stderr.contains("\"status\":404"), "{stderr}");
    assert!(!stderr.contains("word-not-a-secret") && !stderr.contains("nothing-here"), "{stderr}");
}

/// The server has 256 file descriptors and cannot raise the limit.
#[tokio::test]
async fn idle_clients_do_not_exhaust_the_descriptors() {
    let folder = Folder::new();
    let template = folder.command(SERVE);
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 256; exec \"$@\"", "sh"]).arg(template.get_program()).args(template.get_args());
    command.current_dir(folder.path(".")).env("HOME", folder.path(".")).stdin(Stdio::null());
    let server = Server::start(&mut command);
    let address = server.origin().strip_prefix("http://").unwrap().to_owned();
    let mut silent = Vec::new();
    for _ in 0..400 {
        let mut stream = TcpStream::connect(&address).unwrap();
        drop(stream.write_all(b"GET /healthz HTTP/1.1\r\n")); // the server may have closed it already
        silent.push(stream);
    }
    for _ in 0..3 {
        let began = Instant::now();
        let reply = send(Method::GET, &format!("http://{address}/healthz"), &[], String::new()).await.unwrap();
        assert_eq!(reply.status.as_u16(), 200);
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    }
    assert!(server.stderr().matches("connection").count() < 10, "{}", server.stderr());
}
