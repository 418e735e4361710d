//! Runs the examples beside a gateway as their READMEs describe. `tests/examples` contains the browser tests.

use std::{
    fs::File,
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use http::Method;
use serde_json::Value;
use terra_auth_cli_testkit::{
    CommandOutput, Server,
    http::{Reply, send},
    until,
};

use crate::support::{Site, free_address};

#[test]
fn users_of_the_flask_app_connect_and_disconnect_wearables_in_a_browser() {
    let site = Site::new();
    let (app, _gateway) = Example::flask(&site);
    let tests = [
        ("APP_URL", app.url()),
        ("GATEWAY_URL", format!("http://{}", site.address)),
        ("SERVER_URL", site.upstream.origin()),
        ("SHOTS", concat!(env!("CARGO_TARGET_TMPDIR"), "/../example-screenshots").to_owned()),
    ];
    run(node_test("flask.test.mjs").envs(tests));

    until("the app receives every event", || app.log(&site).contains("terra says: deauth of user_2").then_some(()));
    for event in ["auth of user_1", "auth of user_2", "auth_cancelled of user_1", "deauth of user_1"] {
        assert!(app.log(&site).contains(&format!("terra says: {event}")), "{event}: {}", app.log(&site));
    }
}

#[test]
fn terra_js_works_as_documented_in_a_browser() {
    run(&mut node_test("terra.test.mjs"));
}

#[test]
fn a_window_opened_by_a_page_of_another_origin_closes_itself() {
    let (site, page) = (Site::new(), free_address());
    let gateway = site.gateway(&format!("--allow-origin http://{page}"));
    run(node_test("popup.test.mjs").env("GATEWAY", gateway.origin()).env("PAGE", page.to_string()));
}

#[test]
fn the_types_of_terra_js_compile_in_apps() {
    run(Command::new("node")
        .arg(root("tests/examples/node_modules/typescript/bin/tsc"))
        .args(["-p", &root("tests/examples")]));
}

#[tokio::test]
async fn users_of_the_express_app_get_mobile_tokens_by_its_own_tokens() {
    let site = Site::new();
    let (app, _gateway) = Example::express(&site, &[]);
    let token = app.login("alice", "wonderland").await;
    let minted = mint(&site, &format!("Bearer {token}")).await;
    assert_eq!((minted.status.as_u16(), &*field(&minted, "reference_id")), (200, "user_1"), "{}", minted.text);

    let elsewhere = Example::start_express(&site, free_address(), &[("ISSUER", &app.url())]);
    let forged = elsewhere.login("alice", "wonderland").await;
    let (head, signature) = token.rsplit_once('.').unwrap();
    let unsigned = format!("{head}.");
    let altered = format!("{}.{signature}", forged.rsplit_once('.').unwrap().0);
    for (bad, why) in [(forged, "key"), (unsigned, "signature"), (altered, "key"), ("none".to_owned(), "no user")] {
        let refused = mint(&site, &format!("Bearer {bad}")).await;
        assert_eq!((refused.status.as_u16(), &*field(&refused, "code")), (401, "not_logged_in"), "{}", refused.text);
        assert!(refused.text.contains(why), "{why}: {}", refused.text);
    }
}

#[tokio::test]
async fn an_expired_token_of_the_express_app_is_rejected() {
    let site = Site::new();
    let (app, _gateway) = Example::express(&site, &[("TOKEN_LIFETIME", "2 minutes ago")]);
    let token = app.login("bob", "builder").await;
    let refused = mint(&site, &format!("Bearer {token}")).await;
    assert_eq!(refused.status, 401, "{}", refused.text);
    assert!(refused.text.contains("expired"), "{}", refused.text);
}

#[test]
fn a_phone_connects_apple_health() {
    let site = Site::new();
    let (app, _gateway) = Example::express(&site, &[]);
    let variables = [
        ("APP_URL", app.url()),
        ("GATEWAY_URL", format!("http://{}", site.address)),
        ("TERRA_API_URL", site.folder.key("TERRA_API_URL")),
        ("TERRA_DEV_ID", site.folder.key("TERRA_DEV_ID")),
    ];
    let said = run(Command::new("bash").arg(root("examples/phone.sh")).envs(variables));
    let known: Value = serde_json::from_str(said.split_once("the gateway knows: ").unwrap().1).unwrap();
    let connection = &known["connections"][0];
    assert_eq!((&connection["provider"], &connection["state"]), (&"APPLE".into(), &"active".into()), "{said}");
}

/// A running example. It is killed when dropped.
struct Example {
    name: &'static str,
    address: SocketAddr,
    child: Child,
}

impl Example {
    /// The Flask app, and a gateway with its settings.
    fn flask(site: &Site) -> (Self, Server) {
        let address = free_address();
        let gateway = gateway(site, "flask", "127.0.0.1:5000", address);
        let mut command = Command::new("python3");
        command.arg(root("examples/flask/app.py")).env("GATEWAY_URL", format!("http://{}", site.address));
        command.env("PYTHONPATH", root("target/examples/flask")).env("PYTHONDONTWRITEBYTECODE", "1");
        (Self::start(site, "flask", address, &mut command), gateway)
    }

    /// The Express app, and a gateway with its settings.
    fn express(site: &Site, environment: &[(&str, &str)]) -> (Self, Server) {
        let address = free_address();
        let app = Self::start_express(site, address, environment);
        (app, gateway(site, "express", "127.0.0.1:3000", address))
    }

    fn start_express(site: &Site, address: SocketAddr, environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new("node");
        command.arg(root("examples/express/app.mjs")).envs(environment.iter().copied());
        Self::start(site, "express", address, &mut command)
    }

    fn start(site: &Site, name: &'static str, address: SocketAddr, command: &mut Command) -> Self {
        let log = File::create(site.folder.path(&format!("{name}.log"))).unwrap();
        let command = command.current_dir(site.folder.path("")).env("PORT", address.port().to_string());
        let child = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let mut example = Self { name, address, child };
        until("the example listens", || {
            let exited = example.child.try_wait().unwrap();
            assert!(exited.is_none(), "{name} exited; run tests/examples/setup.sh: {}", example.log(site));
            TcpStream::connect(address).ok()
        });
        example
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn log(&self, site: &Site) -> String {
        site.folder.read(&format!("{}.log", self.name))
    }

    async fn login(&self, name: &str, password: &str) -> String {
        let body = serde_json::json!({ "name": name, "password": password }).to_string();
        let json = [("content-type", "application/json")];
        let reply = send(Method::POST, &format!("{}/login", self.url()), &json, body).await.unwrap();
        field(&reply, "token")
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a gateway with an example's settings and the addresses of this test. Tests need a higher
/// rate limit than people.
fn gateway(site: &Site, example: &str, usual: &str, address: SocketAddr) -> Server {
    let settings = std::fs::read_to_string(root(&format!("examples/{example}/gateway.toml"))).unwrap();
    assert!(settings.contains(usual), "{settings}");
    let settings = settings.replace(usual, &address.to_string()).replace("127.0.0.1:8790", &site.address.to_string());
    site.folder.write("gateway.toml", &format!("{settings}\n[limits]\nuser_per_minute = 6000\n"));
    site.start("")
}

async fn mint(site: &Site, authorization: &str) -> Reply {
    let url = format!("http://{}/api/terra/mobile-token", site.address);
    send(Method::POST, &url, &[("authorization", authorization)], String::new()).await.unwrap()
}

fn field(reply: &Reply, name: &str) -> String {
    let body: Value = serde_json::from_str(&reply.text).unwrap();
    body[name].as_str().unwrap_or_else(|| panic!("no {name}: {body}")).to_owned()
}

fn node_test(file: &str) -> Command {
    let mut command = Command::new("node");
    command.arg("--test").arg(root(&format!("tests/examples/{file}")));
    command
}

/// Runs a command that must succeed; returns its output.
fn run(command: &mut Command) -> String {
    let answer = CommandOutput::of(command.stdin(Stdio::null()));
    assert_eq!(answer.code, 0, "{answer}");
    answer.stdout
}

fn root(path: &str) -> String {
    let root: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "..", path].iter().collect();
    root.into_os_string().into_string().unwrap()
}
