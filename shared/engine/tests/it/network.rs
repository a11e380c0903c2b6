//! A worker whose way to the records breaks, for longer than a lease.

use domain::run::Outcome;
use domain::{Job, Worker};
use futures_util::future::join_all;
use scratch::{Database, Network, Proxy, with_database};

use crate::world::{Act, Workers, World};

/// Long enough to see that something happens before its last fifth.
const LEASE_SECONDS: u64 = 5;

const BACKUP: &[Worker] = &[Worker::Backup];

/// Everybody but the one who is cut off.
const OTHERS: &[Worker] = &[Worker::Scheduler, Worker::Build, Worker::Swap, Worker::Health, Worker::Cleanup];

const LEASE_LASTS: &str =
    "select (lease_until > slipway_now())::text from jobs where job = 'backup.dump' and attempt = 1";

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_cut_off_lets_go_in_time_and_another_one_does_the_job() {
    let networks = [Network::Cut, Network::Stalled, Network::Swallowing];
    join_all(networks.map(|network| with_database(async move |database| cut_off(database, network).await)))
        .await;
}

async fn cut_off(database: &Database, network: Network) {
    let mut home = World::idle(database, Workers::default()).await.with_lease(LEASE_SECONDS);
    let (proxy, url) = Proxy::before(&database.url()).await;
    let hangs = Workers::default().on(Job::Dump, 1, Act::Hang);
    let far = home.workers_at(&url, BACKUP, hangs).await;
    home.start_workers_of(OTHERS);
    home.start_relay();
    home.start_supervisor();
    let (_, run) = home.started(1).await;
    far.until_begun(Job::Dump, 1).await;

    proxy.set(network);
    let near = home.workers_at(&database.url(), BACKUP, Workers::default()).await;
    let lasts = home
        .eventually("the cut-off worker lets go", async || {
            if far.workers.dropped().is_empty() { None } else { Some(database.text(LEASE_LASTS).await) }
        })
        .await;
    assert_eq!(lasts, "true", "{network:?}: it stops before its lease is over");
    assert_eq!(home.outcome(run).await, Outcome::Deployed { warning: None }, "{network:?}");
    assert_eq!(near.workers.begun(), [(Job::Dump, 2), (Job::Snapshot, 1)], "{network:?}");

    proxy.set(Network::Whole);
    let evidence = "select ignored from run_events where event ->> 'kind' = 'failed'";
    home.eventually("its late report is on record", async || database.texts(evidence).await.pop()).await;
    // Nobody else is there to do it now.
    near.end().await;
    far.workers.forget_script();
    let (_, run) = home.started(2).await;
    assert_eq!(home.outcome(run).await, Outcome::Deployed { warning: None }, "{network:?}");
    assert_eq!(far.workers.begun(), [(Job::Dump, 1), (Job::Dump, 1), (Job::Snapshot, 1)], "{network:?}");
    far.end().await;
    home.end().await;
}
