//! What comes in: ship messages by AMQP, descriptions of installations, and what is refused.

use std::collections::BTreeMap;

use protocol::http::{AuditEntry, LetterBody, PromotionSummary, ShipAnswer};
use serde_json::{Value, json};
use transport::{Broker, Exchange, Message, Names};
use uuid::Uuid;

use crate::feature::Feature;
use crate::listener::Listener;
use crate::patience::eventually;
use crate::shop::{Place, Shop, merge};
use crate::system::System;
use crate::{servers, stranger};

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_message_becomes_a_dead_letter_that_names_its_field_and_an_event_tells_it() {
    let shop = Shop::open(Place::Processes, json!({})).await;
    let system = System::distributed(&[]).await;
    system.apply(&shop).await;
    let mut listener = Listener::new(&system).await;
    let good = Feature::develop(&shop, "good").await.message;
    let cases = [
        ("data.build", json!({ "data": { "build": "42" } })),
        ("data.sandbox", json!({ "data": { "sandbox": { "directory": "not/absolute" } } })),
        ("data.titel", json!({ "data": { "titel": "misspelt" } })),
        ("data.installation", json!({ "data": { "installation": "nowhere" } })),
        ("specversion", json!({ "specversion": "2.0" })),
    ];
    for (count, (field, change)) in cases.into_iter().enumerate() {
        let id = Uuid::new_v4().to_string();
        let mut message = good.clone();
        merge(&mut message, change);
        message["id"] = json!(id);
        publish(&system, &message).await;

        let letter = system.newest_letter(count + 1).await;
        let reason = &letter.summary.reason;
        assert!(reason.contains(field), "{reason:?} names {field}");
        assert_eq!(letter.body, LetterBody::Text(message.to_string()), "kept as it came");
        let ShipAnswer::Refused { field: answered, .. } = system.get(&format!("/ships/{id}")).await else {
            panic!("{field}: the sender is not answered");
        };
        assert_eq!(answered, field);
    }
    publish_text(&system, "not even JSON").await;
    system.newest_letter(6).await;
    listener.until("every refusal", 6, |message| message.routing_key == "ship.refused").await;
    let none: Vec<PromotionSummary> = system.get("/promotions").await;
    assert!(none.is_empty(), "{none:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_comes_twice_is_one_promotion() {
    let shop = Shop::open(Place::Processes, json!({})).await;
    let system = System::distributed(&[]).await;
    system.apply(&shop).await;
    let feature = Feature::develop(&shop, "good").await;
    publish(&system, &feature.message).await;
    let by_amqp = eventually("the message is answered", async || {
        match system.get(&format!("/ships/{}", feature.message_id())).await {
            ShipAnswer::Accepted { promotion, .. } => Some(promotion),
            ShipAnswer::Waiting | ShipAnswer::Refused { .. } => None,
        }
    })
    .await;
    publish(&system, &feature.message).await;
    assert_eq!(system.ship(&feature).await, by_amqp, "the same by the command line");
    // A later message is taken after the repeats: then there is nothing more to come of them.
    let later = system.ship(&Feature::develop(&shop, "breaks-data").await).await;
    let all: Vec<PromotionSummary> = system.get("/promotions").await;
    let all: Vec<_> = all.iter().map(|promotion| promotion.id.as_str()).collect();
    assert_eq!(all, [later.as_str(), by_amqp.as_str()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_says_which_field_is_wrong() {
    let shop = Shop::open(Place::Processes, json!({})).await;
    let system = System::embedded().await;
    let feature = Feature::develop(&shop, "good").await;
    let said = system.say(&["ship", "-f", feature.save()]).await;
    assert_eq!(said.code, 4, "an installation that is not on record: {said:?}");
    assert_eq!(said.results[0]["field"], "data.installation");

    let cases = [
        ("health.url", json!({ "health": { "url": "ftp://shop" } })),
        ("time_limit_seconds", json!({ "time_limit_seconds": 0 })),
        ("backup_dir", json!({ "backup_dir": "here" })),
        ("database", json!({ "database": { "snap": true } })),
    ];
    for (field, change) in cases {
        let mut wrong = shop.description().clone();
        merge(&mut wrong, change);
        let file = shop.folder().join("wrong.toml");
        std::fs::write(&file, toml::to_string(&wrong).unwrap()).unwrap();
        let said = system.say(&["installations", "apply", "-f", file.to_str().unwrap()]).await;
        assert_ne!(said.code, 0, "{field}");
        let named = said.results[0]["error"]["fields"][0]["field"].as_str().unwrap_or_default();
        assert!(named.starts_with(field), "{field}: {said:?}");
    }
    let said = system.say(&["installations", "list"]).await;
    assert_eq!(said.results, [json!([])], "nothing wrong is saved");
}

/// `RabbitMQ` says who handed a feature in, whatever the message says.
#[tokio::test(flavor = "multi_thread")]
async fn who_handed_a_feature_in_is_on_the_audit_trail() {
    let shop = Shop::open(Place::Processes, json!({})).await;
    let system = System::distributed(&[]).await;
    system.apply(&shop).await;
    let from_studio = Feature::develop(&shop, "good").await;
    let names = Names::new(system.broker_prefix());
    let studio = Broker::amqp(&servers::amqp_of("build-studio"), "Build Studio", names).await.unwrap();
    publish_by(&studio, &from_studio.message.to_string()).await;
    let nameless = Feature::develop(&shop, "good").await;
    stranger::publish(&system, "intake", nameless.message.to_string().as_bytes()).await;
    let from_console = Feature::develop(&shop, "good").await;
    // The answer to a message that was handed in before is the same one.
    let mut senders = BTreeMap::from([(system.ship(&from_console).await, "slipway-console")]);
    senders.insert(system.ship(&from_studio).await, "build-studio");
    senders.insert(system.ship(&nameless).await, "somebody unnamed");

    let trail: Vec<AuditEntry> = system.get("/audit?after=0").await;
    let trail = trail.iter().map(|it| serde_json::from_str::<Value>(&it.entry).unwrap());
    let created: Vec<_> = trail.filter(|it| it["action"] == "promotions.insert").collect();
    assert_eq!(created.len(), 3, "{created:?}");
    for entry in created {
        let sender = senders[entry["subject"].as_str().unwrap()];
        assert_eq!((&entry["who"], &entry["from"]), (&json!(sender), &json!("RabbitMQ")));
        assert!(entry["login"].as_str().unwrap().ends_with("slipway_scheduler"), "{entry}");
    }
    studio.close().await;
}

pub(crate) async fn publish(system: &System, message: &Value) {
    publish_text(system, &message.to_string()).await;
}

async fn publish_text(system: &System, body: &str) {
    publish_by(system.broker(), body).await;
}

/// Publishes as Build Studio does.
async fn publish_by(broker: &Broker, body: &str) {
    let message = Message {
        id: Uuid::new_v4(),
        exchange: Exchange::Ship,
        routing_key: "ship".into(),
        body: body.as_bytes().to_vec(),
        content_type: "application/cloudevents+json".into(),
        traceparent: None,
    };
    for answer in broker.publish(vec![message]).await {
        answer.unwrap();
    }
}
