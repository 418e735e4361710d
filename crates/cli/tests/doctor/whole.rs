use std::{
    collections::BTreeSet,
    io::BufReader,
    process::{Child, ChildStdout, Stdio},
};

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::{
    api::{Api, OLDER, closed_proxy, receiver},
    folder::{Folder, drawn},
};

/// A server that is killed when dropped.
struct Dev {
    child: Child,
    /// What it says later is not read, but must find somebody.
    stdout: BufReader<ChildStdout>,
}

impl Dev {
    /// `terra-auth dev`, which has written its keys.
    fn start(folder: &Folder) -> Self {
        let mut command = folder.terra_auth("dev --listen 127.0.0.1:0 --in-memory --output json");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut dev = Self { child, stdout };
        let ready: Value = serde_json::Deserializer::from_reader(&mut dev.stdout).into_iter().next().unwrap().unwrap();
        assert_eq!(ready["ready"], true);
        dev
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_clean_project_has_nothing_to_mend() {
    let folder = Folder::new();
    folder.git("init --quiet");
    let _dev = Dev::start(&folder);
    folder.write("app.py", "key = os.environ['TERRA_API_KEY']\n");
    folder.commit();
    assert_snapshot!(folder.doctor(""), @"
    exit 0
    Good to know

      unbound-tokens  testing
        mobile tokens without a reference id work: a phone that redeems one may name any user, and take over that user's connection
        remedy: mint tokens with `reference_id`, then set `bound_tokens_only` for the environment

    Nothing to mend: 18 checks passed for testing
    ");
}

/// The names of the checks that found something.
fn found(report: &Value) -> BTreeSet<String> {
    let findings = report["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["check"].as_str().unwrap().to_owned()).collect()
}

/// A folder where everything is wrong that can be wrong at once.
fn mess() -> Folder {
    let bad = Api { clock_ahead: 3600, users: 47, widget_path: OLDER, destination: json!(null), ..Api::new() };
    let folder = Folder::project(&bad.start());
    folder.keys("staging", &Api { accepts_keys: false, ..Api::new() }.start());
    folder.keys("production", "https://terra.example.invalid/v2");
    folder.replace(
        "staging",
        &folder.value("staging", "TERRA_SIGNING_SECRET"),
        &folder.value("testing", "TERRA_SIGNING_SECRET"),
    );
    folder.mode(".env.terra.testing", 0o644);
    folder.write(".github/workflows/ci.yml", &format!("KEY: {}\n", folder.value("production", "TERRA_API_KEY")));
    folder.write("app.py", &format!("TERRA_API_KEY = '{}'\nurl = '/auth/generateWidgetSession'\n", drawn(90)));
    folder.write("pages.json", r#"{"auth_success_redirect_url": "http://app.acme.co"}"#);
    folder.git("add --all --force");
    folder.git("commit --quiet --message mess");
    folder.variable("HTTPS_PROXY", &closed_proxy())
}

#[test]
fn everything_that_was_planted_is_found() {
    let folder = mess();
    let gateway = receiver(|_, _| 200);
    let mut found_here = found(&folder.report(&format!("--gateway-url {gateway}")));

    let other = Folder::project(&Api { widget_path: "/elsewhere", bound_tokens_only: false, ..Api::new() }.start());
    other.secret(".env.terra.staging", "TERRA_API_KEY\n");
    other.replace("testing", "TERRA_DEV_ID", "TERRA_STREAMING_URL=ws://127.0.0.1:9\nTERRA_DEV_ID");
    let report = other.report("");
    found_here.extend(found(&report));

    let every: BTreeSet<String> =
        report["checks"].as_array().unwrap().iter().map(|check| check.as_str().unwrap().to_owned()).collect();
    assert_eq!(found_here, every);
    assert_eq!(every.len(), 18);
}

#[test]
fn the_exit_code_is_the_worst_finding() {
    let folder = Folder::new();
    let nothing = folder.doctor("--offline");
    assert_snapshot!(nothing, @"
    exit 0
    Good to know

      credentials  .
        no environment has credentials here
        remedy: write them with `terra-auth setup-environment --env testing`, or run this where they are

    Nothing to mend: 8 checks passed
    ");
    folder.write("app.py", "requests.post(url + '/auth/generateWidgetSession')\n");
    assert_snapshot!(folder.doctor("--offline"), @"
    exit 10
    Warnings

      deprecated-widget-call  app.py:1
        calls auth/generateWidgetSession, which is deprecated and answers new accounts 410
        remedy: POST to /api/widget/session on the API's host, as `generate_widget_session` of the client does; the body is the same

    Good to know

      credentials  .
        no environment has credentials here
        remedy: write them with `terra-auth setup-environment --env testing`, or run this where they are
    --- stderr
    error: 1 warning to mend
    next: do what each finding says, then run `terra-auth doctor` again
    ");
    folder.write("keys.py", &format!("TERRA_API_KEY = '{}'\n", drawn(91)));
    let errors = folder.doctor("--offline");
    assert_eq!(errors.code, 11);
    assert!(errors.stderr.starts_with("error: 1 error and 1 warning to mend\n"), "{errors}");
    assert!(errors.stdout.starts_with("Errors\n"), "{errors}");
}

#[test]
fn a_program_reads_the_same() {
    let folder = Folder::new();
    folder.write("sub/app.py", "requests.post(url + '/auth/generateWidgetSession')\n");
    let report = folder.report("sub --offline");
    let finding = &report["findings"][0];
    assert_eq!(
        [&finding["check"], &finding["severity"], &finding["where"]],
        ["deprecated-widget-call", "warning", "app.py:1"]
    );
    assert_eq!([&report["errors"], &report["warnings"], &report["environments"]], [&json!(0), &json!(1), &json!([])]);
}

#[test]
fn only_the_environments_that_are_asked_for_are_examined() {
    let folder = Folder::offline();
    folder.keys("staging", &Api::new().start());
    assert_eq!(folder.report("--offline")["environments"], json!(["testing", "staging"]));
    assert_eq!(folder.doctor("--env staging").code, 0);
    assert_eq!(folder.doctor("--env staging --env testing").code, 11);
    assert_eq!(folder.doctor("nowhere").code, 1);
}
