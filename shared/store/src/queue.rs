//! Promotions that wait: for their turn, or for a window to open.

use domain::{ChangeType, PromotionId, Risk, Status};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;

use crate::error::known;
use crate::{Result, Store, StoreError, Tx};

/// Used when an installation does not say how long a promotion may take, in seconds (spec R4).
pub const TIME_LIMIT_SECONDS: i32 = 600;

/// A promotion that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its id.
    pub id: PromotionId,
    /// The installation's name.
    pub installation: String,
    /// Approved: it starts when its turn comes. Scheduled: when its window is open, too.
    pub status: Status,
    /// standard, normal, emergency.
    pub change_type: ChangeType,
    /// low to critical.
    pub risk: Risk,
    /// How long it may take, as its installation says.
    pub time_limit_seconds: i32,
    /// Whether somebody lets it go past closed windows.
    pub overrides_windows: bool,
    /// When its window opens, as it was last written; only of scheduled ones.
    pub opens_at: Option<Timestamp>,
    /// Until when its approval holds.
    pub approval_ends_at: Option<Timestamp>,
}

struct Row {
    id: String,
    installation: String,
    status: String,
    change_type: String,
    risk: String,
    time_limit_seconds: i32,
    overrides_windows: bool,
    opens_at: Option<jiff_sqlx::Timestamp>,
    approval_ends_at: Option<jiff_sqlx::Timestamp>,
}

impl TryFrom<Row> for Waiting {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Waiting {
            id: known("promotions.id", &row.id)?,
            installation: row.installation,
            status: known("promotions.status", &row.status)?,
            change_type: known("change_requests.change_type", &row.change_type)?,
            risk: known("change_requests.risk", &row.risk)?,
            time_limit_seconds: row.time_limit_seconds,
            overrides_windows: row.overrides_windows,
            opens_at: row.opens_at.map(jiff_sqlx::Timestamp::to_jiff),
            approval_ends_at: row.approval_ends_at.map(jiff_sqlx::Timestamp::to_jiff),
        })
    }
}

/// Reads waiting promotions, as the rest of the query says; its first parameter is the usual time limit.
macro_rules! waiting {
    ($rest:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            Row,
            r#"select p.id, p.installation, p.status, c.change_type, c.risk,
                      coalesce((i.description ->> 'time_limit_seconds')::integer, $1) as "time_limit_seconds!",
                      c.overrides_windows, p.opens_at as "opens_at: jiff_sqlx::Timestamp",
                      p.approval_ends_at as "approval_ends_at: jiff_sqlx::Timestamp"
               from promotions p
               join change_requests c on c.id = p.change_request
               join installations i on i.name = p.installation "# + $rest,
            TIME_LIMIT_SECONDS
            $(, $argument)*
        )
    };
}

/// Promotions that wait at installations where nothing is under way; who asked first comes first.
pub async fn waiting(tx: &mut Tx) -> Result<Vec<Waiting>> {
    let rows = waiting!(
        "where p.ready_at is not null and p.status in ('approved', 'scheduled')
               and not exists (select from runs r where r.installation = p.installation
                               and r.phase <> 'finished' and r.plan = 'promotion')
         order by p.ready_at, p.id"
    )
    .fetch_all(&mut *tx.0)
    .await?;
    rows.into_iter().map(Waiting::try_from).collect()
}

/// The promotion as it waits or would wait.
pub async fn find(tx: &mut Tx, id: &PromotionId) -> Result<Option<Waiting>> {
    let row = waiting!("where p.id = $2", id.as_str()).fetch_optional(&mut *tx.0).await?;
    row.map(Waiting::try_from).transpose()
}

/// How many promotions are under way, at all installations. One that waits for a person holds nobody else up.
pub async fn under_way(tx: &mut Tx) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"select count(*) as "count!" from runs
           where plan = 'promotion' and phase in ('forward', 'draining', 'compensating')"#
    )
    .fetch_one(&mut *tx.0)
    .await?)
}

/// Takes the promotion out of the queue to start it; false if it no longer waits as it did.
pub async fn take(tx: &mut Tx, waiting: &Waiting) -> Result<bool> {
    let taken = sqlx::query!(
        "update promotions set ready_at = null, window_note = null where id = $1 and ready_at is not null and status = $2",
        waiting.id.as_str(),
        waiting.status.as_str(),
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(taken.rows_affected() > 0)
}

/// Lets the promotion wait for its window; keeps its place if it was asked before.
pub async fn schedule(
    tx: &mut Tx,
    id: &PromotionId,
    opens_at: Option<Timestamp>,
    reason: Option<&str>,
) -> Result<()> {
    sqlx::query!(
        "update promotions set status = 'scheduled', ready_at = coalesce(ready_at, now()), opens_at = $2, reason = $3
         where id = $1",
        id.as_str(),
        opens_at.map(ToSqlx::to_sqlx) as Option<jiff_sqlx::Timestamp>,
        reason,
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// Makes the promotion an emergency, for this reason.
pub async fn make_emergency(tx: &mut Tx, id: &PromotionId, by: &str, reason: &str) -> Result<()> {
    sqlx::query!(
        "update change_requests c set change_type = 'emergency', reason = $3, reason_by = $2
         from promotions p where p.id = $1 and c.id = p.change_request",
        id.as_str(),
        by,
        reason,
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// Lets the promotion go past closed windows, for this reason.
pub async fn override_windows(tx: &mut Tx, id: &PromotionId, by: &str, reason: &str) -> Result<()> {
    sqlx::query!(
        "update change_requests c set overrides_windows = true, reason = $3, reason_by = $2
         from promotions p where p.id = $1 and c.id = p.change_request",
        id.as_str(),
        by,
        reason,
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

impl Store {
    /// Promotions that wait for their window, also where another one is under way.
    pub async fn scheduled(&self) -> Result<Vec<Waiting>> {
        let rows =
            waiting!("where p.status = 'scheduled' order by p.ready_at, p.id").fetch_all(&self.pool).await?;
        rows.into_iter().map(Waiting::try_from).collect()
    }
}
