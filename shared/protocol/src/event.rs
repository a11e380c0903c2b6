//! Progress, told to whoever listens on the exchange `slipway.events` or on the HTTP stream.
//!
//! `CloudEvents` 1.0 in structured JSON, type `slipway.promotion.<kind>.v1`, subject the promotion,
//! routing key `promotion.<CP id>.<kind>`. The steps of a ship run, and what it asks, come as
//! `slipway.ship.<kind>.v1` with the routing key `ship.<FB id>.<kind>`.

use domain::{Plan, Step};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::InvalidMessage;

/// What a progress event tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A feature is being taken out of the place where it was built; or that is tried once more.
    Shipping,
    /// That cannot be done; nothing was changed.
    NotShipped,
    /// A person has to choose something before it goes on.
    Asked,
    /// A promotion waits for approval.
    Created,
    /// A ship message was not taken.
    Refused,
    /// Somebody approved it.
    Approved,
    /// It starts by itself when its window opens, or that opening has moved.
    Scheduled,
    /// A step began.
    StepStarted,
    /// A step reached its goal.
    StepFinished,
    /// A step is tried once more.
    StepRetried,
    /// The promotion is being undone.
    RollingBack,
    /// The new version serves and is on record.
    Deployed,
    /// The old version serves, checked.
    RolledBack,
    /// Nothing was done; it may be started again.
    Held,
    /// Withdrawn, nothing was done.
    Cancelled,
    /// Somebody said no, nothing was done.
    Rejected,
    /// A person has to act.
    NeedsAttention,
    /// Over, temporary files are gone (or could not be removed: see the message).
    CleanedUp,
}

impl Kind {
    /// The kind as it stands in a routing key.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Shipping => "shipping",
            Kind::NotShipped => "not_shipped",
            Kind::Asked => "asked",
            Kind::Created => "created",
            Kind::Refused => "refused",
            Kind::Approved => "approved",
            Kind::Scheduled => "scheduled",
            Kind::StepStarted => "step_started",
            Kind::StepFinished => "step_finished",
            Kind::StepRetried => "step_retried",
            Kind::RollingBack => "rolling_back",
            Kind::Deployed => "deployed",
            Kind::RolledBack => "rolled_back",
            Kind::Held => "held",
            Kind::Cancelled => "cancelled",
            Kind::Rejected => "rejected",
            Kind::NeedsAttention => "needs_attention",
            Kind::CleanedUp => "cleaned_up",
        }
    }

    /// Whether nothing follows it in the same run.
    pub fn is_last(self) -> bool {
        matches!(
            self,
            Kind::RolledBack
                | Kind::NotShipped
                | Kind::Held
                | Kind::Cancelled
                | Kind::Rejected
                | Kind::NeedsAttention
                | Kind::CleanedUp
                | Kind::Refused
        )
    }
}

/// One progress event of a promotion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressEvent {
    /// Grows with every event of the promotion; a stream can be resumed after it.
    pub sequence: i64,
    /// When it happened, by the database clock.
    pub at: Timestamp,
    /// What it tells.
    pub kind: Kind,
    /// The promotion, `CP-…`.
    pub promotion: String,
    /// The build, `FB-…`.
    pub build: String,
    /// The installation's name.
    pub installation: String,
    /// `ship` or `promotion`: what the steps belong to.
    #[serde(default = "promotion")]
    pub plan: String,
    /// The step it speaks of, 1 to `steps_total`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u8>,
    /// The step's name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_title: Option<String>,
    /// How many steps there are.
    pub steps_total: u8,
    /// One plain sentence.
    pub message: String,
}

fn promotion() -> String {
    Plan::Promotion.to_string()
}

/// The plan that news about this step, or about none, belongs to, and how many steps that has.
pub fn plan_of(step: Option<Step>) -> (Plan, u8) {
    let step = step.unwrap_or(Step::Validate);
    (step.plan(), step.total())
}

impl ProgressEvent {
    /// The routing key on `slipway.events`.
    pub fn routing_key(&self) -> String {
        let subject = if self.plan == Plan::Ship.as_str() { &self.build } else { &self.promotion };
        format!("{}.{subject}.{}", self.plan, self.kind.as_str())
    }

    /// The event in its `CloudEvents` envelope.
    pub fn envelope(&self, id: Uuid) -> Value {
        json!({
            "specversion": "1.0",
            "id": id,
            "type": format!("slipway.{}.{}.v1", self.plan, self.kind.as_str()),
            "source": "slipway",
            "subject": self.promotion,
            "time": self.at,
            "datacontenttype": "application/json",
            "data": self,
        })
    }
}

/// Tells the sender of a ship message which field was wrong and why, as a `CloudEvent` of type
/// `slipway.ship.refused.v1` with the message's id as its subject.
pub fn refusal(id: Uuid, message_id: Option<&str>, refused: &InvalidMessage) -> Value {
    json!({
        "specversion": "1.0",
        "id": id,
        "type": "slipway.ship.refused.v1",
        "source": "slipway",
        "subject": message_id,
        "time": Timestamp::now(),
        "datacontenttype": "application/json",
        "data": { "field": refused.field, "problem": refused.problem },
    })
}
