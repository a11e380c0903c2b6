//! What people say about a feature that is being shipped: the answer to a question, or that it is not to be shipped.
//!
//! `CloudEvents` 1.0 in structured JSON on the exchange of the ship messages, types [`CHOICE_TYPE`] and [`CANCEL_TYPE`].
//! The JSON Schemas are `schemas/ship.choice.v1.json` and `schemas/ship.cancel.v1.json`.

use domain::{Answer, PromotionId};

use crate::fields::{InvalidMessage, data, envelope, exactly, invalid, parsed, text};

/// The `type` of an answer.
pub const CHOICE_TYPE: &str = "slipway.ship.choice.v1";

/// The `type` of a withdrawal.
pub const CANCEL_TYPE: &str = "slipway.ship.cancel.v1";

/// The published JSON Schema of an answer.
pub const CHOICE_SCHEMA: &str = include_str!("../schemas/ship.choice.v1.json");

/// The published JSON Schema of a withdrawal.
pub const CANCEL_SCHEMA: &str = include_str!("../schemas/ship.cancel.v1.json");

/// A person's answer to what a ship run asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChoiceMessage {
    /// The event's id: the same id is the same answer, however often it arrives.
    pub id: String,
    /// The promotion whose ship run asks.
    pub promotion: PromotionId,
    /// What they answer.
    pub answer: Answer,
    /// Who they are, as Build Studio knows them.
    pub by: String,
}

/// A person withdraws a feature that is being shipped, or waits for approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelMessage {
    /// The event's id: the same id is the same request, however often it arrives.
    pub id: String,
    /// The promotion.
    pub promotion: PromotionId,
    /// Why, in their words.
    pub reason: String,
    /// Who they are, as Build Studio knows them.
    pub by: String,
}

impl ChoiceMessage {
    /// Reads a message that arrived.
    ///
    /// # Errors
    /// [`InvalidMessage`] names the first field that is wrong; the same bytes are wrong every time.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidMessage> {
        let event = &envelope(bytes)?;
        exactly(event, "type", CHOICE_TYPE)?;
        let data = data(event, &["promotion", "answer", "by"])?;
        let answer: Answer = parsed(data, "answer", None)?;
        if answer.is_consent() {
            let problem =
                "needs a right that only the console knows; answer there, or with `slipway promotions`";
            return Err(invalid("data.answer", problem.to_owned()));
        }
        Ok(Self {
            id: text(event, "", "id", 200)?,
            promotion: parsed(data, "promotion", None)?,
            answer,
            by: text(data, "data.", "by", 200)?,
        })
    }
}

impl CancelMessage {
    /// Reads a message that arrived.
    ///
    /// # Errors
    /// [`InvalidMessage`] names the first field that is wrong; the same bytes are wrong every time.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidMessage> {
        let event = &envelope(bytes)?;
        exactly(event, "type", CANCEL_TYPE)?;
        let data = data(event, &["promotion", "reason", "by"])?;
        Ok(Self {
            id: text(event, "", "id", 200)?,
            promotion: parsed(data, "promotion", None)?,
            reason: text(data, "data.", "reason", 1000)?,
            by: text(data, "data.", "by", 200)?,
        })
    }
}
