//! The providers that a server offers: those with a recipe, built in or added, and an app; and the
//! on-device ones.

use http::Method;
use rustix::process::Signal;
use terra_auth_cli_testkit::{Folder, Server, http::send, until};

const ACME: &str = r#"[[provider]]
provider = "ACME"
name = "Acme Health"
types = ["sleep"]

[provider.login]
authorize_url = "https://acme.example/authorize"
token_url = "https://acme.example/token"
client_auth = "basic"
identity = { field = "user_id" }
"#;

#[tokio::test]
async fn a_server_offers_providers_with_a_recipe_and_an_app() {
    let folder = Folder::new();
    folder.write("own.toml", ACME);
    assert!(folder.command("providers add own.toml").output().unwrap().status.success());
    let app = |name: &str| format!("[{name}]\nclient_id = \"demo\"\nclient_secret = \"test-key-not-a-secret\"\n");
    folder.write("apps.toml", &["oura", "ACME", "FITBIT"].map(app).concat());
    let server = Server::start(
        &mut folder
            .command("serve --listen 127.0.0.1:0 --provider-apps apps.toml --create-environment testing --output json"),
    );
    let offered = folder.client().list_integrations().await.unwrap();
    let names: Vec<_> = offered.iter().map(|integration| integration.name.as_str()).collect();
    assert_eq!(names, ["Oura", "Apple Health", "Samsung Health", "Health Connect", "Acme Health"]);
    until("the log has the reason why FITBIT is not offered", || {
        let log = server.stderr();
        (log.contains("FITBIT is not offered") && log.contains("Google Health")).then_some(())
    });
}

/// The names of the offered providers that connect with a login.
async fn offered(folder: &Folder) -> Vec<String> {
    let offered = folder.client().list_integrations().await.unwrap();
    let by_login = offered.into_iter().filter(|integration| !NO_LOGIN.contains(&integration.name.as_str()));
    by_login.map(|integration| integration.name).collect()
}

const NO_LOGIN: [&str; 3] = ["Apple Health", "Samsung Health", "Health Connect"];

/// Sends SIGHUP and waits for a new log line that contains `expected`.
fn hang_up(server: &Server, expected: &str) -> String {
    let before = server.stderr().len();
    server.signal(Signal::HUP);
    until(expected, || server.stderr()[before..].lines().find(|line| line.contains(expected)).map(str::to_owned))
}

#[tokio::test]
async fn a_running_server_reloads_recipes_and_keeps_the_old_ones_if_one_is_invalid() {
    let folder = Folder::new();
    let app = |name: &str| format!("[{name}]\nclient_id = \"demo\"\nclient_secret = \"test-key-not-a-secret\"\n");
    folder.write("apps.toml", &app("OURA"));
    let server = Server::start(
        &mut folder
            .command("serve --listen 127.0.0.1:0 --provider-apps apps.toml --create-environment testing --output json"),
    );
    assert_eq!(offered(&folder).await, ["Oura"]);

    folder.write("own.toml", ACME);
    assert_eq!(folder.run("providers add own.toml").code, 0);
    folder.write("apps.toml", &["OURA", "ACME"].map(app).concat());
    hang_up(&server, "loaded recipes");
    assert_eq!(offered(&folder).await, ["Oura", "Acme Health"]);

    let recipe = ".terra-auth/providers.d/acme.toml";
    folder.write(recipe, &ACME.replace("Acme Health", "Acme Vitals").replace("\"basic\"", "\"digest\""));
    let refused = hang_up(&server, "could not reload the providers");
    assert!(refused.contains("providers.d/acme.toml:9:15: unknown variant `digest`"), "{refused}");
    assert_eq!(offered(&folder).await, ["Oura", "Acme Health"]);

    folder.write(recipe, &ACME.replace("Acme Health", "Acme Vitals"));
    folder.write("apps.toml", &app("ACME"));
    hang_up(&server, "loaded recipes");
    assert_eq!(offered(&folder).await, ["Acme Vitals"]);
    assert!(!server.stderr().contains("not-a-secret"), "{}", server.stderr());
    assert_eq!(server.stop(Signal::TERM).code, Some(0));
}

#[test]
fn an_app_without_a_recipe_is_an_error() {
    let folder = Folder::new();
    folder.write("apps.toml", "[NOSUCH]\nclient_id = \"demo\"\nclient_secret = \"test-key-not-a-secret\"\n");
    let ended = folder.command("serve --listen 127.0.0.1:0 --provider-apps apps.toml").output().unwrap();
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(2));
    assert!(stderr.contains("there is an app for NOSUCH, but no recipe"), "{stderr}");
}

#[tokio::test]
async fn a_notification_challenge_is_answered_if_its_token_matches() {
    let folder = Folder::new();
    let app = "client_id = \"demo\"\nclient_secret = \"test-key-not-a-secret\"\nnotice_token = \"agreed-upon\"\n";
    folder.write("apps.toml", &format!("[STRAVA]\n{app}"));
    let server = Server::start(
        &mut folder
            .command("serve --listen 127.0.0.1:0 --provider-apps apps.toml --create-environment testing --output json"),
    );
    let ask = async |token: &str| {
        let query = format!("hub.mode=subscribe&hub.challenge=c1&hub.verify_token={token}");
        send(Method::GET, &format!("{}/auth/strava/notice?{query}", server.origin()), &[], String::new()).await.unwrap()
    };
    let (accepted, rejected) = (ask("agreed-upon").await, ask("guessed").await);
    assert_eq!((accepted.status.as_u16(), accepted.text.as_str()), (200, r#"{"hub.challenge":"c1"}"#));
    assert_eq!(rejected.status, 404);
}

#[tokio::test]
async fn the_operators_logos_replace_the_monograms() {
    const SVG: &str = "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
    let folder = Folder::new();
    folder.write("acme.svg", SVG);
    folder.write("own.toml", &ACME.replace("types =", "logo = \"acme.svg\"\ntypes ="));
    assert_eq!(folder.run("providers add own.toml").code, 0);
    std::fs::create_dir(folder.path("logos")).unwrap();
    folder.write("logos/oura.gif", "GIF89a-not-a-real-image");
    let app = |name: &str| format!("[{name}]\nclient_id = \"demo\"\nclient_secret = \"test-key-not-a-secret\"\n");
    folder.write(
        "apps.toml",
        &format!("{}logo = \"logos/oura.gif\"\n{}", app("OURA"), ["ACME", "WHOOP"].map(app).concat()),
    );
    let server = Server::start(
        &mut folder
            .command("serve --listen 127.0.0.1:0 --provider-apps apps.toml --create-environment testing --output json"),
    );
    let picture = async |slug: &str| {
        let url = format!("{}/assets/provider/{slug}.svg", server.origin());
        send(Method::GET, &url, &[], String::new()).await.unwrap()
    };
    let (acme, oura, whoop) = (picture("acme").await, picture("oura").await, picture("whoop").await);
    assert_eq!((acme.header("content-type"), acme.text.as_str()), ("image/svg+xml", SVG));
    assert!(acme.header("content-security-policy").ends_with("frame-ancestors 'none'; sandbox"));
    assert_eq!((oura.header("content-type"), oura.text.as_str()), ("image/gif", "GIF89a-not-a-real-image"));
    assert_eq!(whoop.header("content-type"), "image/svg+xml");
    assert!(whoop.text.contains(">WH<"), "{}", whoop.text);
}

#[test]
fn a_logo_in_an_unsupported_format_prevents_the_start() {
    let folder = Folder::new();
    let app = "[OURA]\nclient_id = \"demo\"\nclient_secret = \"test-key-not-a-secret\"\nlogo = ";
    for (file, text, reason) in [
        ("page.svg", "<html></html>", "a logo is an SVG, PNG, JPEG, WebP or GIF file"),
        ("large.svg", &format!("<svg>{}", " ".repeat(256 * 1024)), "a logo has at most 256 KiB"),
    ] {
        folder.write(file, text);
        folder.write("apps.toml", &format!("{app}\"{file}\"\n"));
        let refused = folder.run("serve --listen 127.0.0.1:0 --provider-apps apps.toml");
        assert_eq!(refused.code, 2, "{}", refused.stderr);
        assert!(refused.stderr.contains(reason) && refused.stderr.contains(file), "{}", refused.stderr);
    }
    folder.write("apps.toml", &format!("{app}\"absent.svg\"\n"));
    let refused = folder.run("serve --listen 127.0.0.1:0 --provider-apps apps.toml");
    assert!(refused.stderr.contains("absent.svg"), "{}", refused.stderr);
}
