//! `RabbitMQ` that fails in every way it can: no outcome changes, nothing is done twice, and every consumer comes back
//! by itself.

use std::time::Duration;

use ::servers::interrupt::Interrupt;
use ::servers::rabbitmq::RabbitMq;
use futures_util::future::join_all;
use protocol::http::Promotion;
use serde_json::json;
use tokio::task::block_in_place;
use tokio_util::sync::CancellationToken;
use transport::Queue;

use crate::faults::Shipment;
use crate::patience::eventually;
use crate::role::Role;
use crate::shop::{Place, Shop};
use crate::system::{ROLES, System};

/// Roles that consume nothing.
const DEAF: [&str; 1] = ["console"];

/// A memory alarm lasts this long in the test; whatever is buffered meanwhile would show.
const ALARM: Duration = Duration::from_secs(30);

/// More than a process may grow in a memory alarm.
const GROWTH_BYTES_MAX: u64 = 32 << 20;

/// A `RabbitMQ` of a test's own. Made before the system that uses it, so that it ends after it.
struct Node(RabbitMq);

impl Node {
    fn start() -> Self {
        block_in_place(|| {
            let mut rabbitmq = RabbitMq::start().unwrap();
            rabbitmq.wait_until_ready(&Interrupt::never()).unwrap();
            Self(rabbitmq)
        })
    }

    /// Has `rabbitmqctl` do something.
    fn order(&self, words: &[&str]) -> String {
        block_in_place(|| self.0.control(words)).unwrap()
    }

    async fn be_away_for(&mut self, time: Duration) {
        block_in_place(|| self.0.stop()).unwrap();
        tokio::time::sleep(time).await;
        block_in_place(|| {
            self.0.start_again().unwrap();
            self.0.wait_until_ready(&Interrupt::never()).unwrap();
        });
    }

    /// The same server for another user, or with another virtual host.
    fn url(&self, user: &str, password: &str, vhost: &str) -> String {
        let url = self.0.url();
        let (_, server) = url.rsplit_once('@').unwrap();
        let (server, _) = server.rsplit_once('/').unwrap();
        format!("amqp://{user}:{password}@{server}/{vhost}")
    }

    /// Waits until every queue of the system that should have a consumer has one, as the broker sees it.
    async fn until_consumed(&self, system: &System) {
        let prefix = system.broker_prefix();
        eventually("every queue has its consumer", async || {
            let listed = self.order(&["list_queues", "--quiet", "--no-table-headers", "name", "consumers"]);
            let ours: Vec<_> = listed.lines().filter(|line| line.starts_with(&prefix)).collect();
            let queues = ours.iter().filter_map(|line| line.split_once('\t'));
            let deaf: Vec<_> = queues
                .filter(|(name, consumers)| !name.ends_with("dead.intake") && consumers.trim() == "0")
                .collect();
            (!ours.is_empty() && deaf.is_empty()).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_restarts_and_is_away_for_5_seconds_changes_no_outcome() {
    while_away(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_restarts_and_is_away_for_a_minute_changes_no_outcome() {
    while_away(Duration::from_mins(1)).await;
}

async fn while_away(time: Duration) {
    let mut node = Node::start();
    let (good, bad) = two_shops().await;
    let system = System::distributed_over(&node.0.url(), &[]).await;
    let good = Shipment::start(&system, &good, "good").await;
    let bad = Shipment::start(&system, &bad, "breaks-data").await;
    for shipment in [&good, &bad] {
        system.approve(&shipment.promotion).await;
    }
    system.until(&good.promotion, "is under way", |it| it.summary.status == "deploying").await;
    let ((), ()) = tokio::join!(node.be_away_for(time), until_not_ready(&system));
    system.until_ready().await;
    node.until_consumed(&system).await;
    for shipment in [&good, &bad] {
        assert_ends_right(&system, shipment).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_connections_closed_channels_and_a_deleted_queue_change_no_outcome() {
    let node = Node::start();
    // A job in hand is a message without its ack: after a second of it, the broker closes the channel.
    node.order(&["eval", "application:set_env(rabbit, consumer_timeout, 1000)."]);
    node.order(&["eval", "application:set_env(rabbit, channel_tick_interval, 200)."]);
    let (good, bad) = two_shops().await;
    let slow = Shop::open(Place::Processes, json!({ "time_limit_seconds": 15 })).await;
    let url = node.0.url();
    let system = System::distributed_over(&url, &[]).await;
    let good = Shipment::start(&system, &good, "good").await;
    let bad = Shipment::start(&system, &bad, "breaks-data").await;
    for shipment in [&good, &bad] {
        system.approve(&shipment.promotion).await;
    }
    for _ in 0..3 {
        node.order(&["close_all_connections", "as the test says"]);
    }
    for shipment in [&good, &bad] {
        assert_ends_right(&system, shipment).await;
    }
    assert!(has_logged(&system, "swap", "CONNECTION_FORCED"), "its connection was not closed");

    let hanging = Shipment::start(&system, &slow, "hangs").await;
    system.approve(&hanging.promotion).await;
    assert_ends_right(&system, &hanging).await;
    assert!(has_logged(&system, "build", "PRECONDITION_FAILED"), "its channel was not closed");

    node.until_consumed(&system).await;
    let queue = format!("{}.jobs.build", system.broker_prefix());
    node.order(&["delete_queue", &queue]);
    eventually("the worker says so", async || has_logged(&system, "build", "NOT_FOUND").then_some(())).await;
    system.apply_topology(&url).await;
    node.until_consumed(&system).await;
    let another = Shop::open(Place::Processes, json!({})).await;
    let another = Shipment::start(&system, &another, "does-not-build").await;
    system.approve(&another.promotion).await;
    assert_ends_right(&system, &another).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_short_of_memory_shows_in_readiness_and_holds_work_back_without_harm() {
    let node = Node::start();
    let (good, bad) = two_shops().await;
    let system = System::distributed_over(&node.0.url(), &[]).await;
    let good = Shipment::start(&system, &good, "good").await;
    let bad = Shipment::start(&system, &bad, "breaks-data").await;
    let before = system.memory_bytes();
    node.order(&["set_vm_memory_high_watermark", "0"]);
    // Nobody publishes anything, and the console knows all the same.
    until_not_ready(&system).await;
    for shipment in [&good, &bad] {
        system.approve(&shipment.promotion).await;
    }
    // Not to wait for something: so long the alarm lasts.
    tokio::time::sleep(ALARM).await;
    assert_eq!(system.is_ready().await, Some(false));
    for ((role, before), (_, after)) in before.into_iter().zip(system.memory_bytes()) {
        assert!(after < before + GROWTH_BYTES_MAX, "{role} grew from {before} to {after} bytes");
    }
    for shipment in [&good, &bad] {
        assert!(
            system.promotion(&shipment.promotion).await.finished_at.is_none(),
            "nothing passes the alarm"
        );
    }

    node.order(&["set_vm_memory_high_watermark", "0.4"]);
    system.until_ready().await;
    for shipment in [&good, &bad] {
        assert_ends_right(&system, shipment).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_with_wrong_access_to_the_broker_ends_and_says_what_to_do() {
    let node = Node::start();
    node.order(&["add_vhost", "closed"]);
    // Rights to configure, to write and to read.
    for (user, rights) in [("deaf", ["", ".*", "^$"]), ("dumb", [".*", "^amq\\.", ".*"])] {
        let [configure, write, read] = rights;
        node.order(&["add_user", user, "secret"]);
        node.order(&["set_permissions", "--vhost", "/", user, configure, write, read]);
    }
    let system = System::idle_over(&node.0.url()).await;
    let cases = [
        (
            "password",
            node.url("deaf", "wrong", "%2f"),
            "does not accept the user or password in the broker URL; correct",
        ),
        (
            "vhost",
            node.url("deaf", "secret", "nowhere"),
            "has no virtual host \"nowhere\", or the user may not use it",
        ),
        (
            "closed",
            node.url("deaf", "secret", "closed"),
            "has no virtual host \"closed\", or the user may not use it",
        ),
        ("deaf", node.url("deaf", "secret", "%2f"), "does not let this process"),
        (
            "dumb",
            node.url("dumb", "secret", "%2f"),
            "does not let this process publish messages (ACCESS_REFUSED - access to exchange",
        ),
    ];
    for (case, url, sentence) in cases {
        let ending = ROLES.into_iter().filter(|role| case != "deaf" || !DEAF.contains(role));
        join_all(ending.map(|role| assert_refused(&system, role, case, &url, sentence))).await;
    }
}

async fn assert_refused(system: &System, role: &str, case: &str, url: &str, sentence: &str) {
    let prefix = system.broker_prefix();
    let settings = [
        ("SLIPWAY_AMQP_URL", url),
        ("SLIPWAY_BROKER_PREFIX", prefix.as_str()),
        ("SLIPWAY_CONSOLE_LISTEN", "127.0.0.1:0"),
    ];
    let mut command = system.command(&settings);
    command.args(["serve", role]);
    let mut process = Role::new(command, system.data_folder().with_file_name(format!("{role}-{case}.log")));
    process.start();
    let begun = std::time::Instant::now();
    let status = process.until_ended().await;
    println!("{role} with a wrong {case} ended after {:?}", begun.elapsed());
    let log = process.log();
    assert_eq!(status.code(), Some(1), "{role}, {case}: {log}");
    assert!(log.contains(sentence), "{role}, {case}: {log}");
    assert!(!log.contains("secret"), "{role}, {case}: {log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_comes_back_for_ever_fails_its_promotion_with_that_reason() {
    let shop = Shop::open(Place::Processes, json!({})).await;
    let mut system = System::distributed(&[]).await;
    let shipment = Shipment::start(&system, &shop, "good").await;
    assert!(system.end("build").await.success());
    let done = CancellationToken::new();
    let mut orders = system.broker().consume(&Queue::Jobs("build".into()), 1, done.clone());
    system.approve(&shipment.promotion).await;
    let give_back = async {
        while let Some(order) = orders.next().await {
            assert!(order.retry().await);
        }
    };
    let promotion = tokio::select! {
        () = give_back => panic!("the broker is there"),
        promotion = system.until_over(&shipment.promotion) => promotion,
    };
    done.cancel();
    assert_eq!(promotion.summary.status, "rolled_back");
    let reason = promotion.summary.reason.unwrap_or_default();
    assert!(reason.contains("could not be delivered after 11 tries"), "{reason}");
    assert_eq!(shop.serving().await.as_deref(), Some("base"));
}

async fn two_shops() -> (Shop, Shop) {
    let open = || Shop::open(Place::Processes, json!({}));
    tokio::join!(open(), open())
}

async fn until_not_ready(system: &System) {
    eventually("the console is not ready", async || (!system.is_ready().await?).then_some(())).await;
}

fn has_logged(system: &System, role: &str, words: &str) -> bool {
    system.logs().iter().any(|(name, log)| *name == role && log.contains(words))
}

/// It ends as it must whatever the broker does, and no job was taken twice.
async fn assert_ends_right(system: &System, shipment: &Shipment<'_>) {
    shipment.assert_ends_as_it_must(system).await;
    let promotion: Promotion = system.promotion(&shipment.promotion).await;
    for entry in &promotion.timeline {
        assert_eq!(entry.attempt, 1, "{entry:?}");
    }
}
