//! Ship runs: what is done about a feature before anybody is asked whether it may be deployed, and what people are asked
//! on the way.

use domain::run::{Event, Phase, Run};
use domain::{Answer, Job, Plan, PromotionId, Topic};
use protocol::question::{GivenAnswer, Question};
use serde::de::DeserializeOwned;
use store::answers::{self, Given};
use store::audit::Actor;
use store::jobs::{self, Try};
use store::outbox::Outgoing;
use store::{Result, Store, Tx, runs};
use uuid::Uuid;

use crate::start::{Wish, hear};
use crate::{Engine, Report, Reporter, advance};

/// Begins the ship run of a promotion that is being created; answers with the messages to publish at once.
pub(crate) async fn begin(tx: &mut Tx, promotion: &PromotionId) -> Result<Vec<Outgoing>> {
    let first = Run::ship();
    let run = Uuid::now_v7();
    let span = tracing::info_span!("ship", %promotion);
    runs::insert_ship(tx, run, promotion, &first.run, telemetry::traceparent(&span).as_deref()).await?;
    let Some(locked) = runs::lock(tx, run).await? else { return Ok(Vec::new()) };
    advance::carry_out(tx, &locked, &first).await
}

/// Stops the promotion's ship run, if it is under way, because a person decides about the promotion itself. It comes
/// before the promotion is locked, in the order in which a run does that.
pub(crate) async fn stop(
    tx: &mut Tx,
    promotion: &PromotionId,
    by: &Actor,
    reason: &str,
) -> Result<Vec<Outgoing>> {
    let Some(run) = runs::open_ship_run(tx, promotion).await? else { return Ok(Vec::new()) };
    let event = Event::CancelRequested { by: by.name.clone(), reason: reason.to_owned() };
    let (_, messages) =
        advance::record_within(tx, run, &event, Reporter::Person(by), &Report::default()).await?;
    Ok(messages)
}

/// What the promotion's ship run asks at this moment; `None` where it asks nothing. Waits for nobody who changes the run.
pub async fn question(store: &Store, promotion: &PromotionId) -> Result<Option<Question>> {
    let Some(run) = store.latest_run(promotion, Plan::Ship).await? else { return Ok(None) };
    let Some(standing) = store.run(run.id).await? else { return Ok(None) };
    let mut tx = store.begin().await?;
    asked(&mut tx, run.id, &standing).await
}

/// What the run asks where it stands.
async fn asked(tx: &mut Tx, run: Uuid, standing: &Run) -> Result<Option<Question>> {
    let Phase::Asking { job, attempt, .. } = standing.phase else { return Ok(None) };
    let kept = jobs::output_of(tx, Try { run, job, attempt }).await?;
    Ok(kept.and_then(|kept| serde_json::from_value(kept).ok()))
}

/// What a job of the promotion left. One of another version of Slipway that left it in another way is not told of.
pub async fn left_by<T: DeserializeOwned>(store: &Store, id: &PromotionId, job: Job) -> Result<Option<T>> {
    let left = store.left_by(id, job).await?;
    Ok(left.and_then(|it| serde_json::from_value(it).ok()))
}

/// Answers what the promotion's ship run asks, whereupon it goes on.
///
/// # Idempotency
/// The second time nothing is asked any more, and nothing is changed.
pub async fn answer(
    engine: &Engine,
    promotion: &PromotionId,
    given: &GivenAnswer,
    by: &Actor,
    message: Option<&str>,
) -> Result<Wish> {
    engine.recorded(record_answer(engine, promotion, given, by, message)).await
}

async fn record_answer(
    engine: &Engine,
    promotion: &PromotionId,
    given: &GivenAnswer,
    by: &Actor,
    message: Option<&str>,
) -> Result<(Wish, Vec<Outgoing>)> {
    let mut tx = engine.store.begin_as(by).await?;
    let nothing = || Ok((Wish::Refused("Nothing is asked about it at this moment.".to_owned()), Vec::new()));
    let Some(run) = runs::open_ship_run(&mut tx, promotion).await? else { return nothing() };
    let Some(locked) = runs::lock(&mut tx, run).await? else { return nothing() };
    let Some(question) = asked(&mut tx, run, &locked.run).await? else { return nothing() };
    let (topic, answer) = match fitting(&question, given) {
        Ok(fitting) => fitting,
        Err(why) => return Ok((Wish::Refused(why), Vec::new())),
    };
    if !hear(&mut tx, message, promotion).await? {
        return Ok((Wish::Granted, Vec::new()));
    }
    let reason = given.reason.clone();
    if answer == Answer::Acknowledge {
        let why = reason.as_deref().unwrap_or_default();
        answers::acknowledge(&mut tx, promotion, &given.fingerprints, &given.by, why).await?;
    }
    let kept = Given { topic, answer, by: given.by.clone(), reason };
    answers::insert(&mut tx, promotion, &kept).await?;
    let event = Event::Answered { by: given.by.clone() };
    let (_, messages) =
        advance::record_within(&mut tx, run, &event, Reporter::Person(by), &Report::default()).await?;
    tx.commit().await?;
    Ok((Wish::Granted, messages))
}

/// The topic and the answer, if that is one to this question; otherwise why not, for people.
fn fitting(question: &Question, given: &GivenAnswer) -> std::result::Result<(Topic, Answer), String> {
    let answers = question.answers.join(", ");
    let (topic, answer) = question
        .topic
        .parse::<Topic>()
        .ok()
        .zip(given.answer.parse::<Answer>().ok())
        .filter(|(topic, answer)| topic.answers().contains(answer))
        .ok_or_else(|| format!("{:?} is no answer to what is asked; it can be: {answers}.", given.answer))?;
    let is_reasoned = given.reason.as_ref().is_some_and(|reason| !reason.trim().is_empty());
    if answer.is_consent() && !is_reasoned {
        return Err("Say why: it stays on record with your name.".to_owned());
    }
    if answer == Answer::Acknowledge {
        let is_asked = |it: &String| question.fingerprints.contains(it);
        if given.fingerprints.is_empty() || !given.fingerprints.iter().all(is_asked) {
            return Err(
                "These are not the statements that are asked about. Look at them as they are now, and acknowledge \
                 those."
                    .to_owned(),
            );
        }
    }
    Ok((topic, answer))
}
