//! What people are told about a promotion, in their words.

use domain::{Plan, PromotionId, Step};
use jiff::Timestamp;

use crate::error::known;
use crate::{Result, Store, Tx};

/// One thing people were told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Grows with every row.
    pub sequence: i64,
    /// When, by the database's clock.
    pub at: Timestamp,
    /// What kind of news.
    pub kind: String,
    /// The step it speaks of.
    pub step: Option<Step>,
    /// One plain sentence.
    pub message: String,
}

/// Writes news of a promotion; returns its number and time.
pub async fn insert(
    tx: &mut Tx,
    promotion: &PromotionId,
    kind: &str,
    step: Option<Step>,
    message: &str,
) -> Result<(i64, Timestamp)> {
    let row = sqlx::query!(
        r#"insert into progress (promotion, kind, plan, step, message) values ($1, $2, $3, $4, $5)
           returning sequence, at as "at: jiff_sqlx::Timestamp""#,
        promotion.as_str(),
        kind,
        step.map_or(Plan::Promotion, Step::plan).as_str(),
        step.map(|step| i16::from(step.number())),
        message,
    )
    .fetch_one(&mut *tx.0)
    .await?;
    Ok((row.sequence, row.at.to_jiff()))
}

impl Store {
    /// The promotion's news after number `after`, oldest first, at most 500.
    pub async fn progress_after(&self, promotion: &PromotionId, after: i64) -> Result<Vec<Told>> {
        let rows = sqlx::query!(
            r#"select sequence, at as "at: jiff_sqlx::Timestamp", kind, plan, step, message from progress
               where promotion = $1 and sequence > $2 order by sequence limit 500"#,
            promotion.as_str(),
            after,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let plan = known("progress.plan", &row.plan)?;
                let number = |step: i16| Step::of(plan).find(|it| i16::from(it.number()) == step);
                Ok(Told {
                    sequence: row.sequence,
                    at: row.at.to_jiff(),
                    kind: row.kind,
                    step: row.step.and_then(number),
                    message: row.message,
                })
            })
            .collect()
    }
}
