//! Whatever happens to whichever job, and though every undo is done twice: the world is as before.

use adapters::database::Fingerprint;
use futures_util::future::join_all;
use protocol::http::Promotion;
use serde_json::json;

use crate::feature::Feature;
use crate::patience::eventually;
use crate::shop::{Place, Shop};
use crate::system::{System, names_in};

/// The forward jobs before the pivot is behind: the deployment is not on record yet; and the errand that they wait for.
const JOBS: [&str; 12] = [
    "scheduler.validate",
    "scheduler.check_window",
    "backup.dump",
    "backup.rehearse",
    "build.extract",
    "build.image",
    "swap.prepare",
    "swap.stop_old",
    "backup.snapshot",
    "swap.start_new",
    "health.check_new",
    "scheduler.record",
];

/// What happens to a job, and what people read then.
const FAULTS: [(&str, &str); 4] = [
    ("fails_before", "It failed as the plan says."),
    ("fails_after", "It failed as the plan says."),
    ("dies_after", "whoever took it vanished each time"),
    ("hangs_after", "took longer than its limit"),
];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_to_whichever_job_on_processes_the_world_is_as_before() {
    join_all(FAULTS.map(|(fault, reason)| walk(Place::Processes, fault, reason))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_to_whichever_job_on_docker_the_world_is_as_before() {
    join_all(FAULTS.map(|(fault, reason)| walk(Place::Docker, fault, reason))).await;
}

/// Strikes one job after the other; what is put back is where the next one begins.
async fn walk(place: Place, fault: &str, reason: &str) {
    let shop = Shop::open(place, json!({ "database": { "rehearse": true } })).await;
    let mut system = System::faulty().await;
    system.apply(&shop).await;
    let mut world = World::of(&shop).await;
    for job in JOBS {
        let what = format!("{job} {fault} on {place:?}");
        let feature = Feature::develop(&shop, "good").await;
        let promotion = system.ship(&feature).await;
        system.strike(job, fault);
        system.approve(&promotion).await;
        let promotion = until_over(&mut system, &promotion, fault).await;

        let has_effect = !["scheduler.validate", "scheduler.check_window"].contains(&job);
        let status = if has_effect { "rolled_back" } else { "approved" };
        let said = promotion.summary.reason.as_deref().unwrap_or_default();
        assert_eq!(promotion.summary.status, status, "{what}: {said}");
        assert!(said.contains(reason), "{what}: {said}");
        world.add_reported(&promotion);
        world.assert_as_before(&what, &system, &shop, &promotion).await;
    }
}

async fn until_over(system: &mut System, id: &str, fault: &str) -> Promotion {
    eventually(&format!("{id} is over"), async || {
        system.revive();
        if fault == "hangs_after" && system.take_hanging() {
            system
                .database
                .execute("update runs set deadline_at = slipway_now() where phase = 'forward'")
                .await;
        }
        let promotion: Promotion = system.ask(&format!("/promotions/{id}")).await?.json().await.ok()?;
        promotion.finished_at.is_some().then_some(promotion)
    })
    .await
}

/// What there was before, and what promotions said that they would leave.
struct World {
    fingerprint: Fingerprint,
    databases: Vec<String>,
    backups: Vec<String>,
}

impl World {
    async fn of(shop: &Shop) -> Self {
        Self {
            fingerprint: shop.database.fingerprint().await,
            databases: shop.database.family().await,
            backups: Vec::new(),
        }
    }

    fn add_reported(&mut self, promotion: &Promotion) {
        self.databases.extend(promotion.kept_database.clone());
        self.databases.sort();
        if let Some(backup) = &promotion.backup {
            let (_, name) = backup.path.rsplit_once('/').unwrap();
            self.backups.extend([name.to_owned(), format!("{name}.json")]);
            self.backups.sort();
        }
    }

    async fn assert_as_before(&self, what: &str, system: &System, shop: &Shop, promotion: &Promotion) {
        assert_eq!(shop.serving().await.as_deref(), Some("base"), "{what}");
        let differences = self.fingerprint.differences(&shop.database.fingerprint().await);
        assert!(differences.is_empty(), "{what}: {differences:?}");
        assert_eq!(shop.database.family().await, self.databases, "{what}");
        assert_eq!(names_in(&shop.folder().join("backups")), self.backups, "{what}");
        assert_eq!(names_in(&system.data_folder().join("contexts")), [""; 0], "{what}");
        if let Some(container) = shop.container() {
            assert_eq!(container.siblings().await, [shop.name()], "{what}");
            assert_eq!(container.tags().await, [format!("{}:base", shop.name())], "{what}");
            container.assert_same_traits().await;
        } else {
            let folder = shop.application_folder();
            assert_eq!(names_in(&folder.join("instances")), ["base"], "{what}");
            assert_eq!(names_in(&folder.join("releases")), ["base"], "{what}");
            assert_eq!(names_in(&folder.join("keep")), [""; 0], "{what}");
        }
        for entry in promotion.timeline.iter().filter(|it| it.direction == "undo") {
            assert_eq!(entry.state, "succeeded", "{what}: {entry:?}");
        }
    }
}
