//! Checks the server against its `openapi.json` with Schemathesis. See `tests/schemathesis/README.md`.

use std::{path::Path, process::Command};

use terra_auth_cli_testkit::{Folder, Receiver};

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/schemathesis");

#[test]
#[ignore = "takes minutes; a separate step of `cargo xtask check`"]
fn the_server_matches_its_openapi_document() {
    let installed = Path::new(SCRIPTS).join("../../target/schemathesis/.pins");
    assert!(installed.exists(), "Schemathesis is not installed: run tests/schemathesis/setup.sh");
    let receiver = Receiver::start();
    let folder = Folder::new();
    let server = folder.dev("");
    let user = folder.connect("FITBIT", "alice");
    let left = folder.connect("OURA", "bob");

    let mut script = Command::new("python3");
    script.arg("run.py").current_dir(SCRIPTS).env("PYTHONDONTWRITEBYTECODE", "1");
    script.env("TERRA_TEST_URL", server.origin()).env("TERRA_TEST_DESTINATION", &receiver.url);
    script.env("TERRA_DEV_ID", folder.key("TERRA_DEV_ID")).env("TERRA_API_KEY", folder.key("TERRA_API_KEY"));
    script.env("TERRA_ADMIN_TOKEN", folder.read(".terra-auth/admin-token").trim());
    script.env("TERRA_TEST_USER_ID", user.to_string()).env("TERRA_TEST_REFERENCE_ID", "alice");
    script.env("TERRA_TEST_LEFT_USER_ID", left.to_string());
    assert!(script.status().unwrap().success(), "see its output above");
    receiver.wait_for(1);
}
