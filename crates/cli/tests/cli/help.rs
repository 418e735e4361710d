use insta::assert_snapshot;
use terra_auth_cli_testkit::Folder;

use crate::support::folder_with_keys;

#[test]
fn every_command_explains_itself() {
    for command in commands("") {
        let help = Folder::new().run(&format!("{command} --help"));
        let (own, _) = help.stdout.split_once("Global options:").unwrap();
        let examples = help.stdout.split_once("Examples:").map_or("", |(_, examples)| examples);
        assert_eq!((help.code, &*help.stderr), (0, ""));
        assert_snapshot!(format!("help {command}").trim().replace(' ', "-"), format!("{own}…\n\nExamples:{examples}"));
    }
}

#[test]
fn every_command_has_examples_to_copy() {
    for command in commands("") {
        let help = Folder::new().run(&format!("{command} -h")).stdout;
        if !listed(&help).is_empty() {
            continue; // its subcommands have examples
        }
        let examples = help.split_once("Examples:\n").unwrap().1;
        assert!(examples.contains(&format!("terra-auth {command}")), "{help}");
        assert!(examples.lines().all(|line| line.starts_with("  ")), "an example is too long for a line: {help}");
    }
}

/// `command` and all its subcommands, in the order of its help.
pub(crate) fn commands(command: &str) -> Vec<String> {
    let help = Folder::new().run(&format!("{command} -h")).stdout;
    let below = listed(&help).into_iter().flat_map(|name| commands(format!("{command} {name}").trim()));
    [command.to_owned()].into_iter().chain(below).collect()
}

/// The commands in a help text, under any heading before the options.
fn listed(help: &str) -> Vec<&str> {
    let lists =
        ["Options:", "Global options:", "Examples:"].iter().fold(help, |text, end| text.split(end).next().unwrap());
    let names = lists.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names.filter(|name| name.starts_with(|c: char| c.is_ascii_lowercase()) && *name != "help").collect()
}

#[test]
fn the_help_lists_the_commands_in_groups() {
    assert_snapshot!(Folder::new().run("-h"));
}

#[test]
fn the_short_help_of_a_command_has_its_own_flags_only() {
    assert_snapshot!(Folder::new().run("generate-mobile-token -h"));
}

#[test]
fn every_list_command_has_the_alias_ls() {
    for list in ["users ls", "keys ls", "environments ls", "providers app ls", "gateway events ls", "env ls"] {
        assert_eq!(Folder::new().run(&format!("{list} --help")).code, 0, "{list}");
    }
}

#[test]
fn the_output_format_has_short_options() {
    let folder = folder_with_keys(&crate::support::api());
    let json = folder.run("users list --output json").stdout;
    for same in ["users list -o json", "-ojson users list", "users list --json", "--json users ls"] {
        assert_eq!(folder.run(same).stdout, json, "{same}");
    }
    assert_eq!(folder.run("users list --json -o csv").code, 2);
    let refused = folder.run("users list --nosuch -o json");
    assert!(refused.stderr.starts_with('{'), "{refused}");
    assert_eq!(folder.run("generate-mobile-token --quiet").stderr, "");
    assert_eq!(folder.run("generate-mobile-token -q").stdout, "a-mobile-token\n");
}

#[test]
fn the_version_is_one_line_with_the_commit_and_its_date() {
    let version = Folder::new().run("--version");
    let (number, build) = version.stdout.trim_end().split_once(" (").unwrap();
    assert_eq!((version.code, number), (0, concat!("terra-auth ", env!("CARGO_PKG_VERSION"))));
    let json: serde_json::Value = serde_json::from_str(&Folder::new().run("version --json").stdout).unwrap();
    let said = |name: &str| json[name].as_str().unwrap().to_owned();
    assert_eq!(build, format!("{} {})", said("commit"), said("date")));
    assert_eq!(said("version"), env!("CARGO_PKG_VERSION"));
    assert!(said("date").len() == 10 || said("commit") == "unknown", "{json}");
    assert!(Folder::new().run("version").stdout.starts_with(&version.stdout), "{version}");
}

#[test]
fn nothing_is_coloured_in_a_pipe() {
    for arguments in ["--help", "users", "deauthenticate-user 42", "verify-connection"] {
        let answer = Folder::new().run(arguments).to_string();
        assert!(!answer.contains('\u{1b}'), "{answer:?}");
    }
}
