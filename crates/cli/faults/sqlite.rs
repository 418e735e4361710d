//! SQLite on bad disks, with broken files, many expired rows, and copied under load.

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
    load::{Load, Told},
    node::{Node, Spec},
    postgres::Cluster,
    quantile,
    receiver::Receiver,
    report::Report,
    settle::{connections_are_as_told, delays, settle, wanted},
    until,
};

const STORE: &str = ".terra-auth/terra-auth.db";

/// How soon a server must notice that its file is not what it was.
const NOTICED: Duration = Duration::from_secs(5);

struct World {
    node: Node,
    api: Api,
    receiver: Receiver,
}

impl World {
    async fn start(spec: &Spec) -> anyhow::Result<Self> {
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

/// A file system in memory. It is gone when dropped.
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

    /// Leaves no byte.
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
        // Lazily, as a server may be ending.
        let _ = Command::new("umount").arg("-l").arg(&self.0).stderr(Stdio::null()).status();
    }
}

pub(crate) async fn full_disk(report: &mut Report) -> anyhow::Result<()> {
    if !is_root() {
        report.skip("a small file system can only be mounted by root");
        return Ok(());
    }
    let spec = Spec::serve();
    let disk = Disk::mount(spec.path(".terra-auth"), "24m")?;
    let mut world = World::start(&spec).await?;
    let load = world.load("full");
    load.some_more(50).await?;
    disk.fill()?;
    sleep(Duration::from_secs(6)).await;
    let ready = world.api.is_ready().await;
    report.promise(ready.is_err(), &format!("readyz is refused while every write fails: {ready:?}"));
    disk.free()?;
    let back = Instant::now();
    load.some_more(50).await?;
    let mut told = load.end().await;
    let advised =
        told.calls.iter().filter_map(|call| call.refusal.as_ref()).all(|why| why.to_string() == "503 with Retry-After");
    report.promise(advised, &format!("refused with 503 and Retry-After: {}", told.refusals()));
    let first = told.first_write_after(back).unwrap_or(Duration::MAX);
    report.promise(
        first < Duration::from_secs(2),
        &format!("writes work {:.2} s after there is space", first.as_secs_f64()),
    );
    until("readyz is 200 again", Duration::from_secs(10), async || world.api.is_ready().await.ok()).await?;

    let load = world.load("full-again");
    load.some_more(20).await?;
    disk.fill()?;
    sleep(Duration::from_secs(1)).await;
    world.node.signal(Signal::KILL);
    told.add(load.end().await);
    world.node = spec.start().await?;
    report.note("killed on the full disk, and started on it");
    disk.free()?;
    let load = world.load("full-last");
    load.some_more(20).await?;
    told.add(load.end().await);
    settle(report, &world.api, &world.receiver, &told).await
}

pub(crate) async fn broken_store(report: &mut Report) -> anyhow::Result<()> {
    noticed_while_it_runs(report, "deleted", |store| {
        for file in [store.to_owned(), beside(store, "-wal"), beside(store, "-shm")] {
            let _ = fs::remove_file(file);
        }
    })
    .await?;
    noticed_while_it_runs(report, "emptied", |store| {
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

async fn noticed_while_it_runs(report: &mut Report, what: &str, fault: impl Fn(&Path)) -> anyhow::Result<()> {
    let spec = Spec::serve();
    let world = World::start(&spec).await?;
    let load = world.load("gone");
    load.some_more(40).await?;
    load.end().await;
    fault(&spec.path(STORE));
    let refused = until("readyz is refused", NOTICED, async || world.api.is_ready().await.err()).await;
    let refused = refused.map_or_else(|error| error.to_string(), |refusal| refusal.to_string());
    report.promise(refused.starts_with("503"), &format!("{what} under the server: readyz is refused: {refused}"));
    let lost = world.api.connect("into-nothing").await;
    report.promise(lost.is_err(), &format!("{what} under the server: no write is acknowledged: {lost:?}"));
    world.node.kill();
    is_refused(report, &spec, &format!("{what}: the next start")).await;
    Ok(())
}

async fn is_refused(report: &mut Report, spec: &Spec, what: &str) {
    let refused = spec.start().await.err().map(|error| error.to_string());
    let last = refused.as_deref().and_then(|text| text.lines().last()).unwrap_or("it started");
    report.promise(refused.is_some(), &format!("{what} is refused: {last}"));
}

/// Kills a server under load. What it acknowledged is in the log or in the file.
async fn killed(name: &str) -> anyhow::Result<(Spec, Api, Told)> {
    let spec = Spec::serve();
    let world = World::start(&spec).await?;
    let load = world.load(name);
    load.some_more(120).await?;
    world.node.signal(Signal::KILL);
    let told = load.end().await;
    Ok((spec, world.api, told))
}

async fn broken_pages(report: &mut Report) -> anyhow::Result<()> {
    let (spec, _, _) = killed("pages").await?;
    // All that was written goes into the file, so that the pages are in use.
    let Some(node) = spec.start().await.ok() else { return Ok(()) };
    node.end().await;
    let length = fs::metadata(spec.path(STORE))?.len();
    flip(&spec.path(STORE), 2 * 4096, length - 2 * 4096)?;
    // As after an unclean end: where a check is only made then.
    let _ = fs::write(beside(&spec.path(STORE), "-wal"), b"");
    is_refused(report, &spec, "a file with broken pages").await;
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
                .promise(true, &format!("64 broken bytes in the middle of the log ({length} bytes): refused: {last}"));
        }
        Ok(_node) => {
            report.note(&format!("64 broken bytes in the middle of the log ({length} bytes): it started"));
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

/// Plain copies of the three files under load: a server never starts on one that is broken.
async fn copies(report: &mut Report) -> anyhow::Result<()> {
    let spec = Spec::serve();
    let world = World::start(&spec).await?;
    let load = world.load("copied");
    let (mut started, mut refused, mut malformed) = (0, 0, 0);
    for _ in 0..6 {
        load.some_more(60).await?;
        let copy = Spec::serve();
        fs::create_dir_all(copy.path(".terra-auth"))?;
        let cp = format!("cp -p {}/.terra-auth/* {}/", spec.path("").display(), copy.path(".terra-auth").display());
        let _ = Command::new("sh").args(["-c", &cp]).stderr(Stdio::null()).status()?;
        match copy.start().await {
            Err(_) => refused += 1,
            Ok(node) => {
                started += 1;
                node.end().await;
                malformed += u32::from(!is_whole(&copy.path(STORE))?);
            }
        }
    }
    load.end().await;
    let text = format!(
        "copied under load with cp: {refused} refused, {started} started, {malformed} of them on a broken file"
    );
    report.promise(malformed == 0, &text);
    Ok(())
}

const CHECK: &str =
    "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('PRAGMA integrity_check').fetchall())";

fn is_whole(store: &Path) -> anyhow::Result<bool> {
    let output = Command::new("python3").args(["-c", CHECK]).arg(store).output()?;
    Ok(output.stdout == b"[('ok',)]\n")
}

async fn second_server(report: &mut Report) -> anyhow::Result<()> {
    let spec = Spec::serve();
    let _world = World::start(&spec).await?;
    for entry in fs::read_dir(spec.path(".terra-auth"))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.contains("lock") {
            report.note(&format!("{name} is removed"));
            fs::remove_file(entry.path())?;
        }
    }
    is_refused(report, &spec.elsewhere(), "a second server on the same file, without the lock file,").await;
    Ok(())
}

const EXPIRED: u32 = 200_000;

const FILL_SQLITE: &str = "
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
rows = ((os.urandom(16), 1_600_000_000_000 + n) for n in range(int(sys.argv[2])))
db.executemany('INSERT INTO spent_token (token_id, expires_at_ms) VALUES (?, ?)', rows)
db.commit()
";

const COUNT_SQLITE: &str = "
import sqlite3, sys
count = 'SELECT count(*) FROM spent_token WHERE expires_at_ms < 1600001000000'
print(sqlite3.connect(sys.argv[1]).execute(count).fetchone()[0])
";

pub(crate) async fn housekeeping(report: &mut Report) -> anyhow::Result<()> {
    let spec = Spec::serve();
    let store = spec.path(STORE);
    let fill = || python(FILL_SQLITE, &store).map(drop);
    beside_events(report, "SQLite", &spec, fill, || python(COUNT_SQLITE, &store)).await?;
    let cluster = Cluster::start()?;
    let rows = format!(
        "INSERT INTO spent_token (token_id, expires_at_ms)
         SELECT decode(md5(n::text), 'hex'), 1600000000000 + n FROM generate_series(1, {EXPIRED}) n"
    );
    let count = "SELECT count(*) FROM spent_token WHERE expires_at_ms < 1600001000000";
    let fill = || cluster.sql("postgres", &rows).map(drop);
    let spec = Spec::serve().on(&cluster.url());
    beside_events(report, "PostgreSQL", &spec, fill, || cluster.sql("postgres", count)).await
}

fn python(script: &str, store: &Path) -> anyhow::Result<String> {
    let output = Command::new("python3").args(["-c", script]).arg(store).arg(EXPIRED.to_string()).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// A minute of events while the rows are deleted.
async fn beside_events(
    report: &mut Report,
    name: &str,
    spec: &Spec,
    fill: impl Fn() -> anyhow::Result<()>,
    count: impl Fn() -> anyhow::Result<String>,
) -> anyhow::Result<()> {
    let mut world = World::start(spec).await?;
    world.node.end().await;
    fill()?;
    report.note(&format!("{name}: {} expired rows", count()?));
    world.node = spec.start().await?;
    world.api.set_destination(Some(&world.receiver.url)).await?;
    let (began, mut told) = (Instant::now(), Told::default());
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
    let delays = delays(&wanted, &world.receiver.heard());
    let (median, worst) = (quantile(&delays, 0.5), quantile(&delays, 1.0));
    report.acknowledged += wanted.len();
    report.lost += wanted.len() - delays.len();
    report
        .promise(delays.len() == wanted.len(), &format!("{name}: {} events, {} delivered", wanted.len(), delays.len()));
    let text =
        format!("{name}: delays below 1 s: median {:.3} s, worst {:.3} s", median.as_secs_f64(), worst.as_secs_f64());
    report.promise(worst < Duration::from_secs(1), &text);
    Ok(())
}

pub(crate) async fn backup(report: &mut Report) -> anyhow::Result<()> {
    let spec = Spec::serve();
    let mut world = World::start(&spec).await?;
    let load = world.load("before");
    load.some_more(200 * report.times as usize).await?;
    let before = load.end().await;
    let load = world.load("meanwhile");
    load.some_more(20).await?;
    works(report, &spec, "backup backup.db").await?;
    load.some_more(20).await?;
    load.end().await;
    world.node.end().await;
    works(report, &spec, "restore backup.db --yes").await?;
    world.node = spec.start().await?;
    settle(report, &world.api, &world.receiver, &before).await
}

async fn works(report: &mut Report, spec: &Spec, arguments: &str) -> anyhow::Result<()> {
    let (began, mut command) = (Instant::now(), spec.command(arguments));
    let output = spawn_blocking(move || command.output()).await??;
    let error =
        if output.status.success() { String::new() } else { String::from_utf8_lossy(&output.stderr).into_owned() };
    let took = began.elapsed().as_secs_f64();
    report.promise(output.status.success(), &format!("`terra-auth {arguments}` works, in {took:.2} s {error}"));
    Ok(())
}
