//! What people should know of a move, for the promotion's log.

use tokio::sync::mpsc::UnboundedSender;

/// Takes lines; without a listener they are dropped.
#[derive(Debug, Clone, Default)]
pub(super) struct Notes(Option<UnboundedSender<String>>);

impl Notes {
    pub(super) fn to(log: UnboundedSender<String>) -> Self {
        Self(Some(log))
    }

    pub(super) fn tell(&self, line: impl Into<String>) {
        if let Some(log) = &self.0
            && log.send(line.into()).is_err()
        {
            tracing::debug!("a note came after the log was closed");
        }
    }
}
