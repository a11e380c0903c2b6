//! `slipway dlq`: messages that nobody could handle, what is in them, and what becomes of them.

use clap::builder::NonEmptyStringValueParser;
use clap::{Subcommand, ValueEnum};
use protocol::http::{DeadLetter, DeadLetterSummary, Decision};
use serde_json::Value;

use crate::api::Api;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::{table, units};

/// Longest reason in a table, in characters; `show` has all of it.
const REASON_LENGTH_MAX: usize = 80;

/// What can be done with dead letters.
#[derive(Debug, Clone, Subcommand)]
pub enum DlqCommand {
    /// List dead letters, the latest first
    List {
        /// Only those in this state
        #[arg(long)]
        state: Option<LetterState>,
        /// Only those older than this one; a list holds 200
        #[arg(long, value_name = "ID")]
        before: Option<i64>,
    },
    /// Show a dead letter with its body
    Show {
        /// The letter
        id: i64,
    },
    /// Send dead letters again to where they died
    Redrive {
        /// The letters
        #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
        ids: Vec<i64>,
        /// All that are kept, the oldest first
        #[arg(long)]
        all: bool,
        /// Who decides
        #[arg(long, env = "USER", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
        by: String,
    },
    /// Say that dead letters are not needed any more
    Discard {
        /// The letters
        #[arg(value_name = "ID", required = true)]
        ids: Vec<i64>,
        /// Why
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        reason: String,
        /// Who decides
        #[arg(long, env = "USER", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
        by: String,
    },
}

/// Where a dead letter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LetterState {
    /// Nobody has decided
    Kept,
    /// It was sent again
    Redriven,
    /// It is not needed any more
    Discarded,
}

impl LetterState {
    fn as_str(self) -> &'static str {
        match self {
            LetterState::Kept => "kept",
            LetterState::Redriven => "redriven",
            LetterState::Discarded => "discarded",
        }
    }
}

pub(crate) async fn run(command: DlqCommand, api: &Api, output: &mut Output) -> Result<Exit, Failure> {
    match command {
        DlqCommand::List { state, before } => {
            output.result(letters(api, state, before).await?.as_slice(), list)?;
        }
        DlqCommand::Show { id } => {
            let letter: DeadLetter = api.get(&["dead-letters", &id.to_string()], &[]).await?;
            output.result(&letter, show)?;
        }
        DlqCommand::Redrive { ids, all, by } => {
            let ids = if all { all_kept(api).await? } else { ids };
            if ids.is_empty() {
                output.text("No dead letter is kept: there is nothing to send again.")?;
            }
            return settle(api, "redrive", &ids, &Decision::by(by), output).await;
        }
        DlqCommand::Discard { ids, reason, by } => {
            return settle(api, "discard", &ids, &Decision::with_reason(by, reason), output).await;
        }
    }
    Ok(Exit::Done)
}

async fn letters(
    api: &Api,
    state: Option<LetterState>,
    before: Option<i64>,
) -> Result<Vec<DeadLetterSummary>, Failure> {
    let before = before.map(|id| id.to_string());
    let query = [("state", state.map(LetterState::as_str)), ("before", before.as_deref())];
    let query: Vec<_> = query.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    api.get(&["dead-letters"], &query).await
}

/// The letters that are kept now, oldest first: they are sent again in the order in which they died.
async fn all_kept(api: &Api) -> Result<Vec<i64>, Failure> {
    let mut ids: Vec<i64> = Vec::new();
    loop {
        let page = letters(api, Some(LetterState::Kept), ids.last().copied()).await?;
        if page.is_empty() {
            ids.reverse();
            return Ok(ids);
        }
        ids.extend(page.iter().map(|letter| letter.id));
    }
}

/// Settles one letter after the other. One that cannot be settled does not hold up the others; the exit code
/// is that of the last that could not.
async fn settle(
    api: &Api,
    what: &str,
    ids: &[i64],
    decision: &Decision,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let mut exit = Exit::Done;
    for id in ids {
        let settled: Result<DeadLetterSummary, _> =
            api.post(&["dead-letters", &id.to_string(), what], decision).await;
        match settled {
            Ok(letter) => output.result(&letter, settlement)?,
            Err(failure @ Failure::Problem(_)) if !failure.is_passing() => exit = output.failure(&failure),
            Err(failure) => return Err(failure),
        }
    }
    Ok(exit)
}

/// What became of a letter, as one sentence.
fn settlement(letter: &DeadLetterSummary) -> String {
    let DeadLetterSummary { id, queue, .. } = letter;
    let Some(settled) = &letter.settled else {
        return format!("Dead letter {id} ({queue}) is kept: nobody has decided.");
    };
    let (by, at) = (&settled.by, units::instant(settled.at));
    match &settled.reason {
        Some(reason) => format!("Dead letter {id} ({queue}) was discarded by {by}, {at}: {reason}"),
        None => format!("Dead letter {id} ({queue}) was sent again by {by}, {at}."),
    }
}

fn list(all: &[DeadLetterSummary]) -> String {
    if all.is_empty() {
        return "There are no dead letters.".to_owned();
    }
    let rows: Vec<_> = all
        .iter()
        .map(|it| {
            let promotion = it.promotion.clone().unwrap_or_else(|| "–".to_owned());
            let received = units::instant(it.received_at);
            [
                it.id.to_string(),
                it.state.clone(),
                it.queue.clone(),
                received,
                promotion,
                shortened(&it.reason),
            ]
        })
        .collect();
    table::render(["ID", "STATE", "QUEUE", "RECEIVED", "PROMOTION", "REASON"], &rows)
}

fn shortened(reason: &str) -> String {
    match reason.char_indices().nth(REASON_LENGTH_MAX) {
        Some((end, _)) => format!("{}…", &reason[..end]),
        None => reason.to_owned(),
    }
}

fn show(letter: &DeadLetter) -> String {
    let summary = &letter.summary;
    let mut lines = vec![settlement(summary), summary.reason.clone(), String::new()];
    for (label, value) in facts(letter) {
        lines.push(format!("  {label:<15} {value}"));
    }
    lines.push("\nBody:".to_owned());
    // Set off, so that no body can pass for words of this command.
    lines.extend(body(letter).lines().map(|line| format!("  {line}")));
    if summary.settled.is_none() {
        let id = summary.id;
        lines.push(format!("\nSend it again: slipway dlq redrive {id}"));
        lines.push(format!("Discard it: slipway dlq discard {id} --reason \"…\""));
    }
    lines.join("\n")
}

fn facts(letter: &DeadLetter) -> Vec<(&'static str, String)> {
    let summary = &letter.summary;
    let mut facts = vec![("Received", units::instant(summary.received_at))];
    let mut add = |label, value: Option<String>| facts.extend(value.map(|value| (label, value)));
    add("Delivered", summary.deliveries.map(times));
    add("Promotion", summary.promotion.clone());
    let attempt = letter.attempt.map_or_else(String::new, |attempt| format!(", try {attempt}"));
    add("Job", letter.job.as_ref().map(|job| format!("{job}{attempt}")));
    add("Run", letter.run.clone());
    add("Message", summary.message_id.clone());
    add("Sent again as", summary.settled.as_ref().and_then(|settled| settled.sent_as.clone()));
    add("Trace", letter.traceparent.clone());
    add("Type", Some(letter.content_type.clone()).filter(|it| !it.is_empty()));
    add("Size", Some(units::size(summary.size_bytes)));
    facts
}

fn times(count: u32) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

/// JSON with its structure, anything else as it is; what a terminal might obey, or would not show, is
/// written out.
fn body(letter: &DeadLetter) -> String {
    let Some(bytes) = letter.body.bytes() else { return "(it cannot be read)".to_owned() };
    if bytes.is_empty() {
        return "(it is empty)".to_owned();
    }
    let mut text = match serde_json::from_slice::<Value>(&bytes) {
        Ok(json) => visible(&format!("{json:#}"), false),
        Err(_) => bytes
            .utf8_chunks()
            .flat_map(|chunk| {
                let strange = chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}"));
                [visible(chunk.valid(), true)].into_iter().chain(strange)
            })
            .collect(),
    };
    if (bytes.len() as u64) < letter.summary.size_bytes {
        text.push_str("\n… (only the beginning was kept)");
    }
    text
}

fn visible(text: &str, escapes_backslash: bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for it in text.chars() {
        let is_shown = matches!(it, '\n' | '\t' | '"' | '\'' | '\\') || it.escape_debug().len() == 1;
        if !is_shown {
            let mut units = [0; 2];
            shown.extend(it.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else if it == '\\' && escapes_backslash {
            shown.push_str("\\\\");
        } else {
            shown.push(it);
        }
    }
    shown
}
