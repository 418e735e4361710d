//! What goes wrong in practice. First everything is looked at; then each check judges what was seen, and touches nothing.

use serde::Serialize;
use terra_auth::Environment;
use url::Url;

use check::CHECKS;
use context::Context;

mod check;
mod context;
mod env_files;
mod eye;
mod gateway;
mod history;
mod online;
mod suspicion;
mod tree;

/// What to look at. The folder is the working directory.
pub(crate) struct Scope {
    /// Empty is every environment with credentials here.
    pub(crate) environments: Vec<Environment>,
    pub(crate) offline: bool,
    pub(crate) gateway: Option<Url>,
    pub(crate) redirects: Vec<String>,
}

/// What was found, the worst first.
#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) findings: Vec<Finding>,
    pub(crate) errors: usize,
    pub(crate) warnings: usize,
    pub(crate) infos: usize,
    /// The checks that could be made.
    pub(crate) checks: Vec<&'static str>,
    pub(crate) environments: Vec<Environment>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// It leaks, or it does not work.
    Error,
    /// It works, and will not for long.
    Warning,
    /// Good to know.
    Info,
}

/// One thing to mend.
#[derive(Serialize)]
pub(crate) struct Finding {
    /// The check's name, which never changes.
    pub(crate) check: &'static str,
    pub(crate) severity: Severity,
    /// `file:line`, a commit, or an environment.
    #[serde(rename = "where")]
    pub(crate) place: String,
    pub(crate) reason: String,
    /// A command or an edit.
    pub(crate) remedy: String,
}

impl Finding {
    fn new(
        severity: Severity,
        place: &(impl ToString + ?Sized),
        reason: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { check: "", severity, place: place.to_string(), reason: reason.into(), remedy: remedy.into() }
    }

    fn error(place: &(impl ToString + ?Sized), reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Severity::Error, place, reason, remedy)
    }

    fn warning(place: &(impl ToString + ?Sized), reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Severity::Warning, place, reason, remedy)
    }

    fn info(place: &(impl ToString + ?Sized), reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Severity::Info, place, reason, remedy)
    }
}

/// Looks at the working directory and, unless offline, asks the API.
pub(crate) fn examine(scope: &Scope) -> anyhow::Result<Report> {
    let context = Context::gather(scope)?;
    let checks: Vec<_> = CHECKS.iter().filter(|check| check.applies(&context)).collect();
    let found = |check: &&check::Check| {
        let named = |finding| Finding { check: check.name, ..finding };
        (check.run)(&context).into_iter().map(named).collect::<Vec<_>>()
    };
    let mut findings: Vec<Finding> = checks.iter().flat_map(found).collect();
    findings.sort_by_key(|finding| finding.severity);
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    Ok(Report {
        errors: count(Severity::Error),
        warnings: count(Severity::Warning),
        infos: count(Severity::Info),
        findings,
        checks: checks.iter().map(|check| check.name).collect(),
        environments: context.environments,
    })
}
