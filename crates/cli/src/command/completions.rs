use std::io::{self, Write as _};

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::args::Cli;

/// Print a script with which a shell completes this command's arguments
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth completions bash > ~/.local/share/bash-completion/completions/terra-auth",
    "terra-auth completions zsh > ~/.zfunc/_terra-auth",
    "terra-auth completions fish > ~/.config/fish/completions/terra-auth.fish",
])]
pub(crate) struct Args {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Args {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "terra-auth", &mut script);
        Ok(io::stdout().write_all(&script)?)
    }
}
