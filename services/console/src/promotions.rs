//! Promotions over HTTP.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use domain::run::Event;
use domain::{Job, Plan, PromotionId, Status};
use engine::attention::to_do;
use engine::start::{Wish, withdraw};
use engine::store::audit::Actor;
use engine::store::promotions::{self as records, RunSummary, TryRecord};
use engine::{Advanced, Engine, Report, Reporter, advance, ship};
use protocol::gates::Gated;
use protocol::http::{Backup, Decision, LogLine, Promotion, PromotionSummary, TimelineEntry};
use serde::Deserialize;

use crate::access::Signed;
use crate::problem::Failure;
use crate::request::Asked;

#[derive(Debug, Deserialize)]
pub(crate) struct Filter {
    pub(crate) installation: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct After {
    #[serde(default)]
    pub(crate) after: i64,
}

pub(crate) async fn list(
    State(engine): State<Engine>,
    Asked(filter): Asked<Filter>,
) -> Result<Json<Vec<PromotionSummary>>, Failure> {
    let all = engine.store.promotions(filter.installation.as_deref()).await?;
    Ok(Json(all.iter().map(summary).collect()))
}

pub(crate) async fn show(
    State(engine): State<Engine>,
    Path(id): Path<String>,
) -> Result<Json<Promotion>, Failure> {
    let known = find(&engine, &id).await?.id;
    let run = engine.store.latest_run(&known, Plan::Promotion).await?;
    let timeline = timeline_of(&engine, run.as_ref()).await?;
    let shipping = engine.store.latest_run(&known, Plan::Ship).await?;
    let shipping = timeline_of(&engine, shipping.as_ref()).await?;
    let question = ship::question(&engine.store, &known).await?;
    let gated: Option<Gated> = ship::left_by(&engine.store, &known, Job::Gates).await?;
    let assessment = ship::left_by(&engine.store, &known, Job::Assess).await?;
    let pull_request = ship::left_by(&engine.store, &known, Job::Propose).await?;
    let backup = engine.store.backup_of(&known).await?;
    let standing = match &run {
        Some(run) => engine.store.run(run.id).await?,
        None => None,
    };
    // Read last: whoever sees that the run is over sees what became of it.
    let promotion = find(&engine, &id).await?;
    let meant = engine.store.acknowledged(&promotion.build).await?;
    let meant: Vec<_> = meant.into_iter().map(|it| it.fingerprint).collect();
    Ok(Json(Promotion {
        to_do: standing.map(|run| to_do(&run, &promotion.installation)).unwrap_or_default(),
        summary: summary(&promotion),
        change_request: promotion.change_request,
        change_type: promotion.change_type.to_string(),
        risk: promotion.risk.to_string(),
        requested_by: promotion.requested_by,
        change_reason: promotion.change_reason,
        rolls_back_to: promotion.rolls_back_to.map(|target| target.to_string()),
        restore_from: promotion.restore_from,
        approved_by: promotion.approved_by,
        approved_plan: promotion.approved_plan,
        approval_ends_at: promotion.approval_ends_at,
        change_set: promotion.facts.change_set,
        started_at: run.as_ref().map(|run| run.started_at),
        finished_at: run.as_ref().and_then(|run| run.finished_at),
        timeline: timeline.iter().map(entry).collect(),
        shipping: shipping.iter().map(entry).collect(),
        // It was read earlier; what has ended since asks nothing.
        question: question.filter(|_| promotion.status == Status::Shipping),
        assessment,
        gates: gated.map(|gated| gated.without(&meant).gates).unwrap_or_default(),
        pull_request,
        downtime_ms: promotion.facts.downtime_ms,
        backup: backup.map(|backup| Backup {
            path: backup.path,
            size_bytes: backup.size_bytes.unsigned_abs(),
            sha256: backup.sha256,
            server_version: backup.server_version,
            restore_instructions: backup.restore_instructions,
            not_covered: backup.not_covered,
        }),
        kept_database: promotion.facts.kept_database,
        data_note: promotion.facts.data_note,
        window_note: promotion.facts.window_note,
        image: promotion.facts.image,
    }))
}

async fn timeline_of(engine: &Engine, run: Option<&RunSummary>) -> Result<Vec<TryRecord>, Failure> {
    match run {
        Some(run) => Ok(engine.store.timeline(run.id).await?),
        None => Ok(Vec::new()),
    }
}

/// Withdraws what has not begun; stops and undoes what has.
pub(crate) async fn cancel(
    State(engine): State<Engine>,
    Path(id): Path<String>,
    Signed(decision, by): Signed<Decision>,
) -> Result<Json<PromotionSummary>, Failure> {
    let promotion = find(&engine, &id).await?;
    let reason = required_reason(decision.reason, "Say why it is to be stopped.")?;
    match engine.store.open_run(&promotion.id).await? {
        Some(run) => {
            let event = Event::CancelRequested { by: by.name.clone(), reason };
            tell(&engine, run, &event, &by, "It cannot be stopped any more").await?;
        }
        None => granted(&withdraw(&engine, &promotion.id, &by, &reason, None).await?, "withdrawn")?,
    }
    Ok(Json(summary(&find(&engine, &id).await?)))
}

/// Goes on putting back where it stopped.
pub(crate) async fn resume(
    State(engine): State<Engine>,
    Path(id): Path<String>,
    Signed(_, by): Signed<Decision>,
) -> Result<Json<PromotionSummary>, Failure> {
    let event = Event::ResumeRequested { by: by.name.clone() };
    take_over(&engine, &id, &event, &by, "There is nothing to go on with").await
}

/// Ends what could not be put back; a person looks after it.
pub(crate) async fn give_up(
    State(engine): State<Engine>,
    Path(id): Path<String>,
    Signed(decision, by): Signed<Decision>,
) -> Result<Json<PromotionSummary>, Failure> {
    let reason = required_reason(decision.reason, "Say what was done instead of putting it back.")?;
    let event = Event::GiveUpRequested { by: by.name.clone(), reason };
    take_over(&engine, &id, &event, &by, "There is nothing to give up").await
}

async fn take_over(
    engine: &Engine,
    id: &str,
    event: &Event,
    by: &Actor,
    otherwise: &str,
) -> Result<Json<PromotionSummary>, Failure> {
    let promotion = find(engine, id).await?;
    let Some(run) = engine.store.open_run(&promotion.id).await? else {
        return Err(Failure::new(StatusCode::CONFLICT, format!("{otherwise}: nothing is under way.")));
    };
    tell(engine, run, event, by, otherwise).await?;
    Ok(Json(summary(&find(engine, id).await?)))
}

/// Tells the run what a person wants, or the person why not.
async fn tell(
    engine: &Engine,
    run: uuid::Uuid,
    event: &Event,
    by: &Actor,
    otherwise: &str,
) -> Result<(), Failure> {
    match advance(engine, run, event, Reporter::Person(by), &Report::default()).await? {
        Advanced::Moved(_) => Ok(()),
        Advanced::Ignored(why) => Err(Failure::new(StatusCode::CONFLICT, format!("{otherwise}: {why}."))),
    }
}

pub(crate) async fn log(
    State(engine): State<Engine>,
    Path(id): Path<String>,
    Asked(after): Asked<After>,
) -> Result<Json<Vec<LogLine>>, Failure> {
    let promotion = find(&engine, &id).await?;
    let lines = engine.store.log_after(&promotion.id, after.after).await?;
    let to_wire = |line: engine::store::log::Line| LogLine {
        sequence: line.sequence,
        at: line.at,
        job: line.job,
        line: line.line,
    };
    Ok(Json(lines.into_iter().map(to_wire).collect()))
}

pub(crate) async fn find(engine: &Engine, id: &str) -> Result<records::Promotion, Failure> {
    let unknown = || Failure::not_found(format!("There is no promotion {id}."));
    let id: PromotionId = id.parse().map_err(|_| unknown())?;
    engine.store.promotion(&id).await?.ok_or_else(unknown)
}

pub(crate) fn required_reason(reason: Option<String>, request: &str) -> Result<String, Failure> {
    reason
        .filter(|reason| !reason.trim().is_empty() && !reason.contains('\0'))
        .ok_or_else(|| Failure::new(StatusCode::UNPROCESSABLE_ENTITY, request))
}

pub(crate) fn granted(wish: &Wish, verb: &str) -> Result<(), Failure> {
    match wish {
        Wish::Granted => Ok(()),
        Wish::Unknown => Err(Failure::not_found("There is no such promotion.")),
        Wish::NotFrom(status) => Err(Failure::new(
            StatusCode::CONFLICT,
            format!("It cannot be {verb}: it is {}.", status.title().to_lowercase()),
        )),
        Wish::OwnRequest => Err(Failure::new(
            StatusCode::CONFLICT,
            "It cannot be approved by the person who asked for it: this installation wants a second one to look at \
             it. Ask somebody else to approve it.",
        )),
        Wish::Refused(sentence) => Err(Failure::new(StatusCode::CONFLICT, sentence.clone())),
    }
}

pub(crate) fn summary(promotion: &records::Promotion) -> PromotionSummary {
    let status: Status = promotion.status;
    PromotionSummary {
        id: promotion.id.to_string(),
        build: promotion.build.to_string(),
        title: promotion.title.clone(),
        installation: promotion.installation.clone(),
        status: status.to_string(),
        status_title: status.title().to_owned(),
        reason: promotion.reason.clone(),
        opens_at: promotion.opens_at,
        queue_position: promotion.queue_position.and_then(|it| it.try_into().ok()),
        created_at: promotion.created_at,
    }
}

fn entry(record: &TryRecord) -> TimelineEntry {
    TimelineEntry {
        step: record.job.step().number(),
        step_title: record.job.step().title().to_owned(),
        job: record.job.to_string(),
        direction: record.job.direction().to_string(),
        attempt: record.attempt,
        state: record.state.clone(),
        started_at: record.started_at,
        duration_ms: record.duration_ms,
        reason: record.reason.clone(),
    }
}
