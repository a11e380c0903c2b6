//! What callers can decide by when something goes wrong.

use scratch::with_database;
use store::{Store, StoreError, runs};
use uuid::Uuid;

use crate::world::{actor, migrated, promotion, run};

#[tokio::test]
async fn a_database_that_is_away_is_unavailable_and_comes_back_by_itself() {
    with_database(async |database| {
        let store = migrated(database).await;
        store.ping().await.unwrap();
        database.take_away().await;
        let error = store.ping().await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        let error = Store::connect(&database.url(), 1).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        database.bring_back().await;
        store.ping().await.unwrap();
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn nobody_at_the_address_is_unavailable() {
    let error = Store::connect("postgres://nobody@127.0.0.1:1/nothing", 1).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
}

#[tokio::test]
async fn a_conflict_names_its_constraint() {
    with_database(async |database| {
        let store = migrated(database).await;
        let id = promotion(&store, "shop", 1).await;
        run(&store, &id).await;
        let mut tx = store.begin().await.unwrap();
        let second = runs::insert(&mut tx, Uuid::now_v7(), &id, &domain::Run::start().run, 600, None).await;
        let conflict = second.unwrap_err();
        let StoreError::Conflict { constraint, .. } = conflict else { panic!("{conflict:?}") };
        assert_eq!(constraint, "runs_one_per_installation");
        drop(tx);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_database_that_takes_no_writes_is_read_only() {
    with_database(async |database| {
        let store = migrated(database).await;
        store.close().await;
        let name = database.text("select current_database()::text").await;
        database.run(&format!("alter role {name} set default_transaction_read_only = on")).await;
        let store = Store::connect(&database.url(), 2).await.unwrap();
        let error =
            store.apply_installation("shop", &serde_json::json!({}), &actor("Ines")).await.unwrap_err();
        assert!(matches!(error, StoreError::ReadOnly), "{error:?}");
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_schema_of_a_newer_version_is_refused() {
    with_database(async |database| {
        let store = migrated(database).await;
        database
            .run(
                "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
                 values (9999, 'from the future', true, '', 0)",
            )
            .await;
        let error = store.migrate().await.unwrap_err();
        assert!(matches!(error, StoreError::Schema(_)), "{error:?}");
        store.close().await;
    })
    .await;
}
