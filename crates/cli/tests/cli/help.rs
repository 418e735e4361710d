use insta::assert_snapshot;

use crate::support::Folder;

#[test]
fn every_command_explains_itself() {
    let commands = [
        "",
        "setup-environment",
        "verify-connection",
        "list-integrations",
        "generate-widget-session",
        "generate-mobile-token",
        "users",
        "users list",
        "users show",
        "deauthenticate-user",
        "verify-webhook",
        "completions",
    ];
    for command in commands {
        let help = Folder::new().run(&format!("{command} --help"));
        let (own, common) = help.stdout.split_once("Flags of every command:").unwrap();
        let examples = common.split_once("Examples:").unwrap().1;
        assert_eq!((help.code, &*help.stderr), (0, ""));
        assert_snapshot!(format!("help {command}").trim().replace(' ', "-"), format!("{own}…\n\nExamples:{examples}"));
    }
}

#[test]
fn every_command_has_an_example() {
    let list = Folder::new().run("--help").stdout;
    let commands = list.split_once("Commands:\n").unwrap().1.split_once("\n\n").unwrap().0;
    let names =
        commands.lines().filter(|line| !line.starts_with("   ")).map(|line| line.split_whitespace().next().unwrap());
    for name in names.filter(|name| *name != "help") {
        let help = Folder::new().run(&format!("{name} -h")).stdout;
        assert!(help.contains(&format!("Examples:\n  terra-auth {name}")), "{help}");
    }
}

#[test]
fn an_example_fits_on_a_line() {
    let help = Folder::new().run("setup-environment --help").stdout;
    let examples = help.split_once("Examples:\n").unwrap().1;
    assert!(examples.lines().all(|line| line.starts_with("  ")), "{examples}");
}

#[test]
fn the_version_is_one_line() {
    assert_snapshot!(Folder::new().run("--version"), @"
    exit 0
    terra-auth 0.1.0
    ");
}

#[test]
fn nothing_is_coloured_in_a_pipe() {
    for arguments in ["--help", "users", "deauthenticate-user 42", "verify-connection"] {
        let answer = Folder::new().run(arguments).to_string();
        assert!(!answer.contains('\u{1b}'), "{answer:?}");
    }
}

#[test]
fn a_completion_script_knows_the_commands() {
    let script = Folder::new().run("completions bash");
    assert_eq!((script.code, &*script.stderr), (0, ""));
    assert!(script.stdout.contains("generate-widget-session"));
}
