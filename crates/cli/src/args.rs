//! The global options, and the errors of wrong arguments.

use std::{ffi::OsStr, process::ExitCode};

use clap::{
    Args, CommandFactory as _, FromArgMatches as _, Parser,
    error::{ContextKind, ContextValue, ErrorKind},
};
use terra_auth::{Environment, credentials::ENV};

use crate::{
    app::App,
    command::{Command, VERSION},
    credentials::{
        environment_choice::{EnvironmentChoice, EnvironmentChoiceParser},
        variable,
    },
    failure::{self, CommandError, FailureKind},
    help,
    service::logging,
    terminal::ui::{Output, Ui},
};

/// Terra's authentication API: call it, run it, test against it
///
/// The commands call the hosted API, or your own server if `TERRA_API_URL` is set. The keys of an
/// environment are read from `.env.terra.<environment>` in the working directory, or from the
/// process environment.
#[derive(Parser)]
#[command(name = "terra-auth", version = VERSION, max_term_width = 100)]
#[command(after_help = short_footer(), after_long_help = long_footer())]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options that can precede or follow any command. The short help omits them, because they are the
/// same everywhere.
#[derive(Args)]
#[command(next_help_heading = "Global options")]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate flag")]
pub(crate) struct Global {
    #[arg(help = "Environment whose keys to use [default: $TERRA_ENV, else testing]", long, global = true, value_name = "NAME", value_parser = EnvironmentChoiceParser, hide_short_help = true)]
    env: Option<EnvironmentChoice>,
    /// Format of results on standard output and of errors on standard error
    #[arg(
        short,
        long,
        global = true,
        value_name = "FORMAT",
        value_enum,
        default_value_t,
        hide_default_value = true,
        hide_short_help = true
    )]
    output: Output,
    /// The same as `--output json`
    #[arg(long, global = true, conflicts_with = "output", hide_short_help = true)]
    json: bool,
    /// Write only results, warnings and errors
    #[arg(short, long, global = true, hide_short_help = true)]
    quiet: bool,
    /// Show API keys and signing secrets in full instead of their last four characters
    ///
    /// The result of a command, such as a mobile token or a session's URL, is always shown in full.
    #[arg(long, global = true, hide_short_help = true)]
    reveal: bool,
    /// Log each step to standard error
    #[arg(short, long, global = true, conflicts_with = "quiet", hide_short_help = true)]
    verbose: bool,
}

impl Global {
    pub(crate) fn output(&self) -> Output {
        if self.json { Output::Json } else { self.output }
    }
}

/// The arguments of this process.
pub(crate) fn parse() -> Result<Cli, clap::Error> {
    Cli::from_arg_matches(&command().try_get_matches()?)
}

/// The tree of commands, with the `ls` aliases, the environment variables and the help template applied.
pub(crate) fn command() -> clap::Command {
    let command = with_hidden_env_values(Cli::command().mut_subcommands(with_aliases));
    let template = help::template(&command);
    command.help_template(template)
}

/// Adds the alias `ls` to every `list`.
fn with_aliases(command: clap::Command) -> clap::Command {
    let is_list = command.get_name() == "list";
    let command = command.mut_subcommands(with_aliases);
    if is_list { command.visible_alias("ls") } else { command }
}

/// Hides the values of variables in help texts, and makes an empty variable count as unset.
fn with_hidden_env_values(command: clap::Command) -> clap::Command {
    let quiet = |arg: clap::Arg| {
        let is_empty =
            |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.to_string_lossy().trim().is_empty());
        match arg.get_env() {
            Some(name) if is_empty(name) => arg.env(None::<&'static str>),
            Some(_) => arg.hide_env_values(true),
            None => arg,
        }
    };
    command.mut_args(quiet).mut_subcommands(with_hidden_env_values)
}

impl Cli {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let output = self.global.output();
        let Global { env, quiet, reveal, verbose, .. } = self.global;
        if verbose {
            logging::start_client_log(output);
        }
        let ui = Ui { output, reveal, quiet, verbose };
        let environment = match env {
            Some(EnvironmentChoice::One(environment)) => environment,
            Some(EnvironmentChoice::All) => return self.command.run_for_all(ui),
            None => environment_of_process()?,
        };
        self.command.run(&App { environment, ui }, command)
    }
}

/// The environment that `TERRA_ENV` names. An empty `TERRA_ENV` counts as unset, as in a credential file.
fn environment_of_process() -> anyhow::Result<Environment> {
    let name = variable::text(ENV).unwrap_or_default();
    let misused =
        |error| CommandError::new(FailureKind::Misused, format!("{ENV}: {error}"), format!("correct or unset {ENV}"));
    if name.is_empty() { Ok(Environment::default()) } else { Ok(name.parse().map_err(misused)?) }
}

/// Reports wrong arguments, or shows the requested help or version.
pub(crate) fn report_parse_error(mut error: clap::Error) -> ExitCode {
    let words: Vec<_> = std::env::args_os()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .take_while(|word| word != "--")
        .collect();
    let asked_for_json = asks_for_json(&words);
    let shows = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let hint = hint(&error.to_string());
    if asked_for_json && !shows {
        let text = error.render().to_string();
        let message = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
        let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
        return failure::report(
            &CommandError::new(FailureKind::Misused, message, hint.unwrap_or("see --help")).into(),
            Output::Json,
        );
    }
    if let Some(hint) = hint {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![hint.to_owned().into()]));
    }
    // A closed pipe is not an error.
    let _ = error.print();
    if shows { ExitCode::SUCCESS } else { FailureKind::Misused.into() }
}

/// The expected form of an argument, if the error message does not name it.
fn hint(reason: &str) -> Option<&'static str> {
    const HINTS: [(&str, &str); 6] = [
        ("invalid digit found in string", "use an integer, such as 100"),
        ("invalid user_id", "a user id is a UUID; list them with `terra-auth users list`"),
        ("invalid reference_id", "a reference id has 1 to 512 bytes and no control characters"),
        ("invalid dev-id", "a dev-id has 1 to 128 visible ASCII characters"),
        ("invalid provider name", "a provider name looks like GARMIN; list them with `terra-auth list-integrations`"),
        ("relative URL without a base", "use an absolute URL, such as https://app.example.com/"),
    ];
    HINTS.iter().find(|(known, _)| reason.contains(known)).map(|(_, hint)| *hint)
}

/// Whether the words request JSON errors, even if clap cannot parse the other words.
fn asks_for_json(words: &[String]) -> bool {
    let is_json = |format: &str| ["json", "ndjson"].contains(&format.trim_start_matches('='));
    let joined = |word: &String| {
        let format = word.strip_prefix("--output=").or_else(|| word.strip_prefix("-o"));
        word == "--json" || format.is_some_and(is_json)
    };
    let apart = |pair: &[String]| ["--output", "-o"].contains(&&*pair[0]) && is_json(&pair[1]);
    words.iter().any(joined) || words.windows(2).any(apart)
}

const EXAMPLES: &str = examples![
    "terra-auth dev",
    "terra-auth setup-environment --env testing",
    "terra-auth verify-connection",
    "terra-auth generate-widget-session --reference-id alice --providers FITBIT,GARMIN",
    "terra-auth users list --env production --output json",
];

const DOCS: &str = "\n\nRun `--help` on a command for details. A server documents its API at `/docs`; `terra-auth dev` prints the \
                    address.";

fn short_footer() -> String {
    format!("{EXAMPLES}{DOCS}")
}

fn long_footer() -> String {
    let codes = FailureKind::ALL.map(|kind| format!("\n  {:<2} {}", kind as u8, kind.meaning())).concat();
    format!("{EXAMPLES}\n\n{}\n  0  done{codes}{DOCS}", heading!("Exit codes"))
}

#[cfg(test)]
mod tests {
    use super::{asks_for_json, command};

    #[test]
    fn no_help_text_shows_the_value_of_a_variable() {
        fn check(command: &clap::Command) -> usize {
            let with_variables: Vec<_> = command.get_arguments().filter(|arg| arg.get_env().is_some()).collect();
            let shown = with_variables.iter().find(|arg| !arg.is_hide_env_values_set());
            assert!(shown.is_none(), "{}: {shown:?}", command.get_name());
            with_variables.len() + command.get_subcommands().map(check).sum::<usize>()
        }
        assert!(check(&command()) > 10);
    }

    #[test]
    fn every_spelling_of_the_json_option_is_recognised() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for line in ["--output json x", "--output=json", "users -o json", "-ojson", "-o=ndjson", "x --json"] {
            assert!(asks_for_json(&words(line)), "{line}");
        }
        for line in ["--output plain", "-o csv", "json", "--jsonx", "x -o"] {
            assert!(!asks_for_json(&words(line)), "{line}");
        }
    }
}
