//! A store that is missing, emptied or on a full disk. The server acknowledges no write that the
//! next start would not find, and no start replaces a lost store with an empty one.

use std::{
    fs,
    process::{Command, Stdio},
};

use http::Method;
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, prlimit};
use terra_auth_cli_testkit::{
    CommandOutput, Folder, Server,
    http::{Reply, send},
    until,
};
use terra_auth_testkit::Postgres;

const SERVE: &str = "serve --sandbox --listen 127.0.0.1:0 --output json --create-environment testing";
const STORE: &str = ".terra-auth/terra-auth.db";
const KEY: &str = ".terra-auth/master.key";

fn serve(folder: &Folder) -> Server {
    Server::start(&mut folder.command(SERVE))
}

/// Creates a widget session, which is stored before the response.
async fn session(folder: &Folder, server: &Server) -> u16 {
    let (dev_id, key) = (folder.key("TERRA_DEV_ID"), folder.key("TERRA_API_KEY"));
    let headers = [("dev-id", &*dev_id), ("x-api-key", &*key), ("content-type", "application/json")];
    let url = format!("{}/v2/auth/generateWidgetSession", server.origin());
    let reply = send(Method::POST, &url, &headers, r#"{"reference_id":"alice"}"#.to_owned()).await.unwrap();
    reply.status.as_u16()
}

async fn ready(server: &Server) -> Reply {
    send(Method::GET, &format!("{}/readyz", server.origin()), &[], String::new()).await.unwrap()
}

/// The error output of a start, which must fail.
fn start_error(folder: &Folder) -> String {
    let answer = folder.run("serve --sandbox --listen 127.0.0.1:0");
    assert_eq!(answer.code, 1, "{answer}");
    answer.stderr
}

#[tokio::test]
async fn after_its_store_is_deleted_a_server_acknowledges_nothing() {
    let folder = Folder::new();
    let server = serve(&folder);
    assert_eq!((session(&folder, &server).await, ready(&server).await.status.as_u16()), (200, 200));
    fs::remove_file(folder.path(STORE)).unwrap();

    for _ in 0..5 {
        let status = session(&folder, &server).await;
        assert!(status >= 500, "{status}");
    }
    let not_ready = ready(&server).await;
    assert_eq!((not_ready.status.as_u16(), not_ready.header("retry-after")), (503, "1"));
    assert!(not_ready.text.contains("the store's file was deleted or moved"), "{}", not_ready.text);
    let logged =
        until("it is logged", || Some(server.stderr() + &server.stdout()).filter(|it| it.contains("deleted or moved")));
    assert_eq!(logged.matches("no write is acknowledged until then").count(), 1, "{logged}");
    server.stop(Signal::TERM);

    let error = start_error(&folder);
    assert!(error.contains("the store is missing") && error.contains("--new-store"), "{error}");
    assert!(!folder.path(STORE).exists());
    let server = Server::start(&mut folder.command(&format!("{SERVE} --new-store")));
    assert_eq!(ready(&server).await.status, 200);
}

#[test]
fn every_kind_of_lost_store_prevents_the_start() {
    type Loss = fn(&Folder);
    let losses: [(&str, Loss); 4] = [
        ("emptied", |folder| fs::write(folder.path(STORE), "").unwrap()),
        ("the lock file is missing too", |folder| {
            fs::remove_file(folder.path(STORE)).unwrap();
            fs::remove_file(folder.path(".terra-auth/terra-auth.db.lock")).unwrap();
        }),
        ("the key is missing too", |folder| {
            fs::remove_file(folder.path(STORE)).unwrap();
            fs::remove_file(folder.path(KEY)).unwrap();
        }),
        ("only the key exists", |folder| {
            let key = folder.read(KEY);
            fs::remove_dir_all(folder.path(".terra-auth")).unwrap();
            fs::create_dir(folder.path(".terra-auth")).unwrap();
            folder.write(KEY, &key);
        }),
    ];
    for (name, lose) in losses {
        let folder = Folder::new();
        serve(&folder).stop(Signal::TERM);
        lose(&folder);
        let error = start_error(&folder);
        assert!(error.contains("--new-store"), "{name}: {error}");
        let dev = folder.run("dev --listen 127.0.0.1:0");
        assert!(dev.code == 1 && dev.stderr.contains("--new-store"), "{name}: {dev}");
    }
}

#[test]
fn an_interrupted_first_start_is_repeated() {
    type Stage = fn(&Folder);
    let stages: [Stage; 3] = [
        |_| {},
        |folder| folder.write(KEY, &"ab".repeat(32)),
        |folder| {
            folder.write(KEY, &"ab".repeat(32));
            folder.write(STORE, "");
        },
    ];
    for stage in stages {
        let folder = Folder::new();
        fs::create_dir(folder.path(".terra-auth")).unwrap();
        folder.write(".terra-auth/terra-auth.db.lock", "");
        stage(&folder);
        serve(&folder).stop(Signal::TERM);
    }
}

#[test]
fn damaged_pages_prevent_the_start() {
    let folder = Folder::new();
    serve(&folder).stop(Signal::TERM);
    let mut bytes = fs::read(folder.path(STORE)).unwrap();
    bytes.iter_mut().skip(4096).step_by(61).for_each(|byte| *byte ^= 0xff);
    fs::write(folder.path(STORE), &bytes).unwrap();
    let error = start_error(&folder);
    assert!(error.contains("the store is damaged") && error.contains("terra-auth restore"), "{error}");
    assert_eq!(fs::read(folder.path(STORE)).unwrap(), bytes);
}

/// Simulates a full disk for this process only: none of its files may grow.
#[tokio::test]
async fn a_full_disk_is_not_ready_and_recovers_by_itself() {
    let folder = Folder::new();
    let server = Server::start(&mut without_limit_signal(&folder.command(SERVE)));
    assert_eq!(session(&folder, &server).await, 200);
    let pid = Some(Pid::from_raw(i32::try_from(server.pid()).unwrap()).unwrap());
    let before = getrlimit(Resource::Fsize);
    prlimit(pid, Resource::Fsize, Rlimit { current: Some(4096), maximum: before.maximum }).unwrap();
    let status = session(&folder, &server).await;
    assert!(status >= 500, "{status}");
    let not_ready = ready(&server).await;
    assert_eq!(not_ready.status, 503, "{}", not_ready.text);
    assert!(not_ready.text.contains("the last write failed"), "{}", not_ready.text);

    prlimit(pid, Resource::Fsize, before).unwrap();
    let mut answers = 0;
    while ready(&server).await.status != 200 {
        answers += 1;
        assert!(answers < 300, "it does not recover");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(session(&folder, &server).await, 200);
}

/// The same command, for which a write beyond the limit is an error instead of a signal.
fn without_limit_signal(command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"trap '' XFSZ; exec "$@""#, "sh"]).arg(command.get_program()).args(command.get_args());
    shell.current_dir(command.get_current_dir().unwrap()).env_clear();
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?)))).stdin(Stdio::null());
    shell
}

#[tokio::test]
async fn a_lost_admin_token_is_replaced_without_a_server() {
    let folder = Folder::new();
    let server = serve(&folder);
    let create = "admin tokens create --offline --name alice --role owner";
    let refused = folder.run(create);
    assert!(refused.code == 1 && refused.stderr.contains("stop that server first"), "{refused}");
    server.stop(Signal::TERM);

    let issued = folder.json(create);
    let token = issued["token"].as_str().unwrap();
    let server = serve(&folder);
    let bearer = format!("Bearer {token}");
    let ask = async |path: &str| {
        let url = format!("{}{path}", server.origin());
        send(Method::GET, &url, &[("authorization", &bearer)], String::new()).await.unwrap()
    };
    assert_eq!(ask("/api/v3/admin/tokens").await.status, 200);
    let audit = ask("/api/v3/admin/audit").await.text;
    assert!(audit.contains("admin tokens create --offline") && audit.contains("alice"), "{audit}");
    server.stop(Signal::TERM);
}

#[test]
fn a_start_names_the_remedy_if_the_first_token_was_never_shown() {
    let folder = Folder::new();
    let plain = SERVE.replace("--output json", "");
    serve(&folder).kill(); // the token is in the store, but may not have been read
    let mut command = folder.command(&plain);
    let child = command.stdout(Stdio::null()).stderr(fs::File::create(folder.path("error")).unwrap());
    let mut child = child.spawn().unwrap();
    until("the remedy is shown", || folder.read("error").contains("admin tokens create --offline").then_some(()));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn an_empty_database_instead_of_a_store_needs_new_store() {
    let (folder, database) = (Folder::new(), Postgres::start().database());
    let command = |more: &str| {
        let mut command = folder.command(&format!("{SERVE} {more}"));
        command.env("TERRA_AUTH_STORE", database.url()).env("TERRA_AUTH_MASTER_KEY", "ab".repeat(32));
        command
    };
    Server::start(&mut command("")).stop(Signal::TERM);
    Server::start(&mut command("")).stop(Signal::TERM);
    database.empty();
    let answer = CommandOutput::of(&mut command(""));
    assert!(
        answer.code == 1 && answer.stderr.contains("the store is empty") && answer.stderr.contains("--new-store"),
        "{answer}"
    );
    Server::start(&mut command("--new-store")).stop(Signal::TERM);
}
