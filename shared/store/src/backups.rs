//! Verified dumps of production databases.

use domain::PromotionId;
use domain::named::named;
use jiff::Timestamp;
use serde_json::Value;

use crate::error::known;
use crate::{Result, Store, StoreError, Tx};

/// How many backups a list holds.
const LIST_MAX: i64 = 500;

/// A backup to be put on record.
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
    /// How far it was proven: written, hashed, `read_back`, rehearsed.
    pub rung: String,
    /// What it does not hold, for people; `None` where nobody looked.
    pub not_covered: Option<String>,
}

named!(
    /// Where a backup stands.
    State, "kept, damaged, pruned" {
        /// Its file is there, and was good when it was last read.
        Kept = "kept",
        /// Its file is not what was written; it counts as none. Left when it is found good after all.
        Damaged = "damaged",
        /// Its file was removed because nobody needed it any more. Nothing leaves this.
        Pruned = "pruned",
    }
);

/// A backup with all that is on record of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What people call it.
    pub id: i64,
    /// What was put on record when it was taken.
    pub backup: Backup,
    /// The promotion before which it was taken.
    pub promotion: PromotionId,
    /// That promotion's build.
    pub build: String,
    /// That promotion's feature.
    pub title: String,
    /// The installation's name.
    pub installation: String,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// When it was last read back whole and found good.
    pub verified_at: Option<Timestamp>,
    /// Where it stands.
    pub state: State,
    /// What is wrong with a damaged one.
    pub problem: Option<String>,
    /// Never pruned, whatever its age.
    pub pinned: bool,
}

impl Record {
    /// Whether its file is there and was found good.
    pub fn is_good(&self) -> bool {
        self.state == State::Kept && self.verified_at.is_some()
    }
}

/// What came of reading a backup again, or of a rehearsal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The backup's file.
    pub path: String,
    /// What is wrong with it, one plain sentence; `None` if it is good.
    pub problem: Option<String>,
    /// How far it is proven now; of a damaged one no more than that it was written.
    pub rung: String,
}

struct Row {
    id: i64,
    path: String,
    size_bytes: i64,
    sha256: String,
    server_version: String,
    restore_instructions: String,
    promotion: String,
    build: String,
    title: String,
    installation: String,
    taken_at: jiff_sqlx::Timestamp,
    verified_at: Option<jiff_sqlx::Timestamp>,
    rung: String,
    not_covered: Option<String>,
    state: String,
    problem: Option<String>,
    pinned: bool,
}

impl TryFrom<Row> for Record {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Record {
            id: row.id,
            backup: Backup {
                path: row.path,
                size_bytes: row.size_bytes,
                sha256: row.sha256,
                server_version: row.server_version,
                restore_instructions: row.restore_instructions,
                rung: row.rung,
                not_covered: row.not_covered,
            },
            promotion: known("backups.promotion", &row.promotion)?,
            build: row.build,
            title: row.title,
            installation: row.installation,
            taken_at: row.taken_at.to_jiff(),
            verified_at: row.verified_at.map(jiff_sqlx::Timestamp::to_jiff),
            state: known("backups.state", &row.state)?,
            problem: row.problem,
            pinned: row.pinned,
        })
    }
}

/// Writes a backup of the promotion, which was found good just now; the same file again replaces what was
/// known of it.
pub async fn upsert(tx: &mut Tx, promotion: &PromotionId, backup: &Backup) -> Result<()> {
    sqlx::query!(
        "insert into backups (path, promotion, size_bytes, sha256, server_version, restore_instructions, rung,
                              not_covered, verified_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, now())
         on conflict (path) do update set size_bytes = excluded.size_bytes, sha256 = excluded.sha256,
             server_version = excluded.server_version, restore_instructions = excluded.restore_instructions,
             rung = excluded.rung, not_covered = excluded.not_covered, verified_at = now(), state = 'kept', problem = null",
        backup.path,
        promotion.as_str(),
        backup.size_bytes,
        backup.sha256,
        backup.server_version,
        backup.restore_instructions,
        backup.rung,
        backup.not_covered,
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// Writes what came of reading the backup again, or of its rehearsal. One that was pruned meanwhile stays so.
pub async fn check(tx: &mut Tx, checked: &Checked) -> Result<()> {
    sqlx::query!(
        "update backups set state = case when $2::text is null then 'kept' else 'damaged' end, problem = $2,
                rung = $3, verified_at = case when $2::text is null then now() else verified_at end
         where path = $1 and state <> 'pruned'",
        checked.path,
        checked.problem,
        checked.rung,
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// Writes that the files are gone.
pub async fn prune(tx: &mut Tx, paths: &[String]) -> Result<()> {
    sqlx::query!("update backups set state = 'pruned', problem = null where path = any($1)", paths)
        .execute(&mut *tx.0)
        .await?;
    Ok(())
}

impl Store {
    /// The promotion's latest backup.
    pub async fn backup_of(&self, promotion: &PromotionId) -> Result<Option<Backup>> {
        Ok(sqlx::query_as!(
            Backup,
            "select path, size_bytes, sha256, server_version, restore_instructions, rung, not_covered from backups
             where promotion = $1 order by taken_at desc limit 1",
            promotion.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?)
    }

    /// The latest 500 backups, of one installation or of all, newest first.
    pub async fn backups(&self, installation: Option<&str>) -> Result<Vec<Record>> {
        self.select_backups(None, installation).await
    }

    /// The backup with this number, if it is on record.
    pub async fn backup(&self, id: i64) -> Result<Option<Record>> {
        Ok(self.select_backups(Some(id), None).await?.pop())
    }

    async fn select_backups(&self, id: Option<i64>, installation: Option<&str>) -> Result<Vec<Record>> {
        let rows = sqlx::query_as!(
            Row,
            r#"select k.id, k.path, k.size_bytes, k.sha256, k.server_version, k.restore_instructions, k.promotion,
                      p.build, b.title, p.installation, k.taken_at as "taken_at: jiff_sqlx::Timestamp",
                      k.verified_at as "verified_at: jiff_sqlx::Timestamp", k.rung, k.not_covered, k.state, k.problem,
                      k.pinned
               from backups k
               join promotions p on p.id = k.promotion
               join builds b on b.id = p.build
               where ($1::bigint is null or k.id = $1) and ($2::text is null or p.installation = $2)
               order by k.taken_at desc, k.id desc limit $3"#,
            id,
            installation,
            LIST_MAX,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(Record::try_from).collect()
    }

    /// Backups of the installation that somebody may still need: those taken before the last `deployments`
    /// deployments, with which a rollback can restore the data, and those of promotions that are not over.
    pub async fn needed_backups(&self, installation: &str, deployments: i64) -> Result<Vec<String>> {
        Ok(sqlx::query_scalar!(
            "select k.path from backups k join promotions p on p.id = k.promotion
             where p.installation = $1 and (
                 p.id in (select d.id from promotions d join change_requests c on c.id = d.change_request
                          where d.installation = $1 and d.status = 'deployed' order by c.closed_at desc limit $2)
                 or exists (select from runs r where r.promotion = p.id and r.phase <> 'finished' and r.plan = 'promotion')
                 or exists (select from promotions o where o.restore_from = k.path and o.status in
                            ('pending', 'approved', 'scheduled', 'deploying', 'rolling_back')))",
            installation,
            deployments,
        )
        .fetch_all(&self.pool)
        .await?)
    }

    /// What the job that took the backup left of it.
    pub async fn backup_output(&self, path: &str) -> Result<Option<Value>> {
        let output = sqlx::query_scalar!(
            "select j.output from backups k
             join runs r on r.promotion = k.promotion and r.plan = 'promotion'
             join jobs j on j.run = r.id
             where k.path = $1 and j.job = 'backup.dump' and j.state = 'succeeded' and j.output ->> 'path' = k.path
             order by j.sequence desc limit 1",
            path,
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(output.flatten())
    }
}
