//! The four gates look at the sealed change set: step 5 of a ship run, and the warnings of step 1.

use std::thread;

use adapters::change_set::ChangeSet;
use adapters::installation::Installation;
use anyhow::{Context as _, Result, anyhow};
use engine::{JobContext, Report, StepError};
use protocol::gates::{Finding, GateVerdict, Gated};
use scanner::change;
use scanner::finding::{Category, Gate};
use scanner::policy::Policy;

use crate::change::over;

/// How many findings are kept, secrets first; whoever has more to mend begins with these.
const FINDINGS_KEPT: usize = 500;

/// How many statements that lose data one feature may hold: each of them is to be acknowledged, and so all are kept.
const DESTRUCTIVE_MAX: usize = 500;

/// What is told where there are more.
const TOO_DESTRUCTIVE: &str = "The feature holds more statements that lose data than anybody could look through, so it is not shipped. Ship it in smaller parts.";

const GATES: [(Gate, &str); 4] = [
    (Gate::Security, "security"),
    (Gate::Destructive, "destructive"),
    (Gate::Architecture, "architecture"),
    (Gate::Dependencies, "dependencies"),
];

/// What is told where the sealed files are gone, damaged or others than those on record.
const NOT_AS_SEALED: &str = "The sealed files of the feature are no longer what was sealed, so they are not shipped; ship the feature again.";

pub(crate) async fn ask(cx: &JobContext, installation: &Installation) -> Result<Report, StepError> {
    let set = sealed(cx).await?;
    let base = cx.source_in_production(&installation.base_source);
    let policy = Policy { fingerprint_key: cx.identity_key().await?, ..Policy::default() };
    let gated = tokio::task::spawn_blocking(move || gated(&scan(&over(&set, &base)?, &policy)?));
    let gated =
        gated.await.context("ask the gates")??.ok_or_else(|| StepError::fail_plainly(TOO_DESTRUCTIVE))?;
    for finding in &gated.findings {
        cx.log(format!("{}: {} ({}, line {})", finding.gate, finding.message, finding.file, finding.line));
    }
    cx.log(format!(
        "the gates read {} files, {} lines; self-check {}",
        gated.files, gated.lines, gated.self_check
    ));
    Report::with_output(&gated)
}

/// The change set that was sealed in step 1. Each of its files is compared with what was sealed.
pub(crate) async fn sealed(cx: &JobContext) -> Result<ChangeSet, StepError> {
    let folder = cx.change_set_dir(cx.order.promotion.as_str());
    let set = ChangeSet::open_known(&folder, cx.order.change_set.as_deref()).await;
    set.map_err(|error| StepError::fail(NOT_AS_SEALED, error))
}

/// Looks at a change. The same change gives the same.
///
/// # Errors
/// The machine has no room for another thread.
pub(crate) fn scan(change: &change::ChangeSet, policy: &Policy) -> Result<scanner::Report> {
    thread::scope(|scope| {
        let look = || scanner::scan(change, policy);
        let thread = thread::Builder::new().stack_size(scanner::STACK_BYTES).spawn_scoped(scope, look);
        thread.context("start a thread")?.join().map_err(|_| anyhow!("the look at the change broke off"))
    })
}

/// What is kept of a report; `None` where there is too much in it that nobody may overlook.
fn gated(report: &scanner::Report) -> Result<Option<Gated>> {
    let (destructive, mut others): (Vec<_>, Vec<_>) =
        report.open().partition(|finding| finding.category == Category::Destructive);
    if destructive.len() > DESTRUCTIVE_MAX {
        return Ok(None);
    }
    // Whatever else is cut off, that there is a secret must be known.
    others.sort_by_key(|finding| !matches!(finding.category, Category::Secret | Category::Token));
    others.truncate(FINDINGS_KEPT);
    let findings = destructive.into_iter().chain(others).map(kept).collect::<Result<Vec<_>>>()?;
    let verdict = |(gate, name): (Gate, &str)| GateVerdict {
        gate: name.to_owned(),
        open: report.open().filter(|finding| finding.concerns(gate)).count(),
    };
    Ok(Some(Gated {
        files: report.files,
        lines: report.lines,
        self_check: format!("{} of {}", report.self_check.found, report.self_check.of),
        gates: GATES.into_iter().map(verdict).collect(),
        findings,
    }))
}

/// A finding as it is kept: the same words as in the output of `slipway scan`.
fn kept(finding: &scanner::finding::Finding) -> Result<Finding> {
    serde_json::from_value(serde_json::to_value(finding)?).context("keep a finding")
}

#[cfg(test)]
mod tests {
    use scanner::change::{ChangeSet, ChangedFile, Content, Origin};

    use super::*;

    fn added(path: &str, text: &str) -> ChangedFile {
        let content = Content { mode: 0o100_644, bytes: text.as_bytes().to_vec() };
        ChangedFile { path: path.to_owned(), moved_from: None, before: None, after: Some(content) }
    }

    fn look(files: Vec<ChangedFile>) -> Option<Gated> {
        gated(&scan(&ChangeSet::of(Origin::Trees, files), &Policy::default()).unwrap()).unwrap()
    }

    #[test]
    fn a_secret_behind_many_findings_is_kept() {
        let noisy = "eval(window.location.hash);\n".repeat(FINDINGS_KEPT + 50);
        let secret = format!("export const key = \"{}{}\";\n", "AKIA", "Q3EGRLNV7ZTBWYHX");
        let gated = look(vec![added("a.ts", &noisy), added("z.ts", &secret)]).unwrap();
        assert_eq!(gated.findings.len(), FINDINGS_KEPT);
        assert!(gated.findings.iter().any(|it| it.file == "z.ts"), "the last file's secret is among them");
    }

    #[test]
    fn every_statement_that_loses_data_is_kept_or_the_feature_is_refused() {
        let drops = |count: usize| {
            let text: Vec<_> = (0..count).map(|number| format!("drop table t{number};")).collect();
            look(vec![added("migrations/0001_tidy.sql", &text.join("\n"))])
        };
        let kept = drops(DESTRUCTIVE_MAX).unwrap();
        assert_eq!(kept.findings.iter().filter(|it| it.category == "destructive").count(), DESTRUCTIVE_MAX);
        assert!(drops(DESTRUCTIVE_MAX + 1).is_none());
    }
}
