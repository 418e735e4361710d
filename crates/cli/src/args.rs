//! What every command shares: the flags before it, and what happens when they are wrong.

use std::{ffi::OsStr, process::ExitCode};

use clap::{
    Args, Parser,
    builder::{PossibleValue, TypedValueParser},
    error::ErrorKind,
};
use terra_auth::{Environment, credentials::ENV};

use crate::{
    app::App,
    command::Command,
    failure::{self, Advice, Kind},
    logging,
    ui::{Output, Ui},
};

/// Terra's authentication API: call it, run it, test against it
///
/// The commands speak to the hosted API, or to a server of your own where `TERRA_API_URL` says so. The keys of an environment are
/// read from `.env.terra.<environment>` in the working directory, or from the process environment.
#[derive(Parser)]
#[command(name = "terra-auth", version, max_term_width = 100)]
#[command(after_help = EXAMPLES, after_long_help = long_footer())]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Flags that stand before or after any command.
#[derive(Args)]
#[command(next_help_heading = "Flags of every command")]
pub(crate) struct Global {
    #[arg(help = "Whose keys to use [default: $TERRA_ENV, else testing]", long, global = true, value_name = "NAME", value_parser = WhichParser)]
    env: Option<Which>,
    /// How results are written to standard output, and errors to standard error
    #[arg(long, global = true, value_name = "FORMAT", value_enum, default_value_t, hide_default_value = true)]
    pub(crate) output: Output,
    /// Show API keys and signing secrets whole instead of their last four characters
    ///
    /// What a command makes, such as a mobile token or a session's URL, is always shown whole: it is the result.
    #[arg(long, global = true)]
    reveal: bool,
    /// Tell on standard error what is being done
    #[arg(short, long, global = true)]
    verbose: bool,
}

impl Cli {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let Global { env, output, reveal, verbose } = self.global;
        if verbose {
            logging::start(output);
        }
        let ui = Ui { output, reveal };
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
    let name = std::env::var(ENV).unwrap_or_default();
    let misused = |error| Advice::new(Kind::Misused, format!("{ENV}: {error}"), format!("mend or unset {ENV}"));
    if name.is_empty() { Ok(Environment::default()) } else { Ok(name.parse().map_err(misused)?) }
}

/// Says what is wrong with the arguments, or shows the help or version that was asked for.
pub(crate) fn refused(error: &clap::Error) -> ExitCode {
    let asked_for_json = std::env::args().any(|arg| arg == "--output=json")
        || std::env::args().zip(std::env::args().skip(1)).any(|(flag, value)| flag == "--output" && value == "json");
    let shows = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if asked_for_json && !shows {
        let text = error.render().to_string();
        let message = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
        let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
        return failure::report(&Advice::new(Kind::Misused, message, "see --help").into(), Output::Json);
    }
    // A closed pipe is no reason to complain.
    let _ = error.print();
    if shows { ExitCode::SUCCESS } else { Kind::Misused.into() }
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

fn long_footer() -> String {
    let codes = Kind::ALL.map(|kind| format!("\n  {:<2} {}", kind as u8, kind.meaning())).concat();
    format!("{EXAMPLES}\n\n{}\n  0  done{codes}", heading!("Exit codes"))
}
