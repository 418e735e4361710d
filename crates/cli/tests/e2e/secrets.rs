//! Searches all output of servers and commands, at the most verbose log level, for the secrets of the test.

use futures_util::TryStreamExt as _;
use http::Method;
use terra_auth::{Client, Environment, WidgetSessionRequest, webhook::sign};
use terra_auth_cli_testkit::{CommandOutput, Folder, Server, http::send, until, value_in};

use crate::support::{
    device::redeem,
    person::BrowserUser,
    provider::{ACCESS_TOKEN, CLIENT_SECRET, CODE, Provider, REFRESH_TOKEN},
};

const WRONG_KEY: &str = "another-key-not-a-secret";

/// The secrets that must never be logged, with their names.
#[derive(Default)]
struct Secrets(Vec<(String, String)>);

impl Secrets {
    fn add(&mut self, name: &str, secret: &str) {
        assert!(secret.len() >= 16, "too short to search for: {name}");
        self.0.push((name.to_owned(), secret.to_owned()));
    }

    fn add_all(&mut self, secrets: Vec<(&'static str, String)>) {
        for (name, secret) in secrets {
            self.add(name, &secret);
        }
    }

    /// Adds the keys in a credential file.
    fn add_keys(&mut self, folder: &Folder, file: &str) {
        for name in ["TERRA_API_KEY", "TERRA_SIGNING_SECRET"] {
            self.add(name, &value_in(&folder.path(file), name));
        }
        self.add("the master key", folder.read(".terra-auth/master.key").trim_end());
    }

    /// Adds the secret part of a session's URL.
    fn add_session(&mut self, url: &str) {
        self.add("a session's secret", url.split('?').next().unwrap().rsplit('/').next().unwrap());
    }

    fn assert_none_in(&self, what: &str, text: &str) {
        for (name, secret) in &self.0 {
            let line = text.lines().find(|line| line.contains(secret.as_str()));
            assert_eq!(line, None, "{what} shows {name}");
        }
    }

    fn names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

#[tokio::test]
async fn no_command_and_no_server_logs_a_secret() {
    let folder = Folder::new();
    let mut dev = folder.command("dev --listen 127.0.0.1:0 --output json");
    let server = Server::start(dev.env("RUST_LOG", "trace"));
    let mut secrets = Secrets::default();
    secrets.add_keys(&folder, ".env.terra.testing");
    secrets.add("a wrong key", WRONG_KEY);
    let messages = run_every_command(&folder, &server, &mut secrets);
    call_everything(&folder, &server, &mut secrets).await;

    let logged = until("the server has logged calls", || Some(server.stderr()).filter(|log| log.contains("TRACE")));
    let expected = [
        "TERRA_API_KEY",
        "TERRA_SIGNING_SECRET",
        "a cookie",
        "a form's handle",
        "a mobile token",
        "a session's secret",
        "a state",
        "a streaming token",
        "a wrong key",
        "an authorization code",
        "the master key",
    ];
    assert_eq!(secrets.names(), expected);
    secrets.assert_none_in("dev's standard error", &logged);
    secrets.assert_none_in("dev's standard output", &server.stdout());
    secrets.assert_none_in("a command's standard error", &messages);
    assert!(messages.contains("POST /v2/auth/tokens answered"), "the commands were verbose");
}

/// Runs every command with valid and invalid arguments, at the most verbose level; returns the
/// standard error output.
fn run_every_command(folder: &Folder, server: &Server, secrets: &mut Secrets) -> String {
    let mut messages = String::new();
    let mut run = |arguments: &str, code: i32| {
        let mut command = folder.command(&format!("{arguments} --verbose"));
        let answer = CommandOutput::of(command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "1"));
        assert_eq!(answer.code, code, "{arguments}: {answer}");
        messages.push_str(&answer.stderr);
        answer.stdout.trim_end().to_owned()
    };
    secrets.add("a mobile token", &run("generate-mobile-token", 0));
    secrets.add("a mobile token", &run("generate-mobile-token --reference-id alice", 0));
    secrets.add_session(&run("generate-widget-session --reference-id alice --providers NOSUCH,OURA", 0));
    let user = run("sandbox connect --provider FITBIT --reference-id alice", 0);
    run("sandbox connect --provider OURA --deny", 0);
    for arguments in ["verify-connection", "list-integrations", "users list", "users show --reference-id alice"] {
        run(arguments, 0);
    }
    run(&format!("users show {user}"), 0);
    run(&format!("deauthenticate-user {user} --yes"), 0);
    run(&format!("deauthenticate-user {user} --yes"), 4);
    folder.write("body", "{}");
    let header = sign(folder.key("TERRA_SIGNING_SECRET").as_bytes(), 1_893_456_000, b"{}");
    run(&format!("verify-webhook --signature {header} --body body --at 1893456000"), 0);
    run(&format!("verify-webhook --signature {header} --body body"), 9);
    folder.write("key", WRONG_KEY);
    let url = format!("{}/v2", server.origin());
    run(&format!("setup-environment --env staging --dev-id acme-staging-0 --api-key-file key --api-url {url}"), 3);
    run("dev --listen 127.0.0.1:0", 1);
    messages
}

/// Calls the operations that no command uses, with valid and invalid credentials.
async fn call_everything(folder: &Folder, server: &Server, secrets: &mut Secrets) {
    let client = folder.client();
    let user = folder.connect("OURA", "bob");
    secrets.add("a streaming token", client.developer_streaming_token().await.unwrap().expose());
    secrets.add("a streaming token", client.user_streaming_token(user).await.unwrap().expose());
    let token = client.generate_mobile_token(None).await.unwrap();
    secrets.add("a mobile token", token.token.expose());
    for _ in 0..2 {
        let phone = ("phone", "carol");
        redeem(&server.origin(), client.dev_id().as_str(), token.token.expose(), phone).await.unwrap();
    }
    let mut credentials = folder.credentials(Environment::Testing);
    credentials.api_key = WRONG_KEY.into();
    Client::new(credentials).unwrap().verify_connection().await.unwrap_err();

    let mut person = BrowserUser::default();
    let request = WidgetSessionRequest::new().providers(["OURA".parse().unwrap()]);
    let session = client.generate_widget_session(&request).await.unwrap();
    secrets.add_session(session.url.as_str());
    let end = person.connect(session.url.as_str()).await;
    assert!(person.visited.last().unwrap().query().unwrap_or_default().contains("user_id="), "{}", end.text);
    // Requests each URL again without cookies: the codes are consumed and the sessions are used.
    for url in &person.visited {
        send(Method::GET, url.as_str(), &[], String::new()).await.unwrap();
    }
    secrets.add_all(person.secrets());
}

#[tokio::test]
async fn a_server_logs_no_token_of_a_provider_that_echoes_tokens_in_its_errors() {
    let provider = Provider::start();
    let folder = Folder::new();
    folder.write("providers.toml", &provider.recipes);
    folder.write("apps.toml", &provider.apps);
    let mut serve = folder.command(
        "serve --listen 127.0.0.1:0 --providers providers.toml --provider-apps apps.toml --allow-private-addresses \
         --create-environment testing --output json",
    );
    let server = Server::start(serve.env("RUST_LOG", "trace"));
    let client = folder.client();
    let mut secrets = Secrets::default();
    secrets.add_keys(&folder, ".env.terra.testing");
    for (name, status) in [("ACME", 200), ("BROKEN", 502)] {
        let mut person = BrowserUser::default();
        let request = WidgetSessionRequest::new().providers([name.parse().unwrap()]);
        let session = client.generate_widget_session(&request).await.unwrap();
        secrets.add_session(session.url.as_str());
        assert_eq!(person.open(session.url.as_str()).await.status, status, "{name}");
        secrets.add_all(person.secrets());
    }
    let users: Vec<_> = client.subscriptions().try_collect().await.unwrap();
    assert_eq!(users.len(), 1);
    client.deauthenticate_user(users[0].user_id).await.unwrap();

    let logged = until("the failures are logged", || {
        let log = server.stderr();
        let expected = ["could not revoke a grant at ACME", "could not finish a login at BROKEN"];
        expected.iter().all(|line| log.contains(line)).then_some(log)
    });
    for secret in [ACCESS_TOKEN, REFRESH_TOKEN, CODE, CLIENT_SECRET] {
        secrets.add(secret, secret);
    }
    secrets.assert_none_in("serve's standard error", &logged);
    secrets.assert_none_in("serve's standard output", &server.stdout());
}
