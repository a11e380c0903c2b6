//! What people say yes or no to: the plan of a promotion, and whether a yes still holds.
//!
//! 1. Whoever looks at a promotion is shown its [`Plan`] with its hash, and the plan is kept.
//! 2. An approval names the plan and holds for a time; one to a plan that is no longer true is refused.
//! 3. Whoever starts the promotion compares: where more would be done than was approved, or the time is over, it
//!    waits for another approval. The window check and the stop compare once more.

use domain::{Job, PromotionId, Status};
use jiff::Timestamp;
use protocol::Kind;
use store::approvals::{self, Subject};
use store::audit::Actor;
use store::outbox::Outgoing;
use store::{Result, Store, Tx, promotions};

use crate::news::{self, News};
use crate::plan::{Change, Circumstances, Plan};
use crate::start::Wish;
use crate::windows::Windows;
use crate::{Engine, schedule, ship};

/// What somebody is asked to approve.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// The hash of the plan: what an approval names.
    pub hash: String,
    /// The plan for people, in order.
    pub sentences: Vec<String>,
    /// How long nobody was served when something was last deployed there, in milliseconds.
    pub last_downtime_ms: Option<i64>,
    /// Who has approved it and until when that holds; `None` where nobody has.
    pub approved: Option<(String, Timestamp)>,
    /// Why the approval does not hold, for people; `None` where it does, or where there is none.
    pub lapsed: Option<String>,
}

/// A promotion, what it would do now, and what was approved of it.
#[derive(Debug)]
pub(crate) struct Case {
    subject: Subject,
    plan: Plan,
}

impl Case {
    pub(crate) async fn read(tx: &mut Tx, id: &PromotionId, windows: &Windows) -> Result<Option<Self>> {
        let subject = approvals::subject(tx, id).await?;
        Ok(subject.map(|subject| Case { plan: Plan::new(&subject, windows.profile()), subject }))
    }

    /// Why the promotion needs another approval, for people; `None` where the one that it has holds.
    pub(crate) fn lapsed(&self) -> Option<String> {
        let why = match &self.subject.approval {
            None => "it was approved before Slipway kept what is approved".to_owned(),
            Some(approval) if approval.is_over => {
                let until = minute(approval.ends_at);
                format!("the approval of {} held until {until}", approval.by)
            }
            Some(_) => self.changed(&self.plan)?,
        };
        Some(format!(
            "It waits for another approval, because {why}. What it would do: slipway promotions plan {}",
            self.subject.id
        ))
    }

    /// What has changed since it was approved, as the end of “because …”; nothing where no approval was kept.
    fn changed(&self, present: &Plan) -> Option<String> {
        let approval = self.subject.approval.as_ref()?;
        let what = match Plan::from_json(&approval.plan) {
            Some(approved) => approved.exceeded_by(present),
            None => vec!["Slipway itself was replaced and reads plans in another way"],
        };
        (!what.is_empty()).then(|| format!("since {} approved it {}", approval.by, what.join(", and ")))
    }

    /// The same for one that has started: when it may do so is no longer a question.
    fn changed_under_way(&self) -> Option<String> {
        let approved = Plan::from_json(&self.subject.approval.as_ref()?.plan);
        let start = approved.map_or_else(|| self.plan.start.clone(), |approved| approved.start);
        self.changed(&Plan { start, ..self.plan.clone() })
    }

    /// Why nobody can approve it although it waits for that, for people; `None` where its files are sealed.
    fn unsealed(&self) -> Option<String> {
        (self.plan.change == Change::Unsealed).then(|| {
            format!(
                "It was handed in before Slipway sealed features ahead of their approval, so nobody can say what \
                 would be approved. Withdraw it, then ship the feature again: slipway promotions cancel {}",
                self.subject.id
            )
        })
    }

    /// Keeps the present plan; answers its hash.
    async fn keep(&self, tx: &mut Tx) -> Result<String> {
        approvals::keep_plan(tx, &self.subject.id, &self.plan.to_json()).await
    }

    /// The approval that it has is for the present plan now.
    pub(crate) async fn rebind(&self, tx: &mut Tx) -> Result<()> {
        let hash = self.keep(tx).await?;
        approvals::rebind(tx, &self.subject.id, &hash).await
    }

    /// Approves the present plan.
    pub(crate) async fn approve(&self, tx: &mut Tx, by: &str, status: Status) -> Result<()> {
        let hash = self.keep(tx).await?;
        approvals::approve(tx, &self.subject.id, by, &hash, status).await
    }

    /// Why nobody who was shown this plan can approve the present one with it; `None` if they can.
    async fn outdated(&self, tx: &mut Tx, shown: &str) -> Result<Option<String>> {
        let id = &self.subject.id;
        let again = format!("Look at it as it is now and approve that: slipway promotions plan {id}");
        let Some(shown) = approvals::kept_plan(tx, id, shown).await? else {
            return Ok(Some(format!("This is no plan of {id}, so it was not approved. {again}")));
        };
        let more = Plan::from_json(&shown)
            .map_or_else(|| vec!["Slipway itself was replaced"], |shown| shown.exceeded_by(&self.plan));
        let more = more.join(", and ");
        Ok((!more.is_empty()).then(|| {
            format!("The plan has changed since it was shown, so it was not approved: {more}. {again}")
        }))
    }
}

/// What the promotion would do, kept so that it can be approved by its hash; `None` if there is no such promotion.
pub async fn propose(store: &Store, id: &PromotionId) -> Result<Option<Proposal>> {
    let mut tx = store.begin().await?;
    let mut windows = Windows::read_within(&mut tx).await?;
    let Some(case) = Case::read(&mut tx, id, &windows).await? else { return Ok(None) };
    let hash = case.keep(&mut tx).await?;
    let last_downtime_ms = approvals::last_downtime_ms(&mut tx, &case.subject.installation).await?;
    let sealed = ship::left_by(store, id, Job::Seal).await?;
    let gated = ship::left_by(store, id, Job::Gates).await?;
    let proposed = ship::left_by(store, id, Job::Propose).await?;
    let opening = schedule::opening(&mut tx, id, &mut windows).await?;
    tx.commit().await?;
    let circumstances = Circumstances {
        title: case.subject.title.clone(),
        installation: case.subject.installation.clone(),
        opening: opening.unwrap_or_default(),
        last_downtime_ms,
        sealed,
        gated,
        proposed,
    };
    let approval = case.subject.approval.as_ref();
    Ok(Some(Proposal {
        hash,
        sentences: case.plan.sentences(&circumstances),
        last_downtime_ms,
        approved: approval.map(|it| (it.by.clone(), it.ends_at)),
        lapsed: approval.and_then(|_| case.lapsed()),
    }))
}

/// Approves a pending promotion, which starts then, or when its window opens; renews the approval of a scheduled one, which goes on waiting for its window; asks
/// for an approved one to be started again, and approves it anew where the approval that it has does not hold.
/// `shown` is the hash of the plan that was shown; without it the present plan is approved.
pub async fn approve(engine: &Engine, id: &PromotionId, by: &Actor, shown: Option<&str>) -> Result<Wish> {
    engine.recorded(record_approval(engine, id, by, shown)).await
}

async fn record_approval(
    engine: &Engine,
    id: &PromotionId,
    by: &Actor,
    shown: Option<&str>,
) -> Result<(Wish, Vec<Outgoing>)> {
    let mut tx = engine.store.begin_as(by).await?;
    let Some(status) = promotions::lock_status(&mut tx, id).await? else {
        return Ok((Wish::Unknown, Vec::new()));
    };
    let mut windows = Windows::read_within(&mut tx).await?;
    let Some(case) = Case::read(&mut tx, id, &windows).await? else {
        return Ok((Wish::Unknown, Vec::new()));
    };
    let is_new = match status {
        Status::Pending | Status::Scheduled => true,
        Status::Approved => case.lapsed().is_some(),
        Status::Deploying
        | Status::Deployed
        | Status::RollingBack
        | Status::RolledBack
        | Status::NeedsAttention
        | Status::Rejected
        | Status::Cancelled
        | Status::Shipping
        | Status::NotShipped => return Ok((Wish::not_from(status), Vec::new())),
    };
    if let Some(why) = case.unsealed() {
        return Ok((Wish::Refused(why), Vec::new()));
    }
    if let Some(shown) = shown
        && let Some(why) = case.outdated(&mut tx, shown).await?
    {
        return Ok((Wish::Refused(why), Vec::new()));
    }
    if is_new && promotions::needs_another_approver(&mut tx, id, &by.name).await? {
        return Ok((Wish::OwnRequest, Vec::new()));
    }
    let mut said = if is_new {
        let status = if status == Status::Scheduled { status } else { Status::Approved };
        case.approve(&mut tx, &by.name, status).await?;
        format!("{} approved the promotion.", by.name)
    } else {
        // What held it back last time is no longer news.
        promotions::set_status(&mut tx, id, status, None).await?;
        format!("{} asked to start the promotion again.", by.name)
    };
    if status == Status::Scheduled {
        schedule::restate(&mut tx, id, &mut windows).await?;
    } else if is_new && let Some(opening) = schedule::unless_open(&mut tx, id, &mut windows).await? {
        said = format!("{said} {opening}");
    } else {
        promotions::request_start(&mut tx, id).await?;
    }
    let message = tell(&mut tx, id, Kind::Approved, said).await?;
    tx.nudge().await?;
    tx.commit().await?;
    Ok((Wish::Granted, vec![message]))
}

/// Says no to a promotion that has not begun; it stays on record with who and why.
pub async fn reject(engine: &Engine, id: &PromotionId, by: &Actor, reason: &str) -> Result<Wish> {
    engine.recorded(record_rejection(engine, id, by, reason)).await
}

async fn record_rejection(
    engine: &Engine,
    id: &PromotionId,
    by: &Actor,
    reason: &str,
) -> Result<(Wish, Vec<Outgoing>)> {
    let mut tx = engine.store.begin_as(by).await?;
    let mut messages = ship::stop(&mut tx, id, by, reason).await?;
    let Some(status) = promotions::lock_status(&mut tx, id).await? else {
        return Ok((Wish::Unknown, Vec::new()));
    };
    if !status.may_become(Status::Rejected) {
        return Ok((Wish::NotFrom(status), Vec::new()));
    }
    let said = format!("{} rejected the promotion: {reason}", by.name);
    promotions::set_status(&mut tx, id, Status::Rejected, Some(&said)).await?;
    promotions::withdraw_start(&mut tx, id).await?;
    messages.push(tell(&mut tx, id, Kind::Rejected, said).await?);
    tx.nudge().await?;
    tx.commit().await?;
    Ok((Wish::Granted, messages))
}

/// The promotion waits for another approval, for this reason.
pub(crate) async fn send_back(tx: &mut Tx, id: &PromotionId, reason: &str) -> Result<Outgoing> {
    approvals::withdraw(tx, id, reason).await?;
    tracing::info!(promotion = %id, reason, "its approval does not hold");
    tell(tx, id, Kind::Held, reason.to_owned()).await
}

/// What has changed since the promotion that runs was approved, as the end of “because …”; `None` where nothing has.
/// That its time is over meanwhile does not matter: it was begun in time.
pub(crate) async fn changed(store: &Store, id: &PromotionId) -> Result<Option<String>> {
    let mut tx = store.begin().await?;
    let windows = Windows::read_within(&mut tx).await?;
    let case = Case::read(&mut tx, id, &windows).await?;
    Ok(case.and_then(|case| case.changed_under_way()))
}

/// An instant for people.
fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

async fn tell(tx: &mut Tx, id: &PromotionId, kind: Kind, message: String) -> Result<Outgoing> {
    news::publish(tx, id, &News { kind, step: None, message }).await
}
