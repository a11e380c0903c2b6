//! The password of the production database is seen by nobody.

use serde_json::json;

use crate::feature::Feature;
use crate::listener::Listener;
use crate::shop::{Place, Shop};
use crate::system::System;

#[tokio::test(flavor = "multi_thread")]
async fn the_password_of_a_shop_on_processes_stands_in_no_log_event_answer_or_table() {
    assert_nobody_sees_the_password(Place::Processes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_of_a_shop_on_docker_stands_in_no_log_event_answer_or_table() {
    assert_nobody_sees_the_password(Place::Docker).await;
}

async fn assert_nobody_sees_the_password(place: Place) {
    let shop = Shop::open(place, json!({})).await;
    let system = System::distributed(&[("SLIPWAY_LOG", "debug")]).await;
    let mut listener = Listener::new(&system).await;
    system.apply(&shop).await;
    let id = system.ship(&Feature::develop(&shop, "breaks-data").await).await;
    assert_eq!(system.promote(&id).await, 3);

    // What goes wrong says more than what goes well.
    let secret = shop.folder().join("database-url");
    let nobody_listens = shop.database.url_at("127.0.0.1", 1);
    std::fs::write(secret, nobody_listens).unwrap();
    let unreachable = system.ship(&Feature::develop(&shop, "good").await).await;
    assert_eq!(system.promote(&unreachable).await, 3);
    let ends = |message: &transport::Message| message.routing_key.ends_with("rolled_back");
    listener.until("both ends", 2, ends).await;

    let canary = shop.database.password();
    for (role, log) in system.logs() {
        assert!(!log.is_empty(), "{role} has a log");
        assert!(!log.contains(canary), "the log of {role} shows the password");
    }
    for message in listener.heard() {
        let body = String::from_utf8_lossy(&message.body);
        assert!(!body.contains(canary), "the event {} shows the password", message.routing_key);
    }
    assert_no_answer_shows(canary, &system, &shop, &[&id, &unreachable]).await;
    assert_no_table_shows(canary, &system).await;
}

async fn assert_no_answer_shows(canary: &str, system: &System, shop: &Shop, promotions: &[&str]) {
    let mut paths = vec!["/installations".to_owned(), "/promotions".to_owned(), "/doctor".to_owned()];
    paths.push(format!("/installations/{}", shop.name()));
    for id in promotions {
        paths.extend([format!("/promotions/{id}"), format!("/promotions/{id}/log")]);
    }
    for path in paths {
        let answer = system.ask(&path).await.unwrap().text().await.unwrap();
        assert!(!answer.contains(canary), "the answer to {path} shows the password");
    }
    let said = system.say(&["installations", "check", shop.name()]).await;
    assert!(
        !said.results.is_empty() && !format!("{said:?}").contains(canary),
        "the check shows the password"
    );
}

async fn assert_no_table_shows(canary: &str, system: &System) {
    let client = system.database.client().await;
    let looks =
        "select format('select count(*) from %I as t where strpos(t::text, %L) > 0', tablename, $1::text)
        from pg_tables where schemaname = 'public'";
    let looks = client.query(looks, &[&canary]).await.unwrap();
    assert!(looks.len() > 5, "there are tables to look at");
    for look in looks {
        let look: String = look.get(0);
        assert_eq!(system.database.number(&look).await, 0, "{look}");
    }
}
