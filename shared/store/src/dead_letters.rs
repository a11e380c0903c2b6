//! Dead letters: messages that nobody could handle, kept until somebody redrives or discards them.

use domain::PromotionId;
use domain::named::named;
use jiff::Timestamp;
use uuid::Uuid;

use crate::error::known;
use crate::jobs::Try;
use crate::{Result, Store, StoreError, Tx};

/// How many bytes of a body are kept: as many as a message of ours may have.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// How many letters a list holds.
const LIST_MAX: i64 = 200;

named!(
    /// Where a letter stands.
    State, "kept, redriven, discarded" {
        /// Nobody has decided; left by [`redrive`] or [`discard`].
        Kept = "kept",
        /// It was sent again. Nothing leaves this.
        Redriven = "redriven",
        /// It will never be sent again. Nothing leaves this.
        Discarded = "discarded",
    }
);

/// A letter to be kept. Its texts must not hold U+0000, which Postgres does not store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct New {
    /// The publisher's id, if it is a UUID.
    pub message_id: Option<Uuid>,
    /// The queue on which it died, without the broker's prefix.
    pub queue: String,
    /// The body; what is above [`BODY_BYTES_MAX`] is not kept.
    pub body: Vec<u8>,
    /// As the publisher said.
    pub content_type: String,
    /// The trace it belongs to.
    pub traceparent: Option<String>,
    /// Why nobody could handle it.
    pub reason: String,
    /// How often it had been delivered when it died, where that is known.
    pub deliveries: Option<u32>,
    /// The try that it orders, where it is an order of ours.
    pub order: Option<Try>,
}

/// A letter as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// What people call it.
    pub id: i64,
    /// The publisher's id.
    pub message_id: Option<Uuid>,
    /// The queue on which it died, without the broker's prefix.
    pub queue: String,
    /// How large the whole body was, in bytes.
    pub size_bytes: u64,
    /// Why nobody could handle it.
    pub reason: String,
    /// How often it had been delivered when it died.
    pub deliveries: Option<u32>,
    /// The promotion whose order it is.
    pub promotion: Option<PromotionId>,
    /// When it was taken over.
    pub received_at: Timestamp,
    /// Where it stands.
    pub state: State,
    /// Who settled it, and how; `None` while it is kept.
    pub settled: Option<Settled>,
}

/// What became of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Who decided.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why it was discarded.
    pub reason: Option<String>,
    /// The id of the message that it was sent again as.
    pub sent_as: Option<Uuid>,
}

/// A letter with all that is on record of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// What lists show.
    pub summary: Summary,
    /// The body as it came, up to [`BODY_BYTES_MAX`].
    pub body: Vec<u8>,
    /// As the publisher said.
    pub content_type: String,
    /// The trace it belongs to.
    pub traceparent: Option<String>,
    /// The try that it orders, where it is an order that this version knows.
    pub order: Option<Try>,
}

impl Letter {
    /// Whether only the beginning of the body was kept.
    pub fn is_cut(&self) -> bool {
        self.summary.size_bytes > self.body.len() as u64
    }
}

struct Row {
    id: i64,
    message_id: Option<Uuid>,
    queue: String,
    body: Option<Vec<u8>>,
    size_bytes: i64,
    content_type: String,
    traceparent: Option<String>,
    reason: String,
    deliveries: Option<i64>,
    run: Option<Uuid>,
    job: Option<String>,
    attempt: Option<i64>,
    promotion: Option<String>,
    received_at: jiff_sqlx::Timestamp,
    state: String,
    settled_by: Option<String>,
    settled_at: Option<jiff_sqlx::Timestamp>,
    discard_reason: Option<String>,
    redriven_as: Option<Uuid>,
}

/// Keeps the letter and answers its id.
///
/// # Idempotency
/// The same letter again (queue, message id and bytes) is the same row as long as that is kept.
pub async fn keep(tx: &mut Tx, new: &New) -> Result<i64> {
    let id = sqlx::query_scalar!(
        "insert into dead_letters (message_id, queue, body, size_bytes, content_type, traceparent, reason, deliveries,
                                   run, job, attempt, promotion)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, (select promotion from runs where id = $9))
         on conflict (queue, coalesce(message_id::text, ''), size_bytes, sha256(body)) where state = 'kept'
             do update set queue = excluded.queue
         returning id",
        new.message_id,
        new.queue,
        &new.body[..new.body.len().min(BODY_BYTES_MAX)],
        i64::try_from(new.body.len()).unwrap_or(i64::MAX),
        new.content_type,
        new.traceparent,
        new.reason,
        new.deliveries.map(i64::from),
        new.order.map(|order| order.run),
        new.order.map(|order| order.job.as_str()),
        new.order.map(|order| i64::from(order.attempt)),
    )
    .fetch_one(&mut *tx.0)
    .await?;
    Ok(id)
}

/// The letter, locked until the transaction ends; `None` if there is none.
pub async fn lock(tx: &mut Tx, id: i64) -> Result<Option<Letter>> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, message_id, queue, body as "body?", size_bytes, content_type, traceparent, reason, deliveries,
                  run, job, attempt, promotion, received_at as "received_at: jiff_sqlx::Timestamp", state,
                  settled_by, settled_at as "settled_at: jiff_sqlx::Timestamp", discard_reason, redriven_as
           from dead_letters where id = $1 for update"#,
        id,
    )
    .fetch_optional(&mut *tx.0)
    .await?;
    row.map(Letter::try_from).transpose()
}

/// Writes that the kept letter was sent again as this message.
/// Whether it may be is for the caller to ask [`Summary::state`].
pub async fn redrive(tx: &mut Tx, id: i64, by: &str, sent_as: Uuid) -> Result<()> {
    sqlx::query!(
        "update dead_letters
         set state = 'redriven', settled_by = $2, settled_at = clock_timestamp(), redriven_as = $3
         where id = $1 and state = 'kept'",
        id,
        by,
        sent_as,
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// Writes that the kept letter will never be sent again, and why.
/// Whether it may be discarded is for the caller to ask [`Summary::state`].
pub async fn discard(tx: &mut Tx, id: i64, by: &str, reason: &str) -> Result<()> {
    sqlx::query!(
        "update dead_letters
         set state = 'discarded', settled_by = $2, settled_at = clock_timestamp(), discard_reason = $3
         where id = $1 and state = 'kept'",
        id,
        by,
        reason,
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

impl Store {
    /// The letter, if it is on record.
    pub async fn dead_letter(&self, id: i64) -> Result<Option<Letter>> {
        let mut tx = self.begin().await?;
        lock(&mut tx, id).await
    }

    /// The newest 200 letters, newest first: of one state or of all, older than the letter `before` if that is given.
    pub async fn dead_letters(&self, state: Option<State>, before: Option<i64>) -> Result<Vec<Summary>> {
        let rows = sqlx::query_as!(
            Row,
            r#"select id, message_id, queue, null::bytea as "body?", size_bytes, content_type, traceparent, reason,
                      deliveries, run, job, attempt, promotion, received_at as "received_at: jiff_sqlx::Timestamp",
                      state, settled_by, settled_at as "settled_at: jiff_sqlx::Timestamp", discard_reason, redriven_as
               from dead_letters
               where ($1::text is null or state = $1) and ($2::bigint is null or id < $2)
               order by id desc limit $3"#,
            state.map(State::as_str),
            before,
            LIST_MAX,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(|row| Ok(Letter::try_from(row)?.summary)).collect()
    }
}

impl TryFrom<Row> for Letter {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self> {
        let settled = row.settled_by.zip(row.settled_at).map(|(by, at)| Settled {
            by,
            at: at.to_jiff(),
            reason: row.discard_reason,
            sent_as: row.redriven_as,
        });
        let order = row.run.zip(row.job).zip(row.attempt);
        Ok(Letter {
            summary: Summary {
                id: row.id,
                message_id: row.message_id,
                queue: row.queue,
                size_bytes: row.size_bytes.unsigned_abs(),
                reason: row.reason,
                deliveries: row.deliveries.and_then(|count| count.try_into().ok()),
                promotion: row.promotion.map(|id| known("dead_letters.promotion", &id)).transpose()?,
                received_at: row.received_at.to_jiff(),
                state: known("dead_letters.state", &row.state)?,
                settled,
            },
            body: row.body.unwrap_or_default(),
            content_type: row.content_type,
            traceparent: row.traceparent,
            order: order.and_then(|((run, job), attempt)| {
                Some(Try { run, job: job.parse().ok()?, attempt: attempt.try_into().ok()? })
            }),
        })
    }
}
