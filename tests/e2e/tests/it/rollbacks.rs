//! Earlier versions are brought back, with the data as it is or as it was.

use protocol::http::{AuditEntry, AuditVerdict, Promotion, Restorable};
use serde_json::{Value, json};

use crate::feature::Feature;
use crate::patience::eventually;
use crate::shop::{Place, Shop};
use crate::system::{Said, System, names_in};

/// How many customers wrote something after the second feature was deployed.
const LATE: &str = "select count(*) from customers where name like 'Late %'";

#[tokio::test(flavor = "multi_thread")]
async fn earlier_versions_come_back_on_processes() {
    let shop = Shop::open(Place::Processes, json!({})).await;
    bring_back(&System::embedded().await, &shop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn earlier_versions_come_back_on_docker_with_a_process_per_role() {
    let shop = Shop::open(Place::Docker, json!({})).await;
    bring_back(&System::distributed(&[]).await, &shop).await;
}

/// Three features: loyalty points; notes in their place, which removes their data; and a page more.
async fn bring_back(system: &System, shop: &Shop) {
    system.apply(shop).await;
    let points = Feature::develop(shop, "good").await;
    let first = deploy(system, &points).await;
    let with_points = shop.database.fingerprint().await;
    let notes = notes_for_points(shop).await;
    let second = deploy(system, &notes).await;
    shop.database.execute("insert into notes (body) values ('Call Ada.')").await;
    write_customer(shop, "Late 1").await;

    refuses_without_a_yes(system, &first).await;
    keeps_the_data_and_fails(system, shop, &first, &notes).await;
    let trail: Vec<AuditEntry> = system.get("/audit?after=0").await;
    let back = restores_the_data(system, shop, &first, &points).await;
    stays_on_the_trail(system, &trail).await;
    let differences = with_points.differences(&shop.database.fingerprint().await);
    assert_eq!(differences, [""; 0], "the data is as the backup had it");

    // What follows is laid over the source that came back.
    let page = [("pages/about.html", Some("{{title: About}}\n<p>We sell tea.</p>\n"))];
    let about = Feature::write(shop, "about", &["good"], &page).await;
    let third = deploy(system, &about).await;
    assert_eq!(shop.serving().await.as_deref(), Some(about.build.as_str()));
    for (path, status) in [("/about", 200), ("/loyalty", 200), ("/notes", 404)] {
        assert_eq!(shop.page(path).await.unwrap().0, status, "{path}");
    }
    let said = rollback(system, &second, &["--yes", "--follow"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(shop.serving().await.as_deref(), Some(notes.build.as_str()));
    assert_eq!(shop.page("/notes").await.unwrap().0, 200);

    let all: Vec<Restorable> = system.get(&format!("/restorable?installation={}", shop.name())).await;
    let order: Vec<_> = all.iter().map(|it| it.promotion.as_str()).collect();
    assert_eq!(order[1..], [third.as_str(), back.as_str(), second.as_str(), first.as_str()]);
    let serving: Vec<_> = all.iter().map(|it| it.serves).collect();
    assert_eq!(serving, [true, false, false, true, false], "{all:?}");
    assert!(all.iter().all(|it| it.image_kept != Some(false) && it.source_kept == Some(true)), "{all:?}");
    assert!(all[4].backup.is_some() && all[4].schema_changed_since == Some(true), "{all:?}");
}

/// Nothing is done before a person says yes, and programs are not asked.
async fn refuses_without_a_yes(system: &System, first: &str) {
    let said = rollback(system, first, &["--restore-data"]).await;
    assert_eq!(said.code, 4, "{said:?}");
    let steps = said.results[0]["steps"].to_string();
    assert!(steps.contains("The data is put back") && said.results[0]["backup"].is_number(), "{steps}");
    let unknown = rollback(system, "CP-FFFFFFFF", &["--yes"]).await;
    assert_eq!(unknown.code, 1, "{unknown:?}");
}

/// The first version needs what the second one removed.
async fn keeps_the_data_and_fails(system: &System, shop: &Shop, first: &str, notes: &Feature) {
    let before = shop.database.fingerprint().await;
    let family = shop.database.family().await;
    let said = rollback(system, first, &["--yes", "--follow"]).await;
    assert_eq!(said.code, 3, "{said:?}");
    let promotion = outcome(&said);
    assert!(promotion.summary.reason.as_ref().unwrap().contains("health check"), "{promotion:?}");
    assert_eq!(promotion.rolls_back_to.as_deref(), Some(first));
    assert_eq!(shop.serving().await.as_deref(), Some(notes.build.as_str()));
    assert_eq!(before.differences(&shop.database.fingerprint().await), [""; 0]);
    assert_eq!(shop.database.family().await, family);
    let contexts = names_in(&system.data_folder().join("contexts"));
    assert!(!contexts.contains(&promotion.summary.id), "{contexts:?}");
}

async fn restores_the_data(system: &System, shop: &Shop, first: &str, points: &Feature) -> String {
    let said = rollback(system, first, &["--restore-data", "--yes", "--follow"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    let promotion = outcome(&said);
    let id = promotion.summary.id.clone();
    assert_eq!(shop.serving().await.as_deref(), Some(points.build.as_str()));
    assert_eq!(shop.page("/loyalty").await.unwrap().0, 200);
    assert_eq!(shop.database.number(LATE).await, 0);
    let replaced = format!("{}__replaced_{id}", shop.database.name());
    assert_eq!(promotion.kept_database.as_ref(), Some(&replaced));
    assert!(promotion.data_note.as_ref().unwrap().contains(&replaced), "{promotion:?}");
    assert_eq!(shop.database.number_in_copy(&replaced, LATE).await, 1, "no row is lost");
    assert_eq!(shop.database.number_in_copy(&replaced, "select count(*) from notes").await, 1);
    assert_eq!(
        (promotion.change_type.as_str(), promotion.approved_by.as_deref()),
        ("emergency", Some("Noor"))
    );
    id
}

/// What was on the audit trail before the production data was put back, which does not hold it.
async fn stays_on_the_trail(system: &System, before: &[AuditEntry]) {
    let now: Vec<AuditEntry> = system.get("/audit?after=0").await;
    assert!(!before.is_empty() && before.len() < now.len(), "{before:?}");
    assert_eq!(now[..before.len()], *before);
    let verdict: AuditVerdict = system.get("/audit/verify").await;
    assert_eq!(verdict.problems, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_that_goes_wrong_leaves_version_and_data_as_they_were() {
    let shop = Shop::open(Place::Processes, json!({})).await;
    let mut system = System::faulty().await;
    system.apply(&shop).await;
    let first = deploy(&system, &Feature::develop(&shop, "good").await).await;
    let notes = notes_for_points(&shop).await;
    deploy(&system, &notes).await;
    write_customer(&shop, "Late 1").await;
    let before = shop.database.fingerprint().await;
    let family = shop.database.family().await;
    let faults = [
        ("health.check_new", "fails_before"),
        ("backup.snapshot", "fails_before"),
        ("backup.snapshot", "dies_after"),
    ];
    for (job, fault) in faults {
        let what = format!("{job} {fault}");
        system.strike(job, fault);
        let said = rollback(&system, &first, &["--restore-data", "--yes"]).await;
        assert_eq!(said.code, 0, "{what}: {said:?}");
        let id = said.results[0]["id"].as_str().unwrap();
        let promotion = until_over(&mut system, id).await;
        assert_eq!(promotion.summary.status, "rolled_back", "{what}: {:?}", promotion.summary.reason);
        assert_eq!(shop.serving().await.as_deref(), Some(notes.build.as_str()), "{what}");
        let differences = before.differences(&shop.database.fingerprint().await);
        assert_eq!(differences, [""; 0], "{what}");
        assert_eq!(shop.database.number(LATE).await, 1, "{what}");
        let kept: Vec<_> = shop.database.family().await.into_iter().filter(|it| it.ends_with(id)).collect();
        let failed = format!("{}__failed_{id}", shop.database.name());
        let expected =
            if fault == "fails_before" && job == "backup.snapshot" { vec![] } else { vec![failed] };
        assert_eq!(kept, expected, "{what}");
        assert_eq!(promotion.kept_database, expected.first().cloned(), "{what}");
    }
    system.strike("none", "fails_before");
    let said = rollback(&system, &first, &["--restore-data", "--yes", "--follow"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(shop.database.family().await.len() > family.len());
    assert_eq!(shop.database.number(LATE).await, 0);
}

async fn until_over(system: &mut System, id: &str) -> Promotion {
    eventually(&format!("{id} is over"), async || {
        system.revive();
        let promotion: Promotion = system.ask(&format!("/promotions/{id}")).await?.json().await.ok()?;
        promotion.finished_at.is_some().then_some(promotion)
    })
    .await
}

/// Built on the points: their page and their table go, a page of notes comes.
async fn notes_for_points(shop: &Shop) -> Feature {
    let page = |title: &str, query: &str, row: &str| {
        format!(
            "{{{{title: {title}}}}}\n<ul>\n{{{{rows:\n    {query}\n}}}}\n<li>{{{{{row}}}}}</li>\n{{{{end}}}}\n</ul>\n"
        )
    };
    let notes = page("Notes", "select body from notes order by body", "body");
    let customers = page("Customers", "select name from customers order by name", "name");
    let migration = "drop table loyalty_points;\ncreate table notes (body text not null);\n";
    let files = [
        ("pages/loyalty.html", None),
        ("pages/customers.html", Some(customers.as_str())),
        ("pages/notes.html", Some(notes.as_str())),
        ("migrations/0010_create_notes.sql", Some(migration)),
    ];
    Feature::write(shop, "notes", &["good"], &files).await
}

async fn deploy(system: &System, feature: &Feature) -> String {
    let id = system.ship(feature).await;
    assert_eq!(system.promote(&id).await, 0, "{:?}", system.promotion(&id).await);
    id
}

async fn rollback(system: &System, target: &str, words: &[&str]) -> Said {
    let asked = ["promotions", "rollback", target, "--by", "Noor", "--reason", "Prices are wrong."];
    system.say(&[&asked[..], words].concat()).await
}

/// The promotion as it stood at the end of what was followed.
fn outcome(said: &Said) -> Promotion {
    let last: Value = said.results.last().unwrap().clone();
    serde_json::from_value(last).unwrap()
}

async fn write_customer(shop: &Shop, name: &str) {
    let customer = format!(
        "insert into customers (name, email, joined_on) values ('{name}', '{name}@example.com', current_date)"
    );
    shop.database.execute(&customer).await;
}
