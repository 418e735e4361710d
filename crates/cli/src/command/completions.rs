use std::io::{self, Write as _};

use clap_complete::Shell;

use crate::{
    args,
    completion::{Candidate, Completion, complete, words},
};

/// Print a completion script for a shell
#[derive(clap::Args)]
#[command(after_help = examples![
    "source <(terra-auth completions bash)",
    "terra-auth completions bash > ~/.local/share/bash-completion/completions/terra-auth",
    "terra-auth completions zsh > ~/.zfunc/_terra-auth",
    "terra-auth completions fish > ~/.config/fish/completions/terra-auth.fish",
])]
pub(crate) struct Args {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
    /// Complete this line, up to the cursor, instead; for the script of bash
    #[arg(long, hide = true, allow_hyphen_values = true, conflicts_with = "before")]
    line: Option<String>,
    /// The characters at which bash breaks words
    #[arg(long, hide = true, requires = "line", default_value = "", hide_default_value = true)]
    breaks: String,
    /// Complete this word instead; for the scripts of zsh and fish
    #[arg(long, hide = true, allow_hyphen_values = true, requires = "before")]
    current: Option<String>,
    /// The words before it
    #[arg(last = true, hide = true)]
    before: Vec<String>,
}

impl Args {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let mut root = args::command();
        if let Some(line) = &self.line {
            root.build();
            let mut before = words(line);
            let current = before.pop().unwrap_or_default();
            let start = after_break(&current, &self.breaks);
            return print(complete(&root, &before, &current), |candidate| {
                candidate.value.get(start..).unwrap_or_default().to_owned()
            });
        }
        if let Some(current) = &self.current {
            root.build();
            return print(complete(&root, &self.before, current), with_help);
        }
        let script = match self.shell {
            Shell::Bash => include_bytes!("completions/terra-auth.bash").to_vec(),
            Shell::Zsh => include_bytes!("completions/terra-auth.zsh").to_vec(),
            Shell::Fish => include_bytes!("completions/terra-auth.fish").to_vec(),
            other => {
                let mut script = Vec::new();
                clap_complete::generate(other, &mut root, "terra-auth", &mut script);
                script
            }
        };
        Ok(io::stdout().write_all(&script)?)
    }
}

/// Bash replaces only the part of a word after the last of `:` and `=`, if it breaks words there.
fn after_break(word: &str, breaks: &str) -> usize {
    word.rfind(|c| matches!(c, ':' | '=') && breaks.contains(c)).map_or(0, |at| at + 1)
}

fn with_help(candidate: Candidate) -> String {
    let Candidate { value, help } = candidate;
    if help.is_empty() { value } else { format!("{value}\t{help}") }
}

/// The kind of the answer on the first line, then one candidate on each.
fn print(completion: Completion, line: impl Fn(Candidate) -> String) -> anyhow::Result<()> {
    let (kind, candidates) = match completion {
        Completion::Candidates(candidates) => ("values", candidates),
        Completion::Files => ("files", Vec::new()),
        Completion::Directories => ("directories", Vec::new()),
    };
    let lines = [kind.to_owned()].into_iter().chain(candidates.into_iter().map(line));
    let text = lines.map(|line| line + "\n").collect::<String>();
    Ok(io::stdout().write_all(text.as_bytes())?)
}
