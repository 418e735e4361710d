//! The parts of a help text that clap does not generate. Clap removes the colours if the output
//! does not support them.

use std::fmt::Write as _;

macro_rules! heading {
    ($title:literal) => {
        concat!("\x1b[1m\x1b[4m", $title, ":\x1b[0m")
    };
}

/// Lines to copy, under a heading.
macro_rules! examples {
    ($($line:literal),+ $(,)?) => {
        concat!(heading!("Examples"), $("\n  ", $line),+)
    };
}

/// The commands, grouped by purpose, in the order in which a new user needs them.
const GROUPS: [(&str, &[&str]); 6] = [
    ("Start here", &["dev", "setup-environment", "verify-connection", "doctor"]),
    (
        "Connect end users",
        &[
            "generate-widget-session",
            "generate-mobile-token",
            "list-integrations",
            "users",
            "deauthenticate-user",
            "verify-webhook",
            "sandbox",
        ],
    ),
    ("Keys and settings", &["env", "environments", "keys"]),
    (
        "Run your own server",
        &[
            "serve",
            "providers",
            "connections",
            "destinations",
            "deliveries",
            "trigger",
            "migrate",
            "admin",
            "audit",
            "vault",
            "backup",
            "restore",
        ],
    ),
    ("Run beside your app", &["gateway", "reconcile"]),
    ("Tools", &["api", "completions", "version"]),
];

/// The top-level help: the commands in groups. A command that no group names is in the last group.
pub(crate) fn template(root: &clap::Command) -> String {
    let shown: Vec<_> = root.get_subcommands().filter(|command| !command.is_hide_set()).collect();
    let width = shown.iter().map(|command| command.get_name().len()).max().unwrap_or_default();
    let line = |command: &clap::Command| {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        format!("\n  \x1b[1m{:<width$}\x1b[0m  {}", command.get_name(), about)
    };
    let is_grouped = |name: &str| GROUPS.iter().any(|(_, names)| names.contains(&name));
    let mut text = "{about-with-newline}\n{usage-heading} {usage}".to_owned();
    for (title, names) in GROUPS {
        let named = names.iter().filter_map(|name| shown.iter().find(|command| command.get_name() == *name));
        let others = shown.iter().filter(|command| title == "Tools" && !is_grouped(command.get_name()));
        let lines: String = named.chain(others).map(|command| line(command)).collect();
        let _ = write!(text, "\n\n\x1b[1m\x1b[4m{title}:\x1b[0m{lines}");
    }
    text + concat!("\n\n", heading!("Global options"), "\n{options}{after-help}")
}

#[cfg(test)]
mod tests {
    use std::{fmt::Write as _, fs, path::Path};

    use clap::CommandFactory as _;

    use super::GROUPS;
    use crate::args::{self, Cli};

    #[test]
    fn each_command_is_in_one_group() {
        let root = Cli::command();
        for name in root.get_subcommands().map(clap::Command::get_name) {
            let groups = GROUPS.iter().filter(|(_, names)| names.contains(&name)).count();
            assert_eq!(groups, 1, "{name}");
        }
    }

    /// Writes a command, or its subcommands, as rows of a table.
    fn rows(command: &clap::Command, path: &str, text: &mut String) {
        let path = format!("{path} {}", command.get_name());
        if command.get_subcommands().next().is_none() || !command.is_subcommand_required_set() {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let example = help.lines().map(str::trim).find(|line| line.contains("terra-auth ")).unwrap_or_default();
            let (about, example) = (about.replace('|', "\\|"), example.replace('|', "\\|"));
            let _ = writeln!(text, "| `{}` | {about} | `{example}` |", path.trim());
        }
        for command in
            command.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help")
        {
            rows(command, &path, text);
        }
    }

    /// `TERRA_AUTH_UPDATE=1 cargo test --workspace --bin terra-auth commands_page` regenerates the page.
    #[test]
    fn the_commands_page_is_generated_from_the_commands() {
        let mut root = args::command();
        root.build();
        let mut text = "# Commands\n\nEvery command of `terra-auth`, with one example. `terra-auth COMMAND --help` shows all flags and more \
                        examples. All commands take `--env`, `--output json`, `--quiet` and `--verbose`; commands that change \
                        something take `--dry-run`.\n"
            .to_owned();
        for (title, names) in GROUPS {
            let _ = write!(text, "\n## {title}\n\n| Command | Description | Example |\n|---|---|---|\n");
            for name in names {
                rows(root.find_subcommand(name).unwrap(), "", &mut text);
            }
        }
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/commands.md");
        if std::env::var_os("TERRA_AUTH_UPDATE").is_some() {
            fs::write(&file, &text).unwrap();
        }
        assert_eq!(fs::read_to_string(&file).unwrap_or_default(), text, "docs/commands.md is not up to date");
    }
}
