//! Whose turn it is.

use domain::{PromotionId, Status};
use scratch::with_database;
use serde_json::json;
use store::Store;
use store::promotions::{self, Facts};
use store::queue::{self, Waiting};

use crate::world::{actor, migrated, promotion, ready, run};

/// Those who wait where nothing is under way, in order.
async fn waiting(store: &Store) -> Vec<PromotionId> {
    let mut tx = store.begin().await.unwrap();
    queue::waiting(&mut tx).await.unwrap().into_iter().map(|it| it.id).collect()
}

async fn take(store: &Store, waiting: &Waiting) -> bool {
    let mut tx = store.begin().await.unwrap();
    let taken = queue::take(&mut tx, waiting).await.unwrap();
    tx.commit().await.unwrap();
    taken
}

#[tokio::test]
async fn who_asked_first_comes_first_and_nobody_passes_a_run() {
    with_database(async |database| {
        let store = migrated(database).await;
        promotion(&store, "shop", 9).await;
        assert!(waiting(&store).await.is_empty(), "nobody approved it");
        let first = ready(&store, "shop", 2).await;
        let second = ready(&store, "shop", 1).await;
        let bank = ready(&store, "bank", 3).await;
        assert_eq!(waiting(&store).await, [first.clone(), second.clone(), bank.clone()]);

        let started = run(&store, &first).await;
        assert_eq!(waiting(&store).await, std::slice::from_ref(&bank), "a run is under way at the shop");
        database
            .run(&format!(
                "update runs set phase = 'finished', outcome = 'deployed', finished_at = now() where id = '{started}';
                 update promotions set status = 'deploying', ready_at = null where id = '{first}';
                 update promotions set status = 'deployed' where id = '{first}'"
            ))
            .await;
        assert_eq!(waiting(&store).await, [second, bank]);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_promotion_is_taken_once_and_as_it_was_seen() {
    with_database(async |database| {
        let store = migrated(database).await;
        let shop = ready(&store, "shop", 1).await;
        let mut tx = store.begin().await.unwrap();
        let seen = queue::find(&mut tx, &shop).await.unwrap().unwrap();
        drop(tx);
        assert!(!take(&store, &Waiting { status: Status::Scheduled, ..seen.clone() }).await);
        assert!(take(&store, &seen).await);
        assert!(!take(&store, &seen).await, "somebody has it");
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn those_who_asked_at_the_same_moment_go_one_by_one() {
    with_database(async |database| {
        let store = migrated(database).await;
        let first = ready(&store, "shop", 1).await;
        let second = ready(&store, "shop", 2).await;
        database.run("update promotions set ready_at = now()").await;
        assert_eq!(waiting(&store).await, [first, second]);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_deployment_is_put_on_record_and_another_base_source_forgets_it() {
    with_database(async |database| {
        let store = migrated(database).await;
        let id = ready(&store, "shop", 1).await;
        let facts = Facts { image: Some("i".to_owned()), downtime_ms: Some(700), ..Facts::default() };
        let mut tx = store.begin().await.unwrap();
        promotions::set_facts(&mut tx, &id, &facts).await.unwrap();
        promotions::set_facts(&mut tx, &id, &Facts::default()).await.unwrap();
        for status in [Status::Deploying, Status::Deployed] {
            promotions::set_status(&mut tx, &id, status, None).await.unwrap();
        }
        promotions::record_deployment(&mut tx, &id).await.unwrap();
        tx.commit().await.unwrap();

        let found = store.promotion(&id).await.unwrap().unwrap().facts;
        assert_eq!(found, Facts { change_set: found.change_set.clone(), ..facts });
        assert_eq!(store.deployed_promotions("shop", 5).await.unwrap(), std::slice::from_ref(&id));
        let current = async || store.installation("shop").await.unwrap().unwrap().current_promotion;
        assert_eq!(current().await.as_deref(), Some(id.as_str()));
        store
            .apply_installation("shop", &json!({ "base_source": "/base", "more": 1 }), &actor("Ines"))
            .await
            .unwrap();
        assert_eq!(current().await.as_deref(), Some(id.as_str()));
        store.apply_installation("shop", &json!({ "base_source": "/other" }), &actor("Ines")).await.unwrap();
        assert_eq!(current().await, None);
        store.close().await;
    })
    .await;
}
