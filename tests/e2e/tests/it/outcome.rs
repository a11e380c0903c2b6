//! How a promotion must end, and whether the world looks like it.

use protocol::http::Promotion;
use tokio::process::Command;

use crate::feature::Feature;
use crate::program::succeed;
use crate::shop::Shop;
use crate::system::{System, names_in};

/// The plan, with what undoes each job.
const PLAN: [(&str, Option<&str>); 12] = [
    ("scheduler.validate", None),
    ("scheduler.check_window", None),
    ("backup.dump", Some("backup.discard_partial")),
    ("build.extract", Some("cleanup.discard_context")),
    ("build.image", Some("cleanup.discard_image")),
    ("swap.prepare", Some("swap.unprepare")),
    ("swap.stop_old", Some("swap.start_old")),
    ("backup.snapshot", Some("backup.restore")),
    ("swap.start_new", Some("swap.stop_new")),
    ("health.check_new", None),
    ("scheduler.record", None),
    ("cleanup.finish", None),
];

/// How the promotion of a feature must end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    pub(crate) feature: &'static str,
    pub(crate) status: &'static str,
    pub(crate) exit_code: i32,
    /// Words that the reason must hold.
    pub(crate) reason: &'static [&'static str],
    /// The last forward job that is begun.
    pub(crate) reaches: &'static str,
    /// Whether the database of the failed version is kept aside.
    pub(crate) keeps_database: bool,
}

/// The features of the sample application.
pub(crate) const OUTCOMES: [Outcome; 6] = [
    Outcome {
        feature: "good",
        status: "deployed",
        exit_code: 0,
        reason: &[],
        reaches: "cleanup.finish",
        keeps_database: false,
    },
    undone("does-not-build", &["could not be built"], "build.image"),
    undone("exits-at-start", &["ended right after its start"], "swap.start_new"),
    Outcome {
        keeps_database: true,
        ..undone("breaks-data", &["health check", "orders have a total"], "health.check_new")
    },
    undone("never-healthy", &["health check", "warming up"], "health.check_new"),
    undone("hangs", &["longer than its limit of 15 seconds", "step 5", "Image build"], "build.image"),
];

const fn undone(feature: &'static str, reason: &'static [&'static str], reaches: &'static str) -> Outcome {
    Outcome { feature, status: "rolled_back", exit_code: 3, reason, reaches, keeps_database: false }
}

impl Outcome {
    /// The outcome of this feature.
    pub(crate) fn of(feature: &str) -> &'static Self {
        OUTCOMES.iter().find(|outcome| outcome.feature == feature).unwrap()
    }

    fn is_deployed(&self) -> bool {
        self.status == "deployed"
    }

    /// The jobs that must have run, in order.
    pub(crate) fn jobs(&self) -> Vec<&'static str> {
        let reached = PLAN.iter().position(|(job, _)| *job == self.reaches).unwrap();
        let begun = &PLAN[..=reached];
        let forward = begun.iter().map(|(job, _)| *job);
        if self.is_deployed() {
            return forward.collect();
        }
        let undo = begun.iter().rev().filter_map(|(_, undo)| *undo);
        forward.chain(undo).chain(["health.check_old"]).collect()
    }

    /// Looks at everything that the promotion has left: records, service, files, data.
    pub(crate) async fn assert_is_what_happened(
        &self,
        system: &System,
        shop: &Shop,
        feature: &Feature,
        promotion: &Promotion,
    ) {
        let name = self.feature;
        let reason = promotion.summary.reason.as_deref().unwrap_or_default();
        assert_eq!(promotion.summary.status, self.status, "{name}: {reason}");
        for words in self.reason {
            assert!(reason.contains(words), "{name}: the reason {reason:?} does not say {words:?}");
        }
        assert_eq!(timeline(promotion), self.jobs(), "{name}");
        let expected = if self.is_deployed() { &feature.build } else { "base" };
        assert_eq!(shop.serving().await.as_deref(), Some(expected), "{name}");
        assert_backup(shop, feature, promotion).await;
        self.assert_databases(shop, promotion).await;
        self.assert_nothing_left(system, shop, promotion).await;
    }

    async fn assert_databases(&self, shop: &Shop, promotion: &Promotion) {
        let production = shop.database.name();
        let mut expected = vec![production.to_owned()];
        let failed = format!("{production}__failed_{}", promotion.summary.id);
        if self.keeps_database {
            expected.push(failed.clone());
        }
        let mut family = shop.database.family().await;
        // What earlier promotions kept aside is theirs.
        family.retain(|name| *name == failed || !name.starts_with(&format!("{production}__failed_")));
        assert_eq!(family, expected, "{}", self.feature);
        let kept = self.keeps_database.then_some(failed);
        assert_eq!(promotion.kept_database, kept, "{}", self.feature);
        if self.is_deployed() {
            let customers = shop.database.number("select count(*) from customers").await;
            let with_points = shop.database.number("select count(*) from loyalty_points").await;
            assert!(customers > 0 && customers == with_points, "{}", self.feature);
            assert_eq!(shop.page("/loyalty").await.unwrap().0, 200, "{}", self.feature);
        }
    }

    async fn assert_nothing_left(&self, system: &System, shop: &Shop, promotion: &Promotion) {
        let name = self.feature;
        let id = &promotion.summary.id;
        let contexts = names_in(&system.data_folder().join("contexts"));
        // The source that is in production stays: the next feature is laid over it.
        assert_eq!(contexts.contains(id), self.is_deployed(), "{name}: {contexts:?}");
        let release = id.to_lowercase();
        if let Some(container) = shop.container() {
            assert_eq!(container.siblings().await, [shop.name()], "{name}");
            container.assert_same_traits().await;
            let tags = container.tags().await;
            let base = format!("{}:base", shop.name());
            if self.is_deployed() {
                assert!(tags.contains(&format!("{}:{release}", shop.name())), "{name}: {tags:?}");
                assert!(tags.contains(&base), "{name}: {tags:?}");
            } else {
                assert_eq!(tags, [base], "{name}");
            }
        } else {
            let folder = shop.application_folder();
            let (instance, releases) = if self.is_deployed() {
                (release.as_str(), vec!["base", release.as_str()])
            } else {
                ("base", vec!["base"])
            };
            assert_eq!(names_in(&folder.join("instances")), [instance], "{name}");
            assert_eq!(names_in(&folder.join("releases")), releases, "{name}");
            assert!(names_in(&folder.join("keep")).is_empty(), "{name}");
        }
    }
}

/// The jobs in the order in which they were begun; further tries of a job are not told apart.
fn timeline(promotion: &Promotion) -> Vec<&str> {
    let mut jobs: Vec<_> = promotion.timeline.iter().map(|entry| entry.job.as_str()).collect();
    jobs.dedup();
    jobs
}

async fn assert_backup(shop: &Shop, feature: &Feature, promotion: &Promotion) {
    let backup = promotion.backup.as_ref().expect("a backup on record");
    let path = std::path::Path::new(&backup.path);
    assert_eq!(path.parent(), Some(shop.folder().join("backups").as_path()));
    let name = path.file_name().unwrap().to_str().unwrap();
    let stamp = name.strip_prefix(&format!("pre-promote-{}-", feature.build));
    let stamp = stamp.and_then(|rest| rest.strip_suffix(".dump")).expect(name);
    assert!(stamp.len() == 14 && stamp.bytes().all(|byte| byte.is_ascii_digit()), "{name}");
    assert_eq!(std::fs::metadata(path).unwrap().len(), backup.size_bytes);
    let hashed = succeed(Command::new("sha256sum").arg(path)).await.stdout;
    assert!(hashed.starts_with(backup.sha256.as_bytes()) && backup.sha256.len() == 64, "{backup:?}");
    let expected = [name.to_owned(), format!("{name}.json")];
    let mut found = names_in(path.parent().unwrap());
    found.retain(|name| name.contains(&feature.build));
    assert_eq!(found, expected, "no unfinished file is left");
}
