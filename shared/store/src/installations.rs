//! Installations: what is shipped to.

use jiff::Timestamp;
use serde_json::Value;

use crate::audit::Actor;
use crate::{Result, Store, Tx};

/// An installation as it is on record.
#[derive(Debug, Clone, PartialEq)]
pub struct Installation {
    /// Its name.
    pub name: String,
    /// Its description as it was applied, checked on entry; secrets as references only.
    pub description: Value,
    /// The promotion whose sealed source is in production, if one was deployed since the base
    /// source was last set.
    pub current_promotion: Option<String>,
    /// When it was last applied.
    pub updated_at: Timestamp,
}

macro_rules! installation {
    ($row:expr) => {
        Installation {
            name: $row.name,
            description: $row.description,
            current_promotion: $row.current_promotion,
            updated_at: $row.updated_at.to_jiff(),
        }
    };
}

/// Whether the installation exists.
pub async fn exists(tx: &mut Tx, name: &str) -> Result<bool> {
    Ok(sqlx::query_scalar!(r#"select exists (select from installations where name = $1) as "exists!""#, name)
        .fetch_one(&mut *tx.0)
        .await?)
}

impl Store {
    /// Writes the description; the same one again changes nothing but the time.
    ///
    /// Another base source begins a new line: what was deployed before is no longer built upon.
    pub async fn apply_installation(&self, name: &str, description: &Value, by: &Actor) -> Result<()> {
        let mut tx = self.begin_as(by).await?;
        sqlx::query!(
            "insert into installations as i (name, description) values ($1, $2)
             on conflict (name) do update set description = excluded.description, updated_at = now(),
                 current_promotion = case
                     when i.description -> 'base_source' = excluded.description -> 'base_source'
                     then i.current_promotion end",
            name,
            description,
        )
        .execute(&mut *tx.0)
        .await?;
        tx.commit().await
    }

    /// The installation, if it is on record.
    pub async fn installation(&self, name: &str) -> Result<Option<Installation>> {
        let row = sqlx::query!(
            r#"select name, description, current_promotion, updated_at as "updated_at: jiff_sqlx::Timestamp"
               from installations where name = $1"#,
            name
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| installation!(row)))
    }

    /// All installations by name.
    pub async fn installations(&self) -> Result<Vec<Installation>> {
        let rows = sqlx::query!(
            r#"select name, description, current_promotion, updated_at as "updated_at: jiff_sqlx::Timestamp"
               from installations order by name"#
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|row| installation!(row)).collect())
    }
}
