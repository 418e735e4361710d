//! SQLite on a full disk, with damaged files, with many expired rows, and copied under load.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::ensure;
use rustix::process::Signal;
use terra_auth::Environment;
use tokio::{task::spawn_blocking, time::sleep};

use crate::support::{
    api::Api,
    is_root,
    load::{Load, LoadResult},
    node::{Node, ServerSpec},
    postgres::Cluster,
    quantile,
    receiver::Receiver,
    report::Report,
    until,
    verdict::{connections_are_as_told, delays, settle, wanted},
};

const STORE: &str = ".terra-auth/terra-auth.db";
/// How soon a server must detect that its file was deleted or emptied.
const DETECTION_TIMEOUT: Duration = Duration::from_secs(5);

struct World {
    node: Node,
    api: Api,
    receiver: Receiver,
}

impl World {
    async fn start(spec: &ServerSpec) -> anyhow::Result<Self> {
        let node = spec.start().await?;
        let (api, receiver) = (spec.api(Environment::Production), Receiver::start());
        receiver.expect_secret(&api.signing_secret);
        api.set_destination(Some(&receiver.url)).await?;
        Ok(Self { node, api, receiver })
    }

    fn load(&self, name: &str) -> Load {
        Load::start(name, std::slice::from_ref(&self.api), 4, true)
    }
}

/// A file system in memory. It is unmounted when dropped.
struct Disk(PathBuf);

impl Disk {
    fn mount(path: PathBuf, size: &str) -> anyhow::Result<Self> {
        fs::create_dir_all(&path)?;
        let options = format!("size={size},mode=700");
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&path).status()?;
        ensure!(done.success(), "mount failed");
        Ok(Self(path))
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }

    /// Fills the disk to the last byte.
    fn fill(&self) -> anyhow::Result<()> {
        let mut file = File::create(self.ballast())?;
        while file.write_all(&[0; 4096]).is_ok() {}
        Ok(())
    }

    fn free(&self) -> anyhow::Result<()> {
        Ok(fs::remove_file(self.ballast())?)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A lazy unmount, because a server may still use it.
        let _ = Command::new("umount").arg("-l").arg(&self.0).stderr(Stdio::null()).status();
    }
}

pub(crate) async fn full_disk(report: &mut Report) -> anyhow::Result<()> {
    if !is_root() {
        report.skip("only root can mount a small file system");
        return Ok(());
    }
    let spec = ServerSpec::serve();
    let disk = Disk::mount(spec.path(".terra-auth"), "24m")?;
    let mut world = World::start(&spec).await?;
    let load = world.load("full");
    load.wait_for_calls(50).await?;
    disk.fill()?;
    sleep(Duration::from_secs(6)).await;
    let ready = world.api.is_ready().await;
    report.promise(ready.is_err(), &format!("readyz fails while every write fails: {ready:?}"));
    disk.free()?;
    let back = Instant::now();
    load.wait_for_calls(50).await?;
    let mut told = load.end().await;
    let advised =
        told.calls.iter().filter_map(|call| call.refusal.as_ref()).all(|why| why.to_string() == "503 with Retry-After");
    report.promise(advised, &format!("refused with 503 and Retry-After: {}", told.refusals()));
    let first = told.first_write_after(back).unwrap_or(Duration::MAX);
    report.promise(
        first < Duration::from_secs(2),
        &format!("writes succeed {:.2} s after space was freed", first.as_secs_f64()),
    );
    until("readyz is 200 again", Duration::from_secs(10), async || world.api.is_ready().await.ok()).await?;

    let load = world.load("full-again");
    load.wait_for_calls(20).await?;
    disk.fill()?;
    sleep(Duration::from_secs(1)).await;
    world.node.signal(Signal::KILL);
    told.add(load.end().await);
    world.node = spec.start().await?;
    report.note("killed and started again on the full disk");
    disk.free()?;
    let load = world.load("full-last");
    load.wait_for_calls(20).await?;
    told.add(load.end().await);
    settle(report, &world.api, &world.receiver, &told).await
}

pub(crate) async fn broken_store(report: &mut Report) -> anyhow::Result<()> {
    check_detection(report, "deleted", |store| {
        for file in [store.to_owned(), beside(store, "-wal"), beside(store, "-shm")] {
            let _ = fs::remove_file(file);
        }
    })
    .await?;
    check_detection(report, "emptied", |store| {
        OpenOptions::new().write(true).open(store).unwrap().set_len(0).unwrap();
    })
    .await?;
    broken_pages(report).await?;
    broken_log(report).await?;
    copies(report).await?;
    second_server(report).await
}

fn beside(store: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", store.display()))
}

async fn check_detection(report: &mut Report, what: &str, fault: impl Fn(&Path)) -> anyhow::Result<()> {
    let spec = ServerSpec::serve();
    let world = World::start(&spec).await?;
    let load = world.load("gone");
    load.wait_for_calls(40).await?;
    load.end().await;
    fault(&spec.path(STORE));
    let refused = until("readyz fails", DETECTION_TIMEOUT, async || world.api.is_ready().await.err()).await;
    let refused = refused.map_or_else(|error| error.to_string(), |refusal| refusal.to_string());
    report.promise(refused.starts_with("503"), &format!("{what} while the server runs: readyz fails: {refused}"));
    let lost = world.api.connect("into-nothing").await;
    report.promise(lost.is_err(), &format!("{what} while the server runs: no write is acknowledged: {lost:?}"));
    world.node.kill();
    check_start_fails(report, &spec, &format!("{what}: the next start")).await;
    Ok(())
}

async fn check_start_fails(report: &mut Report, spec: &ServerSpec, what: &str) {
    let refused = spec.start().await.err().map(|error| error.to_string());
    let last = refused.as_deref().and_then(|text| text.lines().last()).unwrap_or("it started");
    report.promise(refused.is_some(), &format!("{what} fails: {last}"));
}

/// Kills a server under load. The acknowledged changes are in the write-ahead log or in the file.
async fn killed(name: &str) -> anyhow::Result<(ServerSpec, Api, LoadResult)> {
    let spec = ServerSpec::serve();
    let world = World::start(&spec).await?;
    let load = world.load(name);
    load.wait_for_calls(120).await?;
    world.node.signal(Signal::KILL);
    let told = load.end().await;
    Ok((spec, world.api, told))
}

async fn broken_pages(report: &mut Report) -> anyhow::Result<()> {
    let (spec, _, _) = killed("pages").await?;
    // Moves all changes from the log into the file, so the pages are in use.
    let Some(node) = spec.start().await.ok() else { return Ok(()) };
    node.end().await;
    let length = fs::metadata(spec.path(STORE))?.len();
    flip(&spec.path(STORE), 2 * 4096, length - 2 * 4096)?;
    // Simulates an unclean shutdown, in case the check only runs after one.
    let _ = fs::write(beside(&spec.path(STORE), "-wal"), b"");
    check_start_fails(report, &spec, "a start with damaged pages").await;
    Ok(())
}

async fn broken_log(report: &mut Report) -> anyhow::Result<()> {
    let (spec, api, told) = killed("log").await?;
    let log = beside(&spec.path(STORE), "-wal");
    let length = fs::metadata(&log)?.len();
    flip(&log, length / 2, 64)?;
    match spec.start().await {
        Err(error) => {
            let last = error.to_string().lines().last().unwrap_or_default().to_owned();
            report
                .promise(true, &format!("64 damaged bytes in the middle of the log ({length} bytes): refused: {last}"));
        }
        Ok(_node) => {
            report.note(&format!("64 damaged bytes in the middle of the log ({length} bytes): it started"));
            connections_are_as_told(report, &api, &told).await?;
        }
    }
    Ok(())
}

fn flip(file: &Path, from: u64, length: u64) -> anyhow::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open(file)?;
    let mut bytes = vec![0; usize::try_from(length)?];
    file.seek(SeekFrom::Start(from))?;
    file.read_exact(&mut bytes)?;
    for byte in &mut bytes {
        *byte = !*byte;
    }
    file.seek(SeekFrom::Start(from))?;
    Ok(file.write_all(&bytes)?)
}

/// Copies the three files under load. A server must not start on a damaged copy.
async fn copies(report: &mut Report) -> anyhow::Result<()> {
    let spec = ServerSpec::serve();
    let world = World::start(&spec).await?;
    let load = world.load("copied");
    let (mut started, mut refused, mut malformed) = (0, 0, 0);
    for _ in 0..6 {
        load.wait_for_calls(60).await?;
        let copy = ServerSpec::serve();
        fs::create_dir_all(copy.path(".terra-auth"))?;
        let cp = format!("cp -p {}/.terra-auth/* {}/", spec.path("").display(), copy.path(".terra-auth").display());
        let _ = Command::new("sh").args(["-c", &cp]).stderr(Stdio::null()).status()?;
        match copy.start().await {
            Err(_) => refused += 1,
            Ok(node) => {
                started += 1;
                node.end().await;
                malformed += u32::from(!is_intact(&copy.path(STORE))?);
            }
        }
    }
    load.end().await;
    let text = format!(
        "copied under load with cp: {refused} refused, {started} started, {malformed} of them on a damaged file"
    );
    report.promise(malformed == 0, &text);
    Ok(())
}

const CHECK: &str =
    "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('PRAGMA integrity_check').fetchall())";

fn is_intact(store: &Path) -> anyhow::Result<bool> {
    let output = Command::new("python3").args(["-c", CHECK]).arg(store).output()?;
    Ok(output.stdout == b"[('ok',)]\n")
}

async fn second_server(report: &mut Report) -> anyhow::Result<()> {
    let spec = ServerSpec::serve();
    let _world = World::start(&spec).await?;
    for entry in fs::read_dir(spec.path(".terra-auth"))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.contains("lock") {
            report.note(&format!("removed {name}"));
            fs::remove_file(entry.path())?;
        }
    }
    check_start_fails(report, &spec.on_another_port(), "a second server on the same file, without the lock file,")
        .await;
    Ok(())
}

const EXPIRED: u32 = 200_000;

const FILL_SQLITE: &str = "
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
rows = ((os.urandom(16), 1_600_000_000_000 + n) for n in range(int(sys.argv[2])))
db.executemany('INSERT INTO consumed_token (token_id, expires_at_ms) VALUES (?, ?)', rows)
db.commit()
";

const COUNT_SQLITE: &str = "
import sqlite3, sys
count = 'SELECT count(*) FROM consumed_token WHERE expires_at_ms < 1600001000000'
print(sqlite3.connect(sys.argv[1]).execute(count).fetchone()[0])
";

pub(crate) async fn housekeeping(report: &mut Report) -> anyhow::Result<()> {
    let spec = ServerSpec::serve();
    let store = spec.path(STORE);
    let fill = || python(FILL_SQLITE, &store).map(drop);
    housekeeping_during_events(report, "SQLite", &spec, fill, || python(COUNT_SQLITE, &store)).await?;
    let cluster = Cluster::start()?;
    let rows = format!(
        "INSERT INTO consumed_token (token_id, expires_at_ms)
         SELECT decode(md5(n::text), 'hex'), 1600000000000 + n FROM generate_series(1, {EXPIRED}) n"
    );
    let count = "SELECT count(*) FROM consumed_token WHERE expires_at_ms < 1600001000000";
    let fill = || cluster.sql("postgres", &rows).map(drop);
    let spec = ServerSpec::serve().on_store(&cluster.url());
    housekeeping_during_events(report, "PostgreSQL", &spec, fill, || cluster.sql("postgres", count)).await
}

fn python(script: &str, store: &Path) -> anyhow::Result<String> {
    let output = Command::new("python3").args(["-c", script]).arg(store).arg(EXPIRED.to_string()).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Sends events for a minute while the rows are deleted.
async fn housekeeping_during_events(
    report: &mut Report,
    name: &str,
    spec: &ServerSpec,
    fill: impl Fn() -> anyhow::Result<()>,
    count: impl Fn() -> anyhow::Result<String>,
) -> anyhow::Result<()> {
    let mut world = World::start(spec).await?;
    world.node.end().await;
    fill()?;
    report.note(&format!("{name}: {} expired rows", count()?));
    world.node = spec.start().await?;
    world.api.set_destination(Some(&world.receiver.url)).await?;
    let (began, mut told) = (Instant::now(), LoadResult::default());
    for turn in 0_u32.. {
        if began.elapsed() > Duration::from_mins(1) {
            break;
        }
        if let Ok(user) = world.api.connect(&format!("tidy{turn}")).await {
            told.connected.insert(user, Instant::now());
        }
        sleep(Duration::from_millis(200)).await;
    }
    sleep(Duration::from_secs(1)).await;
    world.node.end().await;
    let left = count()?;
    report.promise(left == "0", &format!("{name}: {left} of {EXPIRED} expired rows are left after a minute"));
    let wanted = wanted(&told);
    let delays = delays(&wanted, &world.receiver.deliveries());
    let (median, worst) = (quantile(&delays, 0.5), quantile(&delays, 1.0));
    report.acknowledged += wanted.len();
    report.lost += wanted.len() - delays.len();
    report
        .promise(delays.len() == wanted.len(), &format!("{name}: {} events, {} delivered", wanted.len(), delays.len()));
    let text =
        format!("{name}: delays below 1 s: median {:.3} s, longest {:.3} s", median.as_secs_f64(), worst.as_secs_f64());
    report.promise(worst < Duration::from_secs(1), &text);
    Ok(())
}

pub(crate) async fn backup(report: &mut Report) -> anyhow::Result<()> {
    let spec = ServerSpec::serve();
    let mut world = World::start(&spec).await?;
    let load = world.load("before");
    load.wait_for_calls(200 * report.times as usize).await?;
    let before = load.end().await;
    let load = world.load("during");
    load.wait_for_calls(20).await?;
    check_command(report, &spec, "backup backup.db").await?;
    load.wait_for_calls(20).await?;
    load.end().await;
    world.node.end().await;
    check_command(report, &spec, "restore backup.db --yes").await?;
    world.node = spec.start().await?;
    settle(report, &world.api, &world.receiver, &before).await
}

async fn check_command(report: &mut Report, spec: &ServerSpec, arguments: &str) -> anyhow::Result<()> {
    let (began, mut command) = (Instant::now(), spec.command(arguments));
    let output = spawn_blocking(move || command.output()).await??;
    let error =
        if output.status.success() { String::new() } else { String::from_utf8_lossy(&output.stderr).into_owned() };
    let took = began.elapsed().as_secs_f64();
    report.promise(output.status.success(), &format!("`terra-auth {arguments}` succeeds, in {took:.2} s {error}"));
    Ok(())
}
