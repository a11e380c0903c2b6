//! The four gates look at the sealed change set: step 5 of a ship run, and the warnings of step 1.

use std::thread;

use adapters::change_set::ChangeSet;
use adapters::installation::Installation;
use anyhow::{Context as _, Result, anyhow};
use engine::{JobContext, Report, StepError};
use protocol::gates::{Finding, GateVerdict, Gated};
use scanner::change;
use scanner::finding::Gate;
use scanner::policy::Policy;

use crate::change::over;

/// How many findings are kept; whoever has more to mend begins with these.
const FINDINGS_KEPT: usize = 500;

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
    let gated = gated.await.context("ask the gates")??;
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

fn gated(report: &scanner::Report) -> Result<Gated> {
    let mut findings = report.open().map(kept).collect::<Result<Vec<_>>>()?;
    findings.truncate(FINDINGS_KEPT);
    let verdict = |(gate, name): (Gate, &str)| GateVerdict {
        gate: name.to_owned(),
        open: report.open().filter(|finding| finding.concerns(gate)).count(),
    };
    Ok(Gated {
        files: report.files,
        lines: report.lines,
        self_check: format!("{} of {}", report.self_check.found, report.self_check.of),
        gates: GATES.into_iter().map(verdict).collect(),
        findings,
    })
}

/// A finding as it is kept: the same words as in the output of `slipway scan`.
fn kept(finding: &scanner::finding::Finding) -> Result<Finding> {
    serde_json::from_value(serde_json::to_value(finding)?).context("keep a finding")
}
