//! What people answered ship runs.

use domain::{Answer, BuildId, PromotionId, Topic};

use crate::error::known;
use crate::{Result, Store, Tx};

/// What a person answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// What they were asked about.
    pub topic: Topic,
    /// What they answered.
    pub answer: Answer,
    /// Who they are.
    pub by: String,
    /// Why, in their words.
    pub reason: Option<String>,
}

/// Keeps what a person answered; from now on it counts about its topic.
pub async fn insert(tx: &mut Tx, promotion: &PromotionId, given: &Given) -> Result<()> {
    sqlx::query!(
        "insert into answers (promotion, topic, answer, by, reason) values ($1, $2, $3, $4, $5)",
        promotion.as_str(),
        given.topic.as_str(),
        given.answer.as_str(),
        given.by,
        given.reason,
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// The statements of the promotion's build that have these fingerprints are meant.
///
/// # Idempotency
/// What was acknowledged before stays as it was.
pub async fn acknowledge(
    tx: &mut Tx,
    promotion: &PromotionId,
    fingerprints: &[String],
    by: &str,
    reason: &str,
) -> Result<()> {
    sqlx::query!(
        "insert into acknowledgements (build, fingerprint, by, reason)
         select p.build, meant, $3, $4 from promotions p, unnest($2::text[]) as meant where p.id = $1
         on conflict do nothing",
        promotion.as_str(),
        fingerprints,
        by,
        reason,
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

impl Store {
    /// What was last answered about the topic.
    pub async fn latest_answer(&self, promotion: &PromotionId, topic: Topic) -> Result<Option<Given>> {
        let row = sqlx::query!(
            "select answer, by, reason from answers where promotion = $1 and topic = $2 order by number desc limit 1",
            promotion.as_str(),
            topic.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| {
            Ok(Given { topic, answer: known("answers.answer", &row.answer)?, by: row.by, reason: row.reason })
        })
        .transpose()
    }

    /// A secret that is the same for as long as there are records.
    pub async fn identity_key(&self) -> Result<String> {
        Ok(sqlx::query_scalar!("select key from identity").fetch_one(&self.pool).await?)
    }

    /// Fingerprints of the build's statements that are meant, each with who said so and why.
    pub async fn acknowledged(&self, build: &BuildId) -> Result<Vec<Acknowledgement>> {
        Ok(sqlx::query_as!(
            Acknowledgement,
            "select fingerprint, by, reason from acknowledgements where build = $1 order by fingerprint",
            build.as_str(),
        )
        .fetch_all(&self.pool)
        .await?)
    }
}

/// A statement that loses data, and is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// What it is recognised by.
    pub fingerprint: String,
    /// Who said so.
    pub by: String,
    /// Why, in their words.
    pub reason: String,
}
