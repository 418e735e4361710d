use std::{
    collections::BTreeSet,
    io::BufReader,
    process::{Child, ChildStdout, Stdio},
};

use insta::assert_snapshot;
use serde_json::{Value, json};
use terra_auth_cli_testkit::Folder;

use crate::{
    api::{Api, DEPRECATED_WIDGET_PATH, closed_proxy, receiver},
    folder::{DoctorFolder as _, random_key},
};

/// A server that is killed when dropped.
struct Dev {
    child: Child,
    /// Later output is not read, but the pipe must stay open.
    stdout: BufReader<ChildStdout>,
}

impl Dev {
    /// Starts `terra-auth dev` and waits until it has written its keys.
    fn start(folder: &Folder) -> Self {
        let mut command = folder.command("dev --listen 127.0.0.1:0 --in-memory --output json");
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
        // It may have exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_clean_project_has_no_errors_or_warnings() {
    let folder = Folder::new();
    folder.git("init --quiet");
    let _dev = Dev::start(&folder);
    folder.write("app.py", "key = os.environ['TERRA_API_KEY']\n");
    folder.commit();
    assert_snapshot!(folder.doctor(""), @"
    exit 0
    Information

      unbound-tokens  testing
        mobile tokens without a reference id are accepted: a phone that redeems one can name any user, and take over that user's connection
        remedy: generate tokens with `reference_id`, then set `bound_tokens_only` for the environment

    No problems found: 18 checks passed for testing
    ");
}

/// The names of the checks with findings.
fn found(report: &Value) -> BTreeSet<String> {
    let findings = report["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["check"].as_str().unwrap().to_owned()).collect()
}

/// A folder with all problems that can exist at the same time.
fn folder_with_all_problems() -> Folder {
    let bad = Api {
        clock_ahead: 3600,
        users: 47,
        widget_path: DEPRECATED_WIDGET_PATH,
        destination: json!(null),
        ..Api::new()
    };
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
    folder.write("app.py", &format!("TERRA_API_KEY = '{}'\nurl = '/auth/generateWidgetSession'\n", random_key(90)));
    folder.write("pages.json", r#"{"auth_success_redirect_url": "http://app.acme.co"}"#);
    folder.git("add --all --force");
    folder.git("commit --quiet --message mess");
    folder.variable("HTTPS_PROXY", &closed_proxy())
}

#[test]
fn every_planted_problem_is_found() {
    let folder = folder_with_all_problems();
    let gateway = receiver(|_, _| 200);
    let mut found_here = found(&folder.report(&format!("--gateway-url {gateway}")));

    let other = Folder::project(&Api { widget_path: "/elsewhere", bound_tokens_only: false, ..Api::new() }.start());
    other.write(".env.terra.staging", "TERRA_API_KEY\n");
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
    Information

      credentials  .
        no environment has credentials here
        remedy: create them with `terra-auth setup-environment --env testing`, or run doctor in their folder

    No problems found: 8 checks passed
    ");
    folder.write("app.py", "requests.post(url + '/auth/generateWidgetSession')\n");
    assert_snapshot!(folder.doctor("--offline"), @"
    exit 10
    Warnings

      deprecated-widget-call  app.py:1
        calls auth/generateWidgetSession, which is deprecated and returns 410 for new accounts
        remedy: POST to /api/widget/session on the API's host, like `generate_widget_session` of the client; the body is the same

    Information

      credentials  .
        no environment has credentials here
        remedy: create them with `terra-auth setup-environment --env testing`, or run doctor in their folder
    --- stderr
    error: found 1 warning
    next: apply the remedy of each finding, then run `terra-auth doctor` again
    ");
    folder.write("keys.py", &format!("TERRA_API_KEY = '{}'\n", random_key(91)));
    let errors = folder.doctor("--offline");
    assert_eq!(errors.code, 11);
    assert!(errors.stderr.starts_with("error: found 1 error and 1 warning\n"), "{errors}");
    assert!(errors.stdout.starts_with("Errors\n"), "{errors}");
}

#[test]
fn the_json_report_has_the_same_findings() {
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
fn only_the_selected_environments_are_examined() {
    let folder = Folder::offline();
    folder.keys("staging", &Api::new().start());
    assert_eq!(folder.report("--offline")["environments"], json!(["testing", "staging"]));
    assert_eq!(folder.doctor("--env staging").code, 0);
    assert_eq!(folder.doctor("--env staging --env testing").code, 11);
    assert_eq!(folder.doctor("nowhere").code, 1);
}
