//! How messages look on the wire: persistent, with our id, our user, trace context and dead-letter reason in the
//! properties and headers.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use uuid::Uuid;

use crate::delivery::worn_out_reason;
use crate::topology::DELIVERY_LIMIT;
use crate::{Message, Names, Outage, PublishError};

const TRACEPARENT: &str = "traceparent";
const REASON: &str = "x-slipway-reason";
const DELIVERIES: &str = "x-slipway-deliveries";
const FIRST_DEATH: &str = "x-first-death-reason";
const APP: &str = "slipway";
/// A key of the dead-letter exchange that is no queue's.
const PROBE: &str = "probe";
const PERSISTENT: u8 = 2;

/// A message in AMQP's terms.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    pub(super) exchange: ShortString,
    pub(super) routing_key: ShortString,
    pub(super) is_mandatory: bool,
    pub(super) properties: BasicProperties,
    pub(super) body: Vec<u8>,
    /// Our name of the exchange, for messages to people.
    known_as: &'static str,
}

/// A short string of AMQP, whose constructor would panic on a long text.
pub(super) fn short(text: &str) -> Result<ShortString, Outage> {
    ShortString::try_new(text).map_err(|error| Outage::Failed(error.to_string()))
}

impl Packet {
    /// A message for the wire, or the reason why it can never be sent. The broker vouches for `user` to whoever
    /// receives it.
    pub(super) fn message(message: Message, names: &Names, user: &str) -> Result<Self, PublishError> {
        message.check()?;
        let bytes = message.body.len();
        let fit = |text: &str| short(text).map_err(|_long| PublishError::TooLarge { bytes });
        let exchange = message.exchange;
        let properties = BasicProperties::default()
            .with_message_id(message.id.to_string().into())
            .with_content_type(fit(&message.content_type)?)
            .with_user_id(fit(user)?)
            .with_headers(headers([(TRACEPARENT, message.traceparent)]));
        Ok(Self {
            exchange: fit(&names.exchange(exchange))?,
            routing_key: fit(&message.routing_key)?,
            is_mandatory: exchange.is_mandatory(),
            properties: ours(properties),
            body: message.body,
            known_as: exchange.as_str(),
        })
    }

    /// The copy of a delivered message that goes to the dead letters, with the reason.
    pub(super) fn dead_letter(
        exchange: ShortString,
        routing_key: ShortString,
        original: &BasicProperties,
        body: Vec<u8>,
        reason: &str,
    ) -> Self {
        let traceparent = header(original, TRACEPARENT);
        let mut headers = headers([(TRACEPARENT, traceparent), (REASON, Some(reason.to_owned()))]);
        // What is dead already keeps the count that it died with.
        let deliveries = died_after(original).unwrap_or_else(|| delivery_count(original) + 1);
        headers.insert(DELIVERIES.into(), AMQPValue::LongLongInt(deliveries.into()));
        let mut properties = BasicProperties::default().with_headers(headers);
        if let Some(id) = original.message_id() {
            properties = properties.with_message_id(id.clone());
        }
        if let Some(content_type) = original.content_type() {
            properties = properties.with_content_type(content_type.clone());
        }
        Self {
            exchange,
            routing_key,
            is_mandatory: true,
            properties: ours(properties),
            body,
            known_as: "dead",
        }
    }

    /// A message that no queue takes: its confirmation proves that the broker takes messages.
    pub(super) fn probe(names: &Names) -> Result<Self, Outage> {
        Ok(Self {
            exchange: short(&names.dead_exchange())?,
            routing_key: short(PROBE)?,
            is_mandatory: false,
            properties: ours(BasicProperties::default()),
            body: Vec::new(),
            known_as: "dead",
        })
    }

    pub(super) fn unroutable(&self) -> PublishError {
        PublishError::Unroutable { exchange: self.known_as, routing_key: self.routing_key.to_string() }
    }
}

fn ours(properties: BasicProperties) -> BasicProperties {
    properties.with_delivery_mode(PERSISTENT).with_app_id(APP.into())
}

fn headers<const N: usize>(entries: [(&str, Option<String>); N]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in entries {
        if let Some(value) = value {
            table.insert(name.into(), AMQPValue::LongString(value.into()));
        }
    }
    table
}

pub(super) fn id(properties: &BasicProperties) -> Option<Uuid> {
    let id = properties.message_id().as_ref()?;
    Uuid::parse_str(id.as_str()).ok()
}

pub(super) fn traceparent(properties: &BasicProperties) -> Option<String> {
    header(properties, TRACEPARENT)
}

/// How many deliveries failed before this one; `RabbitMQ` leaves the header out the first time.
pub(super) fn delivery_count(properties: &BasicProperties) -> u32 {
    number(properties, "x-delivery-count").unwrap_or(0)
}

/// How often a dead letter had been delivered when it died: what we noted, or the limit if it died of that.
pub(super) fn died_after(properties: &BasicProperties) -> Option<u32> {
    let of_limit = || {
        let cause = header(properties, FIRST_DEATH)?;
        (cause == "delivery_limit").then_some(DELIVERY_LIMIT + 1)
    };
    number(properties, DELIVERIES).or_else(of_limit)
}

/// Why it is a dead letter: our reason, or what `RabbitMQ` noted when it moved the message by itself.
pub(super) fn dead_reason(properties: &BasicProperties) -> Option<String> {
    let noted = || {
        let cause = header(properties, FIRST_DEATH)?;
        Some(match cause.as_str() {
            "delivery_limit" => worn_out_reason(DELIVERY_LIMIT + 1),
            "rejected" => "a worker gave the message up without a reason".to_owned(),
            other => format!("the message broker gave the message up ({other})"),
        })
    };
    header(properties, REASON).or_else(noted)
}

fn header(properties: &BasicProperties, name: &str) -> Option<String> {
    let value = properties.headers().as_ref()?.inner().get(name)?;
    if let AMQPValue::LongString(text) = value {
        return Some(text.to_string());
    }
    if let AMQPValue::ShortString(text) = value {
        return Some(text.to_string());
    }
    None
}

fn number(properties: &BasicProperties, name: &str) -> Option<u32> {
    let value = properties.headers().as_ref()?.inner().get(name)?;
    let number = value.as_long_long_int();
    u32::try_from(number?).ok()
}
