//! `PgBouncer` in transaction mode, where each transaction may use another server connection.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::{Child, Stdio},
    time::Duration,
};

use anyhow::Context as _;
use tempfile::TempDir;
use terra_auth::Environment;
use tokio::{net::TcpStream, time::sleep};

use crate::support::{
    free_address,
    load::{Load, LoadResult},
    node::ServerSpec,
    postgres::{Cluster, unprivileged},
    receiver::Receiver,
    report::Report,
    until,
    verdict::settle,
};

const CLIENTS: usize = 8;
const LOAD_DURATION: Duration = Duration::from_secs(8);

/// A running `PgBouncer`. It is killed when dropped.
struct Bouncer {
    child: Child,
    _folder: TempDir,
    address: std::net::SocketAddr,
}

impl Bouncer {
    async fn start(cluster: &Cluster) -> anyhow::Result<Self> {
        let (folder, address) = (tempfile::tempdir()?, free_address());
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {}\n\
             unix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 8\nmax_client_conn = 200\n",
            cluster.address().port(),
            address.port()
        );
        // `auth_type = any` logs in as the user of the database's entry.
        let settings = settings.replace("host=127.0.0.1", "host=127.0.0.1 user=postgres");
        let file = folder.path().join("pgbouncer.ini");
        fs::write(&file, settings)?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        let mut command = unprivileged("/usr/sbin/pgbouncer");
        let child = command.arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let bouncer = Self { child: child.context("PgBouncer is not installed")?, _folder: folder, address };
        let listens = async || TcpStream::connect(address).await.ok();
        until("PgBouncer listens", Duration::from_secs(10), listens).await?;
        Ok(bouncer)
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) async fn pgbouncer(report: &mut Report) -> anyhow::Result<()> {
    let cluster = Cluster::start()?;
    let bouncer = Bouncer::start(&cluster).await?;
    cluster.database("pooled")?;
    let direct = measure(report, "direct", &cluster.url()).await?;
    let pooled_url = format!("postgres://postgres@{}/pooled?pgbouncer=true", bouncer.address);
    let pooled = measure(report, "PgBouncer", &pooled_url).await?;
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let ratio = pooled as f64 / direct.max(1) as f64;
    report.note(&format!("throughput through PgBouncer compared with direct connections: × {ratio:.2}"));
    Ok(())
}

/// The number of calls acknowledged within [`LOAD_DURATION`].
async fn measure(report: &mut Report, name: &str, store: &str) -> anyhow::Result<usize> {
    let spec = ServerSpec::serve().on_store(store);
    let _node = spec.start().await?;
    let (api, receiver) = (spec.api(Environment::Production), Receiver::start());
    receiver.expect_secret(&api.signing_secret);
    api.set_destination(Some(&receiver.url)).await?;
    let load = Load::start("pooled", std::slice::from_ref(&api), CLIENTS, true);
    sleep(LOAD_DURATION * report.times).await;
    let told: LoadResult = load.end().await;
    let failed = told.calls.iter().filter(|call| call.refusal.is_some()).count();
    let worked = told.calls.len() - failed;
    report.promise(
        failed == 0,
        &format!("{name}: {worked} calls by {CLIENTS} clients, {failed} failed: {}", told.refusals()),
    );
    settle(report, &api, &receiver, &told).await?;
    Ok(worked)
}
