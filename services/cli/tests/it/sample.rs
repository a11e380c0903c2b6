//! Promotions and their events, as the console tells them.

use protocol::http::{Backup, Promotion, PromotionSummary, TimelineEntry};
use protocol::{Kind, ProgressEvent};

pub(crate) const ID: &str = "CP-0000A1B2";

/// A promotion of this status, without a run.
pub(crate) fn promotion(status: &str, title: &str) -> Promotion {
    Promotion {
        summary: PromotionSummary {
            id: ID.to_owned(),
            build: "FB-0123ABCD".to_owned(),
            title: "Loyalty points".to_owned(),
            installation: "shop".to_owned(),
            status: status.to_owned(),
            status_title: title.to_owned(),
            reason: None,
            opens_at: None,
            queue_position: None,
            created_at: "2026-11-24T21:58:00Z".parse().unwrap(),
        },
        change_request: "RFC-2026-0000BEEF".to_owned(),
        change_type: "normal".to_owned(),
        risk: "low".to_owned(),
        requested_by: "ada@example.com".to_owned(),
        change_reason: None,
        rolls_back_to: None,
        restore_from: None,
        approved_by: None,
        approved_plan: None,
        approval_ends_at: None,
        change_set: None,
        started_at: None,
        finished_at: None,
        timeline: Vec::new(),
        shipping: Vec::new(),
        question: None,
        assessment: None,
        gates: Vec::new(),
        pull_request: None,
        downtime_ms: None,
        backup: None,
        kept_database: None,
        to_do: Vec::new(),
        data_note: None,
        window_note: None,
        image: None,
    }
}

/// A promotion of this status whose run is over.
pub(crate) fn ended(status: &str, title: &str, reason: Option<&str>) -> Promotion {
    let mut ended = promotion(status, title);
    ended.summary.reason = reason.map(str::to_owned);
    ended.approved_by = Some("grace@example.com".to_owned());
    ended.started_at = Some("2026-11-24T22:00:00Z".parse().unwrap());
    ended.finished_at = Some("2026-11-24T22:01:12Z".parse().unwrap());
    ended
}

pub(crate) fn backup() -> Backup {
    Backup {
        path: "/var/backups/pre-promote-FB-0123ABCD-20261124220003.dump".to_owned(),
        size_bytes: 4_289_000,
        sha256: "ab".repeat(32),
        server_version: "15.8".to_owned(),
        restore_instructions: "createdb shop_restored\npg_restore -d shop_restored FILE\n".to_owned(),
        not_covered: Some("Only the database shop is in it.".to_owned()),
    }
}

/// One try of one job; `undo.` before its name tells its direction.
pub(crate) fn entry(job: &str, attempt: u32, state: &str) -> TimelineEntry {
    let (direction, job) = job.strip_prefix("undo.").map_or(("forward", job), |job| ("undo", job));
    TimelineEntry {
        step: 7,
        step_title: "Stop old version".to_owned(),
        job: job.to_owned(),
        direction: direction.to_owned(),
        attempt,
        state: state.to_owned(),
        started_at: None,
        duration_ms: Some(1260),
        reason: (state == "failed").then(|| "The disk is full.".to_owned()),
    }
}

/// An event of a step, so many tenths of a second after the start.
pub(crate) fn step(sequence: i64, tenths: i64, kind: Kind, step: u8, message: &str) -> ProgressEvent {
    let titles = ["Validate", "Window check", "Database backup", "Source extraction", "Image build"];
    let title = titles.get(usize::from(step) - 1).unwrap_or(&"Health check");
    ProgressEvent {
        step: Some(step),
        step_title: Some((*title).to_owned()),
        ..event(sequence, tenths, kind, message)
    }
}

/// An event of the promotion as a whole.
pub(crate) fn event(sequence: i64, tenths: i64, kind: Kind, message: &str) -> ProgressEvent {
    ProgressEvent {
        sequence,
        at: jiff::Timestamp::from_millisecond(1_795_557_600_000 + 100 * tenths).unwrap(),
        kind,
        promotion: ID.to_owned(),
        build: "FB-0123ABCD".to_owned(),
        installation: "shop".to_owned(),
        step: None,
        step_title: None,
        plan: "promotion".to_owned(),
        steps_total: 11,
        message: message.to_owned(),
    }
}

/// A whole run that goes well, numbered from 1.
pub(crate) fn good_run() -> Vec<ProgressEvent> {
    vec![
        event(1, 0, Kind::Created, "Loyalty points waits for approval."),
        event(2, 10, Kind::Approved, "Approved by Grace."),
        step(3, 11, Kind::StepStarted, 1, "Making sure that it may run."),
        step(4, 14, Kind::StepFinished, 1, "It may run."),
        step(5, 14, Kind::StepStarted, 3, "Saving the database."),
        step(6, 26, Kind::StepFinished, 3, "Saved 4.2 MB."),
        event(7, 30, Kind::Deployed, "Loyalty points serves."),
        event(8, 40, Kind::CleanedUp, "Nothing is left behind."),
    ]
}
