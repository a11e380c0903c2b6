//! What is sealed before the approval is what is deployed, whatever becomes of the place where it was built.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tokio::net::{UnixListener, UnixStream};

use crate::faults::SHORT_LEASE;
use crate::feature::Feature;
use crate::intake::publish;
use crate::patience::eventually;
use crate::progress::stream;
use crate::servers;
use crate::shop::{Place, Shop};
use crate::system::{System, names_in};

/// A page that no other version has.
const PAGE: &str = "pages/about.html";

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sealed_and_approved_is_deployed_byte_for_byte_though_the_sandbox_is_edited_and_deleted() {
    let shop = Shop::open(Place::Processes, json!({})).await;
    let system = System::distributed(&[]).await;
    system.apply(&shop).await;
    let feature =
        Feature::write(&shop, "about", &[], &[(PAGE, Some("{{title: About}}\n<p>As it was sealed.</p>\n"))])
            .await;
    let settings = feature.sandbox.join("settings.json");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(settings, text + "\n").unwrap();
    let finished = files_in(&feature.sandbox);
    let id = system.ship(&feature).await;
    let sealed = system.promotion(&id).await.change_set.expect("it is sealed before anybody approves it");
    let told = system.say(&["promotions", "plan", &id]).await.results[0]["sentences"].to_string();
    for words in [sealed.as_str(), "It adds 1 file and changes 1.", "leaves the structure of the database"] {
        assert!(told.contains(words), "{told}");
    }

    std::fs::write(feature.sandbox.join(PAGE), "<p>As somebody changed it later.</p>").unwrap();
    std::fs::write(feature.sandbox.join("pages/later.html"), "<p>Later.</p>").unwrap();
    system.approve(&id).await;
    std::fs::remove_dir_all(&feature.sandbox).unwrap();
    assert_eq!(system.until_over(&id).await.summary.status, "deployed");
    assert_eq!(system.promotion(&id).await.change_set, Some(sealed));
    assert_eq!(shop.serving().await, Some(feature.build));
    let mut deployed = files_in(&system.data_folder().join("contexts").join(&id));
    // What tells a release what it is.
    deployed.retain(|(path, _)| path != Path::new("slipway.json"));
    assert!(deployed == finished, "what is in production is not what was sealed");
}

/// The files below a folder with their contents, but for git's own.
pub(crate) fn files_in(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let relative = path.strip_prefix(folder).unwrap().to_owned();
            if relative == Path::new(".git") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push((relative, std::fs::read(path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_set_that_somebody_changed_is_not_deployed() {
    let shop = Shop::open(Place::Processes, json!({})).await;
    let system = System::embedded().await;
    system.apply(&shop).await;
    let id = system.ship(&Feature::develop(&shop, "good").await).await;
    let other = system
        .ship(
            &Feature::write(&shop, "about", &[], &[(PAGE, Some("{{title: About}}\n<p>Other.</p>\n"))]).await,
        )
        .await;
    let sets = system.data_folder().join("change-sets");
    std::fs::rename(sets.join(&id), sets.join("aside")).unwrap();
    std::fs::rename(sets.join(&other), sets.join(&id)).unwrap();
    for promotion in [&id, &other] {
        assert_eq!(system.promote(promotion).await, 3);
        let reason = system.promotion(promotion).await.summary.reason.unwrap();
        assert!(reason.contains("no longer what was approved"), "{reason}");
    }
    assert_eq!(shop.serving().await.as_deref(), Some("base"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_shipped_says_why_and_nobody_can_approve_it() {
    let shop = Shop::open(Place::Processes, json!({})).await;
    let system = System::embedded().await;
    system.apply(&shop).await;
    let empty = Feature::write(&shop, "nothing", &[], &[]).await;
    let gone = Feature::develop(&shop, "good").await;
    std::fs::remove_dir_all(&gone.sandbox).unwrap();
    let mut lost = Feature::develop(&shop, "good").await;
    lost.message["data"]["baseline"] = json!("0123456789012345678901234567890123456789");
    for (feature, why) in [
        (&empty, "no change against its starting point"),
        (&gone, "is no longer there"),
        (&lost, "is not in the sandbox's history"),
    ] {
        let said = system.say(&["ship", "-f", feature.save()]).await;
        assert_eq!((said.code, &said.results[0]["status"]), (4, &json!("not_shipped")), "{said:?}");
        let id = said.results[0]["promotion"].as_str().unwrap();
        let promotion = system.promotion(id).await;
        let reason = promotion.summary.reason.as_ref().unwrap();
        assert!(reason.contains(why), "{reason}");
        assert_eq!((promotion.change_set, promotion.started_at), (None, None));
        for word in ["approve", "schedule"] {
            let said = system.say(&["promotions", word, id, "--by", "Ines"]).await;
            assert_eq!(said.code, 4, "{word}: {said:?}");
        }
        let said = system.say(&["ship", "-f", feature.save(), "--follow"]).await;
        assert_eq!(said.code, 4, "the same message has the same answer: {said:?}");
    }
    assert_eq!(shop.serving().await.as_deref(), Some("base"));
    assert_eq!(names_in(&system.data_folder().join("change-sets")), [""; 0]);

    // What was sealed for nothing goes with the next deployment.
    let withdrawn = system.ship(&Feature::develop(&shop, "good").await).await;
    let said = system.say(&["promotions", "reject", &withdrawn, "--by", "Ines", "--reason", "no"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(names_in(&system.data_folder().join("change-sets")), [withdrawn]);
    let id = system.ship(&Feature::develop(&shop, "good").await).await;
    assert_eq!(system.promote(&id).await, 0);
    assert_eq!(names_in(&system.data_folder().join("change-sets")), [id]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_feature_would_do_to_the_data_is_said_before_it_is_approved() {
    let shop = Shop::open(Place::Processes, json!({})).await;
    let system = System::embedded().await;
    system.apply(&shop).await;
    let page = (PAGE, Some("{{title: About}}\n<p>About us.</p>\n"));
    let migration =
        ("migrations/0004_tidy.sql", Some("-- drop table customers\nalter table orders drop column note;\n"));
    for (files, loses) in
        [(vec![page], None), (vec![page, migration], Some("delete the column `note` of `orders`"))]
    {
        let feature = Feature::write(&shop, "tidy", &[], &files).await;
        if loses.is_some() {
            let said = system.say(&["ship", "-f", feature.save()]).await;
            assert_eq!(said.results[0]["question"]["topic"], "destructive", "{said:?}");
        }
        let id = system.ship(&feature).await;
        let told = system.say(&["promotions", "plan", &id]).await.results[0]["sentences"].to_string();
        assert_eq!(
            told.matches("Think about this before you approve it").count(),
            usize::from(loses.is_some()),
            "{told}"
        );
        assert!(told.contains(loses.unwrap_or_default()), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ship_worker_that_is_killed_while_it_seals_loses_nothing() {
    let shop = Shop::open(Place::Processes, json!({})).await;
    let mut system = System::distributed(&[SHORT_LEASE]).await;
    system.apply(&shop).await;
    // Enough files to be met in the midst of them.
    let many: Vec<_> = (0..4_000).map(|number| format!("notes/{number}.txt")).collect();
    let feature = Feature::develop(&shop, "good").await;
    std::fs::create_dir(feature.sandbox.join("notes")).unwrap();
    for path in &many {
        std::fs::write(feature.sandbox.join(path), path).unwrap();
    }
    publish(&system, &feature.message).await;
    let staging = system.data_folder().join("change-sets");
    eventually("it is being sealed", async || names_in(&staging).pop()).await;
    system.kill("ship");
    let promotions: Vec<protocol::http::PromotionSummary> = system.get("/promotions").await;
    let id = promotions[0].id.clone();
    system.start("ship");
    system.until_pending(&id).await;
    assert_eq!(names_in(&staging), [id.as_str()], "nothing half-done is left");
    assert_eq!(system.promote(&id).await, 0);
    assert_eq!(shop.serving().await, Some(feature.build));
    let source = system.data_folder().join("contexts").join(&id).join("notes");
    assert_eq!(names_in(&source).len(), many.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_whose_engine_is_away_for_a_moment_is_waited_for() {
    let mut shop = Shop::open(Place::Docker, json!({})).await;
    let system = System::embedded().await;
    let socket = shop.folder().join("engine.sock");
    let mut feature = Feature::develop(&shop, "good").await;
    feature.message["data"]["sandbox"] = shop.container().unwrap().hold(&feature.sandbox).await;
    let host = format!("unix://{}", socket.display());
    shop.redescribe(json!({ "application": { "docker": { "host": host } } }));
    system.apply(&shop).await;

    let ids = system.say(&["--wait", "1", "ship", "-f", feature.save()]).await;
    assert_eq!((ids.code, &ids.results[0]["status"]), (0, &json!("shipping")), "{ids:?}");
    let id = ids.results[0]["promotion"].as_str().unwrap();
    let refused = system.say(&["promotions", "approve", id, "--by", "Ines"]).await;
    let why = refused.results[0]["error"]["detail"].as_str().unwrap();
    assert_eq!(refused.code, 4);
    assert!(why.contains("still being made ready"), "{why}");
    let told = stream(&system, id, 0, 2).await;
    assert!(told[1].message.ends_with("Trying again."), "{told:?}");

    let engine = tokio::spawn(lead_to_engine(UnixListener::bind(socket).unwrap()));
    system.until_pending(id).await;
    assert_eq!(system.promote(id).await, 0);
    assert_eq!(shop.serving().await, Some(feature.build));
    engine.abort();
}

/// Leads whoever connects to the tests' Docker engine.
async fn lead_to_engine(listener: UnixListener) {
    let host = servers::docker();
    let socket =
        host.strip_prefix("unix://").expect("the tests' Docker engine listens on a socket").to_owned();
    while let Ok((mut near, _)) = listener.accept().await {
        let socket = socket.clone();
        tokio::spawn(async move {
            let mut far = UnixStream::connect(socket).await?;
            tokio::io::copy_bidirectional(&mut near, &mut far).await
        });
    }
}

/// What people decide while it is being sealed stays, and the worker stops.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_withdrawn_or_rejected_while_it_is_shipped_stays_so() {
    let shop = Shop::open(Place::Processes, json!({})).await;
    let mut system = System::distributed(&[]).await;
    system.apply(&shop).await;
    assert!(system.end("ship").await.success());
    let mut decided = Vec::new();
    for (word, status) in [("cancel", "cancelled"), ("reject", "rejected")] {
        let feature = Feature::develop(&shop, "good").await;
        let said: Value = system.say(&["--wait", "1", "ship", "-f", feature.save()]).await.results[0].clone();
        let id = said["promotion"].as_str().unwrap().to_owned();
        let said = system.say(&["promotions", word, &id, "--by", "Ines", "--reason", "not that one"]).await;
        assert_eq!(said.code, 0, "{said:?}");
        decided.push((id, status));
    }
    system.start("ship");
    let runs = "select count(*) from runs where phase <> 'finished'";
    eventually("the ship runs are over", async || (system.database.number(runs).await == 0).then_some(()))
        .await;
    for (id, status) in decided {
        let promotion = system.promotion(&id).await;
        assert_eq!(promotion.summary.status, status);
        assert!(promotion.summary.reason.unwrap().ends_with("not that one"));
    }
    assert_eq!(names_in(&system.data_folder().join("change-sets")), [""; 0]);
}
