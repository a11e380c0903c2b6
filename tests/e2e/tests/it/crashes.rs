//! Each role dies at each crash point, once at each job: nothing is lost, stuck or done twice.

use std::collections::BTreeSet;
use std::time::Duration;

use protocol::Kind;
use protocol::http::TimelineEntry;
use serde_json::json;
use tokio::time::{Instant, sleep};
use transport::{Exchange, Message};

use crate::faults::{SHORT_LEASE, Shipment};
use crate::outcome::Outcome;
use crate::progress::stream;
use crate::shop::{Place, Shop};
use crate::system::{System, names_in};

/// One that is deployed and one that is undone from the last job before the record: all jobs there are.
const FEATURES: [&str; 2] = ["good", "breaks-data"];

/// What comes before the approval.
const SHIP: [&str; 7] = [
    "ship.seal",
    "scheduler.register",
    "scheduler.epic",
    "ship.assess",
    "ship.gates",
    "ship.propose",
    "scheduler.deploy",
];

/// How often somebody looks whether a role has died, and how often workers are nudged.
const LOOK_EVERY: Duration = Duration::from_millis(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_role_may_die_between_claim_and_work() {
    at_each_job("after_lease").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_may_die_between_work_and_report() {
    at_each_job("after_effect").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_may_die_between_report_and_acknowledgement() {
    at_each_job("after_commit_before_ack").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_may_die_between_publishing_and_noting_it() {
    at_each_job("after_publish_before_mark").await;
}

/// Leases are renewed whenever workers are nudged, so also in the midst of jobs that take less than a
/// third of a lease. The shortest ones are held up when they are done, until a nudge has come.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_may_die_at_a_renewal() {
    at_each_job("in_heartbeat").await;
}

async fn at_each_job(point: &str) {
    let open = || Shop::open(Place::Processes, json!({}));
    let (good, bad) = tokio::join!(open(), open());
    let marks = tempfile::Builder::new().prefix("slipway-e2e-marks-").tempdir().unwrap();
    let mut points = format!("{point}=return({})", marks.path().display());
    if point == "in_heartbeat" {
        points.push_str(";after_effect=sleep(100)");
    }
    let system = System::distributed(&[SHORT_LEASE, ("FAILPOINTS", &points)]).await;
    let begin = Instant::now();
    let work = async {
        let shipments = [
            Shipment::start(&system, &good, FEATURES[0]).await,
            Shipment::start(&system, &bad, FEATURES[1]).await,
        ];
        // One after the other: who dies takes along what else is in hand, and three such strikes end a promotion.
        for shipment in &shipments {
            shipment.approve(&system).await;
            system.until_over(&shipment.promotion).await;
            shipment.assert_ends_as_it_must(&system).await;
        }
        until_marked(point, &marks).await;
        for shipment in &shipments {
            assert_nothing_was_done_twice(&system, shipment).await;
        }
    };
    let deaths = if point == "in_heartbeat" {
        tokio::select! {
            deaths = reviving(&system, work) => deaths,
            () = nudge(&system) => unreachable!("it never ends"),
        }
    } else {
        reviving(&system, work).await
    };
    println!("{point}: {deaths} deaths in {:?}: {:?}", begin.elapsed(), names_in(marks.path()));
}

/// Starts whatever dies again until the work is done; answers how often something died.
async fn reviving(system: &System, work: impl Future<Output = ()>) -> usize {
    tokio::pin!(work);
    let mut deaths = 0;
    loop {
        tokio::select! {
            () = &mut work => return deaths,
            () = sleep(LOOK_EVERY) => deaths += system.revive(),
        }
    }
}

/// Makes every worker look at its leases, again and again.
async fn nudge(system: &System) {
    loop {
        let nudge = Message {
            id: uuid::Uuid::new_v4(),
            exchange: Exchange::Control,
            routing_key: "stop".into(),
            body: b"{}".to_vec(),
            content_type: "application/json".into(),
            traceparent: None,
        };
        for published in system.broker().publish(vec![nudge]).await {
            published.unwrap();
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Waits until some role has died at each job there is.
async fn until_marked(point: &str, marks: &tempfile::TempDir) {
    let jobs = FEATURES.iter().flat_map(|feature| Outcome::of(feature).jobs()).chain(SHIP);
    let jobs: BTreeSet<_> = jobs.collect();
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let marked: Vec<_> = names_in(marks.path());
        let is_marked = |job: &&str| marked.contains(&format!("{point}.{job}"));
        let missing: Vec<_> = jobs.iter().filter(|job| !is_marked(job)).collect();
        if missing.is_empty() {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "nobody died {point} of {missing:?}; was the program built with the feature `failpoints`?"
        );
        sleep(LOOK_EVERY).await;
    }
}

/// Whether the worker died of it, or dropped it because a busy machine let its short lease run out.
fn was_cut_short(entry: &TimelineEntry) -> bool {
    let reason = entry.reason.as_deref().unwrap_or_default();
    entry.state == "lost" || (entry.state == "failed" && reason.starts_with("The worker lost touch"))
}

/// Each job succeeded once; only what died is in between, and every other end is the wanted one.
async fn assert_nothing_was_done_twice(system: &System, shipment: &Shipment<'_>) {
    let promotion = system.promotion(&shipment.promotion).await;
    let feature = shipment.outcome.feature;
    for job in shipment.outcome.jobs() {
        let tries: Vec<_> = promotion.timeline.iter().filter(|entry| entry.job == job).collect();
        let is_the_fault = shipment.outcome.status == "rolled_back" && job == shipment.outcome.reaches;
        let end = if is_the_fault { "failed" } else { "succeeded" };
        let (last, before) = tries.split_last().unwrap();
        assert_eq!(last.state, end, "{feature}: {tries:#?}");
        assert!(before.iter().all(|entry| was_cut_short(entry)), "{feature}: {tries:#?}");
    }
    let told = stream(system, &shipment.promotion, 0, usize::MAX).await;
    let ends: Vec<_> = told.iter().filter(|event| event.kind.is_last()).collect();
    assert_eq!(ends.len(), 1, "{feature}: {ends:?}");
    if shipment.outcome.status == "deployed" {
        for (plan, total) in [("ship", 6), ("promotion", 11)] {
            let finished = told.iter().filter(|it| it.kind == Kind::StepFinished && it.plan == plan);
            let finished: Vec<_> = finished.filter_map(|event| event.step).collect();
            assert_eq!(finished, (1..=total).collect::<Vec<u8>>(), "{feature}: each step is finished once");
        }
    }
}
