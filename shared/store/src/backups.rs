//! Verified dumps of production databases.

use domain::PromotionId;

use crate::{Result, Store, Tx};

/// A backup on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// The file.
    pub path: String,
    /// Its size.
    pub size_bytes: i64,
    /// Its SHA-256, hex.
    pub sha256: String,
    /// Version of the server it was taken from.
    pub server_version: String,
    /// How to restore it by hand.
    pub restore_instructions: String,
}

/// Writes a backup of the promotion; the same file again replaces what was known of it.
pub async fn upsert(tx: &mut Tx, promotion: &PromotionId, backup: &Backup) -> Result<()> {
    sqlx::query!(
        "insert into backups (path, promotion, size_bytes, sha256, server_version, restore_instructions)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (path) do update set size_bytes = excluded.size_bytes, sha256 = excluded.sha256,
             server_version = excluded.server_version, restore_instructions = excluded.restore_instructions",
        backup.path,
        promotion.as_str(),
        backup.size_bytes,
        backup.sha256,
        backup.server_version,
        backup.restore_instructions,
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

impl Store {
    /// The promotion's latest backup.
    pub async fn backup_of(&self, promotion: &PromotionId) -> Result<Option<Backup>> {
        Ok(sqlx::query_as!(
            Backup,
            "select path, size_bytes, sha256, server_version, restore_instructions from backups
             where promotion = $1 order by taken_at desc limit 1",
            promotion.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?)
    }
}
