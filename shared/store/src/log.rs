//! The whole log of a promotion.

use domain::{Job, PromotionId};
use jiff::Timestamp;

use crate::{Result, Store};

/// One line of a promotion's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Grows with every line.
    pub sequence: i64,
    /// When, by the database's clock.
    pub at: Timestamp,
    /// The job that wrote it.
    pub job: String,
    /// The line.
    pub line: String,
}

impl Store {
    /// Appends lines, in order.
    pub async fn append_log(&self, promotion: &PromotionId, job: Job, lines: &[String]) -> Result<()> {
        sqlx::query!(
            "insert into log_lines (promotion, job, line)
             select $1, $2, line from unnest($3::text[]) with ordinality as lines (line, place) order by place",
            promotion.as_str(),
            job.as_str(),
            lines,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The lines after number `after`, oldest first, at most 5,000.
    pub async fn log_after(&self, promotion: &PromotionId, after: i64) -> Result<Vec<Line>> {
        let rows = sqlx::query!(
            r#"select sequence, at as "at: jiff_sqlx::Timestamp", job, line from log_lines
               where promotion = $1 and sequence > $2 order by sequence limit 5000"#,
            promotion.as_str(),
            after,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| Line { sequence: row.sequence, at: row.at.to_jiff(), job: row.job, line: row.line })
            .collect())
    }
}
