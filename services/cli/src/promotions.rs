//! `slipway promotions`: see, approve, reject, cancel and follow promotions.

use std::time::Duration;

use clap::Subcommand;
use clap::builder::NonEmptyStringValueParser;
use protocol::http::{
    Decision, LogLine, Promotion, PromotionPlan, PromotionSummary, RollbackRequest, TimelineEntry,
};
use tokio::time::sleep;

use crate::api::Api;
use crate::choices::{self, ChoicesCommand};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::rollback::{self, Consent};
use crate::{follow, report, table, units};

const LOG_POLL_EVERY: Duration = Duration::from_secs(1);

/// What can be done with promotions.
#[derive(Debug, Clone, Subcommand)]
pub enum PromotionsCommand {
    /// List promotions, the latest first
    List {
        /// Only those to this installation
        #[arg(long, value_name = "NAME")]
        installation: Option<String>,
    },
    /// Show a promotion with all that is on record of it
    Show {
        /// The promotion, CP-…
        #[arg(value_name = "CP")]
        id: String,
    },
    /// Show what a promotion would do, and the hash by which exactly that is approved
    Plan {
        /// The promotion, CP-…
        #[arg(value_name = "CP")]
        id: String,
    },
    /// What the gates found, and answers to what is asked
    #[command(flatten)]
    Choice(ChoicesCommand),
    /// Approve a promotion, so that it starts; renew the approval of a scheduled one
    Approve {
        /// The promotion, CP-…
        #[arg(value_name = "CP")]
        id: String,
        /// Who approves it
        #[arg(long, env = "USER", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
        by: String,
        /// The plan that was shown: if more than that would be done now, nothing is approved
        #[arg(long, value_name = "HASH", conflicts_with = "past")]
        plan: Option<String>,
        /// Make it an emergency: it waits for no window and no blackout, and is to be reviewed afterwards
        #[arg(long, requires = "reason", group = "past")]
        emergency: bool,
        /// Let it start although no window is open; blackouts hold it back, and it stays what it is
        #[arg(long = "override", requires = "reason", group = "past")]
        past_windows: bool,
        /// Why it is not to wait
        #[arg(long, requires = "past", value_parser = NonEmptyStringValueParser::new())]
        reason: Option<String>,
        /// Stay until the promotion is over, and exit with its outcome
        #[arg(long)]
        follow: bool,
    },
    /// Say no to a promotion that has not begun
    Reject {
        /// The promotion, CP-…
        #[arg(value_name = "CP")]
        id: String,
        /// Who rejects it
        #[arg(long, env = "USER", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
        by: String,
        /// Why
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        reason: String,
    },
    /// Let an approved promotion start by itself when its deployment window opens
    Schedule {
        /// The promotion, CP-…
        #[arg(value_name = "CP")]
        id: String,
        /// Who schedules it
        #[arg(long, env = "USER", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
        by: String,
        /// Stay until the promotion is over, and exit with its outcome
        #[arg(long)]
        follow: bool,
    },
    /// Withdraw a promotion, or stop one under way and put everything back
    Cancel {
        /// The promotion, CP-…
        #[arg(value_name = "CP")]
        id: String,
        /// Who withdraws it
        #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
        by: String,
        /// Why
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        reason: String,
    },
    /// Go on putting back where it stopped, after you removed what was in the way
    Resume {
        /// The promotion, CP-…
        #[arg(value_name = "CP")]
        id: String,
        /// Who resumes it
        #[arg(long, env = "USER", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
        by: String,
        /// Stay until the promotion is over, and exit with its outcome
        #[arg(long)]
        follow: bool,
    },
    /// Put nothing more back: you have done it by hand, and other promotions may run again
    GiveUp {
        /// The promotion, CP-…
        #[arg(value_name = "CP")]
        id: String,
        /// Who takes over
        #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
        by: String,
        /// What was done instead
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        reason: String,
    },
    /// Bring back the version that a promotion deployed; says what that would do and asks
    ///
    /// Without a promotion it lists those that can be brought back.
    Rollback {
        /// The promotion that deployed it, CP-…
        #[arg(value_name = "CP", requires = "by", requires = "reason")]
        id: Option<String>,
        /// Who asks for it, and answers for it
        #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
        by: Option<String>,
        /// Why
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        reason: Option<String>,
        /// Put the data back, too: the backup taken before the next deployment
        #[arg(long)]
        restore_data: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// Stay until it is over, and exit with its outcome
        #[arg(long)]
        follow: bool,
    },
    /// List the versions that were deployed, and which of them can be brought back
    Restorable {
        /// Only those of this installation
        #[arg(long, value_name = "NAME")]
        installation: Option<String>,
    },
    /// Watch a promotion until it is over, and exit with its outcome
    Follow {
        /// The promotion, CP-…
        #[arg(value_name = "CP")]
        id: String,
    },
    /// Print a promotion's log
    Log {
        /// The promotion, CP-…
        #[arg(value_name = "CP")]
        id: String,
        /// Stay until the promotion is over, and exit with its outcome
        #[arg(long)]
        follow: bool,
    },
}

pub(crate) async fn run(command: PromotionsCommand, api: &Api, output: &mut Output) -> Result<Exit, Failure> {
    match command {
        PromotionsCommand::List { installation } => {
            let query: Vec<_> = installation.iter().map(|name| ("installation", name.as_str())).collect();
            let all: Vec<PromotionSummary> = api.get(&["promotions"], &query).await?;
            output.result(all.as_slice(), list)?;
        }
        PromotionsCommand::Choice(command) => return choices::run(command, api, output).await,
        PromotionsCommand::Show { id } => output.result(&api.promotion(&id).await?, show)?,
        PromotionsCommand::Plan { id } => {
            output.result(&api.get::<PromotionPlan>(&["promotions", &id, "plan"], &[]).await?, plan)?;
        }
        PromotionsCommand::Approve { id, by, plan, emergency, past_windows, reason, follow } => {
            let body = Decision { by, reason, plan };
            let past = [(emergency, "emergency"), (past_windows, "override")];
            if let Some((_, decision)) = past.into_iter().find(|(is_wanted, _)| *is_wanted) {
                // Two decisions, of two permissions: who has only the first leaves the second to others.
                let now: PromotionSummary = api.post(&["promotions", &id, decision], &body).await?;
                if now.status != "pending" {
                    say(&now, output)?;
                    return stay(api, &id, follow, output).await;
                }
            }
            let now: PromotionSummary = api.post(&["promotions", &id, "approve"], &body).await?;
            say(&now, output)?;
            // Who stays for the outcome is not kept for days: for now it is that it may not start.
            if follow && now.status == "scheduled" {
                output.text(&format!("Watch it with: slipway promotions follow {id}"))?;
                return Ok(Exit::Refused);
            }
            return stay(api, &id, follow, output).await;
        }
        PromotionsCommand::Reject { id, by, reason } => {
            decide(api, &id, "reject", &Decision::with_reason(by, reason), output).await?;
        }
        PromotionsCommand::Schedule { id, by, follow } => {
            return set_going(api, &id, "schedule", &Decision::by(by), follow, output).await;
        }
        PromotionsCommand::Resume { id, by, follow } => {
            return set_going(api, &id, "resume", &Decision::by(by), follow, output).await;
        }
        PromotionsCommand::GiveUp { id, by, reason } => {
            decide(api, &id, "give-up", &Decision::with_reason(by, reason), output).await?;
        }
        PromotionsCommand::Cancel { id, by, reason } => {
            decide(api, &id, "cancel", &Decision::with_reason(by, reason), output).await?;
        }
        PromotionsCommand::Rollback { id: Some(id), by, reason, restore_data, yes, follow } => {
            let (by, reason) = (by.unwrap_or_default(), reason.unwrap_or_default());
            let request = RollbackRequest { by, reason, restore_data };
            return rollback::promotion(api, &id, &request, &Consent { yes, follow }, output).await;
        }
        PromotionsCommand::Rollback { id: None, .. } => return rollback::restorable(api, None, output).await,
        PromotionsCommand::Restorable { installation } => {
            return rollback::restorable(api, installation, output).await;
        }
        PromotionsCommand::Follow { id } => return follow::run(api, &id, output).await,
        PromotionsCommand::Log { id, follow } => {
            // A console that does not answer is a failure now; from here on it is waited for.
            api.promotion(&id).await?;
            if follow {
                return follow_log(api, &id, output).await;
            }
            print_log(api, &id, 0, output).await?;
        }
    }
    Ok(Exit::Done)
}

/// Takes a decision that sets the promotion going, and stays with it if that is wanted.
async fn set_going(
    api: &Api,
    id: &str,
    decision: &str,
    body: &Decision,
    follow: bool,
    output: &mut Output,
) -> Result<Exit, Failure> {
    decide(api, id, decision, body, output).await?;
    stay(api, id, follow, output).await
}

async fn stay(api: &Api, id: &str, follow: bool, output: &mut Output) -> Result<Exit, Failure> {
    if follow {
        return follow::run(api, id, output).await;
    }
    output.text(&format!("Watch it with: slipway promotions follow {id}"))?;
    Ok(Exit::Done)
}

/// What a person can do about a promotion that waits for somebody.
pub(crate) fn approval_hint(summary: &PromotionSummary) -> Option<String> {
    (summary.status == "pending")
        .then(|| format!("Waiting for approval: slipway promotions approve {}", summary.id))
}

async fn decide(
    api: &Api,
    id: &str,
    decision: &str,
    body: &Decision,
    output: &mut Output,
) -> Result<(), Failure> {
    say(&api.post(&["promotions", id, decision], body).await?, output)
}

/// How it stands after a decision.
fn say(decided: &PromotionSummary, output: &mut Output) -> Result<(), Failure> {
    output.result(decided, |it| {
        let reason = it.reason.as_ref().map_or_else(String::new, |reason| format!(" {reason}"));
        format!("{} ({} → {}): {}.{reason}", it.id, it.title, it.installation, it.status_title)
    })?;
    Ok(())
}

/// What it would do, and how to approve exactly that.
fn plan(plan: &PromotionPlan) -> String {
    let sentences = plan.sentences.iter().zip(1..).map(|(it, number)| format!("  {number}. {it}"));
    let mut lines = vec![format!("This is what {} would do:", plan.promotion)];
    lines.extend(sentences);
    lines.push(String::new());
    lines.extend(match (&plan.lapsed, &plan.approved_by, plan.approval_ends_at) {
        (Some(lapsed), _, _) => Some(lapsed.clone()),
        (None, Some(by), Some(until)) => {
            Some(format!("{by} has approved it; that holds until {}.", units::instant(until)))
        }
        (None, ..) => None,
    });
    lines.push(format!(
        "Approve exactly this: slipway promotions approve {} --plan {}",
        plan.promotion, plan.plan
    ));
    lines.join("\n")
}

fn list(all: &[PromotionSummary]) -> String {
    if all.is_empty() {
        return "There are no promotions.".to_owned();
    }
    let rows: Vec<_> = all
        .iter()
        .map(|it| {
            let created = units::instant(it.created_at);
            [it.id.clone(), standing(it), it.installation.clone(), created, it.title.clone()]
        })
        .collect();
    table::render(["PROMOTION", "STATUS", "INSTALLATION", "CREATED", "FEATURE"], &rows)
}

/// The status, and the place in the line of those that wait.
fn standing(summary: &PromotionSummary) -> String {
    match summary.queue_position {
        Some(position) => format!("{}, number {position} in line", summary.status_title),
        None => summary.status_title.clone(),
    }
}

fn show(promotion: &Promotion) -> String {
    let mut parts = vec![report::render(promotion)];
    for tries in [&promotion.shipping, &promotion.timeline].into_iter().filter(|tries| !tries.is_empty()) {
        parts.push(timeline(tries));
    }
    // In need of attention, the report has them already.
    if let Some(backup) = &promotion.backup
        && promotion.summary.status != "needs_attention"
    {
        let instructions = backup.restore_instructions.trim_end();
        parts.push(format!("How to restore the backup by hand:\n{instructions}"));
    }
    parts.join("\n\n")
}

fn timeline(tries: &[TimelineEntry]) -> String {
    let rows: Vec<_> = tries
        .iter()
        .map(|entry| {
            let is_undo = entry.direction == "undo";
            let step = format!("{}{}", if is_undo { "undo: " } else { "" }, entry.step_title);
            let took = entry.duration_ms.map_or_else(String::new, units::span);
            [
                entry.step.to_string(),
                step,
                entry.job.clone(),
                entry.attempt.to_string(),
                entry.state.clone(),
                took,
                entry.reason.clone().unwrap_or_default(),
            ]
        })
        .collect();
    table::render(["#", "STEP", "JOB", "TRY", "STATE", "TOOK", "REASON"], &rows)
}

/// Prints the log after this sequence number, to its present end; answers the last number printed.
async fn print_log(api: &Api, id: &str, after: i64, output: &mut Output) -> Result<i64, Failure> {
    let mut printed = after;
    loop {
        let number = printed.to_string();
        let lines: Vec<LogLine> =
            api.get_patiently(&["promotions", id, "log"], &[("after", &number)]).await?;
        // An answer may be a part; one without anything new is the end.
        let Some(last) = lines.iter().map(|line| line.sequence).max().filter(|&last| last > printed) else {
            return Ok(printed);
        };
        for line in lines.iter().filter(|line| line.sequence > printed) {
            output.result(line, |line| {
                format!("{}  {:<20}  {}", line.at.strftime("%H:%M:%S"), line.job, line.line)
            })?;
        }
        printed = last;
    }
}

async fn follow_log(api: &Api, id: &str, output: &mut Output) -> Result<Exit, Failure> {
    let mut printed = 0;
    loop {
        // Looked at before the log is read: what the end wrote is in it.
        let promotion: Promotion = api.get_patiently(&["promotions", id], &[]).await?;
        printed = print_log(api, id, printed, output).await?;
        if let Some(exit) = follow::over(&promotion) {
            return Ok(exit);
        }
        sleep(LOG_POLL_EVERY).await;
    }
}
