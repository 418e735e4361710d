//! What every command shares: the flags before it, and what happens when they are wrong.

use std::{ffi::OsStr, process::ExitCode};

use clap::{
    Args, CommandFactory as _, FromArgMatches as _, Parser,
    builder::{PossibleValue, TypedValueParser},
    error::{ContextKind, ContextValue, ErrorKind},
};
use terra_auth::{Environment, credentials::ENV};

use crate::{
    app::App,
    command::{Command, VERSION},
    failure::{self, Advice, Kind},
    help, logging,
    ui::{Output, Ui},
    variable,
};

/// Terra's authentication API: call it, run it, test against it
///
/// The commands speak to the hosted API, or to a server of your own where `TERRA_API_URL` says so. The keys of an environment are
/// read from `.env.terra.<environment>` in the working directory, or from the process environment.
#[derive(Parser)]
#[command(name = "terra-auth", version = VERSION, max_term_width = 100)]
#[command(after_help = short_footer(), after_long_help = long_footer())]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Flags that stand before or after any command. The short help leaves them out, as they are the same everywhere.
#[derive(Args)]
#[command(next_help_heading = "Flags of every command")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Global {
    #[arg(help = "Whose keys to use [default: $TERRA_ENV, else testing]", long, global = true, value_name = "NAME", value_parser = WhichParser, hide_short_help = true)]
    env: Option<Which>,
    /// How results are written to standard output, and errors to standard error
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
    /// Write results, warnings and errors only, without remarks
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

/// The tree of commands, with what each of a kind has alike.
pub(crate) fn command() -> clap::Command {
    let command = with_quiet_variables(Cli::command().mut_subcommands(with_aliases));
    let template = help::template(&command);
    command.help_template(template)
}

/// Every `list` is an `ls` too.
fn with_aliases(command: clap::Command) -> clap::Command {
    let is_list = command.get_name() == "list";
    let command = command.mut_subcommands(with_aliases);
    if is_list { command.visible_alias("ls") } else { command }
}

/// A help text shows the names of variables and never their values, and an empty variable counts as unset.
fn with_quiet_variables(command: clap::Command) -> clap::Command {
    let quiet = |arg: clap::Arg| {
        let is_empty =
            |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.to_string_lossy().trim().is_empty());
        match arg.get_env() {
            Some(name) if is_empty(name) => arg.env(None::<&'static str>),
            Some(_) => arg.hide_env_values(true),
            None => arg,
        }
    };
    command.mut_args(quiet).mut_subcommands(with_quiet_variables)
}

impl Cli {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let output = self.global.output();
        let Global { env, quiet, reveal, verbose, .. } = self.global;
        if verbose {
            logging::start(output);
        }
        let ui = Ui { output, reveal, quiet, verbose };
        let environment = match env {
            Some(Which::One(environment)) => environment,
            Some(Which::All) => return self.command.run_for_all(ui),
            None => environment_of_process()?,
        };
        self.command.run(&App { environment, ui })
    }
}

/// An empty `TERRA_ENV` counts as none, as in a credential file.
fn environment_of_process() -> anyhow::Result<Environment> {
    let name = variable::text(ENV).unwrap_or_default();
    let misused = |error| Advice::new(Kind::Misused, format!("{ENV}: {error}"), format!("correct or unset {ENV}"));
    if name.is_empty() { Ok(Environment::default()) } else { Ok(name.parse().map_err(misused)?) }
}

/// Says what is wrong with the arguments, or shows the help or version that was asked for.
pub(crate) fn refused(mut error: clap::Error) -> ExitCode {
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
            &Advice::new(Kind::Misused, message, hint.unwrap_or("see --help")).into(),
            Output::Json,
        );
    }
    if let Some(hint) = hint {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![hint.to_owned().into()]));
    }
    // A closed pipe is no reason to complain.
    let _ = error.print();
    if shows { ExitCode::SUCCESS } else { Kind::Misused.into() }
}

/// What would fit, where the reason alone does not say so.
fn hint(reason: &str) -> Option<&'static str> {
    const HINTS: [(&str, &str); 6] = [
        ("invalid digit found in string", "write a whole number, such as 100"),
        ("invalid user_id", "a user id is a UUID; see them with `terra-auth users list`"),
        ("invalid reference_id", "a reference id has 1 to 512 bytes and no control characters"),
        ("invalid dev-id", "a dev-id has 1 to 128 visible ASCII characters"),
        ("invalid provider name", "a provider is named like GARMIN; see `terra-auth list-integrations`"),
        ("relative URL without a base", "write the whole address, such as https://app.example.com/"),
    ];
    HINTS.iter().find(|(known, _)| reason.contains(known)).map(|(_, hint)| *hint)
}

/// Whether the words ask for errors as JSON, though the rest of them cannot be read.
fn asks_for_json(words: &[String]) -> bool {
    let is_json = |format: &str| ["json", "ndjson"].contains(&format.trim_start_matches('='));
    let joined = |word: &String| {
        let format = word.strip_prefix("--output=").or_else(|| word.strip_prefix("-o"));
        word == "--json" || format.is_some_and(is_json)
    };
    let apart = |pair: &[String]| ["--output", "-o"].contains(&&*pair[0]) && is_json(&pair[1]);
    words.iter().any(joined) || words.windows(2).any(apart)
}

/// What `--env` says. Every argument with that id has this type: clap reads the global one from a command's own.
#[derive(Clone, Copy)]
pub(crate) enum Which {
    One(Environment),
    All,
}

impl Which {
    /// Those that are meant, each once if `all` is among them.
    pub(crate) fn environments(which: &[Self]) -> Vec<Environment> {
        let one = |which: &Self| match which {
            Self::One(environment) => Some(*environment),
            Self::All => None,
        };
        which.iter().map(one).collect::<Option<_>>().unwrap_or_else(|| Environment::ALL.to_vec())
    }
}

/// Reads `all` beside the names. Few commands take it, so the help of the others does not list it.
#[derive(Clone)]
pub(crate) struct WhichParser;

impl TypedValueParser for WhichParser {
    type Value = Which;

    fn parse_ref(&self, command: &clap::Command, arg: Option<&clap::Arg>, value: &OsStr) -> clap::error::Result<Which> {
        if value == "all" { Ok(Which::All) } else { EnvironmentParser.parse_ref(command, arg, value).map(Which::One) }
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue>>> {
        EnvironmentParser.possible_values()
    }
}

/// Reads an environment's name with the library's own message for an unknown one.
#[derive(Clone)]
struct EnvironmentParser;

impl TypedValueParser for EnvironmentParser {
    type Value = Environment;

    fn parse_ref(
        &self,
        command: &clap::Command,
        _: Option<&clap::Arg>,
        value: &OsStr,
    ) -> clap::error::Result<Environment> {
        let name = value.to_string_lossy();
        name.parse().map_err(|error| clap::Error::raw(ErrorKind::InvalidValue, format!("{error}\n")).with_cmd(command))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue>>> {
        Some(Box::new(Environment::ALL.into_iter().map(|environment| PossibleValue::new(environment.as_str()))))
    }
}

const EXAMPLES: &str = examples![
    "terra-auth dev",
    "terra-auth setup-environment --env testing",
    "terra-auth verify-connection",
    "terra-auth generate-widget-session --reference-id alice --providers FITBIT,GARMIN",
    "terra-auth users list --env production --output json",
];

/// Where the documentation is.
const DOCS: &str = "\n\nEach command has more in its own `--help`. A server describes its API at `/docs`; `terra-auth dev` prints \
                    the address.";

fn short_footer() -> String {
    format!("{EXAMPLES}{DOCS}")
}

fn long_footer() -> String {
    let codes = Kind::ALL.map(|kind| format!("\n  {:<2} {}", kind as u8, kind.meaning())).concat();
    format!("{EXAMPLES}\n\n{}\n  0  done{codes}{DOCS}", heading!("Exit codes"))
}

#[cfg(test)]
mod tests {
    use super::{asks_for_json, command};

    #[test]
    fn no_help_text_shows_what_is_in_a_variable() {
        fn check(command: &clap::Command) -> usize {
            let with_variables: Vec<_> = command.get_arguments().filter(|arg| arg.get_env().is_some()).collect();
            let shown = with_variables.iter().find(|arg| !arg.is_hide_env_values_set());
            assert!(shown.is_none(), "{}: {shown:?}", command.get_name());
            with_variables.len() + command.get_subcommands().map(check).sum::<usize>()
        }
        assert!(check(&command()) > 10);
    }

    #[test]
    fn json_is_asked_for_in_each_spelling() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for line in ["--output json x", "--output=json", "users -o json", "-ojson", "-o=ndjson", "x --json"] {
            assert!(asks_for_json(&words(line)), "{line}");
        }
        for line in ["--output plain", "-o csv", "json", "--jsonx", "x -o"] {
            assert!(!asks_for_json(&words(line)), "{line}");
        }
    }
}
