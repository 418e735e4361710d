//! SIGHUP reloads all settings without failing a request.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use http::{Method, header::ACCESS_CONTROL_ALLOW_ORIGIN};
use rustix::process::Signal;
use terra_auth::webhook::{SIGNATURE_HEADER, sign};
use terra_auth_cli_testkit::{Server, TIMEOUT, until};

use crate::support::{
    Site,
    tls::{CertificateWithKey, PersistentConnection},
};

const ROUNDS: usize = 20;
const CLIENTS: usize = 3;
const TOKEN: &str = "/api/terra/mobile-token";
const ALICE: (&str, &str) = ("cookie", "user=alice");
const EVENT: &str = r#"{"type":"healthcheck"}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_during_twenty_reloads() {
    let site = Site::new();
    let first = CertificateWithKey::new();
    write_all(&site, &first, 0);
    let gateway = site.start(&format!("--listen {}", site.address));
    let over = Arc::new(AtomicBool::new(false));
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let connection = PersistentConnection::connect(site.address, &first).await.unwrap();
        clients.push(tokio::spawn(ask_until(connection, Arc::clone(&over))));
    }
    for round in 1..=ROUNDS {
        let pair = CertificateWithKey::new();
        write_all(&site, &pair, round);
        gateway.signal(Signal::HUP);
        let mut connection = once_trusted(&site, &pair).await;
        assert_eq!(allowed_origin(&mut connection, &origin(round)).await, Some(origin(round)));
        assert_eq!(allowed_origin(&mut connection, &origin(round - 1)).await, None);
        assert_eq!(status_of_event(&mut connection, &secret(round)).await, 200, "{}", gateway.stderr());
        assert_eq!(status_of_event(&mut connection, &secret(round - 1)).await, 401);
    }
    over.store(true, Ordering::Relaxed);
    for client in clients {
        let answered = client.await.unwrap();
        assert!(answered >= ROUNDS, "only {answered} requests");
    }
}

#[tokio::test]
async fn a_reload_with_an_error_names_it_and_changes_nothing() {
    let site = Site::new();
    let pair = CertificateWithKey::new();
    write_all(&site, &pair, 1);
    let gateway = site.start(&format!("--listen {}", site.address));
    for (file, text, named) in [
        ("gateway.toml", "listen = ", "gateway.toml"),
        ("gateway.toml", "[cors]\nallowed_origins = ['https://new.example']\n", "no login method is configured"),
        (".env.terra.testing", "TERRA_DEV_ID=acme-testing-0000000000\n", "TERRA_API_KEY"),
        ("cert.pem", "no certificate", "cert.pem"),
    ] {
        let good = site.folder.read(file);
        site.folder.write(file, text);
        assert_reload_logs(&gateway, "could not reload", named);
        site.folder.write(file, &good);

        let mut connection = PersistentConnection::connect(site.address, &pair).await.unwrap();
        assert_eq!(allowed_origin(&mut connection, &origin(1)).await, Some(origin(1)));
        assert_eq!(status_of_event(&mut connection, &secret(1)).await, 200);
        assert_eq!(connection.ask(Method::POST, TOKEN, &[ALICE], "").await.unwrap().0, 200);
    }
}

#[test]
fn a_changed_setting_that_needs_a_restart_is_logged() {
    let site = Site::new();
    let settings = format!("[login.who_am_i]\nurl = '{}/me'\n", site.app);
    site.folder.write("gateway.toml", &format!("listen = '{}'\n{settings}", site.address));
    let gateway = site.start("");
    let elsewhere = "listen = '127.0.0.1:1'\noperations_listen = '127.0.0.1:2'\nstore = 'sqlite://elsewhere.db'\n";
    site.folder.write("gateway.toml", &format!("{elsewhere}{settings}"));
    for setting in ["listen", "operations_listen", "store"] {
        assert_reload_logs(&gateway, &format!("{setting} has changed"), "restart");
    }
}

/// Writes the settings with the `n`-th origin and signing secret, and a certificate.
fn write_all(site: &Site, pair: &CertificateWithKey, n: usize) {
    let (app, allowed) = (&site.app, origin(n));
    let settings = format!(
        "tls = {{ certificate = 'cert.pem', key = 'key.pem' }}\nlogin.who_am_i.url = '{app}/me'\n\
         cors.allowed_origins = ['{allowed}']\nlimits.user_per_minute = 1000000\n"
    );
    site.folder.write("gateway.toml", &settings);
    let keys = site.folder.read(".env.terra.testing");
    let others = keys.lines().filter(|line| !line.starts_with("TERRA_SIGNING_SECRET="));
    let keys = others.collect::<Vec<_>>().join("\n");
    site.folder.write(".env.terra.testing", &format!("{keys}\nTERRA_SIGNING_SECRET={}\n", secret(n)));
    pair.write(site.folder.path("gateway.toml").parent().unwrap());
}

fn origin(n: usize) -> String {
    format!("https://app-{n}.example")
}

fn secret(n: usize) -> String {
    format!("signing-secret-{n}-not-a-secret")
}

/// Requests tokens over one connection until `over` is set. Each request must succeed. Returns their number.
async fn ask_until(mut connection: PersistentConnection, over: Arc<AtomicBool>) -> usize {
    let mut answered = 0;
    while !over.load(Ordering::Relaxed) {
        let (status, _) = connection.ask(Method::POST, TOKEN, &[ALICE], "").await.unwrap();
        assert_eq!(status, 200, "request {answered}");
        answered += 1;
    }
    answered
}

/// Retries until the gateway has this certificate; returns the connection.
async fn once_trusted(site: &Site, pair: &CertificateWithKey) -> PersistentConnection {
    let began = Instant::now();
    loop {
        match PersistentConnection::connect(site.address, pair).await {
            Ok(connection) => return connection,
            Err(error) => assert!(began.elapsed() < TIMEOUT, "the certificate did not change: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn allowed_origin(connection: &mut PersistentConnection, origin: &str) -> Option<String> {
    let (_, headers) = connection.ask(Method::GET, "/terra.js", &[("origin", origin)], "").await.unwrap();
    headers.get(ACCESS_CONTROL_ALLOW_ORIGIN).map(|origin| origin.to_str().unwrap().to_owned())
}

async fn status_of_event(connection: &mut PersistentConnection, secret: &str) -> u16 {
    #[expect(clippy::disallowed_methods, reason = "the gateway uses the system clock")]
    let now = jiff::Timestamp::now().as_second();
    let signature = sign(secret.as_bytes(), now, EVENT.as_bytes());
    let headers = [(SIGNATURE_HEADER, &*signature)];
    connection.ask(Method::POST, "/webhooks/terra", &headers, EVENT).await.unwrap().0.as_u16()
}

/// Sends SIGHUP and waits for a new log line that contains both texts.
fn assert_reload_logs(gateway: &Server, what: &str, named: &str) {
    let before = gateway.stderr().lines().count();
    gateway.signal(Signal::HUP);
    until(what, || {
        let log = gateway.stderr();
        log.lines().skip(before).any(|line| line.contains(what) && line.contains(named)).then_some(())
    });
}
