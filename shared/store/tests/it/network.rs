//! A network that cuts connections, or swallows what is sent without a word.

use std::time::Duration;

use futures_util::future::join_all;
use scratch::{Database, Network, Proxy, with_database};
use serde_json::json;
use store::{Store, StoreError, answered};
use tokio::time::{Instant, sleep, timeout};

use crate::world::{actor, migrated};

/// Few, so that one that is held shows.
const CONNECTIONS_MAX: u32 = 2;

/// Longer than anything takes that has to be bounded.
const PATIENCE: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_works_again_as_soon_as_the_network_does_and_nothing_waits_for_ever() {
    let networks = [Network::Cut, Network::Stalled, Network::Swallowing];
    join_all(networks.map(|network| with_database(async move |database| lose(database, network).await)))
        .await;
}

/// Loses one connection in the middle of a statement and one in the middle of a transaction.
async fn lose(database: &Database, network: Network) {
    migrated(database).await.close().await;
    let (proxy, url) = Proxy::before(&database.url()).await;
    let store = Store::connect(&url, CONNECTIONS_MAX).await.unwrap();
    let mut other = database.connect().await;
    let lock = other.transaction().await.unwrap();
    lock.batch_execute("lock installations").await.unwrap();
    let waits = tokio::spawn({
        let store = store.clone();
        async move { answered(store.apply_installation("shop", &json!({}), &actor("Ines"))).await }
    });
    until(async || database.texts(WAITS).await.pop()).await;
    let open = store.begin().await.unwrap();
    proxy.set(network);
    drop(open);
    let pinged = timeout(PATIENCE, answered(store.ping())).await.expect("it is bounded");
    let waited = timeout(PATIENCE, waits).await.expect("it is bounded").unwrap();
    for error in [pinged.unwrap_err(), waited.unwrap_err()] {
        assert!(matches!(error, StoreError::Unavailable(_)), "{network:?}: {error:?}");
    }
    lock.rollback().await.unwrap();

    proxy.set(Network::Whole);
    until(async || answered(store.apply_installation("shop", &json!({}), &actor("Ines"))).await.ok()).await;
    // Each place in the pool is free.
    let (first, second) = (store.begin().await.unwrap(), store.begin().await.unwrap());
    first.commit().await.unwrap();
    second.commit().await.unwrap();
    timeout(PATIENCE, store.close()).await.expect("it closes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_vanished_in_a_transaction_holds_no_lock_for_long() {
    with_database(async |database| {
        migrated(database).await.close().await;
        let (proxy, url) = Proxy::before(&database.url()).await;
        let far = Store::connect(&url, 1).await.unwrap();
        let near = Store::connect(&database.url(), 1).await.unwrap();
        let mut tx = far.begin().await.unwrap();
        store::inbox::insert(&mut tx, "message", &refusal()).await.unwrap();
        proxy.set(Network::Swallowing);

        // The same key: it waits for the other's transaction to end.
        let insert = async || {
            let mut tx = near.begin().await?;
            let inserted = store::inbox::insert(&mut tx, "message", &refusal()).await?;
            tx.commit().await?;
            Ok::<_, StoreError>(inserted)
        };
        assert!(until(async || answered(insert()).await.ok()).await, "the first one left nothing");
        let error = timeout(PATIENCE, answered(tx.commit())).await.expect("it is bounded").unwrap_err();
        assert!(error.is_passing(), "{error:?}");
        near.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_rested_too_long_is_a_passing_trouble() {
    with_database(async |database| {
        let store = migrated(database).await;
        let mut tx = store.begin().await.unwrap();
        store::inbox::insert(&mut tx, "message", &refusal()).await.unwrap();
        let gone = "select 'gone' where not exists (select from pg_stat_activity
                    where datname = current_database() and state = 'idle in transaction')";
        until(async || database.texts(gone).await.pop()).await;
        let error = store::inbox::insert(&mut tx, "another", &refusal()).await.unwrap_err();
        assert!(error.is_passing(), "{error:?}");
        drop(tx);
        store.ping().await.unwrap();
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_to_a_server_that_only_takes_reads_are_replaced() {
    with_database(async |database| {
        let store = migrated(database).await;
        let name = database.text("select current_database()::text").await;
        let switch = async |to: &str| {
            database.run(&format!("alter role {name} set default_transaction_read_only = {to}")).await;
        };
        // The role's setting stays with a connection, like the server behind it.
        switch("on").await;
        database.end_connections().await;
        let error = answered(store.apply_installation("shop", &json!({}), &actor("Ines"))).await.unwrap_err();
        assert!(matches!(error, StoreError::ReadOnly), "{error:?}");
        let error = store.ping().await.unwrap_err();
        assert!(matches!(error, StoreError::ReadOnly), "{error:?}");
        let error = Store::connect(&database.url(), 1).await.unwrap().migrate().await.unwrap_err();
        assert!(error.is_passing(), "{error:?}");
        switch("off").await;
        store.apply_installation("shop", &json!({}), &actor("Ines")).await.unwrap();
        store.ping().await.unwrap();
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nudges_come_again_after_the_connection_was_cut() {
    with_database(async |database| {
        migrated(database).await.close().await;
        let (proxy, url) = Proxy::before(&database.url()).await;
        let (far, near) = (Store::connect(&url, 1).await.unwrap(), migrated(database).await);
        let mut nudges = far.nudges();
        let nudge = async || {
            let mut tx = near.begin().await.unwrap();
            tx.nudge().await.unwrap();
            tx.commit().await.unwrap();
        };
        timeout(PATIENCE, nudges.next()).await.expect("it listens");
        nudge().await;
        timeout(PATIENCE, nudges.next()).await.expect("a nudge is heard");
        proxy.set(Network::Cut);
        until(async || far.ping().await.err()).await;
        proxy.set(Network::Whole);
        timeout(PATIENCE, nudges.next()).await.expect("what was missed meanwhile is made up for");
        nudge().await;
        timeout(PATIENCE, nudges.next()).await.expect("a nudge is heard");
        // The listener has no place in the pool.
        far.ping().await.unwrap();
        drop(nudges);
        far.close().await;
        near.close().await;
    })
    .await;
}

const WAITS: &str = "select state from pg_stat_activity
                     where datname = current_database() and wait_event_type = 'Lock'";

fn refusal() -> store::inbox::Answer {
    store::inbox::Answer::Refused { field: "id".into(), reason: "it is not one".into() }
}

/// Looks until there is something to see.
async fn until<T>(look: impl AsyncFn() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(Instant::now() < deadline, "waited in vain");
        sleep(Duration::from_millis(20)).await;
    }
}
