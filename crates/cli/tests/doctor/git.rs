use terra_auth_cli_testkit::Folder;

use crate::folder::{DoctorFolder as _, random_key};

#[test]
fn a_tracked_file_is_an_error_and_a_file_not_ignored_is_a_warning() {
    let folder = Folder::offline();
    assert_eq!(folder.findings("tracked-by-git", "--offline"), "");
    folder.write(".gitignore", "");
    let open = folder.findings("tracked-by-git", "--offline");
    assert!(open.starts_with("warning .env.terra.testing: git does not ignore the file"), "{open}");
    folder.git("add --force .env.terra.testing");
    let tracked = folder.findings("tracked-by-git", "--offline");
    assert!(tracked.starts_with("error .env.terra.testing: git tracks the file"), "{tracked}");
}

#[test]
fn a_remedy_can_be_copied_into_a_shell() {
    let folder = Folder::offline();
    folder.write(".env.$(id)", &format!("TERRA_API_KEY={}\n", random_key(82)));
    let report = folder.report("--offline");
    assert_eq!(report["findings"][0]["remedy"], "run `echo '.env.$(id)' >> .gitignore`");
}

#[test]
fn a_deleted_file_and_a_deleted_key_are_found_in_the_history() {
    let folder = Folder::offline();
    assert_eq!(folder.findings("git-history", "--offline"), "");
    let (key, other) = (folder.value("testing", "TERRA_API_KEY"), random_key(80));
    folder.write("old/.env.production", &format!("TERRA_API_KEY={other}\n"));
    folder.write("notes.txt", &format!("the key is\n{key}\n"));
    folder.commit();
    folder.git("rm --quiet old/.env.production notes.txt");
    folder.commit();
    let found = folder.findings("git-history", "--offline");
    let lines: Vec<&str> = found.lines().collect();
    assert_eq!(lines.len(), 2, "{found}");
    assert!(lines[0].contains(":notes.txt: ••••") && lines[0].contains("the TERRA_API_KEY of testing"), "{found}");
    assert!(lines[1].contains(":old/.env.production: ••••"), "{found}");
    assert!(!found.contains(&key) && !found.contains(&other), "{found}");
}

#[test]
fn a_key_on_another_branch_is_found() {
    let folder = Folder::offline();
    folder.git("checkout --quiet -b forgotten");
    folder.write("app.py", &format!("terra_api_key = '{}'\n", random_key(81)));
    folder.commit();
    folder.git("checkout --quiet -");
    assert!(folder.findings("git-history", "--offline").contains(":app.py: ••••"));
    assert_eq!(folder.findings("hard-coded-key", "--offline"), "");
}

#[test]
fn without_a_repository_the_git_checks_are_skipped() {
    let folder = Folder::new();
    folder.keys("testing", "http://127.0.0.1:9/v2");
    let report = folder.report("--offline");
    let checks = report["checks"].as_array().unwrap();
    assert!(!checks.iter().any(|check| check == "tracked-by-git" || check == "git-history"), "{report}");
    assert_eq!(report["findings"], serde_json::json!([]));
}
