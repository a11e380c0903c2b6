//! A disk that is full: a plain refusal before the swap, or a way back; nothing half-written is left.

use std::path::PathBuf;

use adapters::database::Fingerprint;
use scratch::Disk;
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;

use crate::feature::Feature;
use crate::patience::eventually;
use crate::program::succeed;
use crate::shop::{Place, Shop};
use crate::system::System;

/// Room for three versions of the sample application, which brings its program along.
const MEGABYTES: u32 = 96;

/// A build that writes this much besides, and removes it.
const BUILD: &str = "head -c 20000000 /dev/zero > scratch && rm scratch && ./bin/portal build";

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_finds_no_room_is_refused_and_can_be_made_when_there_is() {
    let Some(small) = Small::mount() else { return };
    let shop = Shop::open(Place::Processes, json!({ "backup_dir": small.path() })).await;
    let system = System::embedded().await;
    system.apply(&shop).await;
    assert_eq!(system.promote(&system.ship(&Feature::develop(&shop, "good").await).await).await, 0);
    let finished = small.hashes().await;
    assert_eq!(finished.len(), 2, "a backup and its record: {finished:?}");

    small.disk.fill(100_000);
    let feature = Feature::develop(&shop, "good").await;
    let id = system.ship(&feature).await;
    assert_eq!(system.promote(&id).await, 4);
    let promotion = system.promotion(&id).await;
    assert_eq!(promotion.summary.status, "approved");
    assert_says(promotion.summary.reason.as_deref(), &["free space in", &small.path(), "are free"]);
    assert_eq!(small.hashes().await, finished);
    let jobs: Vec<_> = promotion.timeline.iter().map(|entry| (&*entry.job, &*entry.state)).collect();
    assert_eq!(jobs.last(), Some(&("backup.dump", "refused")), "{jobs:?}");

    small.disk.free();
    assert_eq!(system.promote(&id).await, 0);
    assert_eq!(shop.serving().await, Some(feature.build));
    assert_eq!(small.hashes().await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_fills_the_disk_leaves_nothing_of_itself() {
    let Some(small) = Small::mount() else { return };
    let shop = Shop::open(Place::Processes, json!({ "backup_dir": small.path() })).await;
    let system = System::embedded().await;
    system.apply(&shop).await;
    // A table that nothing but a backup reads, so that it waits in its middle.
    let mut client = shop.database.client().await;
    client.batch_execute("create table archive ()").await.unwrap();
    let before = shop.database.fingerprint().await;
    let id = system.ship(&Feature::develop(&shop, "good").await).await;
    let lock = client.transaction().await.unwrap();
    lock.batch_execute("lock table archive").await.unwrap();
    system.approve(&id).await;
    eventually("the backup has begun", async || small.disk.names("").pop()).await;
    small.disk.fill(0);
    lock.rollback().await.unwrap();

    let promotion = system.until_over(&id).await;
    assert_eq!(promotion.summary.status, "rolled_back");
    assert_says(
        promotion.summary.reason.as_deref(),
        &["no space left on the disk that holds", &small.path()],
    );
    assert_eq!(small.disk.names(""), [""; 0]);
    assert_untouched(&shop, &before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_and_versions_that_find_no_room_are_given_up_before_the_swap() {
    // What is left when it is tried, and the last job that is begun.
    let cases = [
        ("data", 1_000_000, "build.extract"),
        ("application", 1_000_000, "build.image"),
        // Enough for the files, not for what the build writes.
        ("application", 25_000_000, "build.image"),
        ("data", 0, "build.extract"),
    ];
    for (what, left_bytes, job) in cases {
        let Some(small) = Small::mount() else { return };
        let elsewhere = tempfile::tempdir().unwrap();
        let [data, root] =
            if what == "data" { [small.path(), path(&elsewhere)] } else { [path(&elsewhere), small.path()] };
        let process = json!({ "root": root, "build": ["sh", "-c", BUILD] });
        let shop = Shop::open(Place::Processes, json!({ "application": { "process": process } })).await;
        let system = System::embedded_with(&[("SLIPWAY_DATA_DIR", &data)]).await;
        system.apply(&shop).await;
        let before = shop.database.fingerprint().await;
        let id = system.ship(&Feature::develop(&shop, "good").await).await;
        small.disk.fill(left_bytes);

        let name = format!("{what}, {left_bytes} bytes");
        assert_eq!(system.promote(&id).await, 3, "{name}");
        let promotion = system.promotion(&id).await;
        assert_says(
            promotion.summary.reason.as_deref(),
            &["no space left on the disk that holds", &small.path()],
        );
        let begun: Vec<_> = promotion.timeline.iter().filter(|it| it.direction == "forward").collect();
        assert_eq!(begun.last().map(|entry| &*entry.job), Some(job), "{name}");
        assert_untouched(&shop, &before).await;
        assert_eq!(small.disk.names("contexts"), [""; 0], "{name}");
        if what == "application" {
            assert_eq!(small.disk.names("releases"), ["base"], "{name}");
        }
    }
}

/// The old version serves, with the data that it had.
async fn assert_untouched(shop: &Shop, before: &Fingerprint) {
    assert_eq!(shop.serving().await.as_deref(), Some("base"));
    assert_eq!(before.differences(&shop.database.fingerprint().await), Vec::<String>::new());
}

fn assert_says(reason: Option<&str>, words: &[&str]) {
    let reason = reason.unwrap_or_default();
    for word in words {
        assert!(reason.contains(word), "{reason:?} does not say {word:?}");
    }
    for jargon in ["os error", "ENOSPC", "StorageFull", "No space left on device"] {
        assert!(!reason.contains(jargon), "{reason:?}");
    }
}

fn path(folder: &TempDir) -> String {
    folder.path().to_str().unwrap().to_owned()
}

/// A folder on a small disk; the disk goes first.
struct Small {
    disk: Disk,
    folder: TempDir,
}

impl Small {
    fn mount() -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("slipway-e2e-disk-").tempdir().unwrap();
        let disk = Disk::mount(folder.path(), MEGABYTES)?;
        Some(Self { disk, folder })
    }

    fn path(&self) -> String {
        path(&self.folder)
    }

    /// Its files with their hashes.
    async fn hashes(&self) -> Vec<String> {
        let files: Vec<PathBuf> =
            self.disk.names("").iter().map(|name| self.folder.path().join(name)).collect();
        let said = succeed(Command::new("sha256sum").args(&files)).await.stdout;
        String::from_utf8(said).unwrap().lines().map(str::to_owned).collect()
    }
}
