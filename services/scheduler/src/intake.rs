//! From a ship message to a promotion that is being shipped, or to a refusal with its reason; and what people answer and
//! withdraw by message.

use adapters::installation::Installation;
use anyhow::Result;
use domain::{ChangeRequestId, PromotionId};
use engine::Engine;
use engine::start::{Wish, create_promotion, refuse_message, withdraw};
use engine::store::audit::Actor;
use engine::store::promotions::New;
use engine::store::{StoreError, answered};
use engine::transport::{Broker, Delivery, Queue};
use protocol::choice::{self, CancelMessage, ChoiceMessage};
use protocol::question::GivenAnswer;
use protocol::ship::Sandbox;
use protocol::{InvalidMessage, ShipMessage};
use serde_json::{Value, json};

/// How many ship messages are in hand at once.
const PREFETCH: u16 = 8;

/// Takes ship messages until the process drains.
pub(crate) async fn run(engine: &Engine) -> Result<()> {
    let mut messages = engine.broker.consume(&Queue::Intake, PREFETCH, engine.shutdown.draining());
    while let Some(delivery) = messages.next().await {
        take(engine, delivery).await;
    }
    Ok(())
}

/// Answers one message; it is acknowledged only after its answer is on record.
async fn take(engine: &Engine, delivery: Delivery) {
    let by = sender(&engine.broker, delivery.user_id.as_deref());
    let heard = match answer_in_the_end(engine, &delivery.body, &by).await {
        Ok(None) => delivery.ack().await,
        Ok(Some(refused)) => {
            tracing::warn!(field = refused.field, problem = refused.problem, "a ship message was refused");
            delivery.dead_letter(&refused.to_string()).await
        }
        Err(error) => {
            tracing::warn!(%error, "a ship message could not be answered");
            engine.pause_for_database().await;
            delivery.retry().await
        }
    };
    if !heard {
        tracing::debug!("the broker will deliver this ship message again");
    }
}

/// Who handed the feature in. `RabbitMQ` vouches for the user that the message names: it refuses any but its
/// publisher's own. Which users may hand in anything is for it to say, so a message that names none is taken, too.
fn sender(broker: &Broker, user: Option<&str>) -> Actor {
    let (name, from) = match broker {
        Broker::Amqp(_) => (user.unwrap_or("somebody unnamed"), "RabbitMQ"),
        Broker::Local(_) => ("the console", "this process"),
    };
    Actor { name: name.to_owned(), from: from.to_owned() }
}

/// Answers when the database does, or fails when the process drains. A message that were given back meanwhile
/// would soon have been delivered too often.
async fn answer_in_the_end(
    engine: &Engine,
    body: &[u8],
    by: &Actor,
) -> Result<Option<InvalidMessage>, StoreError> {
    loop {
        match answer(engine, body, by).await {
            Err(error) if error.is_passing() && !engine.shutdown.draining().is_cancelled() => {
                tracing::warn!(%error, "a ship message waits for the database");
                engine.pause_for_database().await;
            }
            answered => return answered,
        }
    }
}

/// Puts the answer on record; `Some` when it is a refusal.
async fn answer(engine: &Engine, body: &[u8], by: &Actor) -> Result<Option<InvalidMessage>, StoreError> {
    let parsed = match text_of(body, "type").as_deref() {
        Some(choice::CHOICE_TYPE) => ChoiceMessage::parse(body).map(Asked::Choice),
        Some(choice::CANCEL_TYPE) => CancelMessage::parse(body).map(Asked::Cancel),
        _ => ShipMessage::parse(body).map(Asked::Ship),
    };
    match parsed {
        Ok(Asked::Ship(message)) => ship(engine, &message, by).await,
        Ok(Asked::Choice(message)) => choose(engine, message, by).await,
        Ok(Asked::Cancel(message)) => cancel(engine, message, by).await,
        Err(refused) => refuse(engine, id_of(body), refused).await,
    }
}

/// What a message asks for.
enum Asked {
    Ship(ShipMessage),
    Choice(ChoiceMessage),
    Cancel(CancelMessage),
}

/// Answers what a ship run asks.
async fn choose(
    engine: &Engine,
    message: ChoiceMessage,
    by: &Actor,
) -> Result<Option<InvalidMessage>, StoreError> {
    if answered(engine.store.answer(&message.id)).await?.is_some() {
        return Ok(None);
    }
    let given = GivenAnswer {
        by: message.by,
        answer: message.answer.to_string(),
        reason: None,
        fingerprints: Vec::new(),
    };
    let wish = engine::ship::answer(engine, &message.promotion, &given, by, Some(&message.id)).await?;
    settle(engine, message.id, &message.promotion, "data.answer", wish).await
}

/// Withdraws what is being shipped.
async fn cancel(
    engine: &Engine,
    message: CancelMessage,
    by: &Actor,
) -> Result<Option<InvalidMessage>, StoreError> {
    if answered(engine.store.answer(&message.id)).await?.is_some() {
        return Ok(None);
    }
    let said = Actor { name: format!("{} ({})", message.by, by.name), from: by.from.clone() };
    let wish = withdraw(engine, &message.promotion, &said, &message.reason, Some(&message.id)).await?;
    settle(engine, message.id, &message.promotion, "data.promotion", wish).await
}

/// Answers a wish that was not granted; one that was has its answer on record with its effect.
async fn settle(
    engine: &Engine,
    message_id: String,
    promotion: &PromotionId,
    field: &str,
    wish: Wish,
) -> Result<Option<InvalidMessage>, StoreError> {
    let problem = match wish {
        Wish::Granted => return Ok(None),
        Wish::Unknown => format!("there is no promotion {promotion}"),
        Wish::NotFrom(status) => format!("it is {}", status.title().to_lowercase()),
        Wish::OwnRequest => "it has to be somebody else".to_owned(),
        Wish::Refused(sentence) => sentence,
    };
    let refused = InvalidMessage { field: field.to_owned(), problem };
    refuse(engine, Some(message_id), refused).await
}

async fn ship(
    engine: &Engine,
    message: &ShipMessage,
    by: &Actor,
) -> Result<Option<InvalidMessage>, StoreError> {
    if answered(engine.store.answer(&message.id)).await?.is_some() {
        return Ok(None);
    }
    if let Some(refused) = unfit(engine, message).await? {
        return refuse(engine, Some(message.id.clone()), refused).await;
    }
    loop {
        match create_promotion(engine, &message.id, &promotion_for(message), by).await {
            // Eight hex digits may be taken already; others will not be.
            Err(StoreError::Conflict { constraint, .. }) if constraint.ends_with("_pkey") => {}
            created => return created.map(|()| None),
        }
    }
}

/// Why the message cannot become a promotion, although it is well formed.
async fn unfit(engine: &Engine, message: &ShipMessage) -> Result<Option<InvalidMessage>, StoreError> {
    let problem = match answered(engine.store.installation(&message.installation)).await? {
        None => format!("there is no installation called {:?}", message.installation),
        Some(known) => match Installation::parse(&known.description) {
            Ok(installation) if installation.enabled => return Ok(None),
            Ok(_) => format!("promotions are switched off for {:?}", message.installation),
            Err(_) => {
                format!("the description of {:?} is of another version; apply it again", message.installation)
            }
        },
    };
    Ok(Some(InvalidMessage { field: "data.installation".into(), problem }))
}

async fn refuse(
    engine: &Engine,
    message_id: Option<String>,
    refused: InvalidMessage,
) -> Result<Option<InvalidMessage>, StoreError> {
    refuse_message(engine, message_id.as_deref(), &refused).await?;
    Ok(Some(refused))
}

/// The id of a message that is otherwise wrong, so that its sender can be answered.
fn id_of(body: &[u8]) -> Option<String> {
    text_of(body, "id").filter(|id| !id.is_empty() && id.len() <= 200 && !id.contains('\0'))
}

/// An attribute of a message that may be wrong in every other way.
fn text_of(body: &[u8], attribute: &str) -> Option<String> {
    let event: Value = serde_json::from_slice(body).ok()?;
    Some(event.get(attribute)?.as_str()?.to_owned())
}

fn promotion_for(message: &ShipMessage) -> New {
    let year = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).year();
    New {
        id: PromotionId::new(random_number()),
        change_request: ChangeRequestId::new(year, random_number()),
        build: message.build.clone(),
        title: message.title.clone(),
        installation: message.installation.clone(),
        sandbox: match &message.sandbox {
            Sandbox::Directory(path) => json!({ "directory": path }),
            Sandbox::Container { id, path } => json!({ "container": id, "path": path }),
        },
        baseline: message.baseline.clone(),
        change_type: message.change_type,
        risk: message.risk,
        requested_by: message.requested_by.clone(),
        verification: message.verification.map(|it| json!(it)),
        contribution: message.contribution,
    }
}

/// A number for an id: nobody can guess it, and it hardly ever comes again.
fn random_number() -> u32 {
    uuid::Uuid::new_v4().as_fields().0
}
