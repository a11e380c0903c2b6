//! Exit codes: a contract with scripts.

use std::process::ExitCode;

use protocol::http::Promotion;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// What was asked for is done.
    Done = 0,
    /// It could not be done.
    Failed = 1,
    /// It was asked for wrongly: arguments, or a file that cannot be read.
    Usage = 2,
    /// The promotion was undone; the old version serves, checked.
    RolledBack = 3,
    /// Slipway said no: the message, the approval, the time. Nothing was done.
    Refused = 4,
    /// A person has to act; the promotion says what to do.
    NeedsAttention = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// The outcome of a promotion that nothing more happens to by itself; `None` while it goes on, waits
/// for somebody or waits for its turn.
pub(crate) fn outcome(promotion: &Promotion) -> Option<Exit> {
    match promotion.summary.status.as_str() {
        "deployed" => Some(Exit::Done),
        "rolled_back" => Some(Exit::RolledBack),
        "needs_attention" => Some(Exit::NeedsAttention),
        "not_shipped" | "rejected" | "cancelled" => Some(Exit::Refused),
        _ if is_held(promotion) => Some(Exit::Refused),
        _ => None,
    }
}

/// Whether it was refused before it did anything, and a reason says why: approved still after a run that did not
/// go on, or in need of another approval. Approving it again takes the reason away. A scheduled one waits for its
/// opening.
pub(crate) fn is_held(promotion: &Promotion) -> bool {
    let summary = &promotion.summary;
    match summary.status.as_str() {
        "approved" => summary.reason.is_some() && promotion.finished_at.is_some(),
        "pending" => summary.reason.is_some(),
        _ => false,
    }
}
