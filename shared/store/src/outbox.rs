//! Messages to publish, written in the transaction that they speak of.

use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use crate::{Result, Store, Tx};

/// A message on its way to the broker.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// The message's id: the same however often it is published.
    pub id: Uuid,
    /// Name of the exchange.
    pub exchange: String,
    /// Routing key.
    pub routing_key: String,
    /// Body, JSON.
    pub body: Value,
    /// The trace it belongs to.
    pub traceparent: Option<String>,
}

/// Writes a message, to be published after the delay.
pub async fn insert(tx: &mut Tx, message: &Outgoing, delay: Duration) -> Result<()> {
    sqlx::query!(
        "insert into outbox (id, exchange, routing_key, body, traceparent, available_at)
         values ($1, $2, $3, $4, $5, slipway_now() + make_interval(secs => $6))",
        message.id,
        message.exchange,
        message.routing_key,
        message.body,
        message.traceparent,
        delay.as_secs_f64(),
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// How many bytes the message's body will have: the database writes numbers in its own way.
pub async fn body_bytes(tx: &mut Tx, id: Uuid) -> Result<usize> {
    let body = sqlx::query_scalar!("select body from outbox where id = $1", id).fetch_one(&mut *tx.0).await?;
    Ok(body.to_string().len())
}

/// Takes up to `limit` messages that have been due for `overdue`, for `retake_after`: others leave them
/// alone meanwhile, and after that they are due again unless they were sent.
pub async fn take_due(
    tx: &mut Tx,
    limit: i64,
    overdue: Duration,
    retake_after: Duration,
) -> Result<Vec<Outgoing>> {
    let rows = sqlx::query_as!(
        Outgoing,
        "with due as (
             select id from outbox where available_at <= slipway_now() - make_interval(secs => $3)
             order by available_at, sequence limit $1 for update skip locked)
         update outbox o set available_at = slipway_now() + make_interval(secs => $2)
         from due where o.id = due.id
         returning o.id, o.exchange, o.routing_key, o.body, o.traceparent",
        limit,
        retake_after.as_secs_f64(),
        overdue.as_secs_f64(),
    )
    .fetch_all(&mut *tx.0)
    .await?;
    Ok(rows)
}

impl Store {
    /// Forgets messages that the broker has confirmed.
    pub async fn outbox_sent(&self, ids: &[Uuid]) -> Result<()> {
        sqlx::query!("delete from outbox where id = any($1)", ids).execute(&self.pool).await?;
        Ok(())
    }
}
