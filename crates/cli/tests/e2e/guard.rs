//! A file that contains a secret, or decides where one is sent, is rejected if another user could
//! have written (or read) it.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt as _, chown, symlink},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use terra_auth_cli_testkit::{CommandOutput, Folder};

const RECIPE: &str = "[ACME]\nnot = \"a recipe\"\n";
const SERVE: &str = "serve --listen 127.0.0.1:0";

const GATEWAY: &str =
    "gateway --listen 127.0.0.1:0 --who-am-i http://127.0.0.1:1/me --forward-to http://127.0.0.1:1/hooks";

fn mode(folder: &Folder, file: &str, mode: u32) {
    fs::set_permissions(folder.path(file), Permissions::from_mode(mode)).unwrap();
}

fn dir(folder: &Folder, name: &str) {
    fs::create_dir_all(folder.path(name)).unwrap();
    mode(folder, name, 0o700);
}

/// The output of a server that exits by itself. `None` if it still runs after 4 s; it is then killed.
fn output_if_it_exits(folder: &Folder, arguments: &str) -> Option<CommandOutput> {
    let mut command = folder.command(arguments);
    command.env("TERRA_DEV_ID", "acme").env("TERRA_API_KEY", "test-key-not-a-secret");
    command.env("TERRA_SIGNING_SECRET", "signing-secret-not-a-secret");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(4) {
        if child.try_wait().unwrap().is_some() {
            let output = child.wait_with_output().unwrap();
            let text = |bytes| String::from_utf8(bytes).unwrap();
            let (stdout, stderr) = (text(output.stdout), text(output.stderr));
            return Some(CommandOutput { code: output.status.code().unwrap(), stdout, stderr });
        }
        thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

/// A name, the setup of an unsafe file, the command that reads it, and a part of the error.
type Case = (&'static str, fn(&Folder), &'static str, &'static str);

const CASES: [Case; 13] = [
    (
        "data directory that all can change",
        |f| {
            dir(f, ".terra-auth");
            mode(f, ".terra-auth", 0o777);
        },
        SERVE,
        "chmod go-w",
    ),
    (
        "sticky data directory",
        |f| {
            dir(f, ".terra-auth");
            mode(f, ".terra-auth", 0o1777);
        },
        SERVE,
        "chmod go-w",
    ),
    (
        "data directory of another user",
        |f| {
            dir(f, ".terra-auth");
            chown(f.path(".terra-auth"), Some(65_534), None).unwrap();
        },
        SERVE,
        "uid 65534",
    ),
    ("parent folder that all can change", |f| mode(f, ".", 0o777), SERVE, "chmod go-w"),
    (
        "recipes that all can change",
        |f| {
            dir(f, ".terra-auth/providers.d");
            f.write(".terra-auth/providers.d/a.toml", RECIPE);
            mode(f, ".terra-auth/providers.d/a.toml", 0o666);
        },
        SERVE,
        "chmod go-w",
    ),
    (
        "recipes of another user",
        |f| {
            dir(f, ".terra-auth/providers.d");
            f.write(".terra-auth/providers.d/a.toml", RECIPE);
            chown(f.path(".terra-auth/providers.d/a.toml"), Some(65_534), None).unwrap();
        },
        SERVE,
        "uid 65534",
    ),
    (
        "apps that all can read",
        |f| {
            f.write("apps.toml", "");
            mode(f, "apps.toml", 0o644);
        },
        "serve --listen 127.0.0.1:0 --provider-apps apps.toml",
        "chmod 600",
    ),
    (
        "apps through a link in another user's folder",
        |f| {
            dir(f, "a");
            f.write("a/apps.toml", "");
            symlink("a/apps.toml", f.path("apps.toml")).unwrap();
            chown(f.path("a"), Some(65_534), None).unwrap();
        },
        "serve --listen 127.0.0.1:0 --provider-apps apps.toml",
        "uid 65534",
    ),
    (
        "master key that all can read",
        |f| {
            f.write("key", &"ab".repeat(32));
            mode(f, "key", 0o644);
        },
        "serve --listen 127.0.0.1:0 --master-key-file key",
        "chmod 600",
    ),
    (
        "settings that all can change",
        |f| {
            f.write("gateway.toml", "");
            mode(f, "gateway.toml", 0o666);
        },
        GATEWAY,
        "chmod go-w",
    ),
    (
        "settings of another user",
        |f| {
            f.write("gateway.toml", "");
            chown(f.path("gateway.toml"), Some(65_534), None).unwrap();
        },
        GATEWAY,
        "uid 65534",
    ),
    (
        "forward secret that all can read",
        |f| {
            dir(f, ".terra-auth");
            f.write(".terra-auth/forward-secret", &"ab".repeat(32));
            mode(f, ".terra-auth/forward-secret", 0o644);
        },
        GATEWAY,
        "chmod 600",
    ),
    (
        "data directory that all can change",
        |f| {
            dir(f, ".terra-auth");
            mode(f, ".terra-auth", 0o777);
        },
        GATEWAY,
        "chmod go-w",
    ),
];

#[test]
fn serve_and_gateway_reject_files_of_or_readable_by_other_users() {
    // Only root can give a file to another user.
    let is_root = chown(Folder::new().path("."), Some(65_534), None).is_ok();
    for (what, prepare, command, said) in CASES {
        if said.contains("uid") && !is_root {
            continue;
        }
        let folder = Folder::new();
        prepare(&folder);
        let answer = output_if_it_exits(&folder, command).unwrap_or_else(|| panic!("{what}: {command} started"));
        assert!(answer.code == 1 && answer.stderr.contains(said), "{what}: {answer}");
    }
}

#[test]
fn serve_accepts_secrets_as_container_runtimes_mount_them() {
    for (name, bits, linked) in
        [("own", 0o400, false), ("linked", 0o400, true), ("docker", 0o444, false), ("group", 0o440, true)]
    {
        let folder = Folder::new();
        dir(&folder, "run/..data");
        folder.write("run/..data/key", &"ab".repeat(32));
        mode(&folder, "run/..data/key", bits);
        symlink("..data/key", folder.path("run/key")).unwrap();
        let file = if linked { "run/key" } else { "run/..data/key" };
        let answer =
            output_if_it_exits(&folder, &format!("serve --sandbox --listen 127.0.0.1:0 --master-key-file {file}"));
        assert!(answer.is_none(), "{name}: {}", answer.unwrap());
    }
}

#[test]
fn dev_warns_and_starts() {
    let folder = Folder::new();
    dir(&folder, ".terra-auth");
    mode(&folder, ".terra-auth", 0o777);
    let server = folder.dev("");
    assert!(server.stderr().contains("other users of this machine can change"), "{}", server.stderr());
}

#[test]
fn dev_does_not_delete_added_lines_from_its_file() {
    let folder = Folder::new();
    drop(folder.dev(""));
    let first = folder.key("TERRA_API_KEY");
    let mut text = folder.read(".env.terra.testing");
    text += "# ours\nOTHER=1\n";
    folder.write(".env.terra.testing", &text);
    fs::remove_dir_all(folder.path(".terra-auth")).unwrap();
    let _server = folder.dev("");
    let text = folder.read(".env.terra.testing");
    assert!(text.ends_with("# ours\nOTHER=1\n"), "{text}");
    assert_ne!(folder.key("TERRA_API_KEY"), first);
    assert_eq!(folder.run("verify-connection").code, 0);
}

#[test]
fn a_server_that_is_not_running_is_named_in_one_line() {
    let folder = Folder::new();
    let keys = "TERRA_DEV_ID=a\nTERRA_API_KEY=test-key-not-a-secret\nTERRA_API_URL=http://127.0.0.1:9/v2\n";
    folder.write_trusted(".env.terra.testing", keys);
    folder.write("token", "admin-token-not-a-secret");
    let said = "nothing listens at 127.0.0.1:9; is `terra-auth dev` running?\n";
    for command in ["verify-connection", "users list", "environments list --admin-token-file token"] {
        let answer = folder.run(command);
        assert!(answer.stderr.starts_with("error: could not ") && answer.stderr.ends_with(said), "{answer}");
        assert_eq!((answer.code, answer.stderr.lines().count()), (5, 1), "{answer}");
    }
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let folder = Folder::new();
    let names = [
        "STORE",
        "DATA_DIR",
        "LISTEN",
        "PUBLIC_URL",
        "MASTER_KEY_FILE",
        "MASTER_KEY_COMMAND",
        "PREVIOUS_MASTER_KEYS",
        "WAIT_FOR_STORE",
        "IDLE_TIMEOUT",
    ];
    for value in ["", " "] {
        let mut command = folder.command("serve --sandbox --listen 127.0.0.1:0 --output json");
        command.envs(names.map(|name| (format!("TERRA_AUTH_{name}"), value)));
        let server = terra_auth_cli_testkit::Server::start(&mut command);
        assert!(folder.path(".terra-auth/terra-auth.db").exists());
        drop(server);
    }
    // An empty master key is a deployment mistake, not a request for a new key.
    let output =
        folder.command("serve --sandbox --listen 127.0.0.1:0").env("TERRA_AUTH_MASTER_KEY", "").output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("TERRA_AUTH_MASTER_KEY is empty"));
}

#[test]
fn a_help_text_shows_no_value_of_a_variable() {
    let folder = Folder::new();
    let names = ["STORE", "DATA_DIR", "LISTEN", "PUBLIC_URL", "MASTER_KEY_FILE", "MASTER_KEY_COMMAND"];
    for command in ["serve", "vault status", "backup", "providers list", "admin tokens create"] {
        let mut command = folder.command(&format!("{command} --help"));
        let answer =
            CommandOutput::of(command.envs(names.map(|name| (format!("TERRA_AUTH_{name}"), "value-not-a-secret"))));
        assert!(answer.code == 0 && !answer.stdout.contains("not-a-secret"), "{answer}");
    }
}
