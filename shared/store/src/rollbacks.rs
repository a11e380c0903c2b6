//! Deployments that were made, and promotions that bring one of them back.

use domain::{ChangeRequestId, ChangeType, PromotionId, Risk};
use jiff::Timestamp;
use serde_json::Value;

use crate::backups::State;
use crate::error::known;
use crate::{Result, Store, StoreError, Tx};

/// How many deployments a list holds.
const LIST_MAX: i64 = 200;

/// A promotion to be created that brings back what another one deployed. One person asks for it and answers
/// for it.
#[derive(Debug, Clone)]
pub struct New {
    /// Its id.
    pub id: PromotionId,
    /// Its change request's id.
    pub change_request: ChangeRequestId,
    /// The promotion that deployed the version.
    pub target: PromotionId,
    /// File of the backup that the version shall work with; the data stays as it is without one.
    pub restore_from: Option<String>,
    /// Who asks.
    pub by: String,
    /// Why, in their words.
    pub reason: String,
}

/// A deployment that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// The promotion that made it.
    pub promotion: PromotionId,
    /// Its build.
    pub build: String,
    /// The feature's name.
    pub title: String,
    /// The installation's name.
    pub installation: String,
    /// When it was put on record.
    pub deployed_at: Timestamp,
    /// Who asked for it.
    pub requested_by: String,
    /// Who approved it.
    pub approved_by: Option<String>,
    /// The image that has served since, by id.
    pub image: Option<String>,
    /// The promotion whose version it brought back, if it did.
    pub rolls_back_to: Option<PromotionId>,
    /// What Source extraction left of it.
    pub extracted: Option<Value>,
    /// The backup taken before it.
    pub backup: Option<BackupBefore>,
}

/// The backup taken before a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupBefore {
    /// What people call it.
    pub id: i64,
    /// The file.
    pub path: String,
    /// Its size.
    pub size_bytes: i64,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// Where it stands.
    pub state: State,
}

struct Row {
    id: String,
    build: String,
    title: String,
    installation: String,
    deployed_at: jiff_sqlx::Timestamp,
    requested_by: String,
    approved_by: Option<String>,
    image: Option<String>,
    rolls_back_to: Option<String>,
    extracted: Option<Value>,
    backup_id: Option<i64>,
    path: Option<String>,
    size_bytes: Option<i64>,
    taken_at: Option<jiff_sqlx::Timestamp>,
    backup_state: Option<String>,
}

impl TryFrom<Row> for Deployment {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self> {
        let backup = match (row.backup_id, row.path, row.taken_at) {
            (Some(id), Some(path), Some(taken_at)) => Some(BackupBefore {
                id,
                path,
                size_bytes: row.size_bytes.unwrap_or_default(),
                taken_at: taken_at.to_jiff(),
                state: known("backups.state", &row.backup_state.unwrap_or_default())?,
            }),
            _ => None,
        };
        Ok(Deployment {
            promotion: known("promotions.id", &row.id)?,
            build: row.build,
            title: row.title,
            installation: row.installation,
            deployed_at: row.deployed_at.to_jiff(),
            requested_by: row.requested_by,
            approved_by: row.approved_by,
            image: row.image,
            rolls_back_to: row
                .rolls_back_to
                .map(|target| known("promotions.rolls_back_to", &target))
                .transpose()?,
            extracted: row.extracted,
            backup,
        })
    }
}

/// Writes the promotion, approved and asked to run, and its change request.
///
/// # Errors
/// [`StoreError::Conflict`] on `promotions_one_rollback`: another one to the same version is not over.
pub async fn insert(tx: &mut Tx, new: &New) -> Result<()> {
    sqlx::query!(
        "insert into change_requests (id, change_type, risk, requested_by, reason) values ($1, $2, $3, $4, $5)",
        new.change_request.as_str(),
        ChangeType::Emergency.as_str(),
        Risk::High.as_str(),
        new.by,
        new.reason,
    )
    .execute(&mut *tx.0)
    .await?;
    sqlx::query!(
        "insert into promotions (id, build, installation, change_request, sandbox, status, ready_at,
                                 approved_by, approved_at, rolls_back_to, restore_from)
         select $1, build, installation, $2, '{}', 'approved', now(), $3, now(), id, $4
         from promotions where id = $5",
        new.id.as_str(),
        new.change_request.as_str(),
        new.by,
        new.restore_from,
        new.target.as_str(),
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// Puts on record which features went with a rollback: those that were deployed after the version that it
/// brought back. Nothing for a promotion that is none.
pub async fn withdraw_later_products(tx: &mut Tx, rollback: &PromotionId) -> Result<()> {
    sqlx::query!(
        "update products set state = 'registered', updated_at = now()
         from promotions r
         join promotions target on target.id = r.rolls_back_to
         join change_requests closed on closed.id = target.change_request
         where r.id = $1 and products.installation = r.installation and products.promotion <> r.id
               and products.promotion in (
                   select p.id from promotions p join change_requests c on c.id = p.change_request
                   where p.installation = r.installation and c.closed_at > closed.closed_at)",
        rollback.as_str(),
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

impl Store {
    /// The latest 200 deployments, of one installation or of all, newest first.
    pub async fn deployments(&self, installation: Option<&str>) -> Result<Vec<Deployment>> {
        let rows = sqlx::query_as!(
            Row,
            r#"select p.id, p.build, b.title, p.installation, c.closed_at as "deployed_at!: jiff_sqlx::Timestamp",
                      c.requested_by, p.approved_by, p.image, p.rolls_back_to,
                      (select j.output from runs r join jobs j on j.run = r.id
                       where r.promotion = p.id and r.plan = 'promotion' and j.job = 'build.extract'
                             and j.state = 'succeeded'
                       order by j.sequence desc limit 1) as extracted,
                      k.id as "backup_id?", k.path as "path?", k.size_bytes as "size_bytes?",
                      k.taken_at as "taken_at?: jiff_sqlx::Timestamp", k.state as "backup_state?"
               from promotions p
               join builds b on b.id = p.build
               join change_requests c on c.id = p.change_request
               left join lateral (select * from backups where promotion = p.id order by taken_at desc limit 1) k on true
               where p.status = 'deployed' and c.closed_at is not null and ($1::text is null or p.installation = $1)
               order by c.closed_at desc, p.id limit $2"#,
            installation,
            LIST_MAX,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(Deployment::try_from).collect()
    }

    /// The rollback to what this promotion deployed that is not over, if there is one.
    pub async fn open_rollback(&self, target: &PromotionId) -> Result<Option<PromotionId>> {
        let id = sqlx::query_scalar!(
            "select id from promotions where rolls_back_to = $1 and status in
                 ('pending', 'approved', 'scheduled', 'deploying', 'rolling_back')",
            target.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?;
        id.map(|id| known("promotions.id", &id)).transpose()
    }

    /// Promotions at the installation whose versions somebody has asked to bring back, and that is not over.
    pub async fn wanted_back(&self, installation: &str) -> Result<Vec<PromotionId>> {
        let ids = sqlx::query_scalar!(
            r#"select rolls_back_to as "target!" from promotions
               where installation = $1 and rolls_back_to is not null and status in
                     ('pending', 'approved', 'scheduled', 'deploying', 'rolling_back')"#,
            installation,
        )
        .fetch_all(&self.pool)
        .await?;
        ids.iter().map(|id| known("promotions.rolls_back_to", id)).collect()
    }

    /// Promotions at the installation that were undone more than `days` ago and kept a failed database aside,
    /// each with that database's name.
    pub async fn failed_databases(
        &self,
        installation: &str,
        days: i32,
    ) -> Result<Vec<(PromotionId, String)>> {
        let rows = sqlx::query!(
            r#"select id, kept_database as "kept_database!" from promotions p
               where installation = $1 and status = 'rolled_back' and kept_database is not null
                     and not exists (select from runs r where r.promotion = p.id and r.plan = 'promotion'
                                     and (r.finished_at is null
                                          or r.finished_at > slipway_now() - make_interval(days => $2)))"#,
            installation,
            days,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(|row| Ok((known("promotions.id", &row.id)?, row.kept_database))).collect()
    }
}
