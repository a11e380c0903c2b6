//! Messages that nobody can handle: kept, told to their promotion, and settled by people.

use protocol::http::{DeadLetter, DeadLetterSummary, LetterBody, PromotionSummary, ShipAnswer};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use transport::{DELIVERY_LIMIT, Queue};

use crate::feature::Feature;
use crate::intake::publish;
use crate::patience::eventually;
use crate::shop::{Place, Shop};
use crate::stranger;
use crate::system::{Said, System};

impl System {
    /// Waits until so many dead letters are on record; answers the newest.
    pub(crate) async fn newest_letter(&self, count: usize) -> DeadLetter {
        let id = eventually("the dead letter is on record", async || {
            let all: Vec<DeadLetterSummary> = self.ask("/dead-letters").await?.json().await.ok()?;
            (all.len() == count).then(|| all[0].id)
        })
        .await;
        let said = self.say(&["dlq", "show", &id.to_string()]).await;
        assert_eq!(said.code, 0, "{said:?}");
        serde_json::from_value(said.results[0].clone()).unwrap()
    }

    async fn redrive(&self, id: i64) -> Said {
        self.say(&["dlq", "redrive", &id.to_string(), "--by", "Ada"]).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_strangers_put_on_the_queues_is_kept_and_can_be_discarded() {
    let shop = Shop::open(Place::Processes, json!({})).await;
    let system = System::distributed(&[]).await;
    system.apply(&shop).await;
    let oversized = vec![b'x'; 200_000];
    let strange: [(&str, &[u8], &str); 5] = [
        ("jobs.build", b"\0\xff\x1b[2J{", "not a job message"),
        ("undo.swap", b"", "not a job message"),
        (
            "jobs.health",
            br#"{"run":"00000000-0000-0000-0000-000000000000","job":"swap.stop_old","attempt":1}"#,
            "swap.stop_old",
        ),
        ("jobs.scheduler", &oversized, "not a job message"),
        ("intake", &oversized, "must not be larger"),
    ];
    for (count, (queue, body, reason)) in strange.into_iter().enumerate() {
        stranger::publish(&system, queue, body).await;
        let letter = system.newest_letter(count + 1).await;
        let summary = &letter.summary;
        assert!(summary.reason.contains(reason), "{letter:?}");
        assert_eq!(
            (summary.queue.as_str(), summary.state.as_str(), summary.deliveries),
            (queue, "kept", Some(1))
        );
        assert_eq!(summary.size_bytes, body.len() as u64);
        assert_eq!(letter.body.bytes().unwrap(), body[..body.len().min(64 * 1024)]);
        assert_eq!((letter.content_type.as_str(), summary.message_id.as_deref()), ("text/[2Jplain", None));

        assert_eq!(system.redrive(summary.id).await.code, 4, "it would only come back");
        let id = summary.id.to_string();
        for _ in 0..2 {
            let said = system.say(&["dlq", "discard", &id, "--by", "Ada", "--reason", "not ours"]).await;
            assert_eq!((said.code, &said.results[0]["settled"]["reason"]), (0, &json!("not ours")));
        }
    }
    let discarded = system.say(&["dlq", "list", "--state", "discarded"]).await;
    assert_eq!(discarded.results[0].as_array().unwrap().len(), strange.len());
    assert_eq!(system.say(&["dlq", "list", "--state", "kept"]).await.results, [json!([])]);
    assert_eq!(system.say(&["dlq", "show", "99"]).await.code, 1);
    assert_eq!(system.say(&["dlq", "discard", "1", "--by", "Ada"]).await.code, 2);

    let id = system.ship(&Feature::develop(&shop, "good").await).await;
    assert_eq!(system.promote(&id).await, 0, "nobody was held up");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_redelivered_beyond_the_limit_fails_its_promotion_with_the_reason() {
    let shop = Shop::open(Place::Processes, json!({})).await;
    let mut system = System::distributed(&[]).await;
    system.apply(&shop).await;
    let before = shop.database.fingerprint().await;
    let id = system.ship(&Feature::develop(&shop, "good").await).await;
    assert!(system.end("build").await.success());
    system.approve(&id).await;
    let token = CancellationToken::new();
    let mut orders = system.broker().consume(&Queue::Jobs("build".into()), 1, token.clone());
    for _ in 0..=DELIVERY_LIMIT {
        assert!(orders.next().await.expect("the broker is there").retry().await);
    }
    token.cancel();

    let promotion = system.until_over(&id).await;
    assert_eq!(promotion.summary.status, "rolled_back");
    let letter = system.newest_letter(1).await;
    let reason = format!(
        "The order for step 4, “Source extraction”, could not be delivered after 11 tries, so the deployment had to \
         be undone. Whoever runs Slipway sees why with `slipway dlq show {}`.",
        letter.summary.id
    );
    assert_eq!(promotion.summary.reason, Some(reason));
    assert_eq!(letter.summary.promotion, Some(id));
    assert_eq!((letter.job.as_deref(), letter.summary.deliveries), (Some("build.extract"), Some(11)));
    let refused = system.redrive(letter.summary.id).await;
    assert_eq!(refused.code, 4);
    let why = refused.results[0]["error"]["detail"].as_str().unwrap();
    assert!(why.ends_with("its deployment is over; sending it again would change nothing."), "{why}");
    assert_eq!(shop.serving().await.as_deref(), Some("base"));
    assert_eq!(shop.database.fingerprint().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ship_message_that_came_too_early_is_sent_again() {
    let shop = Shop::open(Place::Processes, json!({})).await;
    let system = System::distributed(&[]).await;
    let feature = Feature::develop(&shop, "good").await;
    publish(&system, &feature.message).await;
    let letter = system.newest_letter(1).await;
    assert!(letter.summary.reason.contains("there is no installation"), "{letter:?}");
    assert_eq!(letter.body, LetterBody::Text(feature.message.to_string()));

    // The cause is not gone yet: it dies once more, as a letter of its own.
    assert_eq!(system.redrive(letter.summary.id).await.code, 0);
    let again = system.newest_letter(2).await;
    assert_ne!(again.summary.message_id, letter.summary.message_id);

    system.apply(&shop).await;
    let all = system.say(&["dlq", "redrive", "--all", "--by", "Ada"]).await;
    assert_eq!((all.code, &all.results[0]["id"]), (0, &json!(again.summary.id)), "{all:?}");
    assert_eq!(system.redrive(again.summary.id).await.code, 0, "it is sent again already");
    let promotion = eventually("the message is accepted", async || {
        match system.get(&format!("/ships/{}", feature.message_id())).await {
            ShipAnswer::Accepted { promotion, .. } => Some(promotion),
            ShipAnswer::Waiting | ShipAnswer::Refused { .. } => None,
        }
    })
    .await;
    system.until_pending(&promotion).await;
    assert_eq!(system.promote(&promotion).await, 0);
    assert_eq!(shop.serving().await, Some(feature.build));
    let all: Vec<PromotionSummary> = system.get("/promotions").await;
    assert_eq!(all.len(), 1, "{all:?}");
}
