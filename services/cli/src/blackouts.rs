//! `slipway blackouts`: when nothing is deployed but emergencies.

use std::fs;
use std::path::PathBuf;

use clap::Subcommand;
use clap::builder::NonEmptyStringValueParser;
use jiff::Timestamp;
use jiff::civil::DateTime;
use protocol::window::{Blackout, BlackoutFeed, BlackoutsImported, NewBlackout, Windows};
use serde_json::json;

use crate::api::Api;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::{table, units};

/// What can be done with blackouts.
#[derive(Debug, Clone, Subcommand)]
pub enum BlackoutsCommand {
    /// List the blackouts
    List,
    /// Add a blackout
    Add {
        /// Why nothing is deployed meanwhile
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        reason: String,
        /// Its first moment: 2026-12-24T00:00 in the organization's zone, or 2026-12-24T00:00:00Z
        #[arg(long, value_name = "TIME")]
        start: String,
        /// Its last moment, in the same way
        #[arg(long, value_name = "TIME")]
        end: String,
        /// Types of changes that it does not hold up
        #[arg(long, value_delimiter = ',', value_name = "TYPES")]
        exempt: Vec<String>,
        /// Who adds it
        #[arg(long, env = "USER", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
        by: String,
    },
    /// Remove a blackout
    Remove {
        /// Its number, as the list shows it
        id: u64,
        /// Who removes it
        #[arg(long, env = "USER", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
        by: String,
    },
    /// Add the blackouts of an iCalendar file; those that are on record stay as they are
    Import {
        /// The file
        #[arg(value_name = "FILE.ics")]
        file: PathBuf,
        /// Who adds them
        #[arg(long, env = "USER", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
        by: String,
    },
}

pub(crate) async fn run(command: BlackoutsCommand, api: &Api, output: &mut Output) -> Result<Exit, Failure> {
    match command {
        BlackoutsCommand::List => {
            let known: Vec<Blackout> = api.get(&["blackouts"], &[]).await?;
            output.result(known.as_slice(), list)?;
        }
        BlackoutsCommand::Add { reason, start, end, exempt, by } => {
            let zone = api.get::<Windows>(&["windows"], &[]).await?.zone;
            let (start, end) = (instant(&start, &zone)?, instant(&end, &zone)?);
            let blackout = json!({ "reason": reason, "start": start, "end": end, "exempt": exempt });
            let known: Vec<Blackout> = api.post(&["blackouts"], &NewBlackout { by, blackout }).await?;
            output.result(known.as_slice(), list)?;
        }
        BlackoutsCommand::Remove { id, by } => {
            api.delete(&["blackouts", &id.to_string()], &by).await?;
            output.result(&json!({ "removed": id }), |_| format!("Blackout {id} is gone."))?;
        }
        BlackoutsCommand::Import { file, by } => {
            let ics = fs::read_to_string(&file)
                .map_err(|error| Failure::file(&file, format_args!("cannot be read: {error}.")))?;
            let imported: BlackoutsImported =
                api.post(&["blackouts", "import"], &BlackoutFeed { by, ics }).await?;
            output.result(&imported, |it| {
                format!("{} blackouts were added, {} were on record already.", it.added, it.known)
            })?;
        }
    }
    Ok(Exit::Done)
}

/// An instant with its offset, or a wall-clock time in the organization's zone.
fn instant(text: &str, zone: &str) -> Result<Timestamp, Failure> {
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    let there = text.parse::<DateTime>().and_then(|there| there.in_tz(zone));
    there.map(|it| it.timestamp()).map_err(|_| {
        Failure::Usage(format!(
            "“{text}” is no time. It looks like 2026-12-24T00:00 or 2026-12-24T00:00:00Z."
        ))
    })
}

fn list(known: &[Blackout]) -> String {
    if known.is_empty() {
        return "There are no blackouts.".to_owned();
    }
    let rows: Vec<_> = known
        .iter()
        .map(|it| {
            let exempt = if it.exempt.is_empty() { "–".to_owned() } else { it.exempt.join(",") };
            [it.id.to_string(), units::instant(it.start), units::instant(it.end), exempt, it.reason.clone()]
        })
        .collect();
    table::render(["ID", "FROM", "UNTIL", "EXEMPT", "REASON"], &rows)
}
