//! Start, configuration errors and shutdown of a gateway.

use std::os::unix::fs::PermissionsExt as _;

use http::Method;
use rustix::process::Signal;
use serde_json::Value;
use terra_auth_cli_testkit::Folder;

use crate::support::{Site, app, free_address};

const TOKEN: &str = "/api/terra/mobile-token";

#[tokio::test]
async fn a_user_of_the_app_gets_a_mobile_token_and_an_unknown_caller_does_not() {
    let site = Site::new();
    let gateway = site.gateway("");
    assert_eq!(gateway.ready["environment"], "testing");
    assert_eq!(gateway.ready["login"], Value::from(vec!["login.who_am_i"]));

    let answer = site.ask("alice", Method::POST, TOKEN).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(serde_json::from_str::<Value>(&answer.text).unwrap()["reference_id"], "alice");

    let url = format!("http://{}{TOKEN}", site.address);
    let rejected = terra_auth_cli_testkit::http::send(Method::POST, &url, &[], String::new()).await.unwrap();
    assert_eq!(rejected.status, 401, "{}", rejected.text);

    let ended = gateway.stop(Signal::TERM);
    assert_eq!(ended.code, Some(0));
}

#[test]
fn a_start_sets_the_webhook_destination_of_a_local_server_that_has_none() {
    let folder = Folder::new();
    let upstream = folder.dev("--in-memory");
    let address = free_address();
    let site = Site { folder, upstream, app: app(), address };
    for _ in 0..2 {
        let gateway = site.gateway("");
        assert_eq!(gateway.ready["destination"], format!("http://{address}/webhooks/terra"));
        gateway.kill();
    }
    site.upstream.signal(Signal::KILL);
    assert_eq!(site.gateway("").ready["destination"], Value::Null, "it starts without the server too");
}

#[test]
fn the_forward_secret_is_created_once_and_readable_by_its_owner_only() {
    let site = Site::new();
    let gateway = site.gateway("--forward-to http://127.0.0.1:9/hooks");
    assert_eq!(gateway.ready["forward_secret"], ".terra-auth/forward-secret");
    let secret = site.folder.read(".terra-auth/forward-secret");
    let mode = std::fs::metadata(site.folder.path(".terra-auth/forward-secret")).unwrap().permissions().mode();
    assert_eq!((secret.trim().len(), mode & 0o777), (64, 0o600));
    gateway.kill();

    let again = site.gateway("--forward-to http://127.0.0.1:9/hooks");
    assert_eq!(site.folder.read(".terra-auth/forward-secret"), secret);
    for written in [again.stdout(), again.stderr()] {
        assert!(!written.contains(secret.trim()), "{written}");
    }
}

#[test]
fn an_invalid_start_names_the_setting_to_fix() {
    let folder = Folder::new();
    let without_keys = folder.run("gateway --who-am-i http://127.0.0.1:9/me");
    assert_eq!(without_keys.code, 8, "{without_keys}");

    folder.write(".env.terra.testing", KEYS);
    for (settings, says) in [
        ("", "no login method is configured"),
        ("listen = 'here'", "gateway.toml"),
        ("loginn = 1", "unknown field"),
        (
            "[cors]\nallowed_origins = ['app.example']\n[login.who_am_i]\nurl = 'https://app.example/me'",
            "cors.allowed_origins",
        ),
        ("[login.jwt]\nissuer = 'x'\naudience = 'y'\njwks_url = 'http://1.2.3.4/keys'", "login.jwt.jwks_url"),
        ("[login.who_am_i]\nurl = 'http://1.2.3.4/me'", "login.who_am_i.url"),
        ("[tls]\ncertificate = 'cert.pem'\nkey = 'key.pem'", "could not read cert.pem"),
    ] {
        folder.write("gateway.toml", settings);
        for command in ["gateway --listen 127.0.0.1:0", "gateway check"] {
            let refused = folder.run(command);
            assert_eq!(refused.code, 2, "{settings}: {refused}");
            assert!(refused.stderr.contains(says), "{settings}: {refused}");
        }
    }
}

#[test]
fn a_check_shows_the_effective_value_and_the_source_of_each_setting() {
    let folder = Folder::new();
    folder.write(".env.terra.testing", KEYS);
    folder.write("gateway.toml", SETTINGS);
    let mut command = folder.command("gateway check --listen 0.0.0.0:8790");
    command.env("TERRA_AUTH_GATEWAY_STORE", "postgres://gateway:not-a-secret@db.example/gateway?password=not-a-secret");
    let answer = terra_auth_cli_testkit::CommandOutput::of(&mut command);

    insta::assert_snapshot!(answer, @"
    exit 0
    SETTING                 VALUE                                              FROM
    environment             testing                                            --env or TERRA_ENV
    dev-id                  acme-testing-0000000000                            .env.terra.testing
    API                     https://api.tryterra.co/v2                         .env.terra.testing
    signing secret          none                                               .env.terra.testing
    listen                  0.0.0.0:8790                                       --listen
    tls                     none                                               default
    public_hosts            localhost, addresses, and names without a dot      default
    operations_listen       none                                               default
    store                   postgres://gateway:***@db.example/gateway          TERRA_AUTH_GATEWAY_STORE
    login.who_am_i          user.id in the response of https://app.example/me  gateway.toml
    cors.allowed_origins    none                                               default
    webhooks.forward_to     https://app.example/hooks                          gateway.toml
    forward secret          created by the first start                         .terra-auth/forward-secret
    limits.user_per_minute  30                                                 gateway.toml
    webhooks.tolerance_s    600                                                gateway.toml
    --- stderr
    warning: every webhook is rejected, because none can be verified: TERRA_SIGNING_SECRET is missing in .env.terra.testing
    warning: logins are sent to 0.0.0.0:8790 unencrypted; set [tls], or listen on loopback behind a proxy that terminates TLS
    ");
    assert!(!folder.path(".terra-auth").exists());
}

const KEYS: &str = "TERRA_DEV_ID=acme-testing-0000000000\nTERRA_API_KEY=test-key-not-a-secret\n";

const SETTINGS: &str = "
[login.who_am_i]
url = 'https://app.example/me'
user_field = 'user.id'

[webhooks]
forward_to = 'https://app.example/hooks'
tolerance_s = 600

[limits]
user_per_minute = 30
";
