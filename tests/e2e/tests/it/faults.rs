//! Processes that die or leave at any moment, and messages that get lost, change no outcome.

use std::time::Duration;

use adapters::database::Fingerprint;
use futures_util::future::join_all;
use protocol::http::Promotion;
use scratch::Random;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use transport::Queue;

use crate::feature::Feature;
use crate::listener::Listener;
use crate::outcome::Outcome;
use crate::patience::eventually;
use crate::shop::{Place, Shop};
use crate::system::{ROLES, System};

/// A dead worker's job is given to another soon.
pub(crate) const SHORT_LEASE: (&str, &str) = ("SLIPWAY_LEASE_SECONDS", "3");

/// Events that a good and a bad promotion together tell before the last steps.
const EVENTS: u64 = 44;

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_killed_at_a_random_moment_and_started_again_changes_no_outcome() {
    let shops = join_all(ROLES.map(|role| async move {
        let open = || Shop::open(Place::Processes, json!({}));
        let (good, bad) = tokio::join!(open(), open());
        (role, good, bad)
    }))
    .await;
    let mut system = System::distributed(&[SHORT_LEASE]).await;
    let mut random = random();
    for (role, good, bad) in &shops {
        let events = usize::try_from(random.below(EVENTS)).unwrap() + 1;
        let pause = Duration::from_millis(random.below(150));
        println!("{role} dies {pause:?} after event {events}");

        let good = Shipment::start(&system, good, "good").await;
        let bad = Shipment::start(&system, bad, "breaks-data").await;
        let mut listener = Listener::new(&system).await;
        system.approve(&good.promotion).await;
        system.approve(&bad.promotion).await;
        listener.until("enough events", events, |_| true).await;
        // Not to wait for something, but to die in the midst of it.
        tokio::time::sleep(pause).await;
        system.kill(role);
        system.start(role);
        tokio::join!(good.assert_ends_as_it_must(&system), bad.assert_ends_as_it_must(&system));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_asked_to_end_finishes_what_it_has_in_hand() {
    let shop = Shop::open(Place::Processes, json!({})).await;
    let mut system = System::distributed(&[]).await;
    let shipment = Shipment::start(&system, &shop, "good").await;
    let mut listener = Listener::new(&system).await;
    system.approve(&shipment.promotion).await;
    for (number, role) in ROLES.into_iter().enumerate() {
        listener.until("two more events", 2 * number + 1, |_| true).await;
        let status = system.end(role).await;
        assert!(status.success(), "{role} ended with {status}");
        system.start(role);
    }
    shipment.assert_ends_as_it_must(&system).await;
    for entry in system.promotion(&shipment.promotion).await.timeline {
        assert_eq!((entry.state.as_str(), entry.attempt), ("succeeded", 1), "{entry:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_message_is_lost_is_announced_again() {
    let shop = Shop::open(Place::Processes, json!({})).await;
    let mut system = System::distributed(&[]).await;
    let shipment = Shipment::start(&system, &shop, "good").await;
    assert!(system.end("build").await.success());
    system.approve(&shipment.promotion).await;
    let token = CancellationToken::new();
    let mut thief = system.broker().consume(&Queue::Jobs("build".into()), 1, token.clone());
    let stolen = thief.next().await.expect("the broker is there");
    assert!(stolen.ack().await);
    token.cancel();
    while let Some(another) = thief.next().await {
        assert!(another.retry().await);
    }
    system.start("build");
    shipment.assert_ends_as_it_must(&system).await;
}

/// What goes wrong when the shop's programs are started, and how a good feature ends then. A script says it,
/// before the program: `$n` counts the starts, and the first one is that of the version that serves now.
struct MachineFault {
    program: &'static str,
    script: &'static str,
    /// Words of the reason, where the promotion is undone.
    reason: Option<&'static str>,
    /// A job and the tries that it takes.
    tries: (&'static str, usize),
}

const MACHINE_FAULTS: [MachineFault; 4] = [
    // Somebody kills the build, twice.
    MachineFault {
        program: "build",
        script: "case $n in 2|3) kill -9 $$;; esac",
        reason: None,
        tries: ("build.image", 3),
    },
    // The new version waits for something, say its port.
    MachineFault {
        program: "serve",
        script: "case $n in 2) sleep 1;; esac",
        reason: None,
        tries: ("health.check_new", 1),
    },
    // The new version cannot have its port, once.
    MachineFault {
        program: "serve",
        script: "case $n in 2) exit 1;; esac",
        reason: Some("ended right after its start"),
        tries: ("swap.start_new", 1),
    },
    // The new version crashes once, a little later; it is started again, but that is no health.
    MachineFault {
        program: "serve",
        script: "case $n in 2) sleep 0.5; exit 1;; esac",
        reason: Some("health check"),
        tries: ("health.check_new", 1),
    },
];

impl MachineFault {
    /// The command that meets the fault and then is the program.
    fn command(&self, counter: &std::path::Path) -> Vec<String> {
        let Self { program, script, .. } = self;
        let script = format!("echo >>\"$0\"; n=$(wc -l <\"$0\"); {script}; exec ./bin/portal {program}");
        ["sh", "-c", &script, counter.to_str().unwrap()].map(str::to_owned).to_vec()
    }

    async fn assert_ends_as_it_must(&self, system: &System, shop: &Shop) {
        system.apply(shop).await;
        let feature = Feature::develop(shop, "good").await;
        let id = system.ship(&feature).await;
        system.promote(&id).await;
        let promotion = system.promotion(&id).await;
        let (status, serving) = match self.reason {
            None => ("deployed", feature.build.as_str()),
            Some(_) => ("rolled_back", "base"),
        };
        assert_eq!(promotion.summary.status, status, "{}: {promotion:?}", self.script);
        let reason = promotion.summary.reason.unwrap_or_default();
        assert!(reason.contains(self.reason.unwrap_or_default()), "{}: {reason}", self.script);
        assert_eq!(shop.serving().await.as_deref(), Some(serving), "{}", self.script);
        let (job, tries) = self.tries;
        let count = promotion.timeline.iter().filter(|entry| entry.job == job).count();
        assert_eq!(count, tries, "{}: {:?}", self.script, promotion.timeline);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_machine_does_for_a_moment_is_waited_for_tried_again_or_undone() {
    let counters = tempfile::tempdir().unwrap();
    let shops = join_all(MACHINE_FAULTS.iter().zip(1..).map(|(fault, number)| {
        let command = fault.command(&counters.path().join(number.to_string()));
        let key = if fault.program == "build" { "build" } else { "run" };
        async move {
            let process = json!({ "process": { key: command } });
            (fault, Shop::open(Place::Processes, json!({ "application": process })).await)
        }
    }))
    .await;
    let system = System::embedded().await;
    join_all(shops.iter().map(|(fault, shop)| fault.assert_ends_as_it_must(&system, shop))).await;
}

/// A feature on its way to a shop.
pub(crate) struct Shipment<'a> {
    shop: &'a Shop,
    pub(crate) outcome: &'static Outcome,
    pub(crate) feature: Feature,
    pub(crate) promotion: String,
    before: Fingerprint,
}

impl<'a> Shipment<'a> {
    /// Gets the feature as far as to its approval.
    pub(crate) async fn start(system: &System, shop: &'a Shop, feature: &str) -> Self {
        system.apply(shop).await;
        let outcome = Outcome::of(feature);
        let feature = Feature::develop(shop, feature).await;
        let promotion = system.ship(&feature).await;
        let before = shop.database.fingerprint().await;
        Self { shop, outcome, feature, promotion, before }
    }

    /// The same for one whose build takes this long.
    pub(crate) async fn start_slow(
        system: &System,
        shop: &'a Shop,
        feature: &str,
        build_seconds: u64,
    ) -> Self {
        system.apply(shop).await;
        let outcome = Outcome::of(feature);
        let feature = Feature::develop(shop, feature).await;
        let file = feature.sandbox.join("settings.json");
        let mut settings: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        settings["build_seconds"] = build_seconds.into();
        std::fs::write(file, settings.to_string()).unwrap();
        let promotion = system.ship(&feature).await;
        let before = shop.database.fingerprint().await;
        Self { shop, outcome, feature, promotion, before }
    }

    /// Approves it, again while the console is away.
    pub(crate) async fn approve(&self, system: &System) {
        eventually("the approval counts", async || {
            system.say(&["promotions", "approve", &self.promotion, "--by", "release manager"]).await;
            let promotion = system.ask(&format!("/promotions/{}", self.promotion)).await?;
            let promotion: Promotion = promotion.json().await.ok()?;
            (promotion.summary.status != "pending").then_some(())
        })
        .await;
    }

    pub(crate) async fn assert_ends_as_it_must(&self, system: &System) {
        let promotion = system.until_over(&self.promotion).await;
        self.outcome.assert_is_what_happened(system, self.shop, &self.feature, &promotion).await;
        if promotion.summary.status == "rolled_back" {
            let differences = self.before.differences(&self.shop.database.fingerprint().await);
            assert!(differences.is_empty(), "{differences:?}");
        }
    }
}

/// Random moments; the seed in `SLIPWAY_TEST_SEED` gives others than the usual ones.
pub(crate) fn random() -> Random {
    Random::new(std::env::var("SLIPWAY_TEST_SEED").map_or(1, |seed| seed.parse().unwrap()))
}
