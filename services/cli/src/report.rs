//! The report of a promotion: how it ended, in words, and what a person needs afterward.

use protocol::gates::GateVerdict;
use protocol::http::{Promotion, TimelineEntry};
use protocol::output::{Assessed, Proposed};

use crate::exit::is_held;
use crate::{choices, units};

/// The promotion for people, without a line break at the end.
pub fn render(promotion: &Promotion) -> String {
    let mut lines = vec![headline(promotion)];
    lines.extend(promotion.summary.reason.clone());
    lines.push(String::new());
    for (label, value) in facts(promotion) {
        lines.push(format!("  {label:<15} {value}"));
    }
    lines.extend(what_to_do(promotion));
    if let Some(question) = &promotion.question {
        lines.push(format!("\n{}", choices::asked(&promotion.summary.id, question)));
    }
    if promotion.summary.status == "needs_attention"
        && let Some(backup) = &promotion.backup
    {
        lines.push(format!(
            "\nHow to restore the backup by hand:\n{}",
            backup.restore_instructions.trim_end()
        ));
    }
    if promotion.started_at.is_some() || promotion.summary.status == "not_shipped" {
        lines.push(format!("\nSee the whole log: slipway promotions log {}", promotion.summary.id));
    }
    lines.join("\n")
}

/// What a person has to do, step by step, where putting back could not go on.
fn what_to_do(promotion: &Promotion) -> Option<String> {
    if promotion.to_do.is_empty() {
        return None;
    }
    let id = &promotion.summary.id;
    let steps: Vec<_> =
        promotion.to_do.iter().zip(1..).map(|(step, number)| format!("  {number}. {step}")).collect();
    Some(format!(
        "\nNothing else is deployed there until this is settled. Remove what was in the way and let Slipway go on:\n  \
         slipway promotions resume {id}\n\
         Or put it back by hand, in this order:\n{}\n\
         and then say so:\n  slipway promotions give-up {id} --by NAME --reason \"what was done\"",
        steps.join("\n")
    ))
}

/// How it stands, as one sentence.
fn headline(promotion: &Promotion) -> String {
    let summary = &promotion.summary;
    let (title, installation) = (&summary.title, &summary.installation);
    match summary.status.as_str() {
        "shipping" if promotion.question.is_some() => {
            format!("Shipping: {title} waits for somebody's answer.")
        }
        "shipping" => format!("Shipping: {title} is being made ready for approval."),
        "not_shipped" => {
            format!("Not shipped: {title} does not go to {installation}, and nothing was changed.")
        }
        "pending" => format!("Pending: {title} waits for approval before it goes to {installation}."),
        _ if is_held(promotion) => {
            format!("Held: {title} was not started on {installation}, and nothing was changed.")
        }
        "approved" => format!("Approved: {title} goes to {installation} as soon as it is its turn."),
        "scheduled" => format!("Scheduled: {title} goes to {installation} when the next window opens."),
        "deploying" => format!("Deploying: {title} is on its way to {installation}."),
        "deployed" => format!("Deployed: {title} now serves on {installation}."),
        "rolling_back" => {
            format!("Rolling back: the version from before is being put back on {installation}.")
        }
        "rolled_back" => {
            format!("Rolled back: the version from before serves again on {installation}, checked.")
        }
        "needs_attention" => format!("Needs attention: a person has to look after {installation} now."),
        "rejected" | "cancelled" => {
            format!(
                "{}: {title} does not go to {installation}, and nothing was changed.",
                summary.status_title
            )
        }
        _ => format!("{}: {title} on {installation}.", summary.status_title),
    }
}

fn shared(assessment: &Assessed) -> String {
    let is_shared = if assessment.is_shared { "proposed" } else { "kept to this installation" };
    format!("{is_shared}: {}", assessment.reasons.first().map_or("", String::as_str))
}

fn gates(verdicts: &[GateVerdict]) -> Option<String> {
    if verdicts.is_empty() {
        return None;
    }
    let open: Vec<_> = verdicts.iter().filter(|it| it.open > 0).collect();
    let told: Vec<_> = open.iter().map(|it| format!("{} {} open", it.gate, it.open)).collect();
    Some(if told.is_empty() { "all four passed".to_owned() } else { told.join(", ") })
}

fn pull_request(proposed: &Proposed) -> String {
    let url = proposed.url.as_ref().map(|url| format!("{url} ")).unwrap_or_default();
    format!("{url}{}", proposed.notes.join(" "))
}

fn facts(promotion: &Promotion) -> Vec<(&'static str, String)> {
    let summary = &promotion.summary;
    let change = &promotion.change_request;
    let mut facts = vec![
        ("Promotion", format!("{} of {}", summary.id, summary.build)),
        ("Change request", format!("{change} ({}, {} risk)", promotion.change_type, promotion.risk)),
        ("Requested by", promotion.requested_by.clone()),
    ];
    let mut add = |label, value: Option<String>| facts.extend(value.map(|value| (label, value)));
    add("Because", promotion.change_reason.clone());
    add(
        "Brings back",
        promotion.rolls_back_to.as_ref().map(|target| format!("the version that {target} deployed")),
    );
    add("Restores", promotion.restore_from.clone());
    add("Shared", promotion.assessment.as_ref().map(shared));
    add("Gates", gates(&promotion.gates));
    add("Pull request", promotion.pull_request.as_ref().map(pull_request));
    add("Approved by", promotion.approved_by.as_deref().map(|by| approved(by, promotion)));
    add("Starts", summary.opens_at.map(|at| format!("not before {}", units::instant(at))));
    add(
        "In line",
        summary
            .queue_position
            .map(|it| format!("number {it} of those that wait at {}", summary.installation)),
    );
    add("Window", promotion.window_note.clone());
    add("Put back", put_back(promotion));
    add("Not put back", not_put_back(&promotion.timeline));
    add("Data", promotion.data_note.clone());
    add(
        "Kept database",
        promotion.kept_database.as_ref().map(|name| format!("{name} ({})", kept(promotion))),
    );
    add("Downtime", downtime(promotion));
    add(
        "Backup",
        promotion
            .backup
            .as_ref()
            .map(|backup| format!("{} ({})", backup.path, units::size(backup.size_bytes))),
    );
    add("Backup contents", promotion.backup.as_ref().and_then(|backup| backup.not_covered.clone()));
    add("Image", promotion.image.clone());
    let span = promotion.started_at.zip(promotion.finished_at);
    add("Took", span.map(|(start, end)| units::between(start, end)));
    facts
}

/// Who approved it and, while it waits, until when that holds.
fn approved(by: &str, promotion: &Promotion) -> String {
    let waits = matches!(promotion.summary.status.as_str(), "approved" | "scheduled");
    match promotion.approval_ends_at.filter(|_| waits) {
        Some(until) => format!("{by}, until {}", units::instant(until)),
        None => by.to_owned(),
    }
}

/// What the database that was kept aside is.
fn kept(promotion: &Promotion) -> &'static str {
    match promotion.summary.status.as_str() {
        "deployed" => "as it was before the backup was put back",
        _ => "as the new version left it",
    }
}

fn downtime(promotion: &Promotion) -> Option<String> {
    let was_stopped = promotion.timeline.iter().any(|entry| entry.job == "swap.stop_old");
    match promotion.downtime_ms {
        Some(milliseconds) => Some(units::span(milliseconds)),
        None if promotion.summary.status == "rolled_back" && !was_stopped => {
            Some("none, the version from before kept serving".to_owned())
        }
        None => None,
    }
}

/// What was undone, in the order in which it was.
fn put_back(promotion: &Promotion) -> Option<String> {
    let done: Vec<&str> = latest_undos(&promotion.timeline)
        .filter(|entry| entry.state == "succeeded")
        .map(|entry| entry.job.as_str())
        .collect();
    let is_done = |job| done.contains(&job);
    let database = if promotion.kept_database.is_some() {
        "put the database back"
    } else {
        "made sure that the database is as before"
    };
    let tidied = done.iter().any(|job| job.starts_with("cleanup.") || is_tidying(job));
    let old_version = match (is_done("swap.start_old"), is_done("health.check_old")) {
        (true, true) => Some("started the old version and checked it"),
        (true, false) => Some("started the old version"),
        (false, true) => Some("checked the old version"),
        (false, false) => None,
    };
    let said = [
        is_done("swap.stop_new").then_some("stopped the new version"),
        is_done("backup.restore").then_some(database),
        old_version,
        tidied.then_some("removed what had been prepared"),
    ];
    let said: Vec<&str> = said.into_iter().flatten().collect();
    (!said.is_empty()).then(|| said.join(" · "))
}

/// The undo that was given up, and why.
fn not_put_back(timeline: &[TimelineEntry]) -> Option<String> {
    let given_up = latest_undos(timeline).find(|entry| matches!(entry.state.as_str(), "failed" | "lost"))?;
    let goal = match given_up.job.as_str() {
        "swap.stop_new" => "stop the new version",
        "backup.restore" => "put the database back",
        "swap.start_old" => "start the old version",
        "health.check_old" => "see the old version answer as before",
        _ => "remove what had been prepared",
    };
    let times = if given_up.attempt == 1 { "once".to_owned() } else { format!("{} times", given_up.attempt) };
    let reason = given_up.reason.as_deref().map_or_else(String::new, |reason| format!(": {reason}"));
    Some(format!("could not {goal}, tried {times}{reason}"))
}

fn is_tidying(job: &str) -> bool {
    matches!(job, "swap.unprepare" | "backup.discard_partial")
}

/// The undo jobs, each with its latest try only.
fn latest_undos(timeline: &[TimelineEntry]) -> impl Iterator<Item = &TimelineEntry> {
    let is_latest = move |entry: &TimelineEntry| {
        !timeline.iter().any(|other| other.job == entry.job && other.attempt > entry.attempt)
    };
    timeline.iter().filter(move |entry| entry.direction == "undo" && is_latest(entry))
}
