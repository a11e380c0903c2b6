//! Whose turn it is.

use domain::{PromotionId, Status};
use scratch::with_database;
use serde_json::json;
use store::Store;
use store::promotions::{self, Facts};

use crate::world::{actor, migrated, promotion, ready, run};

async fn next(store: &Store) -> Option<PromotionId> {
    let mut tx = store.begin().await.unwrap();
    promotions::take_next(&mut tx).await.unwrap()
}

#[tokio::test]
async fn the_first_who_asked_is_next_and_nobody_passes_a_run() {
    with_database(async |database| {
        let store = migrated(database).await;
        promotion(&store, "shop", 9).await;
        assert_eq!(next(&store).await, None, "nobody approved it");
        let first = ready(&store, "shop", 2).await;
        let second = ready(&store, "shop", 1).await;
        assert_eq!(next(&store).await, Some(first.clone()));

        let started = run(&store, &first).await;
        assert_eq!(next(&store).await, None, "a run is under way");
        database
            .run(&format!(
                "update runs set phase = 'finished', outcome = 'deployed', finished_at = now() where id = '{started}';
                 update promotions set status = 'deployed', ready_at = null where id = '{first}'"
            ))
            .await;
        assert_eq!(next(&store).await, Some(second));
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn two_schedulers_take_promotions_of_different_installations() {
    with_database(async |database| {
        let store = migrated(database).await;
        let shop = ready(&store, "shop", 1).await;
        ready(&store, "shop", 2).await;
        let bank = ready(&store, "bank", 3).await;
        let mut one = store.begin().await.unwrap();
        let mut two = store.begin().await.unwrap();
        let mut three = store.begin().await.unwrap();
        assert_eq!(promotions::take_next(&mut one).await.unwrap(), Some(shop));
        assert_eq!(promotions::take_next(&mut two).await.unwrap(), Some(bank));
        assert_eq!(promotions::take_next(&mut three).await.unwrap(), None, "the second of the shop waits");
        drop((one, two, three));
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn those_who_asked_at_the_same_moment_go_one_by_one() {
    with_database(async |database| {
        let store = migrated(database).await;
        let first = ready(&store, "shop", 1).await;
        ready(&store, "shop", 2).await;
        database.run("update promotions set ready_at = now()").await;
        assert_eq!(next(&store).await, Some(first));
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
        promotions::set_status(&mut tx, &id, Status::Deployed, None).await.unwrap();
        promotions::record_deployment(&mut tx, &id).await.unwrap();
        tx.commit().await.unwrap();

        assert_eq!(store.promotion(&id).await.unwrap().unwrap().facts, facts);
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
