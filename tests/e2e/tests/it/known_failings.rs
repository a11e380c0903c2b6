//! Failings of the platform that Slipway takes the place of: one test each that would fail there, named by its row.
//!
//! | row | there | test |
//! |---|---|---|
//! | U1, U2, U21 | the old image is lost to a moved tag or a prune; Compose labels name a wrong folder | `shared/adapters/tests/it/docker/known_failings.rs` |
//! | U13 | a dump that broke off counts as a backup | `shared/adapters/tests/it/database/known_failings.rs` |
//! | U5 – U9 | windows are asked in vain, by the wrong clock and on the wrong day; an emergency leaves no reason | `tests/e2e/tests/it/windows.rs` |
//! | U20 | statuses that nothing leads out of | `shared/domain/tests/it/known_failings.rs` |
//! | U3, U4, U10 – U12, U14 – U17, U19, U22, U23 | as each test says | here |

use std::process::Stdio;
use std::time::Duration;

use futures_util::future::join_all;
use protocol::http::{LogLine, Promotion};
use serde_json::json;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::database::Database;
use crate::feature::Feature;
use crate::shop::{Place, Shop};
use crate::system::{System, names_in};

/// A shop on processes and a Slipway that knows it.
async fn open(changes: serde_json::Value) -> (Shop, System) {
    let shop = Shop::open(Place::Processes, changes).await;
    let system = System::embedded().await;
    system.apply(&shop).await;
    (shop, system)
}

/// Ships a feature to its end.
async fn ship(system: &System, shop: &Shop, feature: &str) -> Promotion {
    let id = system.ship(&Feature::develop(shop, feature).await).await;
    system.promote(&id).await;
    system.promotion(&id).await
}

#[track_caller]
fn assert_rolled_back(promotion: &Promotion, why: &str) {
    let reason = promotion.summary.reason.as_deref().unwrap_or_default();
    assert_eq!(promotion.summary.status, "rolled_back", "{reason}");
    assert!(reason.contains(why), "{reason}");
}

/// Which database bears the production database's name; another one after a restore.
async fn identity(shop: &Shop) -> i64 {
    shop.database.number("select oid::bigint from pg_database where datname = current_database()").await
}

/// There, any failure put the backup into the database, whoever was in it.
#[tokio::test(flavor = "multi_thread")]
async fn u03_a_version_that_does_not_start_leaves_the_database_alone() {
    let (shop, system) = open(json!({})).await;
    let (before, same) = (shop.database.fingerprint().await, identity(&shop).await);
    let promotion = ship(&system, &shop, "exits-at-start").await;
    assert_rolled_back(&promotion, "ended right after its start");
    assert_eq!(identity(&shop).await, same, "nothing was put in its place");
    assert_eq!(before.differences(&shop.database.fingerprint().await), Vec::<String>::new());
    assert_eq!((promotion.kept_database, shop.database.family().await.len()), (None, 1));
    assert_eq!(shop.serving().await.as_deref(), Some("base"));
}

/// There, a build that failed restored the backup under the running application.
#[tokio::test(flavor = "multi_thread")]
async fn u04_a_build_that_fails_touches_neither_application_nor_database() {
    let (shop, system) = open(json!({})).await;
    let (before, same) = (shop.database.fingerprint().await, identity(&shop).await);
    let customer = shop.database.client().await;
    let over = CancellationToken::new();
    let visits = async {
        while !over.is_cancelled() {
            assert_eq!(shop.serving().await.as_deref(), Some("base"), "it served all the time");
            // The application and the build share the machine.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let shipping = async {
        let promotion = ship(&system, &shop, "does-not-build").await;
        over.cancel();
        promotion
    };
    let (promotion, ()) = tokio::join!(shipping, visits);
    assert_rolled_back(&promotion, "could not be built");
    customer.batch_execute("select 1").await.expect("nobody was sent away");
    assert_eq!(identity(&shop).await, same);
    assert_eq!(before.differences(&shop.database.fingerprint().await), Vec::<String>::new());
}

/// There, the limit was watched from inside the application, which the deployment stops.
#[tokio::test(flavor = "multi_thread")]
async fn u10_the_time_limit_holds_while_the_application_is_down_and_everything_is_put_back() {
    let changes = json!({ "time_limit_seconds": 12, "health": { "within_seconds": 60 } });
    let (shop, system) = open(changes).await;
    let before = shop.database.fingerprint().await;
    let promotion = ship(&system, &shop, "never-healthy").await;
    assert_rolled_back(&promotion, "longer than its limit of 12 seconds");
    assert_eq!(shop.serving().await.as_deref(), Some("base"));
    assert_eq!(before.differences(&shop.database.fingerprint().await), Vec::<String>::new());
}

/// There, the first good answer was health.
#[tokio::test(flavor = "multi_thread")]
async fn u11_a_version_that_answers_well_and_then_crashes_is_not_healthy() {
    let counters = tempfile::tempdir().unwrap();
    // The second start is the new version's first: it serves for a second. Started again, it serves for good.
    let script = r#"echo >>"$0"; n=$(wc -l <"$0")
        case $n in 2) timeout 1 ./bin/portal serve; exit 1;; esac; exec ./bin/portal serve"#;
    let run = ["sh", "-c", script, counters.path().join("starts").to_str().unwrap()].map(str::to_owned);
    let changes = json!({
        "application": { "process": { "run": run } },
        // Three seconds of good answers.
        "health": { "successes": 30, "within_seconds": 20 },
    });
    let (shop, system) = open(changes).await;
    let promotion = ship(&system, &shop, "good").await;
    assert_rolled_back(&promotion, "health check");
    assert_eq!(shop.serving().await.as_deref(), Some("base"));
}

/// There, the service that migrates the database was left out of the swap: the new version met the old tables.
#[tokio::test(flavor = "multi_thread")]
async fn u12_the_database_is_migrated_before_the_new_version_starts() {
    // A version of Slipway's does not start in a release whose command has not migrated the database.
    let run = "[ ! -e slipway.json ] || [ -e migrated ] || exit 1; exec ./bin/portal serve";
    let migrate = "./bin/portal seed --rows 0 && touch migrated";
    let [run, migrate] = [run, migrate].map(|script| json!(["sh", "-c", script]));
    let changes = json!({ "application": { "process": { "run": run, "migrate": migrate } } });
    let (shop, system) = open(changes).await;
    let promotion = ship(&system, &shop, "good").await;
    assert_eq!(promotion.summary.status, "deployed", "{:?}", promotion.summary.reason);
    let customers = shop.database.number("select count(*) from customers").await;
    assert_eq!(shop.database.number("select count(*) from loyalty_points").await, customers);
    let log = log(&system, &promotion.summary.id).await;
    let told =
        |line: &LogLine| line.job == "swap.start_new" && line.line.contains("migrate command succeeded");
    assert!(log.iter().any(told), "{log:?}");
}

/// There, the log had no instructions, and those of a helper did not fit the file.
#[tokio::test(flavor = "multi_thread")]
async fn u14_the_restore_instructions_on_record_work_when_pasted() {
    let (shop, system) = open(json!({})).await;
    let before = shop.database.fingerprint().await;
    let promotion = ship(&system, &shop, "good").await;
    assert_eq!(promotion.summary.status, "deployed");
    assert!(!before.differences(&shop.database.fingerprint().await).is_empty());
    let instructions = promotion.backup.expect("a backup on record").restore_instructions;
    let log = log(&system, &promotion.summary.id).await;
    for line in instructions.lines() {
        assert!(log.iter().any(|it| it.line == line), "{line:?} stands in the log");
    }

    let mut bash = Command::new("bash");
    bash.args(["-c", &instructions]).env("PGPASSWORD", shop.database.password()).stdin(Stdio::null());
    crate::program::succeed(&mut bash).await;
    assert_eq!(before.differences(&shop.database.fingerprint().await), Vec::<String>::new());
}

/// There, the backup's record was a row in the database that the restore replaced, with a size of four bytes.
#[tokio::test(flavor = "multi_thread")]
async fn u15_the_record_of_a_backup_survives_the_restore_and_has_room_for_large_ones() {
    let (shop, system) = open(json!({})).await;
    let same = identity(&shop).await;
    let promotion = ship(&system, &shop, "breaks-data").await;
    assert_rolled_back(&promotion, "health check");
    assert_ne!(identity(&shop).await, same, "an earlier state was put in its place");
    let backup = promotion.backup.expect("a backup on record");
    assert_eq!(std::fs::metadata(&backup.path).unwrap().len(), backup.size_bytes);

    let large = 5_i64 << 30;
    system.database.execute(&format!("update backups set size_bytes = {large}")).await;
    let backup = system.promotion(&promotion.summary.id).await.backup.unwrap();
    assert_eq!(i64::try_from(backup.size_bytes), Ok(large));
}

/// There, the steps' log went with the deployer's container, and the audit rows with the restored database.
#[tokio::test(flavor = "multi_thread")]
async fn u16_the_log_of_a_promotion_survives_the_restore_and_the_next_promotion() {
    let (shop, system) = open(json!({})).await;
    let first = ship(&system, &shop, "breaks-data").await;
    assert_rolled_back(&first, "health check");
    let id = first.summary.id.clone();
    let told = log(&system, &id).await;
    for job in ["backup.dump", "swap.stop_old", "health.check_new", "backup.restore", "health.check_old"] {
        assert!(told.iter().any(|line| line.job == job), "{job} is in the log");
        assert!(first.timeline.iter().any(|entry| entry.job == job), "{job} is in the timeline");
    }
    let second = ship(&system, &shop, "good").await;
    assert_eq!(second.summary.status, "deployed");
    assert_eq!(log(&system, &id).await, told);
    assert_eq!(system.promotion(&id).await, first);
}

/// There, whether somebody else deploys was read first and written later.
#[tokio::test(flavor = "multi_thread")]
async fn u17_promotions_that_are_approved_at_the_same_moment_run_one_after_the_other() {
    let (shop, system) = open(json!({})).await;
    let features = join_all([(); 3].map(|()| Feature::develop(&shop, "does-not-build"))).await;
    let ids = join_all(features.iter().map(|feature| system.ship(feature))).await;
    join_all(ids.iter().map(|id| system.approve(id))).await;
    let mut over = join_all(ids.iter().map(|id| system.until_over(id))).await;
    over.sort_by_key(|promotion| promotion.started_at);
    for pair in over.windows(2) {
        assert_rolled_back(&pair[1], "could not be built");
        assert!(pair[0].finished_at.unwrap() <= pair[1].started_at.unwrap(), "they overlap: {pair:?}");
    }
}

/// There, the deployer's image was built once and used for ever.
#[tokio::test(flavor = "multi_thread")]
async fn u19_a_program_older_than_its_records_does_not_run() {
    let system = System::embedded().await;
    // What a newer program leaves.
    let newer = "insert into _sqlx_migrations select 9999, 'newer', now(), true, checksum, 0
                 from _sqlx_migrations order by version desc limit 1";
    system.database.execute(newer).await;
    let settings = [("SLIPWAY_CONSOLE_LISTEN", "127.0.0.1:0")];
    let mut old = Command::from(system.command(&settings));
    let output = old.args(["serve", "all"]).kill_on_drop(true).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("does not match this version of Slipway"), "{said}");
}

/// There, only changed files were copied, and whether that worked was not asked.
#[tokio::test(flavor = "multi_thread")]
async fn u22_what_a_feature_deletes_and_renames_is_gone_in_production() {
    let (shop, system) = open(json!({})).await;
    assert_eq!(shop.page("/offers").await.unwrap().0, 200);
    assert_eq!(shop.page("/news").await.unwrap().0, 200);
    let promotion = ship(&system, &shop, "good").await;
    assert_eq!(promotion.summary.status, "deployed");
    for (page, status) in [("/offers", 404), ("/news", 404), ("/updates", 200), ("/loyalty", 200)] {
        assert_eq!(shop.page(page).await.unwrap().0, status, "{page}");
    }
    let release = shop.application_folder().join("releases").join(promotion.summary.id.to_lowercase());
    let pages = names_in(&release.join("pages"));
    assert!(!pages.contains(&"offers.html".into()) && !pages.contains(&"news.html".into()), "{pages:?}");
}

/// There, one database of the server was backed up, and nobody was told of the others, nor of what is in no database.
#[tokio::test(flavor = "multi_thread")]
async fn u23_what_a_backup_does_not_hold_is_told() {
    let (shop, system) = open(json!({})).await;
    let other = Database::create("e2e_inngest").await;
    let promotion = ship(&system, &shop, "good").await;
    let id = &promotion.summary.id;
    let told = promotion.backup.and_then(|backup| backup.not_covered).expect("it is on record");
    let only = format!("Only the database {} is in it.", shop.database.name());
    for part in [only.as_str(), other.name(), "on the same server", "files, volumes and other stores"] {
        assert!(told.contains(part), "{told}");
    }
    assert!(log(&system, id).await.iter().any(|line| line.job == "backup.dump" && line.line == told));
    let mut report = Command::from(system.command(&[]));
    let report = crate::program::succeed(report.args(["promotions", "show", id])).await.stdout;
    assert!(String::from_utf8_lossy(&report).contains(&told), "the report says so, too");
}

async fn log(system: &System, id: &str) -> Vec<LogLine> {
    system.get(&format!("/promotions/{id}/log")).await
}
