//! The order to run one job: a nudge. What it means stands in the database.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Tells a worker that a job waits for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobMessage {
    /// The run that the job belongs to.
    pub run: Uuid,
    /// The job's name, `worker.job`.
    pub job: String,
    /// Which try, from 1.
    pub attempt: u32,
}
