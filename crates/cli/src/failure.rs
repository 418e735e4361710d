//! Error messages and exit codes of failed commands.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use anstyle::{AnsiColor, Style};
use serde_json::json;
use terra_auth::{ALLOW_PRIVATE_HTTP, ApiProblem, CredentialsError, Error, admin::AdminError};

use crate::terminal::ui::Output;

/// The kind of a failure, for scripts. The numbers are exit codes and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    Failed = 1,
    Misused = 2,
    NotAllowed = 3,
    NotFound = 4,
    NoAnswer = 5,
    TooMany = 6,
    NotConfirmed = 7,
    NoCredentials = 8,
    NotVerified = 9,
    FoundWarnings = 10,
    FoundErrors = 11,
}

impl FailureKind {
    pub(crate) const ALL: [Self; 11] = [
        Self::Failed,
        Self::Misused,
        Self::NotAllowed,
        Self::NotFound,
        Self::NoAnswer,
        Self::TooMany,
        Self::NotConfirmed,
        Self::NoCredentials,
        Self::NotVerified,
        Self::FoundWarnings,
        Self::FoundErrors,
    ];

    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Failed => "any other failure",
            Self::Misused => "an argument is invalid or missing",
            Self::NotAllowed => "the API rejected the keys, or they lack a permission",
            Self::NotFound => "not found in this environment",
            Self::NoAnswer => "no response from the API; it may have processed the request or not",
            Self::TooMany => "too many requests, or the user limit is reached",
            Self::NotConfirmed => "not confirmed: declined, or no terminal and no --yes",
            Self::NoCredentials => "no usable keys in the credential file or the process environment",
            Self::NotVerified => "the webhook's signature is wrong, too old or unreadable",
            Self::FoundWarnings => "doctor found warnings, but no errors; reconcile found drift",
            Self::FoundErrors => "doctor found errors; vault verify found values that cannot be decrypted",
        }
    }

    /// The name in a JSON error.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Misused => "misused",
            Self::NotAllowed => "not_allowed",
            Self::NotFound => "not_found",
            Self::NoAnswer => "no_answer",
            Self::TooMany => "too_many",
            Self::NotConfirmed => "not_confirmed",
            Self::NoCredentials => "no_credentials",
            Self::NotVerified => "not_verified",
            Self::FoundWarnings => "found_warnings",
            Self::FoundErrors => "found_errors",
        }
    }

    pub(crate) fn of(error: &anyhow::Error) -> Self {
        if let Some(advice) = error.downcast_ref::<CommandError>() {
            return advice.kind;
        }
        if let Some(error) = error.downcast_ref::<AdminError>() {
            return Self::of_admin(error);
        }
        match error.downcast_ref::<Error>() {
            Some(error) => Self::of_call(error),
            None if error.is::<CredentialsError>() => Self::NoCredentials,
            None => Self::Failed,
        }
    }

    pub(crate) fn of_call(error: &Error) -> Self {
        match error {
            Error::NotAuthenticated(_) | Error::Forbidden(_) => Self::NotAllowed,
            Error::NotFound(_) => Self::NotFound,
            Error::Network { .. } => Self::NoAnswer,
            Error::RateLimited(_) | Error::UserLimit(_) => Self::TooMany,
            Error::Credentials(_) => Self::NoCredentials,
            Error::InvalidRedirect(_) => Self::Misused,
            Error::Gone { .. } | Error::InvalidInput(_) | Error::Server(_) | Error::UnreadableResponse { .. } => {
                Self::Failed
            }
        }
    }
}

impl FailureKind {
    fn of_admin(error: &AdminError) -> Self {
        match error {
            AdminError::NotAuthenticated(_) | AdminError::Forbidden(_) => Self::NotAllowed,
            AdminError::NotFound(_) => Self::NotFound,
            AdminError::Conflict(_) => Self::Failed,
            AdminError::InvalidToken => Self::NoCredentials,
            AdminError::InvalidAddress(_) => Self::Misused,
            AdminError::Call(error) => Self::of_call(error),
        }
    }
}

impl From<FailureKind> for ExitCode {
    fn from(kind: FailureKind) -> Self {
        Self::from(kind as u8)
    }
}

/// An error with a remedy: the command's own, or the context of another error.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct CommandError {
    kind: FailureKind,
    message: String,
    next: String,
}

impl CommandError {
    pub(crate) fn new(kind: FailureKind, message: impl Into<String>, next: impl Into<String>) -> Self {
        Self { kind, message: message.into(), next: next.into() }
    }
}

/// Writes the error and the remedy to standard error, and returns the exit code.
pub(crate) fn report(error: &anyhow::Error, output: Output) -> ExitCode {
    if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
        return ExitCode::SUCCESS; // the reader of our output closed the pipe
    }
    let mut stderr = anstream::stderr().lock();
    // If standard error is closed too, only the exit code is left to report the failure.
    let _ =
        if output.is_json() { writeln!(stderr, "{}", as_json(error)) } else { writeln!(stderr, "{}", plain(error)) };
    FailureKind::of(error).into()
}

fn plain(error: &anyhow::Error) -> String {
    // These errors need no remedy, so everything fits on one line, unless the command gives its own advice.
    let says_all = |cause: &(dyn std::error::Error + 'static)| {
        let of_admin = |error: &AdminError| matches!(error, AdminError::Call(Error::Network { source: None, .. }));
        matches!(cause.downcast_ref(), Some(Error::Network { source: None, .. }))
            || cause.downcast_ref().is_some_and(of_admin)
    };
    let is_one_line = error.downcast_ref::<CommandError>().is_none() && error.chain().any(says_all);
    let (red, green) = (Style::new().bold().fg_color(Some(AnsiColor::Red.into())), AnsiColor::Green.on_default());
    if is_one_line {
        return format!("{red}error:{red:#} {error:#}");
    }
    let mut lines = vec![format!("{red}error:{red:#} {error}")];
    lines.extend(error.chain().skip(1).map(|cause| format!("  because: {cause}")));
    lines.extend(next(error).map(|next| format!("{green}next:{green:#} {next}")));
    lines.join("\n")
}

fn as_json(error: &anyhow::Error) -> serde_json::Value {
    let kind = FailureKind::of(error);
    let causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
    let trace_id = error.downcast_ref::<Error>().and_then(Error::trace_id).or_else(|| {
        let refusal = error.downcast_ref::<AdminError>().and_then(AdminError::api_problem);
        refusal?.trace_id.as_deref()
    });
    json!({
        "error": error.to_string(), "causes": causes, "kind": kind.name(), "exit_code": kind as u8,
        "next": next(error), "trace_id": trace_id,
    })
}

fn next(error: &anyhow::Error) -> Option<String> {
    let advice = error.downcast_ref::<CommandError>().map(|advice| advice.next.clone());
    let of_call = || error.downcast_ref::<Error>().and_then(next_after_call).map(str::to_owned);
    let of_admin = || error.downcast_ref::<AdminError>().and_then(next_after_admin).map(str::to_owned);
    advice.or_else(of_call).or_else(of_admin).or_else(|| next_after_plain_http(error))
}

/// For a plain HTTP address, to which keys are not sent.
fn next_after_plain_http(error: &anyhow::Error) -> Option<String> {
    let is_plain = |cause: &(dyn std::error::Error + 'static)| match cause.downcast_ref() {
        Some(CredentialsError::Invalid { problem, .. }) => problem.starts_with("must be encrypted"),
        _ => {
            matches!(cause.downcast_ref(), Some(AdminError::InvalidAddress(problem)) if problem.starts_with("must be encrypted"))
        }
    };
    let next = format!(
        "use https; or, for a server in the same private network (compose, a pod), set {ALLOW_PRIVATE_HTTP}=1 in the process \
         environment"
    );
    error.chain().any(is_plain).then_some(next)
}

fn next_after_admin(error: &AdminError) -> Option<&'static str> {
    match error {
        AdminError::NotAuthenticated(_) | AdminError::InvalidToken => {
            Some("pass a valid token with TERRA_AUTH_ADMIN_TOKEN or --admin-token-file")
        }
        AdminError::Forbidden(_) => Some("use the token of an admin with that role"),
        AdminError::NotFound(_) => Some(
            "list the existing ones with `terra-auth users list`, `environments list`, `keys list` or `destinations list`",
        ),
        AdminError::Conflict(refusal) => match refusal.code.as_deref() {
            Some("recently_used") => {
                Some("rotate it with `terra-auth keys rotate`; or add --now if it leaked, else --force")
            }
            Some("not_confirmed") => Some("run the command again; it shows what would be lost now"),
            _ => None,
        },
        // `next_after_plain_http` has its own text.
        AdminError::InvalidAddress(problem) if problem.starts_with("must be encrypted") => None,
        AdminError::InvalidAddress(_) => Some("correct --server, or TERRA_API_URL in the credential file"),
        AdminError::Call(error) => next_after_call(error),
    }
}

/// The remedy, unless the error's text already has it.
fn next_after_call(error: &Error) -> Option<&'static str> {
    match error {
        Error::NotAuthenticated(_) => Some("write and check both keys with `terra-auth setup-environment`"),
        Error::Forbidden(refusal) if refusal.code.as_deref() == Some("scope_missing") => {
            Some("ask an operator for a key with this scope: `terra-auth keys create --scope`")
        }
        Error::Forbidden(refusal) if refusal.code.as_deref() == Some(ApiProblem::ENTITLEMENT_REQUIRED) => {
            Some("check the account's plan in Terra's dashboard; other keys do not help")
        }
        Error::Forbidden(refusal) if refusal.code.as_deref() == Some(ApiProblem::ENVIRONMENT_DISABLED) => {
            Some("ask an operator to enable it with `terra-auth environments enable`")
        }
        Error::Forbidden(_) => Some("check the keys with `terra-auth verify-connection`"),
        Error::NotFound(_) => Some("if it belongs to another environment, select that one with --env"),
        Error::UserLimit(_) => Some("list the connected users with `terra-auth users list`"),
        Error::Network { .. } => Some("log each attempt with --verbose"),
        Error::InvalidInput(refusal) => match refusal.code.as_deref() {
            Some("provider_on_device") => {
                Some("run `terra-auth generate-mobile-token`, and pass the token to your mobile app")
            }
            Some("provider_unknown") => Some("list the names with `terra-auth list-integrations`"),
            Some("provider_not_enabled") => Some("enable it with `terra-auth environments set --providers`"),
            Some("no_provider_app") => Some(
                "register an app at the provider and set it with `terra-auth providers app set` or `serve --provider-apps`; \
                 to test without one, start `serve --sandbox` or `dev`",
            ),
            _ => None,
        },
        Error::Gone { .. }
        | Error::RateLimited(_)
        | Error::InvalidRedirect(_)
        | Error::Server(_)
        | Error::UnreadableResponse { .. }
        | Error::Credentials(_) => None,
    }
}
