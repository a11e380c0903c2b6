//! A job's lines on their way to the promotion's log, in batches.

use std::time::Duration;

use domain::{Job, PromotionId};
use store::Store;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use crate::patience::patiently;

/// How many lines go into one statement.
const BATCH_MAX: usize = 200;

/// How long a line waits for company.
const FLUSH_AFTER: Duration = Duration::from_millis(200);

/// How long the last lines of a job may take; the log never holds up a report.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest line kept, in bytes.
const LINE_BYTES_MAX: usize = 8 * 1024;

/// Takes lines without waiting.
#[derive(Debug, Clone)]
pub(crate) struct LogSender(UnboundedSender<String>);

/// Writes what is sent, until all senders are gone.
pub(crate) struct LogWriter(JoinHandle<()>);

pub(crate) fn open(store: Store, promotion: PromotionId, job: Job) -> (LogSender, LogWriter) {
    let (sender, receiver) = unbounded_channel();
    (LogSender(sender), LogWriter(tokio::spawn(write(store, promotion, job, receiver))))
}

impl LogSender {
    pub(crate) fn send(&self, line: String) {
        if self.0.send(line).is_err() {
            tracing::debug!("a log line came after the job's end");
        }
    }

    pub(crate) fn raw(&self) -> UnboundedSender<String> {
        self.0.clone()
    }
}

impl LogWriter {
    /// Waits until the last lines are written, within a bound.
    pub(crate) async fn close(mut self) {
        if tokio::time::timeout(CLOSE_TIMEOUT, &mut self.0).await.is_err() {
            tracing::warn!("the last lines of a job's log could not be written in time");
            self.0.abort();
        }
    }
}

async fn write(store: Store, promotion: PromotionId, job: Job, mut lines: UnboundedReceiver<String>) {
    let mut batch = Vec::new();
    while let Some(first) = lines.recv().await {
        batch.push(clean(&first));
        let flush_at = tokio::time::Instant::now() + FLUSH_AFTER;
        while batch.len() < BATCH_MAX {
            match tokio::time::timeout_at(flush_at, lines.recv()).await {
                Ok(Some(line)) => batch.push(clean(&line)),
                Ok(None) | Err(_) => break,
            }
        }
        if let Err(error) = patiently(|| store.append_log(&promotion, job, &batch)).await {
            tracing::warn!(%promotion, %job, %error, lines = batch.len(), "log lines were lost");
        }
        batch.clear();
    }
}

/// A line that Postgres takes and a page can show: no zero bytes, no line ends, a bounded length.
fn clean(line: &str) -> String {
    let end = line.floor_char_boundary(LINE_BYTES_MAX);
    line[..end].trim_end_matches(['\r', '\n']).replace('\0', "")
}
