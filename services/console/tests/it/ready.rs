//! Whether this process lives, and whether it can do its work.

use crate::world::{problem, with_console};

#[tokio::test]
async fn a_console_without_its_database_lives_but_is_not_ready() {
    with_console(None, async |console| {
        assert_eq!(console.get("/healthz").await.status(), 200);
        assert_eq!(console.get("/readyz").await.status(), 200);
        console.database.take_away().await;
        assert_eq!(console.get("/readyz").await.status(), 503);
        assert_eq!(console.get("/healthz").await.status(), 200);
        problem(console.get("/api/v1/promotions").await, 503).await;
        console.database.bring_back().await;
        assert_eq!(console.get("/readyz").await.status(), 200);
    })
    .await;
}

#[tokio::test]
async fn a_console_without_its_broker_is_not_ready() {
    with_console(None, async |console| {
        console.engine.broker.close().await;
        let answer = console.get("/readyz").await;
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.text().await.unwrap(), "the message broker does not answer");
    })
    .await;
}
