//! SIGHUP: everything is read again, and nobody notices.

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

use crate::support::{
    PATIENCE, Site,
    server::Server,
    tls::{KeptOpen, Pair},
    until,
};

const ROUNDS: usize = 20;
const CLIENTS: usize = 3;
const TOKEN: &str = "/api/terra/mobile-token";
const ALICE: (&str, &str) = ("cookie", "user=alice");
const EVENT: &str = r#"{"type":"healthcheck"}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_everything_is_read_again_twenty_times() {
    let site = Site::new();
    let first = Pair::new();
    write_all(&site, &first, 0);
    let gateway = site.start(&format!("--listen {}", site.address));
    let over = Arc::new(AtomicBool::new(false));
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let connection = KeptOpen::connect(site.address, &first).await.unwrap();
        clients.push(tokio::spawn(ask_until(connection, Arc::clone(&over))));
    }
    for round in 1..=ROUNDS {
        let pair = Pair::new();
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
async fn what_is_wrong_is_named_and_changes_nothing() {
    let site = Site::new();
    let pair = Pair::new();
    write_all(&site, &pair, 1);
    let gateway = site.start(&format!("--listen {}", site.address));
    for (file, text, named) in [
        ("gateway.toml", "listen = ", "gateway.toml"),
        ("gateway.toml", "[cors]\nallowed_origins = ['https://new.example']\n", "no way to log in"),
        (".env.terra.testing", "TERRA_DEV_ID=acme-testing-0000000000\n", "TERRA_API_KEY"),
        ("cert.pem", "no certificate", "cert.pem"),
    ] {
        let good = site.folder.read(file);
        site.folder.write(file, text);
        hang_up(&gateway, "could not reload", named);
        site.folder.write(file, &good);

        let mut connection = KeptOpen::connect(site.address, &pair).await.unwrap();
        assert_eq!(allowed_origin(&mut connection, &origin(1)).await, Some(origin(1)));
        assert_eq!(status_of_event(&mut connection, &secret(1)).await, 200);
        assert_eq!(connection.ask(Method::POST, TOKEN, &[ALICE], "").await.unwrap().0, 200);
    }
}

#[test]
fn what_takes_a_restart_is_told() {
    let site = Site::new();
    let settings = format!("[login.who_am_i]\nurl = '{}/me'\n", site.app);
    site.folder.write("gateway.toml", &format!("listen = '{}'\n{settings}", site.address));
    let gateway = site.start("");
    let elsewhere = "listen = '127.0.0.1:1'\noperations_listen = '127.0.0.1:2'\nstore = 'sqlite://elsewhere.db'\n";
    site.folder.write("gateway.toml", &format!("{elsewhere}{settings}"));
    for setting in ["listen", "operations_listen", "store"] {
        hang_up(&gateway, &format!("{setting} has changed"), "restart");
    }
}

/// The `n`-th origin, signing secret and certificate.
fn write_all(site: &Site, pair: &Pair, n: usize) {
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

/// Asks for tokens over one connection until it is over; each must be answered. Returns how many were.
async fn ask_until(mut connection: KeptOpen, over: Arc<AtomicBool>) -> usize {
    let mut answered = 0;
    while !over.load(Ordering::Relaxed) {
        let (status, _) = connection.ask(Method::POST, TOKEN, &[ALICE], "").await.unwrap();
        assert_eq!(status, 200, "request {answered}");
        answered += 1;
    }
    answered
}

/// A connection, as soon as the gateway shows this certificate.
async fn once_trusted(site: &Site, pair: &Pair) -> KeptOpen {
    let began = Instant::now();
    loop {
        match KeptOpen::connect(site.address, pair).await {
            Ok(connection) => return connection,
            Err(error) => assert!(began.elapsed() < PATIENCE, "the certificate did not change: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn allowed_origin(connection: &mut KeptOpen, origin: &str) -> Option<String> {
    let (_, headers) = connection.ask(Method::GET, "/terra.js", &[("origin", origin)], "").await.unwrap();
    headers.get(ACCESS_CONTROL_ALLOW_ORIGIN).map(|origin| origin.to_str().unwrap().to_owned())
}

async fn status_of_event(connection: &mut KeptOpen, secret: &str) -> u16 {
    #[expect(clippy::disallowed_methods, reason = "the gateway's clock is the machine's")]
    let now = jiff::Timestamp::now().as_second();
    let signature = sign(secret.as_bytes(), now, EVENT.as_bytes());
    let headers = [(SIGNATURE_HEADER, &*signature)];
    connection.ask(Method::POST, "/webhooks/terra", &headers, EVENT).await.unwrap().0.as_u16()
}

/// Sends SIGHUP and waits for a new line in the log that says all this.
fn hang_up(gateway: &Server, what: &str, named: &str) {
    let before = gateway.stderr().lines().count();
    gateway.signal(Signal::HUP);
    until(what, || {
        let log = gateway.stderr();
        log.lines().skip(before).any(|line| line.contains(what) && line.contains(named)).then_some(())
    });
}
