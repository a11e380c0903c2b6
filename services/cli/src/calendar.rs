//! `slipway calendar`: what a business profile says, asked of its file without a console, and the export of the one
//! on record.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ::calendar::{Change, ChangeType, Profile, Risk, SCHEMA};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::Options;
use crate::api::Api;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// What can be asked of a business profile.
#[derive(Debug, Clone, Subcommand)]
pub enum CalendarCommand {
    /// Decide whether a change may start: exit code 0 if it may, 4 if not
    Decide(DecideArgs),
    /// Print the JSON Schema of a business profile
    Schema,
    /// Print the windows and blackouts on record as an iCalendar; programs subscribe to /api/v1/calendar.ics
    Export,
}

/// One change at one time.
#[derive(Debug, Clone, Args)]
pub struct DecideArgs {
    /// The business profile, a JSON file; its schema: `slipway calendar schema`
    #[arg(long, value_name = "FILE.json")]
    profile: PathBuf,

    /// When, such as 2026-11-24T22:00:00Z; now unless said
    #[arg(long, value_name = "INSTANT")]
    at: Option<Timestamp>,

    /// standard, normal or emergency
    #[arg(long = "type", value_name = "TYPE", default_value_t = ChangeType::Normal)]
    change_type: ChangeType,

    /// low, medium, high or critical
    #[arg(long, default_value_t = Risk::Low)]
    risk: Risk,

    /// How long the change takes; it may start only if it is done before the window closes
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    estimate: u64,
}

pub(crate) async fn run(
    command: CalendarCommand,
    options: &Options,
    output: &mut Output,
) -> Result<Exit, Failure> {
    match command {
        CalendarCommand::Decide(args) => decide(&args, output),
        CalendarCommand::Schema => {
            let schema: Value = serde_json::from_str(SCHEMA).map_err(std::io::Error::from)?;
            output.result(&schema, |_| SCHEMA.trim_end().to_owned())?;
            Ok(Exit::Done)
        }
        CalendarCommand::Export => {
            let ics = Api::new(options)?.text(&["calendar.ics"]).await?;
            output.result(&json!({ "ics": ics }), |_| ics.trim_end().to_owned())?;
            Ok(Exit::Done)
        }
    }
}

fn decide(args: &DecideArgs, output: &mut Output) -> Result<Exit, Failure> {
    let profile = read(&args.profile)?;
    let at = args.at.unwrap_or_else(Timestamp::now);
    let change = Change { change_type: args.change_type, risk: args.risk };
    let decision = profile.decide(at, change, Duration::from_secs(args.estimate));
    output.result(&decision.answer(&profile.zone, at), |answer| answer.sentence.clone())?;
    Ok(if decision.may_start() { Exit::Done } else { Exit::Refused })
}

fn read(path: &Path) -> Result<Profile, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::file(path, format_args!("cannot be read: {error}.")))?;
    let value: Value = serde_json::from_str(&text)
        .map_err(|error| Failure::file(path, format_args!("is not JSON: {error}.")))?;
    Profile::parse(&value).map_err(|wrong| Failure::file(path, format_args!("{wrong}.")))
}
