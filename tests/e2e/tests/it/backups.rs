//! Backups: listed, read again, restored, and removed when nobody needs them any more.

use protocol::http::{BackupRecord, BackupSummary};
use serde_json::json;

use crate::feature::Feature;
use crate::patience::eventually;
use crate::shop::{Place, Shop};
use crate::system::{System, names_in};

#[tokio::test(flavor = "multi_thread")]
async fn backups_are_verified_restored_and_pruned() {
    let shop = Shop::open(Place::Processes, json!({ "backups_keep": 1, "keep_releases": 1 })).await;
    let system = System::embedded().await;
    system.apply(&shop).await;
    let first = deploy(&system, &Feature::develop(&shop, "good").await).await;
    let all = list(&system).await;
    let [backup] = &all[..] else { panic!("one deployment, one backup: {all:?}") };
    assert_eq!((backup.state.as_str(), backup.promotion.as_str()), ("kept", first.as_str()));
    assert!(backup.verified_at.is_some());
    let id = backup.id.to_string();

    let said = system.say(&["backups", "verify", &id, "--by", "Noor"]).await;
    assert_eq!((said.code, said.results[0]["verification"]["state"].as_str()), (0, Some("done")), "{said:?}");

    // The data of before the first feature, under the version that serves: it makes its own tables anew.
    shop.database
        .execute(
            "insert into customers (name, email, joined_on) values ('Late', 'l@example.com', current_date)",
        )
        .await;
    let restore = ["backups", "restore", &id, "--by", "Noor", "--reason", "Try it.", "--yes", "--follow"];
    let said = system.say(&restore).await;
    assert_eq!(said.code, 0, "{said:?}");
    let late = "select count(*) from customers where name = 'Late'";
    assert_eq!(shop.database.number(late).await, 0);
    assert_eq!(shop.page("/loyalty").await.unwrap().0, 200);
    let replaced = said.results.last().unwrap()["kept_database"].as_str().unwrap().to_owned();
    assert_eq!(shop.database.number_in_copy(&replaced, late).await, 1);

    // Somebody spoils the file: it must not be used any more.
    let path = std::path::Path::new(&backup.path);
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();
    let said = system.say(&["backups", "verify", &id, "--by", "Noor"]).await;
    assert_eq!(said.code, 1, "{said:?}");
    let damaged: BackupRecord = system.get(&format!("/backups/{id}")).await;
    assert_eq!(damaged.summary.state, "damaged");
    assert!(damaged.summary.problem.unwrap().contains("damaged"));
    assert_eq!(system.say(&restore).await.code, 4);

    // The next deployments need it no longer.
    let page = [("pages/about.html", Some("{{title: About}}\n<p>We sell tea.</p>\n"))];
    let last = deploy(&system, &Feature::write(&shop, "about", &["good"], &page).await).await;
    let pruned = eventually("the first backup is pruned", async || {
        list(&system).await.into_iter().find(|it| it.state == "pruned")
    })
    .await;
    assert_eq!(pruned.id, backup.id);
    let files = names_in(&shop.folder().join("backups"));
    assert_eq!(files.len(), 4, "two backups, each with its record: {files:?}");
    let said = system.say(&["backups", "prune", "--dry-run"]).await;
    assert_eq!((said.code, &said.results[0]), (0, &json!([])));
    for (promotion, job) in [(&first, "backup.verify"), (&last, "backup.prune")] {
        let logged = format!("{:?}", system.say(&["promotions", "log", promotion]).await.results);
        assert!(logged.contains(job), "{promotion}: {logged}");
    }
}

async fn list(system: &System) -> Vec<BackupSummary> {
    system.get("/backups").await
}

async fn deploy(system: &System, feature: &Feature) -> String {
    let id = system.ship(feature).await;
    assert_eq!(system.promote(&id).await, 0, "{:?}", system.promotion(&id).await);
    id
}
