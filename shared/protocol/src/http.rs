//! Bodies of the HTTP API under `/api/v1`.
//!
//! ```text
//! POST /api/v1/ships                          CloudEvent            → 202 ShipAccepted
//! GET  /api/v1/ships/{message id}                                   → ShipAnswer
//! GET  /api/v1/schemas/{ship.requested.v1|ship.choice.v1|ship.cancel.v1}  → JSON Schema
//! GET  /api/v1/promotions[?installation=…]                          → [PromotionSummary]
//! GET  /api/v1/promotions/{id}                                      → Promotion
//! GET  /api/v1/promotions/{id}/plan                                 → PromotionPlan
//! GET  /api/v1/promotions/{id}/findings                             → Findings
//! POST /api/v1/promotions/{id}/answer         GivenAnswer           → PromotionSummary
//! POST /api/v1/promotions/{id}/acknowledge    GivenAnswer           → PromotionSummary
//! POST /api/v1/promotions/{id}/release        GivenAnswer           → PromotionSummary
//! POST /api/v1/promotions/{id}/approve        Decision on a plan    → PromotionSummary
//! POST /api/v1/promotions/{id}/reject         Decision with reason  → PromotionSummary
//! POST /api/v1/promotions/{id}/override       Decision with reason  → PromotionSummary
//! POST /api/v1/promotions/{id}/emergency      Decision with reason  → PromotionSummary
//! POST /api/v1/promotions/{id}/schedule       Decision              → PromotionSummary
//! POST /api/v1/promotions/{id}/cancel         Decision              → PromotionSummary
//! POST /api/v1/promotions/{id}/resume         Decision              → PromotionSummary
//! POST /api/v1/promotions/{id}/give-up        Decision              → PromotionSummary
//! GET  /api/v1/promotions/{id}/rollback[?restore_data=true]         → RollbackPlan
//! POST /api/v1/promotions/{id}/rollback       RollbackRequest       → PromotionSummary of the one that does it
//! GET  /api/v1/promotions/{id}/log[?after=N]                        → [LogLine]
//! GET  /api/v1/promotions/{id}/events[?after=N]  (server-sent)      → ProgressEvent…
//! GET  /api/v1/products[?installation=…]                            → [ProductVersion]
//! GET  /api/v1/epics                                                → [Epic], newest first
//! GET  /api/v1/restorable[?installation=…]                          → [Restorable], newest first
//! GET  /api/v1/backups[?installation=…]                             → [BackupSummary], newest first
//! GET  /api/v1/backups/{id}                                         → BackupRecord
//! POST /api/v1/backups/{id}/verify            Decision              → BackupRecord
//! GET  /api/v1/backups/{id}/restore                                 → RollbackPlan
//! POST /api/v1/backups/{id}/restore           Decision with reason  → PromotionSummary of the one that does it
//! POST /api/v1/backups/prune                  PruneRequest          → [BackupSummary] that go
//! GET  /api/v1/installations                                        → [Installation]
//! GET  /api/v1/installations/{name}                                 → Installation
//! PUT  /api/v1/installations/{name}           its description       → Installation
//! POST /api/v1/installations/{name}/check                           → [Check]
//! GET  /api/v1/windows                                              → Windows
//! POST /api/v1/windows                        NewWindow             → Window
//! DELETE /api/v1/windows/{id}?by=…
//! PUT  /api/v1/windows/zone                   NewZone               → Windows
//! GET  /api/v1/windows/decision[?change_type=…&risk=…&at=…&estimate_seconds=…] → WindowDecision
//! GET  /api/v1/blackouts                                            → [Blackout]
//! POST /api/v1/blackouts                      NewBlackout           → [Blackout]
//! POST /api/v1/blackouts/import               BlackoutFeed          → BlackoutsImported
//! DELETE /api/v1/blackouts/{id}?by=…
//! GET  /api/v1/calendar.ics                                         → iCalendar
//! GET  /api/v1/dead-letters[?state=…&before=ID]                     → [DeadLetterSummary], newest first
//! GET  /api/v1/dead-letters/{id}                                    → DeadLetter
//! POST /api/v1/dead-letters/{id}/redrive      Decision              → DeadLetterSummary
//! POST /api/v1/dead-letters/{id}/discard      Decision with reason  → DeadLetterSummary
//! GET  /api/v1/tokens                                               → [TokenSummary], newest first
//! POST /api/v1/tokens                         TokenRequest          → 201 TokenCreated
//! POST /api/v1/tokens/{id}/revoke             Decision              → TokenSummary
//! GET  /api/v1/audit[?before=N|after=N]                             → [AuditEntry], newest first; oldest first after N
//! GET  /api/v1/audit/verify                                         → AuditVerdict
//! GET  /api/v1/doctor                                               → [Check]
//! ```
//! Bodies about windows and blackouts stand in [`crate::window`], decisions in [`crate::decision`], what the gates found in
//! [`crate::gates`], questions and answers in [`crate::question`], products and epics in [`crate::inventory`]. Errors are [`Problem`]s (RFC 9457, `application/problem+json`).

use core::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use crate::decision::{Decision, PromotionPlan};
use crate::gates::GateVerdict;
use crate::output::{Assessed, Proposed};
use crate::question::Question;

/// The answer to a posted ship message: it is on the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShipAccepted {
    /// The message's id, to ask for its [`ShipAnswer`].
    pub message: String,
}

/// What became of a ship message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ShipAnswer {
    /// Nobody has taken it from the queue yet.
    Waiting,
    /// It became a promotion.
    Accepted {
        /// The promotion, `CP-…`.
        promotion: String,
        /// Its change request, `RFC-…`.
        change_request: String,
    },
    /// It was not taken.
    Refused {
        /// The field that is wrong, as a path.
        field: String,
        /// What is wrong, for people.
        reason: String,
    },
}

/// A promotion as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromotionSummary {
    /// `CP-…`.
    pub id: String,
    /// `FB-…`.
    pub build: String,
    /// The feature's name.
    pub title: String,
    /// The installation's name.
    pub installation: String,
    /// `pending`, `approved`, `deploying`, …
    pub status: String,
    /// The status as people read it.
    pub status_title: String,
    /// Why it stands there, where there is something to say.
    pub reason: Option<String>,
    /// When its window opens, while it is scheduled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens_at: Option<Timestamp>,
    /// Its place among those that wait for their turn at its installation, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_position: Option<u32>,
    /// When the ship message became a promotion.
    pub created_at: Timestamp,
}

/// A promotion with all that is on record of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promotion {
    /// What a list shows.
    #[serde(flatten)]
    pub summary: PromotionSummary,
    /// `RFC-…`.
    pub change_request: String,
    /// standard, normal, emergency.
    pub change_type: String,
    /// low, medium, high, critical.
    pub risk: String,
    /// Who asked for it.
    pub requested_by: String,
    /// Why it could not wait, in their words.
    #[serde(default)]
    pub change_reason: Option<String>,
    /// The promotion whose version it brings back, where it ships no feature.
    #[serde(default)]
    pub rolls_back_to: Option<String>,
    /// File of the backup that it puts back.
    #[serde(default)]
    pub restore_from: Option<String>,
    /// Who approved it.
    pub approved_by: Option<String>,
    /// What they approved: the hash of a plan.
    #[serde(default)]
    pub approved_plan: Option<String>,
    /// Until when that holds: it must be started before.
    #[serde(default)]
    pub approval_ends_at: Option<Timestamp>,
    /// SHA-256 of the sealed change set, once it is taken.
    #[serde(default)]
    pub change_set: Option<String>,
    /// When its latest run began and ended.
    pub started_at: Option<Timestamp>,
    /// When its latest run ended.
    pub finished_at: Option<Timestamp>,
    /// What the latest run did, job by job, oldest first.
    pub timeline: Vec<TimelineEntry>,
    /// What its ship run did, job by job, oldest first.
    #[serde(default)]
    pub shipping: Vec<TimelineEntry>,
    /// What a person is asked before its ship run goes on.
    #[serde(default)]
    pub question: Option<Question>,
    /// Whether it is shared with others, and why, once that is decided.
    #[serde(default)]
    pub assessment: Option<Assessed>,
    /// What each gate said, once they were asked.
    #[serde(default)]
    pub gates: Vec<GateVerdict>,
    /// What became of its pull request, once that is known.
    #[serde(default)]
    pub pull_request: Option<Proposed>,
    /// How long nobody was served, in milliseconds, once it is known.
    pub downtime_ms: Option<i64>,
    /// The backup taken in step 3.
    pub backup: Option<Backup>,
    /// The database that the failed version left, kept for inspection.
    pub kept_database: Option<String>,
    /// What the rollback did to the data, for people.
    pub data_note: Option<String>,
    /// What the window check has to say about it, for people: a warning, or that an emergency is to be reviewed.
    #[serde(default)]
    pub window_note: Option<String>,
    /// The image that now serves, by id.
    pub image: Option<String>,
    /// What a person has to do, in order, where putting back could not go on; empty otherwise.
    #[serde(default)]
    pub to_do: Vec<String>,
}

/// One try of one job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// Step number, from 1.
    pub step: u8,
    /// Step name for people.
    pub step_title: String,
    /// `swap.stop_old` …
    pub job: String,
    /// `forward` or `undo`.
    pub direction: String,
    /// Which try, from 1.
    pub attempt: u32,
    /// `held`, `queued`, `running`, `succeeded`, `failed`, `refused`, `asked`, `postponed`, `released`, `lost`, `stopped`.
    pub state: String,
    /// When a worker took it.
    pub started_at: Option<Timestamp>,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<i64>,
    /// Why it failed.
    pub reason: Option<String>,
}

/// A backup on record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// The file.
    pub path: String,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Its SHA-256, hex.
    pub sha256: String,
    /// Version of the server it was taken from.
    pub server_version: String,
    /// How to restore it by hand, to be pasted.
    pub restore_instructions: String,
    /// What it does not hold, for people; absent where nobody looked.
    #[serde(default)]
    pub not_covered: Option<String>,
}

/// A version that was deployed, and whether it could be brought back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restorable {
    /// The promotion that deployed it.
    pub promotion: String,
    /// `FB-…`.
    pub build: String,
    /// The feature's name.
    pub title: String,
    /// The installation's name.
    pub installation: String,
    /// When it was deployed.
    pub deployed_at: Timestamp,
    /// Who asked for that.
    pub requested_by: String,
    /// Who approved that.
    pub approved_by: Option<String>,
    /// Whether it serves now.
    pub serves: bool,
    /// Whether its image is still kept; absent where nobody here can see.
    pub image_kept: Option<bool>,
    /// Whether its source is still kept; absent where nobody here can see.
    pub source_kept: Option<bool>,
    /// The backup with which the data becomes as it was while this version served.
    pub backup: Option<i64>,
    /// Whether what was deployed since changed how the database is built; absent where nobody knows.
    pub schema_changed_since: Option<bool>,
}

/// What bringing a version back would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackPlan {
    /// The promotion whose version is brought back.
    pub promotion: String,
    /// The installation's name.
    pub installation: String,
    /// What would be done, for people, in order.
    pub steps: Vec<String>,
    /// The backup that is put back, if one is.
    pub backup: Option<i64>,
}

/// Asks for a version to be brought back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollbackRequest {
    /// The person, who answers for it as well.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Whether the data is put back, too, as it was before the next deployment.
    #[serde(default)]
    pub restore_data: bool,
}

/// A backup as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupSummary {
    /// What people call it; grows with every backup.
    pub id: i64,
    /// `kept`, `damaged`, `pruned`.
    pub state: String,
    /// The installation's name.
    pub installation: String,
    /// The promotion before which it was taken.
    pub promotion: String,
    /// That promotion's feature.
    pub title: String,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// The file.
    pub path: String,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// How far it was proven: `written`, `hashed`, `read_back`, `rehearsed`.
    pub rung: String,
    /// When it was last read back whole and found good.
    pub verified_at: Option<Timestamp>,
    /// What is wrong with a damaged one, for people.
    pub problem: Option<String>,
    /// Never removed, whatever its age.
    pub pinned: bool,
}

/// A backup with all that is on record of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupRecord {
    /// What a list shows.
    #[serde(flatten)]
    pub summary: BackupSummary,
    /// Its SHA-256, hex.
    pub sha256: String,
    /// Version of the server it was taken from.
    pub server_version: String,
    /// How to restore it by hand, to be pasted.
    pub restore_instructions: String,
    /// What it does not hold, for people; absent where nobody looked.
    #[serde(default)]
    pub not_covered: Option<String>,
    /// The last time that somebody had it read again; absent where nobody had.
    pub verification: Option<ErrandState>,
}

/// How a job stands that was asked for beside a promotion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrandState {
    /// `running`, `done`, `failed`.
    pub state: String,
    /// Why it failed, for people.
    pub reason: Option<String>,
}

/// Asks for backups that nobody needs any more to be removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PruneRequest {
    /// Only those of this installation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installation: Option<String>,
    /// Whether to say only which would go.
    #[serde(default)]
    pub dry_run: bool,
}

/// A wish for an access token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// Who gives it out.
    pub by: String,
    /// Whose it will be: the name that their decisions are recorded under.
    pub holder: String,
    /// `viewer`, `requester`, `approver`, `operator` or `admin`.
    pub role: String,
    /// How many days it may be used.
    pub days: u32,
}

/// A token that was given out, with its secret: shown here and never again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenCreated {
    /// What its holder shows to be let in.
    pub token: String,
    /// What is on record of it.
    #[serde(flatten)]
    pub summary: TokenSummary,
}

impl fmt::Debug for TokenCreated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCreated").field("summary", &self.summary).finish_non_exhaustive()
    }
}

/// An access token as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenSummary {
    /// What people call it; grows with every token.
    pub id: i64,
    /// Whose it is.
    pub holder: String,
    /// What they may do.
    pub role: String,
    /// Who gave it out.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// Who took it back.
    pub revoked_by: Option<String>,
    /// Whether it lets its holder in now.
    pub is_valid: bool,
}

/// One entry of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its place, from 1 without gaps.
    pub number: i64,
    /// JSON, exactly as it was hashed: number, at, who, from, action, subject, before, after, previous (the hash
    /// of the entry before).
    pub entry: String,
    /// SHA-256 of that JSON in hexadecimal digits.
    pub hash: String,
}

/// What became of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditVerdict {
    /// How many entries there are.
    pub entries: i64,
    /// Hash of the last one.
    pub head: String,
    /// What is wrong, one phrase each; none where nobody touched the trail.
    pub problems: Vec<String>,
}

/// One line of a promotion's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Grows with every line.
    pub sequence: i64,
    /// When it was written, by the database clock.
    pub at: Timestamp,
    /// The job that wrote it.
    pub job: String,
    /// The line.
    pub line: String,
}

/// An installation as it is on record; secrets appear as references only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Installation {
    /// Its name.
    pub name: String,
    /// Its description as it was applied.
    pub description: Value,
    /// When it was last applied.
    pub updated_at: Timestamp,
}

/// A message that nobody could handle, as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetterSummary {
    /// What people call it; grows with every letter.
    pub id: i64,
    /// `kept`, `redriven`, `discarded`.
    pub state: String,
    /// Where it died: `intake`, `jobs.build`, `undo.swap`, …
    pub queue: String,
    /// Why nobody could handle it.
    pub reason: String,
    /// The promotion whose order it is.
    pub promotion: Option<String>,
    /// The publisher's id of the message, where it is a UUID.
    pub message_id: Option<String>,
    /// How often it had been delivered when it died, where that is known.
    pub deliveries: Option<u32>,
    /// How large its body was, in bytes.
    pub size_bytes: u64,
    /// When Slipway took it over.
    pub received_at: Timestamp,
    /// What became of it; absent while it is kept.
    pub settled: Option<Settled>,
}

/// What became of a dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// Who decided.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why it was discarded.
    pub reason: Option<String>,
    /// The id of the message that it was sent again as.
    pub sent_as: Option<String>,
}

/// A dead letter with all that is on record of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// What a list shows.
    #[serde(flatten)]
    pub summary: DeadLetterSummary,
    /// The job that it orders: `build.image`, …
    pub job: Option<String>,
    /// Which try of it.
    pub attempt: Option<u32>,
    /// The run that the job belongs to.
    pub run: Option<String>,
    /// Media type, as the publisher said.
    pub content_type: String,
    /// The trace it belongs to.
    pub traceparent: Option<String>,
    /// The body as it came; of one above 64 KiB only the beginning.
    pub body: LetterBody,
}

/// The body of a dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LetterBody {
    /// Text without control characters but line breaks and tabs.
    Text(String),
    /// Anything else, as hex digits.
    Hex(String),
}

impl LetterBody {
    /// The form in which these bytes can be shown and lose nothing.
    pub fn new(bytes: &[u8]) -> Self {
        let is_plain = |it: char| !it.is_control() || matches!(it, '\n' | '\r' | '\t');
        match std::str::from_utf8(bytes) {
            Ok(text) if text.chars().all(is_plain) => LetterBody::Text(text.to_owned()),
            Ok(_) | Err(_) => {
                let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
                LetterBody::Hex(digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect())
            }
        }
    }

    /// The bytes; `None` for hex digits that are none.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            LetterBody::Text(text) => Some(text.clone().into_bytes()),
            LetterBody::Hex(digits) => {
                let pairs = digits.as_bytes().chunks(2);
                pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
            }
        }
    }
}

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What was checked.
    pub name: String,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found, for people.
    pub finding: String,
    /// How to mend it, where it is not as it should be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// An error (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// What is wrong, in a few words.
    pub title: String,
    /// One plain sentence: what is wrong and what to do.
    pub detail: String,
    /// The fields that are wrong, where there are any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldProblem>,
}

/// A field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldProblem {
    /// Where, as a path.
    pub field: String,
    /// What is wrong, for people.
    pub problem: String,
}
