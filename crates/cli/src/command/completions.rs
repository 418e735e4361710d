use std::io::{self, Write as _};

use clap_complete::Shell;

use crate::completion::{Candidate, Completion, complete, words};

/// Print a completion script for a shell
#[derive(clap::Args)]
#[command(after_help = examples![
    "source <(terra-auth completions bash)",
    "terra-auth completions bash > ~/.local/share/bash-completion/completions/terra-auth",
    "terra-auth completions zsh > ~/.zfunc/_terra-auth",
    "terra-auth completions fish > ~/.config/fish/completions/terra-auth.fish",
])]
pub(crate) struct Args {
    /// Shell to print the script for
    #[arg(value_enum)]
    shell: Shell,
    /// Complete this line, which ends at the cursor; used by the bash script
    #[arg(long, hide = true, allow_hyphen_values = true, conflicts_with = "before")]
    line: Option<String>,
    /// Characters at which bash splits words
    #[arg(long, hide = true, requires = "line", default_value = "", hide_default_value = true)]
    breaks: String,
    /// Complete this word; used by the zsh and fish scripts
    #[arg(long, hide = true, allow_hyphen_values = true, requires = "before")]
    current: Option<String>,
    /// Words before the current one
    #[arg(last = true, hide = true)]
    before: Vec<String>,
}

impl Args {
    pub(crate) fn run(self, mut root: clap::Command) -> anyhow::Result<()> {
        if let Some(line) = &self.line {
            root.build();
            let mut before = words(line);
            let current = before.pop().unwrap_or_default();
            let start = replacement_start(&current, &self.breaks);
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

/// The index in `word` from which bash replaces it: after the last `:` or `=`, if bash splits words there.
fn replacement_start(word: &str, breaks: &str) -> usize {
    word.rfind(|c| matches!(c, ':' | '=') && breaks.contains(c)).map_or(0, |at| at + 1)
}

fn with_help(candidate: Candidate) -> String {
    let Candidate { value, help } = candidate;
    if help.is_empty() { value } else { format!("{value}\t{help}") }
}

/// Prints the kind of the completion on the first line, then one candidate per line.
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
