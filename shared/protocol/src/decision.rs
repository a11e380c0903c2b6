//! What people decide, and what they are shown for it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Who decides and why; the body of approve, reject, override, emergency, schedule, cancel, resume and give-up, of
/// redrive and discard, and of what is done with backups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// The person.
    pub by: String,
    /// Their reason; required to reject, to override, for an emergency, to cancel, to give up, to discard and to
    /// restore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Only to approve: the hash of the plan that they were shown. If that is no longer what would be done, nothing is
    /// approved. Without it they approve what would be done now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
}

impl Decision {
    /// One without a reason.
    pub fn by(by: String) -> Self {
        Self { by, reason: None, plan: None }
    }

    /// One with its reason.
    pub fn with_reason(by: String, reason: String) -> Self {
        Self { by, reason: Some(reason), plan: None }
    }
}

/// What a promotion would do if it were started as things are: what somebody approves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromotionPlan {
    /// `CP-…`.
    pub promotion: String,
    /// What stands for the plan in an approval: SHA-256, hex.
    pub plan: String,
    /// The plan for people, in order.
    pub sentences: Vec<String>,
    /// How long nobody was served when something was last deployed there, in milliseconds: as much is expected.
    pub expected_downtime_ms: Option<i64>,
    /// Who has approved the promotion.
    pub approved_by: Option<String>,
    /// Until when that holds.
    pub approval_ends_at: Option<Timestamp>,
    /// Why that does not hold, for people; absent where it does, and where nobody has approved it.
    pub lapsed: Option<String>,
}
