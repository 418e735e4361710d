use insta::assert_snapshot;

use crate::support::Folder;

#[test]
fn every_command_explains_itself() {
    for command in commands("") {
        let help = Folder::new().run(&format!("{command} --help"));
        let (own, _) = help.stdout.split_once("Flags of every command:").unwrap();
        let examples = help.stdout.split_once("Examples:").map_or("", |(_, examples)| examples);
        assert_eq!((help.code, &*help.stderr), (0, ""));
        assert_snapshot!(format!("help {command}").trim().replace(' ', "-"), format!("{own}…\n\nExamples:{examples}"));
    }
}

#[test]
fn every_command_has_examples_to_copy() {
    for command in commands("") {
        let help = Folder::new().run(&format!("{command} -h")).stdout;
        if help.contains("\nCommands:\n") {
            continue; // its commands have them
        }
        let examples = help.split_once("Examples:\n").unwrap().1;
        assert!(examples.contains(&format!("terra-auth {command}")), "{help}");
        assert!(examples.lines().all(|line| line.starts_with("  ")), "an example is too long for a line: {help}");
    }
}

/// `command` and all that are below it, as its help lists them.
fn commands(command: &str) -> Vec<String> {
    let help = Folder::new().run(&format!("{command} -h")).stdout;
    let list = help.split_once("\nCommands:\n").map_or("", |(_, rest)| rest.split_once("\n\n").unwrap().0);
    let names = list.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let below = names.filter(|name| !["", "help"].contains(name));
    let below = below.flat_map(|name| commands(format!("{command} {name}").trim()));
    [command.to_owned()].into_iter().chain(below).collect()
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
