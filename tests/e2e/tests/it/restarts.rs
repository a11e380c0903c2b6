//! Processes that are asked to end and started again, all the time: no promotion fails of it.

use std::cell::Cell;
use std::process::Command;
use std::time::Duration;

use futures_util::future::join_all;
use protocol::http::TimelineEntry;
use serde_json::json;
use tokio::time::sleep;

use crate::faults::{Shipment, random};
use crate::role::Role;
use crate::servers;
use crate::shop::{Place, Shop, free_port};
use crate::system::{ROLES, System};

/// How often each process is restarted at least.
const ROUNDS: usize = 2;

/// What is shipped to each shop, one after the other: only the last one stays.
const FEATURES: [[&str; 2]; 4] = [
    ["does-not-build", "good"],
    ["exits-at-start", "good"],
    ["never-healthy", "good"],
    ["breaks-data", "good"],
];

/// How often some process is restarted that has hardly any time to finish.
const RESTARTS: u32 = 60;

/// Two processes of each role take turns, as an upgrade does it.
#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_fails_no_promotion() {
    let shops = join_all(FEATURES.map(|_| Shop::open(Place::Processes, json!({})))).await;
    let system = System::distributed_twice(&[]).await;
    let shipments = join_all(shops.iter().zip(FEATURES).map(async |(shop, features)| {
        let mut shipments = Vec::new();
        for feature in features {
            shipments.push(Shipment::start(&system, shop, feature).await);
        }
        shipments
    }))
    .await;
    let (is_over, rounds) = (Cell::new(false), Cell::new(0));
    let shipping = async {
        join_all(shipments.iter().map(async |shipments| {
            for shipment in shipments {
                promote(&system, shipment).await;
            }
        }))
        .await;
        println!("all promotions are over in round {}", rounds.get() + 1);
        is_over.set(true);
    };
    let rolling = async {
        while rounds.get() < ROUNDS || !is_over.get() {
            for name in system.names() {
                system.restart(name).await;
            }
            rounds.set(rounds.get() + 1);
            println!("round {} is done", rounds.get());
        }
    };
    tokio::join!(shipping, rolling);
    for shipment in shipments.iter().flatten() {
        let released = tries(&system, shipment, "released").await;
        assert!(released.is_empty(), "all end within the grace period: {released:?}");
    }
}

/// One process of each role, and hardly any time to finish what it has in hand.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_must_end_at_any_moment_hands_its_job_back_without_a_strike() {
    let open = || Shop::open(Place::Processes, json!({}));
    let (good, bad) = tokio::join!(open(), open());
    let system = System::distributed(&[("SLIPWAY_GRACE_SECONDS", "1")]).await;
    // Their builds take longer than the grace period: handed back for sure when the worker must end meanwhile.
    let shipments = [
        Shipment::start_slow(&system, &good, "good", 3).await,
        Shipment::start_slow(&system, &bad, "breaks-data", 3).await,
    ];
    let mut random = random();
    let shipping = join_all(shipments.iter().map(|shipment| promote(&system, shipment)));
    let restarting = async {
        let is_building = |entry: &TimelineEntry| entry.job == "build.image" && entry.state == "running";
        let first = &shipments[0].promotion;
        system.until(first, "is being built", |it| it.timeline.iter().any(is_building)).await;
        system.restart("build").await;
        for _ in 0..RESTARTS {
            let name = ROLES[usize::try_from(random.below(ROLES.len() as u64)).unwrap()];
            // Not to wait for something, but to come at any moment.
            sleep(Duration::from_millis(random.below(300))).await;
            system.restart(name).await;
        }
    };
    tokio::join!(shipping, restarting);
    let released = tries(&system, &shipments[0], "released").await;
    assert!(released.contains(&"build.image".into()), "{released:?}");
    println!("handed back: {released:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_still_waits_for_its_database_ends_when_it_is_asked_to() {
    let folder = tempfile::Builder::new().prefix("slipway-e2e-").tempdir().unwrap();
    let mut command = Command::new(servers::slipway());
    let nobody = format!("postgres://nobody@127.0.0.1:{}/nothing", free_port());
    command.args(["serve", "all"]).env("SLIPWAY_DATABASE_URL", nobody);
    let mut role = Role::new(command, folder.path().join("all.log"));
    role.start();
    role.until_awake().await;
    let status = role.end().await;
    assert!(status.success(), "it ended with {status}: {}", role.log());
}

/// Approves the promotion and stays until it has ended as it must, whoever was restarted meanwhile.
async fn promote(system: &System, shipment: &Shipment<'_>) {
    shipment.approve(system).await;
    shipment.assert_ends_as_it_must(system).await;
    assert_eq!(tries(system, shipment, "lost").await, Vec::<String>::new(), "nobody's lease ended");
    let wanted: &[&str] =
        if shipment.outcome.status == "deployed" { &[] } else { &[shipment.outcome.reaches] };
    assert_eq!(tries(system, shipment, "failed").await, wanted, "nothing failed but the feature");
}

/// The jobs of which a try ended like this.
async fn tries(system: &System, shipment: &Shipment<'_>, state: &str) -> Vec<String> {
    let promotion = system.until_over(&shipment.promotion).await;
    let tries = promotion.timeline.into_iter().filter(|entry| entry.state == state);
    tries.map(|entry| entry.job).collect()
}
