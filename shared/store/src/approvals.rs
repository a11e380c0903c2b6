//! What is approved of promotions, by whom and for how long.

use domain::{ChangeType, PromotionId, Risk, Status};
use jiff::Timestamp;
use serde_json::Value;

use crate::error::known;
use crate::{Result, StoreError, Tx, sha256};

/// How long an approval holds where the installation does not say so, in days.
pub const APPROVAL_DAYS: i32 = 7;

/// A promotion, as far as it is approved: all that its plan is made of, and what was approved.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// Its id.
    pub id: PromotionId,
    /// The feature's name.
    pub title: String,
    /// The installation's name.
    pub installation: String,
    /// Its description, as it was applied last.
    pub description: Value,
    /// standard, normal, emergency.
    pub change_type: ChangeType,
    /// low to critical.
    pub risk: Risk,
    /// Whether somebody lets it go past closed windows.
    pub overrides_windows: bool,
    /// SHA-256 of its sealed change set, once that is taken.
    pub change_set: Option<String>,
    /// The promotion whose version it brings back; `None` where it ships a feature.
    pub rolls_back_to: Option<PromotionId>,
    /// The image of that version, by id.
    pub image_back: Option<String>,
    /// File of the backup that the version shall work with.
    pub restore_from: Option<String>,
    /// What somebody approved; `None` where nobody has, or no longer.
    pub approval: Option<Approval>,
}

/// What somebody approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Who.
    pub by: String,
    /// The plan as it was then, as JSON.
    pub plan: String,
    /// Until when it holds.
    pub ends_at: Timestamp,
    /// Whether that time is over, by the database's clock.
    pub is_over: bool,
}

struct Row {
    id: String,
    title: String,
    installation: String,
    description: Value,
    change_type: String,
    risk: String,
    overrides_windows: bool,
    change_set: Option<String>,
    rolls_back_to: Option<String>,
    image_back: Option<String>,
    restore_from: Option<String>,
    approved_by: Option<String>,
    approved: Option<String>,
    ends_at: Option<jiff_sqlx::Timestamp>,
    is_over: bool,
}

impl TryFrom<Row> for Subject {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self> {
        let approval = match (row.approved_by, row.approved, row.ends_at) {
            (Some(by), Some(plan), Some(ends_at)) => {
                Some(Approval { by, plan, ends_at: ends_at.to_jiff(), is_over: row.is_over })
            }
            _ => None,
        };
        let rolls_back_to = row.rolls_back_to;
        Ok(Self {
            id: known("promotions.id", &row.id)?,
            title: row.title,
            installation: row.installation,
            description: row.description,
            change_type: known("change_requests.change_type", &row.change_type)?,
            risk: known("change_requests.risk", &row.risk)?,
            overrides_windows: row.overrides_windows,
            change_set: row.change_set,
            rolls_back_to: rolls_back_to.map(|it| known("promotions.rolls_back_to", &it)).transpose()?,
            image_back: row.image_back,
            restore_from: row.restore_from,
            approval,
        })
    }
}

/// The promotion, as far as it is approved.
pub async fn subject(tx: &mut Tx, id: &PromotionId) -> Result<Option<Subject>> {
    let row = sqlx::query_as!(
        Row,
        r#"select p.id, b.title, p.installation, i.description, c.change_type, c.risk, c.overrides_windows,
                  p.change_set, p.rolls_back_to, back.image as "image_back?", p.restore_from,
                  p.approved_by, approved.plan as "approved?",
                  p.approval_ends_at as "ends_at: jiff_sqlx::Timestamp",
                  coalesce(p.approval_ends_at <= slipway_now(), false) as "is_over!"
           from promotions p
           join builds b on b.id = p.build
           join installations i on i.name = p.installation
           join change_requests c on c.id = p.change_request
           left join promotions back on back.id = p.rolls_back_to
           left join plans approved on approved.promotion = p.id and approved.hash = p.approved_plan
           where p.id = $1"#,
        id.as_str(),
    )
    .fetch_optional(&mut *tx.0)
    .await?;
    row.map(Subject::try_from).transpose()
}

/// How long nobody was served at the installation when something was last deployed there, in milliseconds.
pub async fn last_downtime_ms(tx: &mut Tx, installation: &str) -> Result<Option<i64>> {
    let downtime = sqlx::query_scalar!(
        "select p.downtime_ms from promotions p join change_requests c on c.id = p.change_request
         where p.installation = $1 and p.status = 'deployed' and p.downtime_ms is not null
         order by c.closed_at desc nulls last limit 1",
        installation,
    )
    .fetch_optional(&mut *tx.0)
    .await?;
    Ok(downtime.flatten())
}

/// Keeps a plan of the promotion, given as JSON; answers the hash that names it.
///
/// # Idempotency
/// One that is kept already stays as it is.
pub async fn keep_plan(tx: &mut Tx, id: &PromotionId, plan: &str) -> Result<String> {
    let hash = sha256(plan);
    sqlx::query!(
        "insert into plans (promotion, hash, plan) values ($1, $2, $3) on conflict do nothing",
        id.as_str(),
        hash,
        plan,
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(hash)
}

/// A kept plan of the promotion, as JSON.
pub async fn kept_plan(tx: &mut Tx, id: &PromotionId, hash: &str) -> Result<Option<String>> {
    Ok(sqlx::query_scalar!("select plan from plans where promotion = $1 and hash = $2", id.as_str(), hash)
        .fetch_optional(&mut *tx.0)
        .await?)
}

/// Records who approved which kept plan, and moves the promotion to this status. The approval holds as long as the
/// installation says.
pub async fn approve(tx: &mut Tx, id: &PromotionId, by: &str, plan: &str, status: Status) -> Result<()> {
    sqlx::query!(
        "update promotions p set status = $4, reason = null, approved_by = $2, approved_at = now(), approved_plan = $3,
                approval_ends_at = slipway_now() + make_interval(days =>
                    coalesce((i.description ->> 'approval_days')::integer, $5))
         from installations i where p.id = $1 and i.name = p.installation",
        id.as_str(),
        by,
        plan,
        status.as_str(),
        APPROVAL_DAYS,
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// The approval is for another kept plan now: somebody with the right to it has changed when the promotion may start,
/// and nothing of what it does.
pub async fn rebind(tx: &mut Tx, id: &PromotionId, plan: &str) -> Result<()> {
    // The status is named so that this stands on the audit trail.
    sqlx::query!(
        "update promotions set status = status, approved_plan = $2 where id = $1 and approved_plan is not null",
        id.as_str(),
        plan,
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// The approval no longer holds: the promotion waits for another one, for this reason.
pub async fn withdraw(tx: &mut Tx, id: &PromotionId, reason: &str) -> Result<()> {
    sqlx::query_scalar!("select withdraw_approval($1, $2)", id.as_str(), reason)
        .fetch_one(&mut *tx.0)
        .await?;
    Ok(())
}
