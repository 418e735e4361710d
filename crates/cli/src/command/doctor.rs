use std::path::PathBuf;

use anstyle::AnsiColor;
use anyhow::Context as _;
use clap::ValueHint;
use url::Url;

use crate::{
    app::App,
    credentials::environment_choice::{EnvironmentChoice, EnvironmentChoiceParser},
    doctor::{Finding, Report, Scope, Severity, examine},
    failure::{CommandError, FailureKind},
    terminal::ui::shown,
};

/// Diagnose common problems: leaked keys, unsafe permissions, clock skew, proxies and more
///
/// Examines credential files, git, every file of the folder that git does not ignore, and the API.
/// Each finding has a reason and a remedy. The command changes nothing, except that it creates one
/// widget session in each environment, which is not used and expires. Of a key, only the last four
/// characters are shown.
///
/// A fake key is ignored if it contains `not-a-secret`, if its line or the line before has the comment
/// `terra-auth: fake`, or if the first line of the file has `terra-auth: all fake`.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth doctor",
    "terra-auth doctor --env testing --gateway-url https://app.example.com/webhooks/terra",
    "terra-auth doctor --offline --output json | jq '.findings[] | .where'",
])]
pub(crate) struct Args {
    /// Folder of the project
    #[arg(default_value = ".", value_hint = ValueHint::DirPath)]
    path: PathBuf,
    /// Environments to examine [default: all with credentials here]
    #[arg(long = "env", id = "env", value_name = "NAME", value_parser = EnvironmentChoiceParser, value_delimiter = ',')]
    environments: Vec<EnvironmentChoice>,
    /// Call neither the API nor the gateway
    #[arg(long, conflicts_with = "gateway_url")]
    offline: bool,
    /// URL of a webhook receiver to test with two harmless events: one with a valid signature and one forged
    #[arg(long, value_name = "URL")]
    gateway_url: Option<Url>,
    /// Redirect URL that your app uses, in addition to those in its files; repeatable
    #[arg(long, value_name = "URL")]
    redirect_url: Vec<String>,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let folder = self.path.display().to_string();
        std::env::set_current_dir(&self.path).with_context(|| format!("could not open the folder {folder}"))?;
        let report = examine(&Scope {
            environments: EnvironmentChoice::environments(&self.environments),
            offline: self.offline,
            gateway: self.gateway_url,
            redirects: self.redirect_url,
        })?;
        app.ui.result(|| plain(&report), &report)?;
        let next = "apply the remedy of each finding, then run `terra-auth doctor` again";
        let failed = |kind, count: String| Err(CommandError::new(kind, format!("found {count}"), next).into());
        match (report.errors, report.warnings) {
            (0, 0) => Ok(()),
            (0, warnings) => failed(FailureKind::FoundWarnings, counted(warnings, "warning")),
            (errors, 0) => failed(FailureKind::FoundErrors, counted(errors, "error")),
            (errors, warnings) => {
                let counts = format!("{} and {}", counted(errors, "error"), counted(warnings, "warning"));
                failed(FailureKind::FoundErrors, counts)
            }
        }
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn plain(report: &Report) -> String {
    let mut lines = Vec::new();
    for (severity, title) in
        [(Severity::Error, "Errors"), (Severity::Warning, "Warnings"), (Severity::Info, "Information")]
    {
        let mut findings = report.findings.iter().filter(|finding| finding.severity == severity).peekable();
        if findings.peek().is_some() {
            lines.push(format!("{title}\n"));
            lines.extend(findings.map(paragraph));
        }
    }
    if (report.errors, report.warnings) == (0, 0) {
        lines.push(no_problems(report));
    }
    lines.join("\n").trim_end().to_owned()
}

fn paragraph(Finding { check, severity, location, reason, remedy }: &Finding) -> String {
    let colour = match severity {
        Severity::Error => AnsiColor::Red,
        Severity::Warning => AnsiColor::Yellow,
        Severity::Info => AnsiColor::Cyan,
    };
    let (colour, green) = (colour.on_default().bold(), AnsiColor::Green.on_default());
    let [location, reason, remedy] = [location, reason, remedy].map(|text| shown(text));
    format!("  {colour}{check}{colour:#}  {location}\n    {reason}\n    {green}remedy:{green:#} {remedy}\n")
}

fn no_problems(report: &Report) -> String {
    let names: Vec<&str> = report.environments.iter().map(|environment| environment.as_str()).collect();
    let environments = if names.is_empty() { String::new() } else { format!(" for {}", names.join(", ")) };
    format!("No problems found: {} checks passed{environments}", report.checks.len())
}
