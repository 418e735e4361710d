//! Diagnoses common problems. First, everything is gathered. Then each check evaluates it, without any I/O.

mod check;
mod context;
mod env_files;
mod history;
mod online;
mod secret_heuristics;
mod secret_scanner;
mod tree;

use serde::Serialize;
use terra_auth::Environment;
use url::Url;

use check::CHECKS;
use context::Context;

/// The scope of an examination. The folder is the working directory.
pub(crate) struct Scope {
    /// If empty, every environment with credentials here.
    pub(crate) environments: Vec<Environment>,
    pub(crate) offline: bool,
    pub(crate) gateway: Option<Url>,
    pub(crate) redirects: Vec<String>,
}

/// The findings, most severe first.
#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) findings: Vec<Finding>,
    pub(crate) errors: usize,
    pub(crate) warnings: usize,
    pub(crate) infos: usize,
    /// The checks that could run.
    pub(crate) checks: Vec<&'static str>,
    pub(crate) environments: Vec<Environment>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// A leak, or something that does not work.
    Error,
    /// Something that works now but will stop working.
    Warning,
    /// Information without a problem.
    Info,
}

/// One problem, with its remedy.
#[derive(Serialize)]
pub(crate) struct Finding {
    /// The name of the check, which never changes.
    pub(crate) check: &'static str,
    pub(crate) severity: Severity,
    /// `file:line`, a commit, or an environment.
    #[serde(rename = "where")]
    pub(crate) location: String,
    pub(crate) reason: String,
    /// A command or an edit.
    pub(crate) remedy: String,
}

impl Finding {
    fn new(
        severity: Severity,
        location: &(impl ToString + ?Sized),
        reason: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { check: "", severity, location: location.to_string(), reason: reason.into(), remedy: remedy.into() }
    }

    fn error(location: &(impl ToString + ?Sized), reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Severity::Error, location, reason, remedy)
    }

    fn warning(location: &(impl ToString + ?Sized), reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Severity::Warning, location, reason, remedy)
    }

    fn info(location: &(impl ToString + ?Sized), reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Severity::Info, location, reason, remedy)
    }
}

/// Examines the working directory and, unless offline, the API.
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
