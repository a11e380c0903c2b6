//! Records to start from.

use std::time::Duration;

use domain::run::Run;
use domain::{BuildId, ChangeRequestId, ChangeType, Job, PromotionId, Risk, Status};
use scratch::Database;
use serde_json::json;
use store::audit::Actor;
use store::jobs::{self, Try};
use store::promotions::{self, Facts, New};
use store::{Store, Tx, approvals, runs};
use uuid::Uuid;

/// Longer than any test.
pub(crate) const LEASE: Duration = Duration::from_mins(10);

/// A connected store with the schema in place.
pub(crate) async fn migrated(database: &Database) -> Store {
    let store = Store::connect(&database.url(), 10).await.unwrap();
    store.migrate().await.unwrap();
    store
}

/// An installation and a pending promotion for it.
pub(crate) async fn promotion(store: &Store, installation: &str, number: u32) -> PromotionId {
    let id = shipping(store, installation, number).await;
    let mut tx = store.begin().await.unwrap();
    let facts = Facts { change_set: Some("5e".repeat(32)), ..Facts::default() };
    promotions::set_facts(&mut tx, &id, &facts).await.unwrap();
    promotions::set_status(&mut tx, &id, Status::Pending, None).await.unwrap();
    tx.commit().await.unwrap();
    id
}

/// An installation and a promotion that is being shipped to it.
pub(crate) async fn shipping(store: &Store, installation: &str, number: u32) -> PromotionId {
    store.apply_installation(installation, &json!({ "base_source": "/base" }), &actor("Ines")).await.unwrap();
    let new = New {
        id: PromotionId::new(number),
        change_request: ChangeRequestId::new(2026, number),
        build: BuildId::new(number),
        title: format!("Feature {number}"),
        installation: installation.to_owned(),
        sandbox: json!({ "directory": "/sandbox" }),
        baseline: None,
        change_type: ChangeType::Normal,
        risk: Risk::Low,
        requested_by: "Mara".to_owned(),
        verification: None,
        contribution: None,
    };
    let mut tx = store.begin().await.unwrap();
    promotions::insert(&mut tx, &new).await.unwrap();
    tx.commit().await.unwrap();
    new.id
}

/// A promotion whose turn may come.
pub(crate) async fn ready(store: &Store, installation: &str, number: u32) -> PromotionId {
    let id = promotion(store, installation, number).await;
    let mut tx = store.begin().await.unwrap();
    approve(&mut tx, &id, "Ines").await;
    promotions::request_start(&mut tx, &id).await.unwrap();
    tx.commit().await.unwrap();
    id
}

/// Approves a plan of the promotion.
pub(crate) async fn approve(tx: &mut Tx, id: &PromotionId, by: &str) {
    let plan = approvals::keep_plan(tx, id, "{}").await.unwrap();
    approvals::approve(tx, id, by, &plan, Status::Approved).await.unwrap();
}

/// Statements that bring a promotion that is pending there, by legal moves; or that is being shipped, where it cannot
/// be pending before.
pub(crate) fn moves(id: &PromotionId, to: Status) -> String {
    let way: &[Status] = match to {
        Status::Shipping | Status::Pending => &[],
        Status::NotShipped => &[Status::NotShipped],
        Status::Approved => &[Status::Approved],
        Status::Scheduled => &[Status::Approved, Status::Scheduled],
        Status::Deploying => &[Status::Approved, Status::Deploying],
        Status::Deployed => &[Status::Approved, Status::Deploying, Status::Deployed],
        Status::RollingBack => &[Status::Approved, Status::Deploying, Status::RollingBack],
        Status::RolledBack => &[Status::Approved, Status::Deploying, Status::RollingBack, Status::RolledBack],
        Status::NeedsAttention => {
            &[Status::Approved, Status::Deploying, Status::RollingBack, Status::NeedsAttention]
        }
        Status::Rejected => &[Status::Rejected],
        Status::Cancelled => &[Status::Cancelled],
    };
    let move_to = |status: &Status| {
        format!("update promotions set status = '{status}', approved_by = 'Ines' where id = '{id}';")
    };
    way.iter().map(move_to).collect()
}

/// A new run of the promotion.
pub(crate) async fn run(store: &Store, promotion: &PromotionId) -> Uuid {
    let id = Uuid::now_v7();
    let mut tx = store.begin().await.unwrap();
    runs::insert(&mut tx, id, promotion, &Run::start().run, 600, None).await.unwrap();
    tx.commit().await.unwrap();
    id
}

/// The first try of Validate, queued.
pub(crate) async fn queued(store: &Store, run: Uuid, delay: Duration) -> Try {
    let which = Try { run, job: Job::Validate, attempt: 1 };
    let mut tx = store.begin().await.unwrap();
    jobs::insert(&mut tx, which, which.job.direction(), delay).await.unwrap();
    tx.commit().await.unwrap();
    which
}

/// Somebody, who sits at this test.
pub(crate) fn actor(name: &str) -> Actor {
    Actor { name: name.to_owned(), from: "a test".to_owned() }
}
