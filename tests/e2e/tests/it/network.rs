//! A worker whose network breaks, for longer than a lease: its way to the records, or to the broker.

use std::path::{Path, PathBuf};
use std::time::Duration;

use protocol::http::TimelineEntry;
use scratch::{Network, Proxy};
use serde_json::json;

use crate::faults::Shipment;
use crate::patience::eventually;
use crate::role::Role;
use crate::servers;
use crate::shop::{Place, Shop, free_port};
use crate::system::System;

/// How the network can break.
const NETWORKS: [Network; 2] = [Network::Cut, Network::Swallowing];

/// A fifth of it is long enough to see what a machine under load does in it.
const LEASE: (&str, &str) = ("SLIPWAY_LEASE_SECONDS", "5");

/// Longer than two leases.
const BUILD_SECONDS: u64 = 11;

const JOB: &str = "build.image";

/// Two shops for every way in which the network can break.
async fn two_shops_each() -> Vec<(Network, Shop, Shop)> {
    let mut shops = Vec::new();
    for network in NETWORKS {
        let open = || Shop::open(Place::Processes, json!({}));
        shops.push((network, open().await, open().await));
    }
    shops
}

/// A system whose build worker is not there: a test puts its own in between.
async fn without_builder() -> System {
    let mut system = System::distributed(&[LEASE]).await;
    assert!(system.end("build").await.success());
    system
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_cut_off_from_the_records_stops_in_time_and_another_one_does_its_job() {
    let shops = two_shops_each().await;
    let mut system = without_builder().await;
    for (network, shop, next) in &shops {
        let (proxy, url) = Proxy::before(&system.database.url()).await;
        let mut far = another(&system, "build", &[("SLIPWAY_DATABASE_URL", &url)]);
        let shipment = Shipment::start_slow(&system, shop, "good", BUILD_SECONDS).await;
        system.approve(&shipment.promotion).await;
        let build = until_building(shop).await;

        proxy.set(*network);
        system.start("build");
        eventually("the build is ended", async || (!is_there(build)).then_some(())).await;
        let lasts = "select count(*) from jobs where job = 'build.image' and attempt = 1
                     and state = 'running' and lease_until > slipway_now() and run in (
                         select id from runs where phase <> 'finished')";
        assert_eq!(system.database.number(lasts).await, 1, "{network:?}: it ends before the lease");
        shipment.assert_ends_as_it_must(&system).await;
        let tries = tries(&system, &shipment).await;
        assert_eq!(tries.len(), 2, "{network:?}: {tries:?}");
        assert_eq!((tries[0].state.as_str(), tries[1].state.as_str()), ("lost", "succeeded"), "{network:?}");

        proxy.set(Network::Whole);
        let evidence = format!(
            "select count(*) from run_events where ignored is not null and event ->> 'kind' = 'failed'
             and run in (select id from runs where promotion = '{}')",
            shipment.promotion
        );
        eventually("its late report is kept as evidence", async || {
            (system.database.number(&evidence).await > 0).then_some(())
        })
        .await;
        assert!(system.end("build").await.success());
        // Nobody else is left to do it.
        let shipment = Shipment::start(&system, next, "good").await;
        system.approve(&shipment.promotion).await;
        shipment.assert_ends_as_it_must(&system).await;
        assert!(far.end().await.success(), "{network:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_cut_off_from_the_broker_finishes_its_job_and_comes_back() {
    let shops = two_shops_each().await;
    let system = without_builder().await;
    for (network, shop, next) in &shops {
        let (proxy, url) = Proxy::before(&servers::amqp()).await;
        let mut far = another(&system, "build", &[("SLIPWAY_AMQP_URL", &url)]);
        let shipment = Shipment::start_slow(&system, shop, "good", BUILD_SECONDS).await;
        system.approve(&shipment.promotion).await;
        until_building(shop).await;

        proxy.set(*network);
        shipment.assert_ends_as_it_must(&system).await;
        for entry in system.promotion(&shipment.promotion).await.timeline {
            assert_eq!((entry.state.as_str(), entry.attempt), ("succeeded", 1), "{network:?}: {entry:?}");
        }

        proxy.set(Network::Whole);
        let shipment = Shipment::start(&system, next, "good").await;
        system.approve(&shipment.promotion).await;
        shipment.assert_ends_as_it_must(&system).await;
        assert!(far.end().await.success(), "{network:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_cut_off_from_the_records_says_so_and_comes_back() {
    let system = System::distributed(&[]).await;
    for network in NETWORKS {
        let (proxy, url) = Proxy::before(&system.database.url()).await;
        let listen = format!("127.0.0.1:{}", free_port());
        let settings = [("SLIPWAY_DATABASE_URL", url.as_str()), ("SLIPWAY_CONSOLE_LISTEN", listen.as_str())];
        let mut console = another(&system, "console", &settings);
        // Whoever gives up after half a minute gets no answer, and this test fails.
        let client = reqwest::Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
        let ask =
            async |path: &str| Some(client.get(format!("http://{listen}{path}")).send().await.ok()?.status());
        let until_well = async || {
            eventually("it answers", async || (ask("/api/v1/promotions").await? == 200).then_some(())).await;
        };
        until_well().await;

        proxy.set(network);
        for path in ["/api/v1/promotions", "/api/v1/installations/none", "/readyz", "/api/v1/ships/none"] {
            assert_eq!(ask(path).await.map(|status| status.as_u16()), Some(503), "{network:?}: {path}");
        }
        assert_eq!(ask("/healthz").await.map(|status| status.as_u16()), Some(200), "{network:?}");

        proxy.set(Network::Whole);
        until_well().await;
        assert!(console.end().await.success(), "{network:?}");
    }
}

/// One more process of a role, with settings of its own.
fn another(system: &System, role: &str, settings: &[(&str, &str)]) -> Role {
    let prefix = system.database.name().replace('_', "-");
    let amqp = servers::amqp();
    let usual = [("SLIPWAY_AMQP_URL", amqp.as_str()), ("SLIPWAY_BROKER_PREFIX", prefix.as_str()), LEASE];
    let mut command = system.command(&[&usual, settings].concat());
    command.args(["serve", role]);
    let mut role = Role::new(command, system.data_folder().with_file_name(format!("far-{role}.log")));
    role.start();
    role
}

async fn tries(system: &System, shipment: &Shipment<'_>) -> Vec<TimelineEntry> {
    let timeline = system.promotion(&shipment.promotion).await.timeline;
    timeline.into_iter().filter(|entry| entry.job == JOB).collect()
}

/// Waits until the shop's new version is being built; answers with the process that does it.
async fn until_building(shop: &Shop) -> u32 {
    let folder = shop.application_folder();
    eventually("it is being built", async || processes_in(&folder.join("releases"), "build").pop()).await
}

/// The processes whose folder is inside this one and whose command line holds the word.
fn processes_in(folder: &Path, word: &str) -> Vec<u32> {
    let ids = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let entry = entry.unwrap();
        let id = entry.file_name().to_str()?.parse().ok()?;
        let inside: PathBuf = std::fs::read_link(entry.path().join("cwd")).ok()?;
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        let holds = line.split(|byte| *byte == 0).any(|it| it == word.as_bytes());
        (inside.starts_with(folder) && holds).then_some(id)
    });
    ids.collect()
}

/// Whether the process still runs; one that has ended and was not yet waited for does not.
fn is_there(id: u32) -> bool {
    std::fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|line| !line.is_empty())
}
