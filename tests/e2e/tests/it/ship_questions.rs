//! What people are asked while a feature is shipped, and what follows from each answer.

use protocol::http::ShipAnswer;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::feature::Feature;
use crate::intake::publish;
use crate::patience::eventually;
use crate::ship_phase::{World, again};
use crate::upstream::verified;

/// The statement's migration; there is none of this number.
const MIGRATION: &str = "migrations/0004_less.sql";

#[tokio::test(flavor = "multi_thread")]
async fn a_person_chooses_whether_a_feature_is_shared_and_nothing_is_sent_before() {
    let world = World::contributing("selective", &[]).await;
    let World { system, upstream, .. } = &world;
    for (answer, by_message) in [("share", false), ("keep", false), ("share", true), ("keep", true)] {
        let asked_before = upstream.server.asked().len();
        let feature = world.page().await;
        let asking = world.ask(&feature, "contribution").await;
        let id = &asking.summary.id;
        assert_eq!(asking.question.unwrap().answers, ["share", "keep"]);
        assert_eq!(upstream.server.asked().len(), asked_before, "nothing was said to GitHub");
        if by_message {
            let message = choice(id, answer);
            publish(system, &message).await;
            assert!(matches!(answered(&world, &message).await, ShipAnswer::Accepted { .. }));
            publish(system, &message).await;
        } else {
            world.say(id, &["answer", answer]).await;
        }
        let shipped = system.until_pending(id).await;
        let is_shared = answer == "share";
        assert_eq!(shipped.assessment.unwrap().is_shared, is_shared, "{answer}");
        assert_eq!(upstream.has_anything_of(&feature.build), is_shared, "{answer}");
        if is_shared {
            let body = upstream.pull(&feature.build).1.body;
            assert!(!body.contains("Ines"), "who chose stays here: {body}");
        }
        let answers = format!("select count(*) from answers where promotion = '{id}'");
        assert_eq!(system.database.number(&answers).await, 1);
    }
    upstream.check_words();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_answer_is_refused_and_a_message_withdraws() {
    let world = World::contributing("selective", &[]).await;
    let World { system, upstream, .. } = &world;
    let feature = world.page().await;
    let id = world.ask(&feature, "contribution").await.summary.id;
    assert_eq!(world.try_to_say(&id, &["answer", "skip"]).await.code, 4);
    for answer in ["skip", "release", "perhaps"] {
        let message = choice(&id, answer);
        publish(system, &message).await;
        let ShipAnswer::Refused { field, reason } = answered(&world, &message).await else {
            panic!("{answer} is no answer to this")
        };
        assert_eq!(field, "data.answer", "{reason}");
    }
    assert!(system.promotion(&id).await.question.is_some(), "it still asks");

    let data = json!({ "promotion": id, "reason": "not that one", "by": "Ines" });
    let message = event("slipway.ship.cancel.v1", &data);
    publish(system, &message).await;
    let withdrawn = system.until(&id, "is withdrawn", |it| it.summary.status == "cancelled").await;
    assert!(withdrawn.summary.reason.unwrap().ends_with("not that one"));
    assert_eq!(withdrawn.question, None);
    let late = choice(&id, "share");
    publish(system, &late).await;
    assert!(matches!(answered(&world, &late).await, ShipAnswer::Refused { .. }));
    assert!(!upstream.has_anything_of(&feature.build));
    upstream.check_words();
}

#[tokio::test(flavor = "multi_thread")]
async fn sharing_everything_keeps_what_somebody_keeps_and_asks_about_what_looks_private() {
    let world = World::contributing("contribute_all", &[]).await;
    let World { upstream, .. } = &world;
    for (chosen, is_shared) in [(None, true), (Some("share"), true), (Some("keep"), false)] {
        let mut feature = world.page().await;
        if let Some(chosen) = chosen {
            feature.message["data"]["contribution"] = json!(chosen);
        }
        let shipped = world.ship(&feature).await;
        assert_eq!(shipped.assessment.unwrap().is_shared, is_shared, "{chosen:?}");
        assert_eq!(upstream.has_anything_of(&feature.build), is_shared, "{chosen:?}");
    }
    let text = "{{title: About}}\n<p>Ask mara@shop.example.com.</p>\n";
    let private = Feature::write(&world.shop, "address", &[], &[("pages/contact.html", Some(text))]).await;
    let asking = world.ask(&private, "contribution").await;
    let details = asking.question.unwrap().details.join(" ");
    assert!(details.contains("pages/contact.html, line 2"), "{details}");
    assert!(!details.contains("mara"), "{details}");
    assert!(!upstream.has_anything_of(&private.build));
    world.answer(&asking.summary.id, &["answer", "share"]).await;
    let body = upstream.pull(&private.build).1.body;
    assert!(!body.contains("contact.html"), "what looks private is not pointed at in public: {body}");
    upstream.check_words();
}

/// One whose repository everybody can read gets nothing while a secret is open.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_reaches_a_public_repository_only_if_a_person_releases_it() {
    let world = World::contributing("contribute_all", &[]).await;
    let World { upstream, .. } = &world;
    let released = ["release", "--reason", "It was withdrawn last year"];
    let table: [(&str, &[&str], bool); 3] =
        [("public", &released, true), ("public", &["answer", "skip"], false), ("private", &[], true)];
    for (visibility, answer, is_proposed) in table {
        upstream.server.state().visibility = visibility;
        let feature = leaking(&world).await;
        let shipped = if answer.is_empty() {
            world.ship(&feature).await
        } else {
            let asking = world.ask(&feature, "secret").await;
            let id = asking.summary.id;
            assert!(!upstream.has_anything_of(&feature.build), "nothing was sent");
            assert_ne!(world.try_to_say(&id, &["release", "--reason", " "]).await.code, 0);
            assert!(!upstream.has_anything_of(&feature.build), "nobody said why");
            world.answer(&id, answer).await
        };
        assert_eq!(upstream.has_anything_of(&feature.build), is_proposed, "{visibility}: {answer:?}");
        let proposed = shipped.pull_request.unwrap();
        assert_eq!((proposed.url.is_some(), proposed.merged), (is_proposed, None));
    }
    upstream.check_words();
}

/// A feature that somebody shares with an access token in it; the token is none of anybody's.
async fn leaking(world: &World) -> Feature {
    let token = format!("gh{}_{}Zx9Q", 'p', Uuid::new_v4().simple());
    let text = format!("export const token = \"{token}\";\n");
    let mut feature = Feature::write(&world.shop, "token", &[], &[("token.ts", Some(&text))]).await;
    verified(&mut feature);
    feature.message["data"]["contribution"] = json!("share");
    feature
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_that_lose_data_wait_for_an_acknowledgement_of_these_very_ones() {
    let world = World::contributing("contribute_all", &[]).await;
    let World { system, upstream, .. } = &world;
    let mut feature = losing(&world, "drop table news;\n").await;
    verified(&mut feature);
    let asking = world.ask(&feature, "destructive").await;
    let id = &asking.summary.id;
    let asked = asking.question.clone().unwrap().fingerprints;
    assert_eq!(asked.len(), 1, "{asking:?}");
    let (number, pull) = upstream.pull(&feature.build);
    assert!(pull.is_open && pull.merged.is_none(), "{pull:?}");
    let before = upstream.comment(number).body;
    assert!(before.contains(MIGRATION), "{before}");

    let wrong = "0".repeat(32);
    let said = world.try_to_say(id, &["acknowledge", &wrong, "--reason", "Nobody reads them"]).await;
    assert_eq!(said.code, 4, "{said:?}");
    let nobody_says_why = json!({ "by": "Ines", "answer": "", "fingerprints": asked });
    assert_eq!(post(&world, &format!("/promotions/{id}/acknowledge"), &nobody_says_why).await, 409);
    assert!(system.promotion(id).await.question.is_some(), "it still asks");
    let words = ["acknowledge", &asked[0], "--reason", "Nobody reads them"];
    let shipped = world.answer(id, &words).await;
    assert_eq!(upstream.pull(&feature.build).0, number, "it is the same pull request");
    assert_ne!(upstream.comment(number).body, before);
    let (_, pull) = upstream.pull(&feature.build);
    assert!(shipped.pull_request.unwrap().merged.is_some() && pull.merged.is_some(), "{pull:?}");
    let open: Vec<_> = upstream.statuses(&pull.head).into_iter().rev().take(4).collect();
    assert!(open.iter().any(|it| it.context == "slipway/destructive" && it.state == "success"), "{open:?}");
    upstream.check_words();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_holds_when_the_same_is_shipped_again_and_not_for_anything_else() {
    let world = World::contributing("contribute_all", &[]).await;
    let World { upstream, .. } = &world;
    let mut feature = losing(&world, "drop table news;\n").await;
    let first = world.ask(&feature, "destructive").await;
    let asked = first.question.unwrap().fingerprints;
    world.answer(&first.summary.id, &["acknowledge", "--all", "--reason", "Nobody reads them"]).await;

    again(&mut feature);
    let second = world.ship(&feature).await;
    assert_eq!(second.pull_request.unwrap().number, Some(1), "the same feature has one pull request");
    assert_eq!(upstream.pulls(&feature.build).len(), 1);

    std::fs::write(feature.sandbox.join(MIGRATION), "drop table customers cascade;\n").unwrap();
    again(&mut feature);
    let third = world.ask(&feature, "destructive").await;
    let asked_now = third.question.unwrap().fingerprints;
    assert!(!asked_now.is_empty() && !asked_now.contains(&asked[0]), "{asked_now:?}");
    let stale = ["acknowledge", &asked[0], "--reason", "Nobody reads them"];
    assert_eq!(world.try_to_say(&third.summary.id, &stale).await.code, 4);
    upstream.check_words();
}

async fn losing(world: &World, statement: &str) -> Feature {
    Feature::write(&world.shop, "less", &[], &[(MIGRATION, Some(statement))]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_installation_sends_to_its_own_private_repository_alone() {
    let mut world = World::open(&[crate::upstream::CONTRIBUTION_TOKEN]).await;
    let feature = world.page().await;
    let shipped = world.ship(&feature).await;
    assert_eq!(shipped.pull_request.unwrap().url, None, "it knows no repository");
    assert!(!shipped.assessment.unwrap().is_shared);

    world.describe(world.upstream.own(&world.shop, github::TOKEN)).await;
    let feature = world.page().await;
    assert!(world.ship(&feature).await.pull_request.unwrap().url.is_some());
    assert!(world.upstream.has_anything_of(&feature.build));

    world.upstream.server.state().visibility = "public";
    let feature = world.page().await;
    let asking = world.ask(&feature, "pull_request").await;
    assert!(asking.question.unwrap().sentence.contains("everybody can read"));
    assert!(!world.upstream.has_anything_of(&feature.build));
    world.answer(&asking.summary.id, &["answer", "skip"]).await;
    assert!(!world.upstream.has_anything_of(&feature.build));

    // The token for contributions is there, and is not used in place of the one that is missing.
    world.upstream.server.state().visibility = "private";
    world.describe(world.upstream.own(&world.shop, "\n")).await;
    assert_waits_for_a_token(&world).await;
    world.upstream.check_words();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_token_for_contributions_nothing_is_contributed() {
    let mut world = World::open(&[]).await;
    world.describe(world.upstream.shared("contribute_all")).await;
    assert_waits_for_a_token(&world).await;
    world.upstream.check_words();
}

async fn assert_waits_for_a_token(world: &World) {
    let asked_before = world.upstream.server.asked().len();
    let feature = world.page().await;
    let asking = world.ask(&feature, "pull_request").await;
    let sentence = asking.question.unwrap().sentence;
    assert!(sentence.contains("token"), "{sentence}");
    assert_eq!(world.upstream.server.asked().len(), asked_before, "nothing was said to GitHub");
}

fn choice(promotion: &str, answer: &str) -> Value {
    event("slipway.ship.choice.v1", &json!({ "promotion": promotion, "answer": answer, "by": "Ines" }))
}

fn event(kind: &str, data: &Value) -> Value {
    json!({
        "specversion": "1.0",
        "type": kind,
        "id": Uuid::new_v4(),
        "source": "/build-studio",
        "data": data,
    })
}

/// What became of a message.
async fn answered(world: &World, message: &Value) -> ShipAnswer {
    let path = format!("/ships/{}", message["id"].as_str().unwrap());
    eventually("the message is answered", async || {
        let answer: ShipAnswer = world.system.get(&path).await;
        (answer != ShipAnswer::Waiting).then_some(answer)
    })
    .await
}

/// The status of the answer.
async fn post(world: &World, path: &str, body: &Value) -> u16 {
    let address = world.system.address(&format!("/api/v1{path}"));
    let request = reqwest::Client::new().post(address).header("content-type", "application/json");
    request.body(body.to_string()).send().await.unwrap().status().as_u16()
}
