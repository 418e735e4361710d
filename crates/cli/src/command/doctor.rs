use std::path::PathBuf;

use anstyle::AnsiColor;
use anyhow::Context as _;
use clap::ValueHint;
use url::Url;

use crate::{
    app::App,
    args::{Which, WhichParser},
    doctor::{Finding, Report, Scope, Severity, examine},
    failure::{Advice, Kind},
    ui::shown,
};

/// Find what goes wrong in practice, with the reason and the remedy
///
/// Looks at credential files, git, every file of the folder that git does not ignore, and the API. Nothing is changed, except
/// that one widget session is opened in each environment, which nobody uses and which expires by itself. A key that was found
/// is never shown, only its last four characters. A key that opens nothing is passed by if it says so (`…-not-a-secret`), or if
/// its line or the line before has the comment `terra-auth: fake`, or the file's first line `terra-auth: all fake`.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth doctor",
    "terra-auth doctor --env testing --gateway-url https://app.example.com/webhooks/terra",
    "terra-auth doctor --offline --output json | jq '.findings[] | .where'",
])]
pub(crate) struct Args {
    /// The project's folder
    #[arg(default_value = ".", value_hint = ValueHint::DirPath)]
    path: PathBuf,
    /// Which environments to examine [default: all with credentials here]
    #[arg(long = "env", id = "env", value_name = "NAME", value_parser = WhichParser, value_delimiter = ',')]
    environments: Vec<Which>,
    /// Ask neither the API nor the gateway
    #[arg(long, conflicts_with = "gateway_url")]
    offline: bool,
    /// Send this receiver of webhooks two harmless events, one signed with the secret here and one forged
    #[arg(long, value_name = "URL")]
    gateway_url: Option<Url>,
    /// A redirect URL that your app uses, besides those in its files; may be given again
    #[arg(long, value_name = "URL")]
    redirect_url: Vec<String>,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let place = self.path.display().to_string();
        std::env::set_current_dir(&self.path).with_context(|| format!("could not look into {place}"))?;
        let report = examine(&Scope {
            environments: Which::environments(&self.environments),
            offline: self.offline,
            gateway: self.gateway_url,
            redirects: self.redirect_url,
        })?;
        app.ui.result(|| plain(&report), &report)?;
        let next = "do what each finding says, then run `terra-auth doctor` again";
        let failed = |kind, count: String| Err(Advice::new(kind, format!("{count} to mend"), next).into());
        match (report.errors, report.warnings) {
            (0, 0) => Ok(()),
            (0, warnings) => failed(Kind::FoundWarnings, counted(warnings, "warning")),
            (errors, 0) => failed(Kind::FoundErrors, counted(errors, "error")),
            (errors, warnings) => {
                let counts = format!("{} and {}", counted(errors, "error"), counted(warnings, "warning"));
                failed(Kind::FoundErrors, counts)
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
        [(Severity::Error, "Errors"), (Severity::Warning, "Warnings"), (Severity::Info, "Good to know")]
    {
        let mut findings = report.findings.iter().filter(|finding| finding.severity == severity).peekable();
        if findings.peek().is_some() {
            lines.push(format!("{title}\n"));
            lines.extend(findings.map(paragraph));
        }
    }
    if (report.errors, report.warnings) == (0, 0) {
        lines.push(nothing_to_mend(report));
    }
    lines.join("\n").trim_end().to_owned()
}

fn paragraph(Finding { check, severity, place, reason, remedy }: &Finding) -> String {
    let colour = match severity {
        Severity::Error => AnsiColor::Red,
        Severity::Warning => AnsiColor::Yellow,
        Severity::Info => AnsiColor::Cyan,
    };
    let (colour, green) = (colour.on_default().bold(), AnsiColor::Green.on_default());
    let [place, reason, remedy] = [place, reason, remedy].map(|text| shown(text));
    format!("  {colour}{check}{colour:#}  {place}\n    {reason}\n    {green}remedy:{green:#} {remedy}\n")
}

fn nothing_to_mend(report: &Report) -> String {
    let names: Vec<&str> = report.environments.iter().map(|environment| environment.as_str()).collect();
    let whose = if names.is_empty() { String::new() } else { format!(" for {}", names.join(", ")) };
    format!("Nothing to mend: {} checks passed{whose}", report.checks.len())
}
