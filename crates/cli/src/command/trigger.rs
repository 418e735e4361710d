//! `terra-auth trigger`: creates test events.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::builder::PossibleValuesParser;
use serde_json::{Value, json};
use terra_auth::{
    admin::AdminError,
    wire::{Event, admin::TriggeredEvent},
};

use crate::{
    app::{self, App},
    command::keys::TargetOptions,
    dry_run::DryRun,
    failure::{CommandError, FailureKind},
    terminal::ui::count,
};

/// Create a test event, which the server stores, signs and delivers like a real one
///
/// The event is about a made-up user and changes no connection. `--set` changes a field of its body; nested fields have
/// dots, and the value is JSON or text. `--from-file` reads the complete body.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth trigger auth",
    "terra-auth trigger auth --set user.reference_id=user_2 --count 3",
    "terra-auth trigger auth_cancelled --set reason=session_expired",
    "terra-auth trigger deauth --from-file event.json",
])]
pub(crate) struct Args {
    /// Type of the event
    #[arg(value_name = "EVENT", value_parser = PossibleValuesParser::new(Event::TYPES))]
    kind: String,
    /// Set a field of the body, such as `user.reference_id=user_2`
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// JSON file with the body of the event
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    from_file: Option<PathBuf>,
    /// Number of events
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    count: u32,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    target: TargetOptions,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let payload = self.payload()?;
        let target = self.target.find(app)?;
        let what = format!("send {} of the type {}", count(self.count, "event"), self.kind);
        if self.dry_run.report(app.ui, &what, &json!({ "payload": payload, "count": self.count }))? {
            return Ok(());
        }
        let admin = target.admin(app)?;
        let triggered = app::block_on(async {
            let mut triggered = Vec::new();
            for _ in 0..self.count {
                triggered.push(admin.trigger_event(&target.dev_id, &payload).await?);
            }
            Ok::<_, AdminError>(triggered)
        })?;
        let triggered = triggered.context("could not trigger the event")?;
        let line =
            |event: &TriggeredEvent| format!("{}  sent to {}", event.event_id, count(event.deliveries, "destination"));
        app.ui.result(|| triggered.iter().map(line).collect::<Vec<_>>().join("\n"), &triggered)
    }

    fn payload(&self) -> anyhow::Result<Value> {
        let mut payload = match &self.from_file {
            Some(file) => {
                let text =
                    std::fs::read_to_string(file).with_context(|| format!("could not read {}", file.display()))?;
                serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))?
            }
            None => self.example()?,
        };
        if !payload.is_object() {
            let next = "write the body of the event as one JSON object";
            return Err(CommandError::new(FailureKind::Misused, "the file has no JSON object", next).into());
        }
        payload["type"] = self.kind.as_str().into();
        for assignment in &self.set {
            set(&mut payload, assignment)?;
        }
        Ok(payload)
    }

    fn example(&self) -> anyhow::Result<Value> {
        let examples = terra_auth_core::event::examples().map_err(|error| anyhow::anyhow!("{error}"))?;
        let found = examples.iter().find(|event| event.kind() == self.kind);
        Ok(json!(found.context("there is no example of this type")?))
    }
}

/// Applies `path=value`. The value is JSON if it parses, and otherwise text.
fn set(payload: &mut Value, assignment: &str) -> anyhow::Result<()> {
    let invalid = || {
        let next = "write it as NAME=VALUE, such as `user.reference_id=user_2`";
        CommandError::new(FailureKind::Misused, format!("invalid --set {assignment:?}"), next)
    };
    let (path, value) = assignment.split_once('=').filter(|(path, _)| !path.is_empty()).ok_or_else(invalid)?;
    let mut field = payload;
    for name in path.split('.') {
        if !field.is_object() {
            return Err(invalid().into());
        }
        field = &mut field[name];
    }
    *field = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::set;

    #[test]
    fn a_field_is_set_by_its_path_as_json_or_text() {
        let mut payload = json!({ "type": "auth", "user": { "active": true } });
        for assignment in ["user.reference_id=user_2", "user.active=false", "message=", "reason=null"] {
            set(&mut payload, assignment).unwrap();
        }
        let user = json!({ "active": false, "reference_id": "user_2" });
        assert_eq!(payload, json!({ "type": "auth", "user": user, "message": "", "reason": null }));
        for invalid in ["user", "=1", "type.name=1"] {
            assert!(set(&mut payload, invalid).is_err(), "{invalid}");
        }
    }
}
