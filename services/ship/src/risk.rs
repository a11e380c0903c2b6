//! What of a feature would lose data in production: said to whoever is asked to approve it.

use std::thread;

use adapters::change_set::{Change, ChangeSet, Kind, Mode};
use anyhow::{Context as _, Result, anyhow};
use scanner::change::{self, ChangedFile, Content, Origin};
use scanner::finding::{Finding, Gate};
use scanner::policy::Policy;

/// One sentence for each thing that somebody should think about first, with its place. The same set gives the same.
///
/// # Errors
/// The sealed set cannot be read, or the machine has no room for another thread.
pub(crate) fn risks(set: &ChangeSet) -> Result<Vec<String>> {
    let files = set.changes.iter().map(|change| file(set, change)).collect::<Result<_>>()?;
    let change = change::ChangeSet::of(Origin::Trees, files);
    let look = || scanner::scan(&change, &Policy::default());
    let report = thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(scanner::STACK_BYTES).spawn_scoped(scope, look);
        thread.context("start a thread")?.join().map_err(|_| anyhow!("the look at the change broke off"))
    })?;
    Ok(report.open().filter(|finding| finding.concerns(Gate::Destructive)).map(sentence).collect())
}

fn file(set: &ChangeSet, change: &Change) -> Result<ChangedFile> {
    let content = |sha256: &Option<String>, mode: Option<Mode>| {
        let known = sha256.as_ref().zip(mode);
        known.map(|(sha256, mode)| {
            Ok::<_, anyhow::Error>(Content { mode: git(mode), bytes: set.content(sha256)? })
        })
    };
    Ok(ChangedFile {
        path: change.path.clone(),
        moved_from: match &change.kind {
            Kind::Renamed { from } => Some(from.clone()),
            Kind::Added | Kind::Modified | Kind::Deleted => None,
        },
        before: content(&change.old_sha256, change.old_mode).transpose()?,
        after: content(&change.new_sha256, Some(change.mode)).transpose()?,
    })
}

/// How git calls a mode.
fn git(mode: Mode) -> u32 {
    match mode {
        Mode::Regular => 0o100_644,
        Mode::Executable => 0o100_755,
        Mode::Symlink => 0o120_000,
    }
}

fn sentence(finding: &Finding) -> String {
    let Finding { message, file, line, .. } = finding;
    if file.is_empty() { message.clone() } else { format!("{message} ({file}, line {line})") }
}
