//! Ship messages already answered.

use domain::PromotionId;

use crate::error::known;
use crate::{Result, Store, Tx};

/// What a ship message was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It became this promotion.
    Accepted(PromotionId),
    /// It was not taken.
    Refused {
        /// The field that is wrong.
        field: String,
        /// What is wrong, for people.
        reason: String,
    },
}

/// Writes the answer to a message; false when it has been answered before (that answer stays).
pub async fn insert(tx: &mut Tx, message_id: &str, answer: &Answer) -> Result<bool> {
    let (promotion, field, reason) = match answer {
        Answer::Accepted(promotion) => (Some(promotion.as_str()), None, None),
        Answer::Refused { field, reason } => (None, Some(field.as_str()), Some(reason.as_str())),
    };
    let done = sqlx::query!(
        "insert into inbox (message_id, promotion, refused_field, refused_reason) values ($1, $2, $3, $4)
         on conflict (message_id) do nothing",
        message_id,
        promotion,
        field,
        reason,
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes a refusal back, so that the message is looked at anew when it comes again. What was accepted stays:
/// answers the promotion that the message became.
pub async fn forget_refusal(tx: &mut Tx, message_id: &str) -> Result<Option<PromotionId>> {
    sqlx::query!("delete from inbox where message_id = $1 and promotion is null", message_id)
        .execute(&mut *tx.0)
        .await?;
    let accepted = sqlx::query_scalar!("select promotion from inbox where message_id = $1", message_id)
        .fetch_optional(&mut *tx.0)
        .await?;
    accepted.flatten().map(|promotion| known("inbox.promotion", &promotion)).transpose()
}

impl Store {
    /// What the message was answered, if it was.
    pub async fn answer(&self, message_id: &str) -> Result<Option<Answer>> {
        let row = sqlx::query!(
            "select promotion, refused_field, refused_reason from inbox where message_id = $1",
            message_id
        )
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| match row.promotion {
            Some(promotion) => Ok(Answer::Accepted(known("inbox.promotion", &promotion)?)),
            None => Ok(Answer::Refused {
                field: row.refused_field.unwrap_or_default(),
                reason: row.refused_reason.unwrap_or_default(),
            }),
        })
        .transpose()
    }
}
