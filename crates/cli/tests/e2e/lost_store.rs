//! A store that is gone, emptied or full: nothing is acknowledged that the next start would not find, and no start makes
//! an empty store in the place of one that was lost.

use std::{
    fs,
    process::{Command, Stdio},
};

use http::Method;
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, prlimit};
use terra_auth_testkit::Postgres;

use crate::support::{
    folder::{Answer, Folder},
    http::{Reply, send},
    server::Server,
    until,
};

const SERVE: &str = "serve --sandbox --listen 127.0.0.1:0 --output json --create-environment testing";
const STORE: &str = ".terra-auth/terra-auth.db";
const KEY: &str = ".terra-auth/master.key";

fn serve(folder: &Folder) -> Server {
    Server::start(&mut folder.command(SERVE))
}

/// Asks for something that is written down before it is answered.
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

/// What a start says that must fail.
fn refusal(folder: &Folder) -> String {
    let answer = folder.run("serve --sandbox --listen 127.0.0.1:0");
    assert_eq!(answer.code, 1, "{answer}");
    answer.stderr
}

#[tokio::test]
async fn a_store_that_is_deleted_under_the_server_acknowledges_nothing_and_is_not_made_again() {
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
    server.end(Signal::TERM);

    let said = refusal(&folder);
    assert!(said.contains("the store is missing") && said.contains("--new-store"), "{said}");
    assert!(!folder.path(STORE).exists());
    let server = Server::start(&mut folder.command(&format!("{SERVE} --new-store")));
    assert_eq!(ready(&server).await.status, 200);
}

#[test]
fn every_way_in_which_a_store_is_lost_is_refused() {
    type Loss = fn(&Folder);
    let losses: [(&str, Loss); 4] = [
        ("emptied", |folder| fs::write(folder.path(STORE), "").unwrap()),
        ("the lock file is gone too", |folder| {
            fs::remove_file(folder.path(STORE)).unwrap();
            fs::remove_file(folder.path(".terra-auth/terra-auth.db.lock")).unwrap();
        }),
        ("the key is gone too", |folder| {
            fs::remove_file(folder.path(STORE)).unwrap();
            fs::remove_file(folder.path(KEY)).unwrap();
        }),
        ("only the key is there", |folder| {
            let key = folder.read(KEY);
            fs::remove_dir_all(folder.path(".terra-auth")).unwrap();
            fs::create_dir(folder.path(".terra-auth")).unwrap();
            folder.write(KEY, &key);
        }),
    ];
    for (name, lose) in losses {
        let folder = Folder::new();
        serve(&folder).end(Signal::TERM);
        lose(&folder);
        let said = refusal(&folder);
        assert!(said.contains("--new-store"), "{name}: {said}");
        let dev = folder.run("dev --listen 127.0.0.1:0");
        assert!(dev.code == 1 && dev.stderr.contains("--new-store"), "{name}: {dev}");
    }
}

#[test]
fn a_first_start_that_was_cut_off_is_simply_repeated() {
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
        serve(&folder).end(Signal::TERM);
    }
}

#[test]
fn broken_pages_stop_the_start() {
    let folder = Folder::new();
    serve(&folder).end(Signal::TERM);
    let mut bytes = fs::read(folder.path(STORE)).unwrap();
    bytes.iter_mut().skip(4096).step_by(61).for_each(|byte| *byte ^= 0xff);
    fs::write(folder.path(STORE), &bytes).unwrap();
    let said = refusal(&folder);
    assert!(said.contains("the store is damaged") && said.contains("terra-auth restore"), "{said}");
    assert_eq!(fs::read(folder.path(STORE)).unwrap(), bytes);
}

/// The disk is full for this process only: no file of it may grow.
#[tokio::test]
async fn a_full_disk_is_not_ready_and_recovers_by_itself() {
    let folder = Folder::new();
    let server = Server::start(&mut unharmed_by_the_limit(&folder.command(SERVE)));
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

/// The same command, to which a write beyond its limit is an error and no signal.
fn unharmed_by_the_limit(command: &Command) -> Command {
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
    server.end(Signal::TERM);

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
    server.end(Signal::TERM);
}

#[test]
fn a_start_says_what_to_do_if_the_first_token_was_never_shown() {
    let folder = Folder::new();
    let plain = SERVE.replace("--output json", "");
    serve(&folder).kill(); // the token is in the store, and perhaps nobody has read it
    let mut command = folder.command(&plain);
    let child = command.stdout(Stdio::null()).stderr(fs::File::create(folder.path("said")).unwrap());
    let mut child = child.spawn().unwrap();
    until("the advice is there", || folder.read("said").contains("admin tokens create --offline").then_some(()));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn an_empty_database_in_the_place_of_a_store_is_refused_unless_told() {
    let (folder, database) = (Folder::new(), Postgres::start().database());
    let command = |more: &str| {
        let mut command = folder.command(&format!("{SERVE} {more}"));
        command.env("TERRA_AUTH_STORE", database.url()).env("TERRA_AUTH_MASTER_KEY", "ab".repeat(32));
        command
    };
    Server::start(&mut command("")).end(Signal::TERM);
    Server::start(&mut command("")).end(Signal::TERM);
    database.empty();
    let answer = Answer::of(&mut command(""));
    assert!(
        answer.code == 1 && answer.stderr.contains("the store is empty") && answer.stderr.contains("--new-store"),
        "{answer}"
    );
    Server::start(&mut command("--new-store")).end(Signal::TERM);
}
