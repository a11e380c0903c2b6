//! Slipway's own journal: each run goes through the plan once, in order, and back in reverse order.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::Value;
use uuid::Uuid;

use super::{Findings, Wrong};
use crate::world::World;

/// The plan, with what undoes each job, as it is promised.
const PLAN: [(&str, Option<&str>); 12] = [
    ("scheduler.validate", None),
    ("scheduler.check_window", None),
    ("backup.dump", Some("backup.discard_partial")),
    ("build.extract", Some("cleanup.discard_context")),
    ("build.image", Some("cleanup.discard_image")),
    ("swap.prepare", Some("swap.unprepare")),
    ("swap.stop_old", Some("swap.start_old")),
    ("backup.snapshot", Some("backup.restore")),
    ("swap.start_new", Some("swap.stop_new")),
    ("health.check_new", None),
    ("scheduler.record", None),
    ("cleanup.finish", None),
];
/// Ends every unwinding.
const LAST_LOOK: &str = "health.check_old";

struct Journal {
    promotion: String,
    outcome: Option<String>,
    version: i64,
    /// The events that counted, oldest first.
    events: Vec<Value>,
}

pub(super) async fn check(findings: &mut Findings, world: &World) -> Result<()> {
    for journal in read(world).await?.values() {
        check_one(findings, journal);
    }
    nothing_is_left(findings, world).await?;
    runs_do_not_overlap(findings, world).await?;
    each_job_succeeds_once(findings, world).await
}

async fn read(world: &World) -> Result<BTreeMap<Uuid, Journal>> {
    let mut journals = BTreeMap::new();
    for row in world
        .records
        .rows("select id, promotion, outcome, version from runs where plan = 'promotion'", &[])
        .await?
    {
        let journal =
            Journal { promotion: row.get(1), outcome: row.get(2), version: row.get(3), events: Vec::new() };
        journals.insert(row.get(0), journal);
    }
    let events = "select run, event from run_events where ignored is null order by run, sequence";
    for row in world.records.rows(events, &[]).await? {
        if let Some(journal) = journals.get_mut(&row.get(0)) {
            journal.events.push(row.get(1));
        }
    }
    Ok(journals)
}

fn check_one(findings: &mut Findings, journal: &Journal) {
    let id = &journal.promotion;
    let counted = i64::try_from(journal.events.len()).unwrap_or(i64::MAX);
    findings.expect(counted == journal.version, Wrong::Untruthful, || {
        format!("{id}: {counted} events, but the run counts {}", journal.version)
    });
    let jobs_of = |kind: &str| -> Vec<&str> {
        journal
            .events
            .iter()
            .filter(|event| event["kind"] == kind)
            .filter_map(|it| it["job"].as_str())
            .collect()
    };
    let succeeded = jobs_of("succeeded");
    let is_forward = |job: &&str| PLAN.iter().any(|(forward, _)| forward == job);
    let forward: Vec<&str> = succeeded.iter().copied().filter(is_forward).collect();
    let undone: Vec<&str> = succeeded.iter().copied().filter(|job| !is_forward(job)).collect();
    let planned: Vec<&str> = PLAN.iter().map(|(job, _)| *job).take(forward.len()).collect();
    findings.expect(forward == planned, Wrong::Untruthful, || format!("{id}: went through {forward:?}"));

    // Everything that may have begun is undone: the last forward job that any event names, included.
    let named = journal.events.iter().filter_map(|event| event["job"].as_str());
    let furthest = named.filter_map(|job| PLAN.iter().position(|(forward, _)| *forward == job)).max();
    let furthest = furthest.map(|furthest| furthest.max(forward.len()).min(PLAN.len() - 1));
    let exact = |furthest: usize| -> Vec<&str> {
        let undo = PLAN[..=furthest].iter().rev().filter_map(|(_, undo)| *undo);
        let mut undo: Vec<_> = undo.collect();
        if !undo.is_empty() {
            undo.push(LAST_LOOK);
        }
        undo
    };
    let recorded = forward.contains(&"scheduler.record");
    let is_right = match journal.outcome.as_deref() {
        Some("deployed") => recorded && undone.is_empty(),
        // A run that is stopped between two jobs is undone from the job that was next, or the one before.
        Some("rolled_back") => {
            let from = furthest.unwrap_or(0);
            let shorter = exact(from.saturating_sub(1));
            !recorded && (undone == exact(from) || (forward.len() == from && undone == shorter))
        }
        Some("refused") => !recorded && undone.is_empty() && forward.len() <= 2,
        Some("given_up") => !recorded && exact(furthest.unwrap_or(0)).starts_with(&undone),
        Some(_) => false,
        None => true,
    };
    findings.expect(is_right, Wrong::Untruthful, || {
        format!("{id}: {:?} after {forward:?} and {undone:?}", journal.outcome)
    });
}

async fn nothing_is_left(findings: &mut Findings, world: &World) -> Result<()> {
    for (what, query) in [
        (
            "open tries of finished runs",
            "select count(*) from jobs j join runs r on r.id = j.run
          where j.state in ('held', 'queued', 'running') and r.phase = 'finished'",
        ),
        (
            "leases that nobody holds",
            "select count(*) from jobs
          where state = 'running' and lease_until < clock_timestamp() - interval '10 seconds'",
        ),
        ("messages that were not sent", "select count(*) from outbox"),
    ] {
        let count: i64 = world.records.rows(query, &[]).await?[0].get(0);
        findings.expect(count == 0, Wrong::Stuck, || format!("{count} {what}"));
    }
    Ok(())
}

async fn runs_do_not_overlap(findings: &mut Findings, world: &World) -> Result<()> {
    let query = "select a.promotion, b.promotion from runs a join runs b
                 on a.installation = b.installation and a.id <> b.id and a.plan = 'promotion' and b.plan = 'promotion'
                 and (a.created_at, a.id) < (b.created_at, b.id) and b.created_at < coalesce(a.finished_at, 'infinity')";
    let overlaps = world.records.rows(query, &[]).await?;
    findings.compared += 1;
    for row in overlaps {
        let (one, other): (String, String) = (row.get(0), row.get(1));
        findings.wrong.push((Wrong::Doubled, format!("{one} and {other} ran at once")));
    }
    Ok(())
}

async fn each_job_succeeds_once(findings: &mut Findings, world: &World) -> Result<()> {
    let query = "select r.promotion, j.job, count(*) from jobs j join runs r on r.id = j.run
                 where j.state = 'succeeded' and j.direction = 'forward'
                 group by r.id, r.promotion, j.job having count(*) > 1";
    findings.compared += 1;
    for row in world.records.rows(query, &[]).await? {
        let (promotion, job, count): (String, String, i64) = (row.get(0), row.get(1), row.get(2));
        findings.wrong.push((Wrong::Doubled, format!("{promotion}: {job} succeeded {count} times")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The run's history, given what succeeded and what failed last on the way forward.
    fn journal(outcome: &str, forward: usize, failed: Option<&str>, undone: &[&str]) -> Journal {
        let event = |kind: &str, job: &str| json!({ "kind": kind, "job": job, "attempt": 1 });
        let mut events: Vec<Value> = PLAN[..forward].iter().map(|(job, _)| event("succeeded", job)).collect();
        events.extend(failed.map(|job| event("failed", job)));
        events.extend(undone.iter().map(|job| event("succeeded", job)));
        let version = i64::try_from(events.len()).unwrap();
        Journal { promotion: "CP-0".to_owned(), outcome: Some(outcome.to_owned()), version, events }
    }

    #[test]
    fn a_run_that_did_not_go_through_the_plan_and_back_is_found() {
        let all = [
            "backup.restore",
            "swap.start_old",
            "swap.unprepare",
            "cleanup.discard_image",
            "cleanup.discard_context",
            "backup.discard_partial",
            LAST_LOOK,
        ];
        let mut swapped = all;
        swapped.swap(0, 1);
        for (journal, is_right) in [
            (journal("deployed", 12, None, &[]), true),
            (journal("deployed", 10, None, &[]), false),
            (journal("refused", 1, Some("scheduler.check_window"), &[]), true),
            (journal("refused", 3, None, &[]), false),
            (journal("rolled_back", 7, Some("backup.snapshot"), &all), true),
            (journal("rolled_back", 7, Some("backup.snapshot"), &swapped), false),
            (journal("rolled_back", 7, Some("backup.snapshot"), &all[..6]), false),
            (journal("rolled_back", 7, Some("backup.snapshot"), &all[2..]), false),
            (journal("rolled_back", 11, None, &all), false),
            (journal("given_up", 7, Some("backup.snapshot"), &all[..2]), true),
            (journal("given_up", 7, Some("backup.snapshot"), &swapped[..2]), false),
            (Journal { version: 1, ..journal("deployed", 12, None, &[]) }, false),
        ] {
            let mut findings = Findings::default();
            check_one(&mut findings, &journal);
            assert_eq!(findings.is_empty(), is_right, "{:?} {:?}", journal.outcome, journal.events);
        }
    }
}
