//! The four security gates: what a feature's change would bring into production, and what of it a person should see
//! first, or nobody at all.
//!
//! A pure function of a change and a policy; no network, no process. The same change gives the same report. A clock is
//! looked at for one thing: a large program that takes a minute to be read is given up, and counts as unread.
//!
//! ```text
//! ChangeSet ─┬─ script   TypeScript and JavaScript, by syntax tree ─┐
//!            ├─ sql      migrations, by syntax tree                 │
//!            ├─ secret   every file type, by text                   ├─▶ Sighting ─▶ Finding ─▶ Report
//!            ├─ unseen   text that reads otherwise than it runs     │   (only what the change brings,
//!            ├─ tripwire what is never merged without a look        │    each with a stable fingerprint)
//!            ├─ layout   places and imports                         │
//!            └─ supply   manifests and lock files                   ┘
//! ```
//!
//! - An engine sees one text and says what is in it; [`scan_file`] asks it about the file as it was and as it would
//!   be, and keeps what is new: what lies in an added line, or was not there before.
//! - What cannot be checked blocks. An engine that fails takes nothing else with it.
//! - Each report begins with a self-check: a change with one bad sample of every kind, and all must be found.

mod allowance;
mod baseline;
mod canary;
pub mod change;
mod command;
pub mod diff;
pub mod finding;
mod fingerprint;
mod layout;
mod lines;
mod outline;
pub mod policy;
mod reading;
mod report;
mod sarif;
mod script;
mod secrecy;
mod secret;
mod sighting;
mod sql;
mod supply;
mod tripwire;
mod unseen;
mod weakness;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

pub use baseline::{Accepted, Baseline, InvalidBaseline};
use change::{ChangeSet, ChangedFile, Content, FILE_MAX, Origin, Source};
use finding::Finding;
use lines::{Added, Lines};
use policy::Policy;
use reading::Reading;
pub use report::{Report, SelfCheck};
use secrecy::Secrets;
use sighting::Sighting;

/// How much stack a thread needs that looks at a file, in bytes: code may be nested deeply.
pub const STACK_BYTES: usize = 64 * 1024 * 1024;

/// Looks at a whole change, on a thread with [`STACK_BYTES`].
pub fn scan(change: &ChangeSet, policy: &Policy) -> Report {
    let files = change.files.iter().map(|file| scan_file(file, change.origin, policy)).collect();
    assemble(change, policy, files)
}

/// What was found in one file alone.
#[derive(Debug)]
pub struct FileScan {
    findings: Vec<Finding>,
    lines: usize,
    secrets: Secrets,
}

/// Looks at one file of a change, on a thread with [`STACK_BYTES`]; for callers that look at many at a time, see [`assemble`].
pub fn scan_file(file: &ChangedFile, origin: Origin, policy: &Policy) -> FileScan {
    guarded(file, policy, || look_at(file, origin, policy))
}

/// Whatever an engine trips over, the file counts as not checked.
fn guarded(file: &ChangedFile, policy: &Policy, look: impl FnOnce() -> FileScan) -> FileScan {
    catch_unwind(AssertUnwindSafe(look)).unwrap_or_else(|_| FileScan {
        findings: outline::findings(file, None, vec![tripwire::not_checked()], policy),
        lines: 0,
        secrets: Secrets::default(),
    })
}

/// Puts together what [`scan_file`] found in every file of the change, and adds what only all of it shows.
pub fn assemble(change: &ChangeSet, policy: &Policy, files: Vec<FileScan>) -> Report {
    let self_check = canary::check(policy);
    let lines = files.iter().map(|file| file.lines).sum();
    let mut report = Report { self_check, files: files.len(), lines, ..Report::default() };
    let mut secrets = Secrets::default();
    for file in files {
        report.findings.extend(file.findings);
        secrets.add(file.secrets);
    }
    report.findings.extend(across(change, policy));
    secrets.hide(&mut report.findings);
    report.findings.extend(self_check.finding(policy));
    if files_missing(change, report.files) {
        report.findings.push(outline::of_change(&tripwire::not_read(), policy));
    }
    report.findings.sort_by(|a, b| a.order().cmp(&b.order()));
    report
}

fn files_missing(change: &ChangeSet, read: usize) -> bool {
    change.files.len() != read
}

/// What shows only in the change as a whole. These engines compare before and after themselves.
fn across(change: &ChangeSet, policy: &Policy) -> Vec<Finding> {
    let look = || {
        let mut seen = layout::look(change, policy);
        seen.extend(supply::look(change, policy));
        seen.extend(sql::look_at_change(change));
        seen
    };
    let Ok(seen) = catch_unwind(AssertUnwindSafe(look)) else {
        return vec![outline::of_change(&tripwire::not_checked(), policy)];
    };
    let mut findings = Vec::new();
    for file in &change.files {
        let own = seen.iter().filter(|(of, _)| std::ptr::eq(*of, file)).map(|(_, it)| it.clone());
        let own: Vec<_> = own.collect();
        if !own.is_empty() {
            let text = file.after.as_ref().or(file.before.as_ref()).map(|it| reading::mend(&it.bytes));
            findings.extend(outline::findings(file, text.as_deref(), own, policy));
        }
    }
    findings
}

fn look_at(file: &ChangedFile, origin: Origin, policy: &Policy) -> FileScan {
    let mut sightings = tripwire::look(file, origin);
    let after = file.after.as_ref().and_then(|content| text_of(file, content, origin, &mut sightings));
    let Some(after) = after else {
        let findings = outline::findings(file, None, sightings, policy);
        return FileScan { findings, lines: 0, secrets: Secrets::default() };
    };
    let before = file.before.as_ref().and_then(|content| text_of(file, content, origin, &mut Vec::new()));
    let added = match &before {
        Some(before) => Added::between(before, &after),
        None => Added::all(&after),
    };
    // A diff shows pieces of a file that was there before.
    let is_piece = origin == Origin::Hunks && before.is_some();
    let head = engines(&file.path, &after, policy, is_piece);
    let secrets = Secrets::of(&head, &after);
    let base = || match &before {
        Some(before) => engines(&file.path, before, policy, is_piece),
        None => Vec::new(),
    };
    sightings.extend(news(head, &added, base));
    let allowances = allowance::all(&after);
    let own = if origin == Origin::Tree { None } else { Some(&added) };
    sightings.extend(allowances.iter().filter_map(|it| it.planted(own)));
    let mut findings = outline::findings(file, Some(&after), sightings, policy);
    for allowance in allowances.iter().filter(|it| it.planted(own).is_none()) {
        allowance.apply(&mut findings);
    }
    FileScan { findings, lines: Lines::of(&after).count(&after), secrets }
}

/// The text of a file as the engines read it, and in `sightings` what kept it from being read; `None` for what is no
/// text: links, submodules, images, and what is too large.
fn text_of(
    file: &ChangedFile,
    content: &Content,
    origin: Origin,
    sightings: &mut Vec<Sighting>,
) -> Option<String> {
    if !content.is_file() {
        return None;
    }
    if content.bytes.len() > FILE_MAX {
        sightings.push(tripwire::oversized(content.bytes.len()));
        return None;
    }
    match reading::read(&content.bytes) {
        Reading::Text(text) => Some(text.into_owned()),
        Reading::Mended(text) => {
            sightings.extend(tripwire::bad_encoding(origin));
            Some(text)
        }
        Reading::Binary { is_media } => {
            sightings.extend(tripwire::binary(&file.path, is_media, origin));
            let is_hiding = change::is_code(&file.path);
            is_hiding.then(|| reading::mend(&content.bytes))
        }
    }
}

/// Everything that the engines see in one text.
fn engines(path: &str, text: &str, policy: &Policy, is_piece: bool) -> Vec<Sighting> {
    let source = Source { path, text };
    let mut seen = script::look(source, policy);
    seen.extend(sql::look(source));
    seen.extend(secret::look(source));
    seen.extend(unseen::look(source));
    seen.extend(command::look(source));
    if is_piece {
        // Pieces do not parse; what shows in them is all that can be said.
        seen.retain(|it| !matches!(it.rule, "unread.script" | "destructive.unreadable"));
    }
    sighting::strongest(seen)
}

/// What the change brings: what lies in an added line, and what there is more of than before.
fn news(head: Vec<Sighting>, added: &Added, base: impl FnOnce() -> Vec<Sighting>) -> Vec<Sighting> {
    let (mut new, rest): (Vec<_>, Vec<_>) =
        head.into_iter().partition(|it| it.places().any(|place| added.touches(place)));
    if rest.is_empty() {
        return new;
    }
    let mut old: HashMap<_, usize> = HashMap::new();
    for sighting in base() {
        *old.entry(sighting.recognition()).or_default() += 1;
    }
    for sighting in rest {
        match old.get_mut(&sighting.recognition()) {
            Some(left @ 1..) => *left -= 1,
            Some(0) | None => new.push(sighting),
        }
    }
    new.sort_by_key(|it| it.place.start);
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_an_engine_fails_on_blocks() {
        let file = ChangedFile { path: "src/a.ts".to_owned(), moved_from: None, before: None, after: None };
        let scan = guarded(&file, &Policy::default(), || panic!("a test fails on purpose"));
        let said: Vec<_> = scan.findings.iter().map(|it| (it.rule.as_str(), it.verdict)).collect();
        assert_eq!(said, [("change.not-checked", finding::Verdict::Block)]);
        assert!(scan.findings[0].message.starts_with("This could not be checked"));
    }
}
