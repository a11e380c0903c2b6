//! Processes that die or leave at any moment, and messages that get lost, change no outcome.

use std::time::Duration;

use adapters::database::Fingerprint;
use futures_util::future::join_all;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use transport::Queue;

use crate::feature::Feature;
use crate::listener::Listener;
use crate::outcome::Outcome;
use crate::shop::{Place, Shop};
use crate::system::{ROLES, System};

/// A dead worker's job is given to another soon.
const SHORT_LEASE: (&str, &str) = ("SLIPWAY_LEASE_SECONDS", "2");

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
    let mut random = Random::from_environment();
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

/// A feature on its way to a shop.
pub(crate) struct Shipment<'a> {
    shop: &'a Shop,
    outcome: &'static Outcome,
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

    /// The same for a good feature whose build takes this long.
    pub(crate) async fn start_slow(system: &System, shop: &'a Shop, build_seconds: u64) -> Self {
        system.apply(shop).await;
        let feature = Feature::develop(shop, "good").await;
        let settings = json!({ "shop": "Harbor & Pine", "build_seconds": build_seconds });
        std::fs::write(feature.sandbox.join("settings.json"), settings.to_string()).unwrap();
        let promotion = system.ship(&feature).await;
        let before = shop.database.fingerprint().await;
        Self { shop, outcome: Outcome::of("good"), feature, promotion, before }
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

/// Numbers that look random; the same seed gives the same ones (the generator is `SplitMix64`).
pub(crate) struct Random(u64);

impl Random {
    /// The seed in `SLIPWAY_TEST_SEED`, to look at other moments than the usual ones.
    pub(crate) fn from_environment() -> Self {
        Self(std::env::var("SLIPWAY_TEST_SEED").map_or(1, |seed| seed.parse().unwrap()))
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}
