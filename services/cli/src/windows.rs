//! `slipway windows`: when changes may be deployed.

use ::calendar::{ChangeType, Risk};
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use protocol::window::{NewWindow, NewZone, Window, WindowDecision, Windows};
use serde_json::{Map, Value, json};

use crate::api::Api;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::table;

/// What can be done with deployment windows.
#[derive(Debug, Clone, Subcommand)]
pub enum WindowsCommand {
    /// List the windows; where there is none, any time is fine
    List,
    /// Add a window
    Add(AddArgs),
    /// Remove a window
    Remove {
        /// Its number, as the list shows it
        id: u64,
        /// Who removes it
        #[arg(long, env = "USER", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
        by: String,
    },
    /// Set the organization's time zone, in which windows open and close
    Zone {
        /// An IANA name, such as Europe/Berlin
        zone: String,
        /// Who sets it
        #[arg(long, env = "USER", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
        by: String,
    },
    /// Say whether a change may be deployed now (exit code 4 if not)
    Check {
        /// Which change
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// Say when the next opening for a change is (exit code 4 if there is none)
    Next {
        /// Which change
        #[command(flatten)]
        change: ChangeArgs,
    },
}

/// What `slipway windows add` takes. What is not said is left to the defaults of the profile.
#[derive(Debug, Clone, Args)]
pub struct AddArgs {
    /// Its name
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    name: String,
    /// The days on which it opens, such as mon,tue
    #[arg(long, value_delimiter = ',', required = true, value_name = "DAYS")]
    days: Vec<String>,
    /// When it opens, in the organization's zone
    #[arg(long, value_name = "HH:MM")]
    start: String,
    /// When it closes, up to 24:00; not after the start it is the next day
    #[arg(long, value_name = "HH:MM")]
    end: String,
    /// Types of changes that it admits; standard,normal unless said
    #[arg(long, value_delimiter = ',', value_name = "TYPES")]
    types: Vec<String>,
    /// Risks that it admits; low,medium unless said
    #[arg(long, value_delimiter = ',', value_name = "RISKS")]
    risks: Vec<String>,
    /// How many promotions may be under way at once in it, at all installations together
    #[arg(long, value_name = "NUMBER")]
    max_concurrent: Option<u32>,
    /// Warn and go on outside of it
    #[arg(long)]
    advisory: bool,
    /// Let a promotion start that might not end before it closes
    #[arg(long)]
    allow_overrun: bool,
    /// Who adds it
    #[arg(long, env = "USER", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    by: String,
}

impl AddArgs {
    fn into_body(self) -> NewWindow {
        let mut window = Map::new();
        let mut say = |field: &str, value: Value| window.insert(field.to_owned(), value);
        say("name", self.name.into());
        say("days", self.days.into());
        say("start", self.start.into());
        say("end", self.end.into());
        say("allow_overrun", self.allow_overrun.into());
        if !self.types.is_empty() {
            say("change_types", self.types.into());
        }
        if !self.risks.is_empty() {
            say("risks", self.risks.into());
        }
        if let Some(most) = self.max_concurrent {
            say("max_concurrent", most.into());
        }
        if self.advisory {
            say("enforcement", "advisory".into());
        }
        NewWindow { by: self.by, window: Value::Object(window) }
    }
}

/// The change that is asked about.
#[derive(Debug, Clone, Args)]
pub struct ChangeArgs {
    /// standard, normal or emergency
    #[arg(long = "type", default_value_t = ChangeType::Normal, value_name = "TYPE")]
    change_type: ChangeType,
    /// low, medium, high or critical
    #[arg(long, default_value_t = Risk::Low)]
    risk: Risk,
    /// Another moment than now, such as 2026-11-24T22:00:00Z
    #[arg(long, value_name = "INSTANT")]
    at: Option<Timestamp>,
}

pub(crate) async fn run(command: WindowsCommand, api: &Api, output: &mut Output) -> Result<Exit, Failure> {
    match command {
        WindowsCommand::List => {
            let known: Windows = api.get(&["windows"], &[]).await?;
            output.result(&known, list)?;
        }
        WindowsCommand::Add(new) => {
            let added: Window = api.post(&["windows"], &new.into_body()).await?;
            output
                .result(&added, |it| format!("Window {} is on record: {}, {}.", it.id, it.name, times(it)))?;
        }
        WindowsCommand::Remove { id, by } => {
            api.delete(&["windows", &id.to_string()], &by).await?;
            output.result(&json!({ "removed": id }), |_| {
                format!("Window {id} is gone. Promotions that wait for it wait for the next opening now.")
            })?;
        }
        WindowsCommand::Zone { zone, by } => {
            let known: Windows = api.put(&["windows", "zone"], &NewZone { by, zone }).await?;
            output.result(&known, |it| format!("Windows open and close by the time of {} now.", it.zone))?;
        }
        WindowsCommand::Check { change } => {
            let decision = ask(api, &change).await?;
            output.result(&decision, |it| it.sentence.clone())?;
            return Ok(if is_open(&decision) { Exit::Done } else { Exit::Refused });
        }
        WindowsCommand::Next { change } => {
            let decision = ask(api, &change).await?;
            output.result(&decision, |it| it.sentence.clone())?;
            let opens = is_open(&decision) || decision.next_opening.is_some();
            return Ok(if opens { Exit::Done } else { Exit::Refused });
        }
    }
    Ok(Exit::Done)
}

async fn ask(api: &Api, change: &ChangeArgs) -> Result<WindowDecision, Failure> {
    let mut query = vec![("change_type", change.change_type.as_str()), ("risk", change.risk.as_str())];
    let at = change.at.map(|at| at.to_string());
    query.extend(at.as_deref().map(|at| ("at", at)));
    api.get(&["windows", "decision"], &query).await
}

fn is_open(decision: &WindowDecision) -> bool {
    matches!(decision.verdict.as_str(), "open" | "bypassed")
}

fn list(known: &Windows) -> String {
    if known.windows.is_empty() {
        return "No deployment window is configured: any time is fine but that of a blackout.".to_owned();
    }
    let rows: Vec<_> = known
        .windows
        .iter()
        .map(|it| {
            [
                it.id.to_string(),
                it.name.clone(),
                it.days.join(","),
                format!("{}–{}", it.start, it.end),
                it.change_types.join(","),
                it.risks.join(","),
                it.max_concurrent.map_or_else(|| "–".to_owned(), |most| most.to_string()),
                it.enforcement.clone(),
            ]
        })
        .collect();
    let headings = ["ID", "WINDOW", "DAYS", "OPEN", "TYPES", "RISKS", "AT ONCE", "ENFORCEMENT"];
    format!("{}\n\nTimes are those of {}.", table::render(headings, &rows), known.zone)
}

fn times(window: &Window) -> String {
    format!("{} {}–{}", window.days.join(","), window.start, window.end)
}
