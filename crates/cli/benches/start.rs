//! Start times of `--version` and of a server, and the memory use of an idle server and of ten
//! thousand idle connections.
#![expect(clippy::unwrap_used, reason = "a bench may panic")]

use std::{
    fs,
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const COMMAND: &str = env!("CARGO_BIN_EXE_terra-auth");
const IDLE_CONNECTIONS: usize = 10_000;

fn main() {
    let version = || ms(run(Command::new(COMMAND).arg("--version")));
    let nothing = || ms(run(&mut Command::new("/bin/true")));
    let pairs: Vec<_> = (0..101).map(|_| (version(), nothing())).collect();
    let (version, nothing) = (median(pairs.iter().map(|pair| pair.0)), median(pairs.iter().map(|pair| pair.1)));
    report("--version", version - nothing, 5.0, &format!("ms more than the {nothing:.1} ms of /bin/true"));

    let folder = tempfile::tempdir().unwrap();
    let in_memory = median((0..21).map(|_| Server::start(folder.path(), &["--in-memory"]).took));
    report("start in memory", in_memory, 50.0, "ms until /healthz answers 200");
    let in_a_new_file = median((0..21).map(|_| Server::start(tempfile::tempdir().unwrap().path(), &[]).took));
    report("start with a new file", in_a_new_file, 50.0, "ms until /healthz answers 200");
    drop(Server::start(folder.path(), &[]));
    let again = median((0..21).map(|_| Server::start(folder.path(), &[]).took));
    report("start with its file", again, 50.0, "ms until /healthz answers 200");

    let server = Server::start(folder.path(), &[]);
    thread::sleep(Duration::from_millis(500));
    let idle = server.resident_mib();
    report("idle", idle, 25.0, "MiB resident");
    measure_idle_connections(&server, idle);
}

/// Opens ten thousand connections that send one request and stay open, and measures the latency of
/// one that continues.
fn measure_idle_connections(server: &Server, idle_mib: f64) {
    let alone = server.latency();
    let connections: Vec<_> = (0..IDLE_CONNECTIONS).map_while(|_| server.connect_and_ask().ok()).collect();
    let (crowded, mib) = (server.latency(), server.resident_mib());
    let count = u32::try_from(connections.len()).unwrap();
    let each_kib = (mib - idle_mib) * 1024.0 / f64::from(count);
    say(&format!(
        "{count} idle connections: {mib:.1} MiB resident ({each_kib:.1} KiB each); a request takes {crowded:.3} ms, \
         {alone:.3} ms without them"
    ));
}

struct Server {
    process: Child,
    address: SocketAddr,
    /// Milliseconds from the start to the first response.
    took: f64,
}

impl Server {
    fn start(folder: &Path, flags: &[&str]) -> Self {
        let start = Instant::now();
        let mut command = Command::new(COMMAND);
        command.args(["dev", "--listen", "127.0.0.1:0", "--output", "json"]).args(flags).current_dir(folder);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let output = serde_json::Deserializer::from_reader(process.stdout.take().unwrap());
        let ready: serde_json::Value = output.into_iter().next().unwrap().unwrap();
        let address = ready["widget_url"].as_str().unwrap().trim_start_matches("http://").parse().unwrap();
        let mut server = Self { process, address, took: 0.0 };
        server.connect_and_ask().unwrap();
        server.took = ms(start.elapsed());
        server
    }

    fn connect_and_ask(&self) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(self.address)?;
        ask(&mut stream)?;
        Ok(stream)
    }

    /// The median latency of 501 requests on one connection, in milliseconds.
    fn latency(&self) -> f64 {
        let mut stream = self.connect_and_ask().unwrap();
        median((0..501).map(|_| {
            let start = Instant::now();
            ask(&mut stream).unwrap();
            ms(start.elapsed())
        }))
    }

    fn resident_mib(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn ask(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")?;
    let mut answer = [0; 1024];
    let length = stream.read(&mut answer)?;
    assert!(answer[..length].starts_with(b"HTTP/1.1 200 OK\r\n"));
    Ok(())
}

fn run(command: &mut Command) -> Duration {
    let start = Instant::now();
    assert!(command.stdout(Stdio::null()).status().unwrap().success());
    start.elapsed()
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn report(name: &str, value: f64, bar: f64, unit: &str) {
    let verdict = if value <= bar { "pass" } else { "MISS" };
    say(&format!("{name}: {value:.1} {unit}; bar {bar}: {verdict}"));
}

#[expect(clippy::print_stdout, reason = "the output of a bench")]
fn say(line: &str) {
    println!("{line}");
}
