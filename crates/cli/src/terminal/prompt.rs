//! Prompts on the terminal. They are written to standard error, so results can be piped.

use std::io::{self, IsTerminal as _};

use inquire::{Confirm, InquireError, Password, PasswordDisplayMode, Text};

use crate::failure::{CommandError, FailureKind};

/// Whether standard input and standard error are a terminal.
pub(crate) fn has_terminal() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Returns an error unless `yes` is set or the user confirms. `done` is a participle for the error
/// message, such as `revoked`.
pub(crate) fn confirm_or_yes(
    yes: bool,
    done: &str,
    question: impl FnOnce() -> anyhow::Result<String>,
) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    if !has_terminal() {
        return Err(no_terminal(done).into());
    }
    if confirm(&question()?)? {
        return Ok(());
    }
    Err(CommandError::new(FailureKind::NotConfirmed, format!("not {done}; nothing was changed"), "answer y to confirm")
        .into())
}

/// The error if there is neither a terminal nor `--yes`.
pub(crate) fn no_terminal(done: &str) -> CommandError {
    let message = format!("not {done}: there is no terminal for the confirmation");
    CommandError::new(FailureKind::NotConfirmed, message, "add --yes to skip the confirmation")
}

/// Asks a yes-or-no question; Enter means no.
pub(crate) fn confirm(question: &str) -> anyhow::Result<bool> {
    cancellation_as_error(Confirm::new(question).with_default(false).prompt())
}

/// Asks for a line of text; Enter takes `default`.
pub(crate) fn text(question: &str, default: Option<&str>) -> anyhow::Result<String> {
    let prompt = Text::new(question);
    cancellation_as_error(default.into_iter().fold(prompt, Text::with_default).prompt())
}

/// Asks for a line of text that is not shown.
pub(crate) fn secret(question: &str, help: &str) -> anyhow::Result<String> {
    let prompt = Password::new(question).without_confirmation().with_display_mode(PasswordDisplayMode::Masked);
    cancellation_as_error(prompt.with_help_message(help).prompt())
}

/// Turns Ctrl-C and Esc into an error.
fn cancellation_as_error<T>(answer: Result<T, InquireError>) -> anyhow::Result<T> {
    match answer {
        Err(InquireError::OperationCanceled | InquireError::OperationInterrupted) => Err(CommandError::new(
            FailureKind::NotConfirmed,
            "cancelled; nothing was changed",
            "run the command again when ready",
        )
        .into()),
        answer => Ok(answer?),
    }
}
