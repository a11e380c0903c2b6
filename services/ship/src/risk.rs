//! What of a feature would lose data in production: said to whoever is asked to approve it.

use adapters::change_set::ChangeSet;
use anyhow::Result;
use scanner::finding::{Finding, Gate};
use scanner::policy::Policy;

use crate::change::alone;
use crate::gates::scan;

/// One sentence for each thing that somebody should think about first, with its place. The same set gives the same.
///
/// # Errors
/// The sealed set cannot be read, or the machine has no room for another thread.
pub(crate) fn risks(set: &ChangeSet) -> Result<Vec<String>> {
    let report = scan(&alone(set)?, &Policy::default())?;
    Ok(report.open().filter(|finding| finding.concerns(Gate::Destructive)).map(sentence).collect())
}

fn sentence(finding: &Finding) -> String {
    let Finding { message, file, line, .. } = finding;
    if file.is_empty() { message.clone() } else { format!("{message} ({file}, line {line})") }
}
