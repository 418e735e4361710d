//! Questions to whoever sits at the terminal. They stand on standard error, so that results can be piped.

use std::io::{self, IsTerminal as _};

use inquire::{Confirm, InquireError, Password, PasswordDisplayMode, Text};

use crate::failure::{Advice, Kind};

/// Whether there is anybody to ask.
pub(crate) fn possible() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Goes on only if `yes` was given or is the answer to the question. `done` is what happens then, such as `revoked`.
pub(crate) fn sure(yes: bool, done: &str, question: impl FnOnce() -> anyhow::Result<String>) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    if !possible() {
        return Err(nobody(done).into());
    }
    if confirm(&question()?)? {
        return Ok(());
    }
    Err(Advice::new(Kind::NotConfirmed, format!("not {done}; nothing was changed"), "answer y to do it").into())
}

/// What is said where there is no terminal and no `--yes`.
pub(crate) fn nobody(done: &str) -> Advice {
    let message = format!("not {done}: there is no terminal to ask on");
    Advice::new(Kind::NotConfirmed, message, "add --yes to do it without being asked")
}

/// A yes or no; Enter is no.
pub(crate) fn confirm(question: &str) -> anyhow::Result<bool> {
    answered(Confirm::new(question).with_default(false).prompt())
}

/// A line; Enter takes `default`.
pub(crate) fn text(question: &str, default: Option<&str>) -> anyhow::Result<String> {
    let prompt = Text::new(question);
    answered(default.into_iter().fold(prompt, Text::with_default).prompt())
}

/// A line that is not shown.
pub(crate) fn secret(question: &str, help: &str) -> anyhow::Result<String> {
    let prompt = Password::new(question).without_confirmation().with_display_mode(PasswordDisplayMode::Masked);
    answered(prompt.with_help_message(help).prompt())
}

/// Ctrl-C and Esc are answers too.
fn answered<T>(answer: Result<T, InquireError>) -> anyhow::Result<T> {
    match answer {
        Err(InquireError::OperationCanceled | InquireError::OperationInterrupted) => {
            Err(Advice::new(Kind::NotConfirmed, "stopped; nothing was changed", "run it again when ready").into())
        }
        answer => Ok(answer?),
    }
}
