//! The services that issue mobile tokens, each configured as in production.

use std::{fs, net::SocketAddr, path::PathBuf, process::Command, thread::available_parallelism};

use crate::{
    issuer::AUDIENCE,
    process::{Process, free_address, post},
    world::{COMMAND, World},
    wrk::{self, Throughput},
};

const APPS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/bench");
const PYTHON_PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/bench/flask");
const TOKEN_PATH: &str = "/api/terra/mobile-token";
/// The number of logged-in users.
const USERS: usize = 64;
const UNCACHED_USERS: usize = if cfg!(debug_assertions) { 200 } else { 40_000 };

pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    address: SocketAddr,
    /// A file with one header for each user, which authenticates them.
    headers: PathBuf,
    _process: Process,
}

impl Contestant {
    /// Our gateway, which verifies the token of every request.
    pub(crate) fn gateway(world: &World) -> Self {
        let settings = world.folder.join("gateway.toml");
        fs::write(&settings, gateway_settings(world)).unwrap();
        let mut command = world.command(COMMAND);
        command.args(["gateway", "--env", "testing", "--listen", "127.0.0.1:0", "--output", "json"]);
        let (process, ready) = Process::start_with_ready_value(command.arg("--config").arg(settings));
        let url = ready["url"].as_str().unwrap();
        let address = url.trim_start_matches("http://").trim_end_matches('/').parse().unwrap();
        Self::of(world, "gateway", process, address, |user| token(world, user))
    }

    /// The Flask app from Terra's guide, with the number of workers that gunicorn recommends.
    pub(crate) fn flask(world: &World) -> Self {
        let address = free_address();
        let workers = 2 * cores() + 1;
        let mut command = world.command("python3");
        command.args(["-m", "gunicorn", "--log-level", "warning", "--chdir", APPS, "flask_app:app"]);
        command.arg(format!("--bind={address}")).arg(format!("--workers={workers}")).env("PYTHONPATH", PYTHON_PATH);
        let process = Process::start(&mut command);
        Self::of(world, "Flask", process, address, |user| session(address, user))
    }

    /// The same app in JavaScript, in one process.
    pub(crate) fn express(world: &World) -> Self {
        Self::node(world, "Express", 1)
    }

    /// The same app with one process for each core.
    pub(crate) fn express_cluster(world: &World) -> Self {
        Self::node(world, "Express cluster", cores())
    }

    fn node(world: &World, name: &'static str, workers: usize) -> Self {
        let address = free_address();
        let mut command = world.command("node");
        command.arg(format!("{APPS}/express_app.mjs")).env("NODE_ENV", "production");
        command.env("PORT", address.port().to_string()).env("WORKERS", workers.to_string());
        Self::of(world, name, Process::start(&mut command), address, |user| token(world, user))
    }

    /// A reverse proxy without authentication.
    pub(crate) fn nginx(world: &World) -> Self {
        let (address, config) = (free_address(), world.folder.join("nginx.conf"));
        fs::write(&config, nginx_config(world, address)).unwrap();
        let mut command = Command::new("nginx");
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{path}:/usr/sbin")).arg("-p").arg(&world.folder).arg("-c").arg(config);
        Self::of(world, "nginx", Process::start(&mut command), address, |user| format!("x-user: {user}"))
    }

    /// Waits until the service issues a token to each user.
    fn of(
        world: &World,
        name: &'static str,
        process: Process,
        address: SocketAddr,
        header: impl Fn(&str) -> String,
    ) -> Self {
        let headers: Vec<_> = (0..USERS).map(|user| header(&format!("user_{user}"))).collect();
        for header in &headers {
            let answer = post(address, TOKEN_PATH, header);
            assert!(answer.contains(" 200 OK\r\n") && answer.contains(r#""token":""#), "{name}: {answer}");
        }
        let file = world.folder.join(format!("{name}.headers"));
        fs::write(&file, headers.join("\n")).unwrap();
        Self { name, address, headers: file, _process: process }
    }

    pub(crate) fn load(&self, seconds: u32) -> Throughput {
        wrk::load(self.address, TOKEN_PATH, &self.headers, seconds)
    }

    /// Like [`Self::load`], but with far more users than the gateway caches claims for, so nearly
    /// every token is new.
    pub(crate) fn load_with_uncached_tokens(&self, world: &World, seconds: u32) -> Throughput {
        let file = world.folder.join("uncached.headers");
        let headers: Vec<_> = (0..UNCACHED_USERS).map(|user| token(world, &format!("uncached_{user}"))).collect();
        fs::write(&file, headers.join("\n")).unwrap();
        wrk::load(self.address, TOKEN_PATH, &file, seconds)
    }
}

fn cores() -> usize {
    available_parallelism().unwrap().get()
}

fn token(world: &World, user: &str) -> String {
    format!("authorization: Bearer {}", world.issuer.token(user))
}

/// Logs a user in; returns the cookie header.
fn session(address: SocketAddr, user: &str) -> String {
    let answer = post(address, &format!("/login?user={user}"), "accept: */*");
    let cookie = answer.lines().find_map(|line| line.strip_prefix("Set-Cookie: "));
    let cookie = cookie.and_then(|cookie| cookie.split(';').next()).unwrap_or_else(|| panic!("{answer}"));
    format!("cookie: {cookie}")
}

/// Settings with limits that no user reaches.
fn gateway_settings(world: &World) -> String {
    let (issuer, jwks_url) = (world.issuer.name(), world.issuer.jwks_url());
    format!(
        r#"
        store = "sqlite::memory:"
        [login.jwt]
        issuer = "{issuer}"
        audience = ["{AUDIENCE}"]
        jwks_url = "{jwks_url}"
        algorithms = ["RS256"]
        [limits]
        user_per_minute = 1000000000
        all_per_second = 1000000000
        "#
    )
}

fn nginx_config(world: &World, listen: SocketAddr) -> String {
    let keys = &world.keys;
    let upstream = format!("{}:{}", keys.api_url.host_str().unwrap(), keys.api_url.port().unwrap());
    include_str!("nginx.conf")
        .replace("{listen}", &listen.to_string())
        .replace("{upstream}", &upstream)
        .replace("{dev_id}", &keys.dev_id.to_string())
        .replace("{api_key}", keys.api_key.expose())
}
