//! Clocks that somebody sets by an hour, on every machine and on the database's, while promotions run.

use std::collections::BTreeSet;
use std::path::Path;

use ::servers::packages::{self, Need};
use serde_json::json;

use crate::faults::Shipment;
use crate::listener::Listener;
use crate::patience::eventually;
use crate::shop::{Place, Shop};
use crate::system::System;

/// Whether a run is between the begin of the stop and the end of the check that follows, on either way.
const CLOSED: &str = "select exists (select from runs where phase <> 'finished' and job in (
    'swap.stop_old', 'backup.snapshot', 'swap.start_new', 'health.check_new',
    'swap.stop_new', 'backup.restore', 'swap.start_old', 'swap.unprepare', 'cleanup.discard_image',
    'cleanup.discard_context', 'backup.discard_partial', 'health.check_old'))";

/// How far the clocks are set, in hours, one after the other.
const HOURS: [i32; 4] = [1, -1, 1, 0];

#[tokio::test(flavor = "multi_thread")]
async fn clocks_that_are_set_by_an_hour_change_no_outcome_and_no_figure() {
    packages::ensure(&[Need::FakeTime]).unwrap();
    let library = packages::fake_time().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let shown = folder.path().join("shown");
    set_machines(&shown, 0);
    let open = || Shop::open(Place::Processes, json!({}));
    let (good, bad) = tokio::join!(open(), open());
    let system = System::distributed(&[
        ("LD_PRELOAD", library.to_str().unwrap()),
        ("FAKETIME_TIMESTAMP_FILE", shown.to_str().unwrap()),
        ("FAKETIME_NO_CACHE", "1"),
        // Only what a person can set; a machine's uptime goes on.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ])
    .await;
    let good = Shipment::start(&system, &good, "good").await;
    let bad = Shipment::start(&system, &bad, "breaks-data").await;
    let mut listener = Listener::new(&system).await;
    system.approve(&good.promotion).await;
    system.approve(&bad.promotion).await;

    // First the machines, then the database's, and both in turn.
    for (number, hours) in HOURS.into_iter().enumerate() {
        listener.until("a few more events", 10 * number + 4, |_| true).await;
        set_machines(&shown, hours);
        listener.until("a few more events", 10 * number + 9, |_| true).await;
        set_database(&system, -hours).await;
    }
    // The programs saw it all.
    let logs = system.logs();
    assert!(logs.iter().any(|(_, log)| log.contains("the database's clock was set")));
    let hours = logs.iter().flat_map(|(_, log)| log.lines().filter_map(|line| line.get(..13)));
    let hours: BTreeSet<_> = hours.collect();
    assert!(hours.len() > 2, "{hours:?}");
    for shipment in [&good, &bad] {
        shipment.assert_ends_as_it_must(&system).await;
        let promotion = system.promotion(&shipment.promotion).await;
        let downtime = promotion.downtime_ms.unwrap();
        assert!((1..600_000).contains(&downtime), "the application was away for {downtime} ms");
        for entry in promotion.timeline {
            assert_eq!(entry.attempt, 1, "{entry:?}");
            assert!((0..600_000).contains(&entry.duration_ms.unwrap()), "{entry:?}");
        }
    }
}

fn set_machines(shown: &Path, hours: i32) {
    // In one move: a process may be reading it.
    let next = shown.with_extension("next");
    std::fs::write(&next, format!("{hours:+}h\n")).unwrap();
    std::fs::rename(next, shown).unwrap();
}

/// Not while a shop is closed: a length that is read in the half second before the supervisor has seen the jump is
/// wrong by it.
async fn set_database(system: &System, hours: i32) {
    let clock = format!(
        "create or replace function slipway_now() returns timestamptz language sql volatile
         as $$ select clock_timestamp() + interval '{hours} hours' $$"
    );
    let client = system.database.client().await;
    eventually("no shop is closed", async || {
        // Nothing begins or ends meanwhile.
        client.batch_execute("begin; lock table jobs in share row exclusive mode").await.unwrap();
        let closed = client.query_one(CLOSED, &[]).await.unwrap();
        let is_closed: bool = closed.get(0);
        let end = if is_closed { "rollback".to_owned() } else { format!("{clock}; commit") };
        client.batch_execute(&end).await.unwrap();
        (!is_closed).then_some(())
    })
    .await;
}
