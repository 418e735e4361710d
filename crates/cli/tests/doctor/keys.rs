use insta::assert_snapshot;
use terra_auth_cli_testkit::Folder;

use crate::folder::{DoctorFolder as _, random_key};

#[test]
fn a_file_that_other_users_can_read_is_found() {
    let folder = Folder::offline();
    assert_eq!(folder.findings("file-permissions", "--offline"), "");
    folder.mode(".env.terra.testing", 0o640);
    assert_snapshot!(folder.findings("file-permissions", "--offline"), @"error .env.terra.testing: other users of this machine can read the file and its keys");
}

#[test]
fn a_file_that_cannot_be_read_is_found() {
    let folder = Folder::offline();
    folder.write(".env.terra.staging", "TERRA_DEV_ID=acme-staging-0000000000\nTERRA_API_KEY\n");
    assert_snapshot!(folder.findings("credentials", "--offline"), @"error staging: .env.terra.staging:2: is not KEY=value; quote a value that has spaces, and close every quote");
    assert_snapshot!(folder.findings("credentials", "--offline --env production"), @"error production: no keys for production: neither .env.terra.production nor .env.production exists; run `terra-auth dev` for a server on this machine, or `terra-auth setup-environment --env production` for keys that you have, or set TERRA_DEV_ID and TERRA_API_KEY (or TERRA_DEV_ID_PRODUCTION and TERRA_API_KEY_PRODUCTION)");
}

#[test]
fn a_key_in_the_tree_is_found_and_never_shown() {
    let folder = Folder::offline();
    let (known, own, assigned) = (folder.value("testing", "TERRA_API_KEY"), random_key(70), random_key(71));
    folder.write("src/client.py", &format!("import terra\n\nclient = {{'key': '{known}'}}\n"));
    folder.write("deploy/values.yaml", &format!("key: ta_staging_{own}\n"));
    folder.write("web/app.js", &format!("const terra = new Terra({{ apiKey: \"{assigned}\" }});\n"));
    assert_snapshot!(folder.findings("hard-coded-key", "--offline"), @r#"
    error deploy/values.yaml:1: ••••5f93, by its format a key of staging, is in the file
    error src/client.py:3: ••••e82c, the TERRA_API_KEY of testing, is in the file
    error web/app.js:1: ••••5f82, the value of apiKey, is in the file
    "#);
    for arguments in ["--offline", "--offline --reveal", "--offline --output json"] {
        let answer = folder.doctor(arguments).to_string();
        for key in [&known, &own, &assigned] {
            assert!(!answer.contains(key.as_str()), "{answer}");
        }
    }
}

#[test]
fn a_key_that_is_marked_as_fake_or_ignored_by_git_is_no_finding() {
    let folder = Folder::offline();
    let key = random_key(72);
    folder.write("tests/fixture.json", &format!("{{\"_\": \"terra-auth: all fake\",\n\"x-api-key\": \"{key}\"}}"));
    folder.write("tests/app.py", &format!("TERRA_API_KEY = '{key}'  # terra-auth: fake\n"));
    folder.write("README.md", "TERRA_API_KEY=test-key-not-a-secret\nexport TERRA_API_KEY=<your key>\n");
    folder.write(".env.example", "TERRA_API_KEY=fill-this-in\n");
    folder.write(".env.local", &format!("TERRA_API_KEY={key}\n"));
    folder.mode(".env.local", 0o600);
    folder.write(".gitignore", ".env.terra.*\n.env.local\n/build\nnode_modules\n");
    folder.write("build/bundle.js", &format!("TERRA_API_KEY='{key}'"));
    folder.write("node_modules/terra/index.js", &format!("TERRA_API_KEY='{key}'"));
    folder.write("picture.webp", &format!("RIFF\0TERRA_API_KEY='{key}'"));
    folder.commit();
    assert_eq!(folder.report("--offline")["findings"], serde_json::json!([]));
}

#[test]
fn a_key_shared_by_two_environments_is_found() {
    let folder = Folder::offline();
    folder.keys("staging", "http://127.0.0.1:9/v2");
    assert_eq!(folder.findings("shared-key", "--offline"), "");
    let shared = folder.value("testing", "TERRA_API_KEY");
    folder.replace("staging", &folder.value("staging", "TERRA_API_KEY"), &shared);
    assert_snapshot!(folder.findings("shared-key", "--offline"), @"error .env.terra.testing:2: TERRA_API_KEY is the same in staging and testing, at .env.terra.staging:2");
}

#[test]
fn a_production_key_in_testing_or_ci_is_found() {
    let folder = Folder::offline();
    folder.keys("production", "http://127.0.0.1:9/v2");
    assert_eq!(folder.findings("production-key-in-testing", "--offline"), "");
    let key = folder.value("production", "TERRA_API_KEY");
    folder.write(".github/workflows/ci.yml", &format!("env:\n  KEY: {key}\n"));
    folder.replace(
        "testing",
        &folder.value("testing", "TERRA_SIGNING_SECRET"),
        &format!("ta_production_{}", random_key(73)),
    );
    folder.replace("testing", "acme-0", "acme-prod-1");
    let folder =
        folder.variable("TERRA_ENV", "testing").variable("TERRA_DEV_ID", "acme-9").variable("TERRA_API_KEY", &key);
    assert_snapshot!(folder.findings("production-key-in-testing", "--offline"), @r#"
    error TERRA_API_KEY of the process environment: TERRA_API_KEY is the one of production, from .env.terra.production:2
    error .env.terra.testing:3: TERRA_SIGNING_SECRET is a key of production by its prefix
    error .github/workflows/ci.yml:2: ••••b5f9, the TERRA_API_KEY of production, is in a file for tests
    warning .env.terra.testing:1: the dev-id is production's by its name
    "#);
}

#[test]
fn a_redirect_to_an_unencrypted_page_is_found() {
    let folder = Folder::offline();
    folder.write("app.py", "body = {'auth_success_redirect_url': 'http://me:pw@app.acme.co/done?key=1'}\n");
    folder.write("dev.py", "body = {'auth_success_redirect_url': 'http://localhost:3000/done'}\n");
    folder.replace("testing", "TERRA_DEV_ID", "TERRA_REDIRECT_URL=http://app.acme.co/file\nTERRA_DEV_ID");
    let arguments = "--offline --redirect-url http://app.example.com --redirect-url https://app.example.com";
    assert_snapshot!(folder.findings("redirect-url", arguments), @r#"
    error --redirect-url: http://app.example.com is not encrypted; the client and the servers reject it
    error .env.terra.testing:1: TERRA_REDIRECT_URL http://app.acme.co/file is not encrypted; the client and the servers reject it
    error app.py:1: auth_success_redirect_url http://app.acme.co/done is not encrypted; the client and the servers reject it
    "#);
}

#[test]
fn the_deprecated_widget_call_in_code_is_found() {
    let folder = Folder::offline();
    folder.write("docs.md", "POST /auth/generateWidgetSession\n");
    folder.write("a.py", "\nrequests.post(URL + '/auth/generateWidgetSession')\nclient.generatewidgetsession()\n");
    assert_snapshot!(folder.findings("deprecated-widget-call", "--offline"), @"warning a.py:2: calls auth/generateWidgetSession, which is deprecated and returns 410 for new accounts (2 times in this file)");
}

#[test]
fn a_missing_signing_secret_is_found() {
    let folder = Folder::offline();
    folder.replace("testing", "TERRA_SIGNING_SECRET", "#");
    assert_snapshot!(folder.findings("signing-secret", "--offline"), @"warning .env.terra.testing: TERRA_SIGNING_SECRET is missing, so no webhook can be verified");
    assert_eq!(folder.doctor("--offline").code, 10);
}
