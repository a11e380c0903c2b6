//! `slipway ship`: hand a ship message to Slipway and see what becomes of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use protocol::http::{Promotion, ShipAccepted, ShipAnswer};
use protocol::question::Question;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::api::Api;
use crate::choices;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::follow;
use crate::output::Output;

const POLL_EVERY: Duration = Duration::from_millis(250);

/// What `slipway ship` takes.
#[derive(Debug, Clone, Args)]
pub struct ShipArgs {
    /// The ship message, a JSON file; `id`, `source` and `time` are filled in where they are absent
    #[arg(short, long, value_name = "FILE.json")]
    file: PathBuf,

    /// Stay until the promotion is over, and exit with its outcome
    #[arg(long)]
    follow: bool,
}

/// What became of the message with this id.
#[derive(Serialize)]
struct Shipped<'a> {
    message: &'a str,
    #[serde(flatten)]
    answer: &'a ShipAnswer,
    /// Where the promotion stands, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// What a person is asked before it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    question: Option<&'a Question>,
    #[serde(skip)]
    promotion: Option<&'a Promotion>,
}

pub(crate) async fn run(args: &ShipArgs, api: &Api, output: &mut Output) -> Result<Exit, Failure> {
    let message = read(&args.file)?;
    let posted: Result<ShipAccepted, Failure> = api.post(&["ships"], &message).await;
    let message = match posted {
        Ok(accepted) => accepted.message,
        Err(Failure::Problem(problem)) if matches!(problem.status, 400 | 409 | 413 | 422) => {
            output.failure(&Failure::Problem(problem));
            return Ok(Exit::Refused);
        }
        Err(failure) => return Err(failure),
    };
    let answer = wait(api, &message).await?;
    let taken = match &answer {
        ShipAnswer::Accepted { promotion, .. } => Some(until_shipped(api, promotion).await?),
        ShipAnswer::Refused { .. } | ShipAnswer::Waiting => None,
    };
    let summary = taken.as_ref().map(|promotion| &promotion.summary);
    let shipped = Shipped {
        message: &message,
        answer: &answer,
        status: summary.map(|it| it.status.as_str()),
        reason: summary.and_then(|it| it.reason.as_deref()),
        question: taken.as_ref().and_then(|promotion| promotion.question.as_ref()),
        promotion: taken.as_ref(),
    };
    output.result(&shipped, |shipped| text(shipped, args.follow, api.wait_max))?;
    match answer {
        ShipAnswer::Accepted { promotion, .. } if args.follow => follow::run(api, &promotion, output).await,
        ShipAnswer::Accepted { .. } if shipped.status == Some("not_shipped") => Ok(Exit::Refused),
        ShipAnswer::Accepted { .. } => Ok(Exit::Done),
        ShipAnswer::Refused { .. } => Ok(Exit::Refused),
        ShipAnswer::Waiting => Ok(Exit::Failed),
    }
}

/// The promotion when somebody can decide or is asked about it, or when that takes longer than people wait.
pub(crate) async fn until_shipped(api: &Api, id: &str) -> Result<Promotion, Failure> {
    let asked_at = Instant::now();
    loop {
        let promotion: Promotion = api.get_patiently(&["promotions", id], &[]).await?;
        let is_over = promotion.summary.status != "shipping" || promotion.question.is_some();
        if is_over || asked_at.elapsed() >= api.wait_max {
            return Ok(promotion);
        }
        sleep(POLL_EVERY).await;
    }
}

/// What to do about a promotion that was, or is being shipped.
pub(crate) fn next(promotion: &Promotion) -> Option<String> {
    let (id, reason) = (&promotion.summary.id, promotion.summary.reason.as_deref());
    match (promotion.summary.status.as_str(), &promotion.question) {
        ("pending", _) => Some(format!("Approve it with: slipway promotions approve {id}")),
        ("not_shipped", _) => {
            Some(format!("Not shipped, and nothing was changed.\n  {}", reason.unwrap_or_default()))
        }
        ("shipping", Some(question)) => Some(choices::asked(id, question)),
        ("shipping", None) => Some(format!(
            "It is still being made ready for approval. See how far it is: slipway promotions show {id}"
        )),
        _ => None,
    }
}

/// What became of the message, or that nobody has taken it for as long as people wait.
async fn wait(api: &Api, message: &str) -> Result<ShipAnswer, Failure> {
    let asked_at = Instant::now();
    loop {
        let answer: ShipAnswer = api.get_patiently(&["ships", message], &[]).await?;
        if answer != ShipAnswer::Waiting || asked_at.elapsed() >= api.wait_max {
            return Ok(answer);
        }
        sleep(POLL_EVERY).await;
    }
}

fn text(shipped: &Shipped<'_>, is_followed: bool, wait_max: Duration) -> String {
    match shipped.answer {
        ShipAnswer::Accepted { promotion, change_request } => {
            let taken = format!("Taken as {promotion}, change request {change_request}.");
            let next = shipped.promotion.filter(|_| !is_followed).and_then(next);
            next.map_or_else(|| taken.clone(), |next| format!("{taken}\n{next}"))
        }
        ShipAnswer::Refused { field, reason } => {
            format!("Not taken, and nothing was changed.\n  {field}: {reason}")
        }
        ShipAnswer::Waiting => format!(
            "Nobody has taken the ship message {} for {} s. It is not lost: it is taken as soon as a scheduler \
             runs. Start one with `slipway serve scheduler`.",
            shipped.message,
            wait_max.as_secs(),
        ),
    }
}

/// The message in the file, with what every envelope has and nobody wants to write by hand.
fn read(path: &Path) -> Result<Map<String, Value>, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::file(path, format_args!("cannot be read: {error}.")))?;
    let value: Value = serde_json::from_str(&text)
        .map_err(|error| Failure::file(path, format_args!("line {} is not JSON: {error}.", error.line())))?;
    let Value::Object(mut message) = value else { return Err(no_message(path)) };
    if !message.contains_key("data") {
        return Err(no_message(path));
    }
    let mut fill_in = |field: &str, value: String| {
        message.entry(field).or_insert(Value::from(value));
    };
    fill_in("id", Uuid::now_v7().to_string());
    fill_in("source", "slipway-cli".to_owned());
    fill_in("time", Timestamp::now().to_string());
    Ok(message)
}

fn no_message(path: &Path) -> Failure {
    Failure::file(
        path,
        "is not a ship message: it has no `data`. What is shipped stands in `data`, beside `specversion` and \
         `type`.",
    )
}
