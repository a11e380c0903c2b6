//! Promotions with their builds, change requests and products.

use domain::{Answer, BuildId, ChangeRequestId, ChangeType, Job, Plan, PromotionId, Risk, Status};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::error::known;
use crate::{Result, Store, StoreError, Tx, rollbacks};

/// A promotion to be created, with its change request.
#[derive(Debug, Clone)]
pub struct New {
    /// Its id.
    pub id: PromotionId,
    /// Its change request's id.
    pub change_request: ChangeRequestId,
    /// The build.
    pub build: BuildId,
    /// The feature's name.
    pub title: String,
    /// The installation's name.
    pub installation: String,
    /// Where the feature was built.
    pub sandbox: Value,
    /// The commit that it started from.
    pub baseline: Option<String>,
    /// standard, normal, emergency.
    pub change_type: ChangeType,
    /// low to critical.
    pub risk: Risk,
    /// Who asks.
    pub requested_by: String,
    /// What was reported of its build; `None` where nothing was.
    pub verification: Option<Value>,
    /// What somebody has chosen about sharing it with others, if they have.
    pub contribution: Option<Answer>,
}

/// A promotion as it is on record.
#[derive(Debug, Clone)]
pub struct Promotion {
    /// Its id.
    pub id: PromotionId,
    /// The build.
    pub build: BuildId,
    /// The feature's name.
    pub title: String,
    /// The installation's name.
    pub installation: String,
    /// Its change request's id.
    pub change_request: String,
    /// standard, normal, emergency.
    pub change_type: ChangeType,
    /// low to critical.
    pub risk: Risk,
    /// Who asked for it.
    pub requested_by: String,
    /// Where the feature was built.
    pub sandbox: Value,
    /// The commit that it started from.
    pub baseline: Option<String>,
    /// What was reported of its build; `None` where nothing was.
    pub verification: Option<Value>,
    /// What somebody had chosen about sharing it with others when it was handed in.
    pub contribution: Option<Answer>,
    /// The promotion whose version it brings back; `None` where it ships a feature.
    pub rolls_back_to: Option<PromotionId>,
    /// File of the backup that the version shall work with; the data stays as it is without one.
    pub restore_from: Option<String>,
    /// Why the change could not wait for a window.
    pub change_reason: Option<String>,
    /// Who said so.
    pub reason_by: Option<String>,
    /// Whether it goes past closed windows for that reason.
    pub overrides_windows: bool,
    /// Where it stands.
    pub status: Status,
    /// Why it stands there.
    pub reason: Option<String>,
    /// Who approved it.
    pub approved_by: Option<String>,
    /// What they approved: the hash of its plan.
    pub approved_plan: Option<String>,
    /// Until when that holds.
    pub approval_ends_at: Option<Timestamp>,
    /// When the ship message became a promotion.
    pub created_at: Timestamp,
    /// When its window opens, while it is scheduled.
    pub opens_at: Option<Timestamp>,
    /// Its place among those that wait for their turn at its installation, from 1.
    pub queue_position: Option<i64>,
    /// What is known once the run has come that far.
    pub facts: Facts,
}

/// What a run finds out about its promotion.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// SHA-256 of the sealed change set.
    pub change_set: Option<String>,
    /// The image that serves, by id.
    pub image: Option<String>,
    /// How long nobody was served.
    pub downtime_ms: Option<i64>,
    /// The database that the failed version left.
    pub kept_database: Option<String>,
    /// What the rollback did to the data, for people.
    pub data_note: Option<String>,
    /// What the window check has to say about a run that went on, for people.
    pub window_note: Option<String>,
}

/// A run as the promotion's page shows it.
#[derive(Debug, Clone)]
pub struct RunSummary {
    /// Its id.
    pub id: Uuid,
    /// When it was started.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// One try of one job, as the promotion's page shows it.
#[derive(Debug, Clone)]
pub struct TryRecord {
    /// The job.
    pub job: Job,
    /// Which try.
    pub attempt: u32,
    /// held, queued, running, succeeded, failed, refused, asked, postponed, released, lost, stopped.
    pub state: String,
    /// When a worker took it.
    pub started_at: Option<Timestamp>,
    /// How long it took.
    pub duration_ms: Option<i64>,
    /// Why it failed.
    pub reason: Option<String>,
}

struct Row {
    id: String,
    build: String,
    title: String,
    installation: String,
    change_request: String,
    change_type: String,
    risk: String,
    requested_by: String,
    sandbox: Value,
    baseline: Option<String>,
    verification: Option<Value>,
    contribution: Option<String>,
    rolls_back_to: Option<String>,
    restore_from: Option<String>,
    change_reason: Option<String>,
    reason_by: Option<String>,
    overrides_windows: bool,
    status: String,
    reason: Option<String>,
    approved_by: Option<String>,
    approved_plan: Option<String>,
    approval_ends_at: Option<jiff_sqlx::Timestamp>,
    created_at: jiff_sqlx::Timestamp,
    opens_at: Option<jiff_sqlx::Timestamp>,
    queue_position: Option<i64>,
    change_set: Option<String>,
    image: Option<String>,
    downtime_ms: Option<i64>,
    kept_database: Option<String>,
    data_note: Option<String>,
    window_note: Option<String>,
}

impl TryFrom<Row> for Promotion {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Promotion {
            id: known("promotions.id", &row.id)?,
            build: known("promotions.build", &row.build)?,
            title: row.title,
            installation: row.installation,
            change_request: row.change_request,
            change_type: known("change_requests.change_type", &row.change_type)?,
            risk: known("change_requests.risk", &row.risk)?,
            requested_by: row.requested_by,
            sandbox: row.sandbox,
            baseline: row.baseline,
            verification: row.verification,
            contribution: row.contribution.map(|it| known("promotions.contribution", &it)).transpose()?,
            rolls_back_to: row
                .rolls_back_to
                .map(|target| known("promotions.rolls_back_to", &target))
                .transpose()?,
            restore_from: row.restore_from,
            change_reason: row.change_reason,
            reason_by: row.reason_by,
            overrides_windows: row.overrides_windows,
            status: known("promotions.status", &row.status)?,
            reason: row.reason,
            approved_by: row.approved_by,
            approved_plan: row.approved_plan,
            approval_ends_at: row.approval_ends_at.map(jiff_sqlx::Timestamp::to_jiff),
            created_at: row.created_at.to_jiff(),
            opens_at: row.opens_at.map(jiff_sqlx::Timestamp::to_jiff),
            queue_position: row.queue_position,
            facts: Facts {
                change_set: row.change_set,
                image: row.image,
                downtime_ms: row.downtime_ms,
                kept_database: row.kept_database,
                data_note: row.data_note,
                window_note: row.window_note,
            },
        })
    }
}

/// Writes a promotion that is being shipped, its change request, which is not open yet, and its build.
pub async fn insert(tx: &mut Tx, new: &New) -> Result<()> {
    sqlx::query!(
        "insert into builds (id, title) values ($1, $2) on conflict (id) do update set title = excluded.title",
        new.build.as_str(),
        new.title,
    )
    .execute(&mut *tx.0)
    .await?;
    sqlx::query!(
        "insert into change_requests (id, change_type, risk, requested_by, opened_at) values ($1, $2, $3, $4, null)",
        new.change_request.as_str(),
        new.change_type.as_str(),
        new.risk.as_str(),
        new.requested_by,
    )
    .execute(&mut *tx.0)
    .await?;
    sqlx::query!(
        "insert into promotions (id, build, installation, change_request, sandbox, baseline, verification,
                                 contribution)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        new.id.as_str(),
        new.build.as_str(),
        new.installation,
        new.change_request.as_str(),
        new.sandbox,
        new.baseline,
        new.verification,
        new.contribution.map(Answer::as_str),
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// The promotion's status, locked until the transaction ends.
pub async fn lock_status(tx: &mut Tx, id: &PromotionId) -> Result<Option<Status>> {
    let status = sqlx::query_scalar!("select status from promotions where id = $1 for update", id.as_str())
        .fetch_optional(&mut *tx.0)
        .await?;
    status.map(|status| known("promotions.status", &status)).transpose()
}

/// Moves the promotion to another status, with the reason that people are told.
/// Whether the move is legal is for the caller to ask [`Status::may_become`].
pub async fn set_status(tx: &mut Tx, id: &PromotionId, status: Status, reason: Option<&str>) -> Result<()> {
    sqlx::query!(
        "update promotions set status = $2, reason = $3, opens_at = case when $2 = 'scheduled' then opens_at end
         where id = $1",
        id.as_str(),
        status.as_str(),
        reason,
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// Whether this person asked for the promotion and its installation wants another one to approve it.
/// Names are compared as people read them: without regard to case and to spaces around them.
pub async fn needs_another_approver(tx: &mut Tx, id: &PromotionId, by: &str) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"select coalesce((i.description ->> 'four_eyes')::boolean, false)
                  and lower(trim(c.requested_by)) = lower(trim($2)) as "it!"
           from promotions p join installations i on i.name = p.installation
           join change_requests c on c.id = p.change_request where p.id = $1"#,
        id.as_str(),
        by,
    )
    .fetch_one(&mut *tx.0)
    .await?)
}

/// Asks for the promotion to run when its turn comes; keeps its place if it was asked before.
pub async fn request_start(tx: &mut Tx, id: &PromotionId) -> Result<()> {
    sqlx::query!("update promotions set ready_at = coalesce(ready_at, now()) where id = $1", id.as_str())
        .execute(&mut *tx.0)
        .await?;
    Ok(())
}

/// No longer asks for the promotion to run.
pub async fn withdraw_start(tx: &mut Tx, id: &PromotionId) -> Result<()> {
    sqlx::query!("update promotions set ready_at = null where id = $1", id.as_str())
        .execute(&mut *tx.0)
        .await?;
    Ok(())
}

/// What every message about a promotion says of it.
#[derive(Debug, Clone)]
pub struct About {
    /// The build.
    pub build: String,
    /// The feature's name.
    pub title: String,
    /// The installation's name.
    pub installation: String,
}

/// What every message about the promotion says of it.
pub async fn about(tx: &mut Tx, id: &PromotionId) -> Result<About> {
    Ok(sqlx::query_as!(
        About,
        "select p.build, b.title, p.installation from promotions p join builds b on b.id = p.build where p.id = $1",
        id.as_str(),
    )
    .fetch_one(&mut *tx.0)
    .await?)
}

/// Whether the promotion brings an earlier version back instead of shipping a feature.
pub async fn is_rollback(tx: &mut Tx, id: &PromotionId) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"select rolls_back_to is not null as "it!" from promotions where id = $1"#,
        id.as_str()
    )
    .fetch_one(&mut *tx.0)
    .await?)
}

/// Writes what a run found out; a fact that is `None` stays as it was.
pub async fn set_facts(tx: &mut Tx, id: &PromotionId, facts: &Facts) -> Result<()> {
    sqlx::query!(
        "update promotions set image = coalesce($2, image), downtime_ms = coalesce($3, downtime_ms),
                kept_database = coalesce($4, kept_database), data_note = coalesce($5, data_note),
                window_note = coalesce($6, window_note), change_set = coalesce($7, change_set)
         where id = $1",
        id.as_str(),
        facts.image,
        facts.downtime_ms,
        facts.kept_database,
        facts.data_note,
        facts.window_note,
        facts.change_set,
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// The promotion's build is finished, wherever it is deployed: its pull request was merged.
///
/// # Idempotency
/// The first time stays.
pub async fn complete_build(tx: &mut Tx, id: &PromotionId) -> Result<()> {
    sqlx::query!(
        "update builds b set completed_at = coalesce(completed_at, now())
         from promotions p where p.id = $1 and b.id = p.build",
        id.as_str(),
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// Puts the deployment on record: product active, change request closed, its source the base of the next.
pub async fn record_deployment(tx: &mut Tx, id: &PromotionId) -> Result<()> {
    sqlx::query!(
        "update change_requests c set closed_at = coalesce(closed_at, now())
         from promotions p where p.id = $1 and c.id = p.change_request",
        id.as_str(),
    )
    .execute(&mut *tx.0)
    .await?;
    sqlx::query!(
        "insert into products (installation, name, promotion, state)
         select p.installation, coalesce(v.product, b.title), p.id, 'active'
         from promotions p join builds b on b.id = p.build
         left join product_versions v on v.promotion = coalesce(p.rolls_back_to, p.id) where p.id = $1
         on conflict (installation, name) do update
             set state = 'active', promotion = excluded.promotion, updated_at = now()",
        id.as_str(),
    )
    .execute(&mut *tx.0)
    .await?;
    rollbacks::withdraw_later_products(tx, id).await?;
    sqlx::query!(
        "update installations i set current_promotion = p.id from promotions p
         where p.id = $1 and i.name = p.installation",
        id.as_str(),
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

impl Store {
    /// The promotion, if it is on record.
    pub async fn promotion(&self, id: &PromotionId) -> Result<Option<Promotion>> {
        Ok(self.select_promotions(Some(id.as_str()), None).await?.pop())
    }

    /// What the job of the promotion's run, or of its ship run, left when it was last done.
    pub async fn left_by(&self, promotion: &PromotionId, job: Job) -> Result<Option<Value>> {
        let output = sqlx::query_scalar!(
            "select j.output from runs r join jobs j on j.run = r.id
             where r.promotion = $1 and r.plan in ('promotion', 'ship') and j.job = $2 and j.state = 'succeeded'
             order by j.sequence desc limit 1",
            promotion.as_str(),
            job.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(output.flatten())
    }

    /// The promotion that a run belongs to.
    pub async fn promotion_of_run(&self, run: Uuid) -> Result<Option<Promotion>> {
        let id = sqlx::query_scalar!("select promotion from runs where id = $1", run)
            .fetch_optional(&self.pool)
            .await?;
        match id {
            Some(id) => self.promotion(&known("runs.promotion", &id)?).await,
            None => Ok(None),
        }
    }

    /// The latest 200 promotions, of one installation or of all, newest first.
    pub async fn promotions(&self, installation: Option<&str>) -> Result<Vec<Promotion>> {
        self.select_promotions(None, installation).await
    }

    async fn select_promotions(
        &self,
        id: Option<&str>,
        installation: Option<&str>,
    ) -> Result<Vec<Promotion>> {
        let rows = sqlx::query_as!(
            Row,
            r#"select p.id, p.build, b.title, p.installation, p.change_request, c.change_type, c.risk,
                      c.requested_by, c.reason as change_reason, coalesce(c.reason_by, c.requested_by) as reason_by, c.overrides_windows,
                      p.sandbox, p.baseline, p.verification, p.contribution, p.rolls_back_to, p.restore_from, p.status, p.reason, p.approved_by,
                      p.approved_plan, p.approval_ends_at as "approval_ends_at: jiff_sqlx::Timestamp",
                      p.created_at as "created_at: jiff_sqlx::Timestamp",
                      p.opens_at as "opens_at: jiff_sqlx::Timestamp",
                      case when p.ready_at is not null and p.status in ('approved', 'scheduled') then
                          (select count(*) from promotions q where q.installation = p.installation
                           and q.ready_at is not null and q.status in ('approved', 'scheduled')
                           and (q.ready_at, q.id) <= (p.ready_at, p.id)) end as queue_position,
                      p.change_set, p.image, p.downtime_ms, p.kept_database, p.data_note, p.window_note
               from promotions p
               join builds b on b.id = p.build
               join change_requests c on c.id = p.change_request
               where ($1::text is null or p.id = $1) and ($2::text is null or p.installation = $2)
               order by p.created_at desc, p.id limit 200"#,
            id,
            installation,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(Promotion::try_from).collect()
    }

    /// The promotion's latest run through this plan.
    pub async fn latest_run(&self, id: &PromotionId, plan: Plan) -> Result<Option<RunSummary>> {
        let row = sqlx::query!(
            r#"select id, created_at as "created_at: jiff_sqlx::Timestamp",
                      finished_at as "finished_at: jiff_sqlx::Timestamp"
               from runs where promotion = $1 and plan = $2 order by created_at desc limit 1"#,
            id.as_str(),
            plan.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| RunSummary {
            id: row.id,
            started_at: row.created_at.to_jiff(),
            finished_at: row.finished_at.map(jiff_sqlx::Timestamp::to_jiff),
        }))
    }

    /// What the run did, and the errand that it waited for, try by try, oldest first.
    pub async fn timeline(&self, run: Uuid) -> Result<Vec<TryRecord>> {
        let rows = sqlx::query!(
            r#"select job, attempt, state, started_at as "started_at: jiff_sqlx::Timestamp", reason,
                      (extract(epoch from coalesce(finished_at, slipway_now()) - started_at) * 1000)::bigint
                          as duration_ms
               from jobs where run = $1 or run = (select id from runs where awaited_by = $1) order by sequence"#,
            run
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(TryRecord {
                    job: known("jobs.job", &row.job)?,
                    attempt: row.attempt.unsigned_abs(),
                    state: row.state,
                    started_at: row.started_at.map(jiff_sqlx::Timestamp::to_jiff),
                    // A clock that was set is followed to a few milliseconds, and some jobs take no longer.
                    duration_ms: row.duration_ms.map(|length| length.max(0)),
                    reason: row.reason,
                })
            })
            .collect()
    }

    /// Those of these promotions to the installation that came to their end without a deployment.
    pub async fn never_deployed(&self, installation: &str, ids: &[PromotionId]) -> Result<Vec<PromotionId>> {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let ended = sqlx::query_scalar!(
            "select id from promotions where installation = $1 and id = any($2)
             and status in ('not_shipped', 'rejected', 'cancelled', 'rolled_back')",
            installation,
            &ids,
        )
        .fetch_all(&self.pool)
        .await?;
        ended.iter().map(|id| known("promotions.id", id)).collect()
    }

    /// Promotions of the installation that were deployed, newest first: whose images and sources to keep.
    pub async fn deployed_promotions(&self, installation: &str, limit: i64) -> Result<Vec<PromotionId>> {
        let ids = sqlx::query_scalar!(
            "select p.id from promotions p join change_requests c on c.id = p.change_request
             where p.installation = $1 and p.status = 'deployed' order by c.closed_at desc limit $2",
            installation,
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        ids.iter().map(|id| known("promotions.id", id)).collect()
    }
}
