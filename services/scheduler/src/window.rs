//! Step 2: whether now is a time to deploy.

use std::time::Duration;

use adapters::installation::Installation;
use domain::Job;
use engine::job::Urgency;
use engine::store::promotions::Facts;
use engine::windows::calendar::{Change, Reason, Verdict};
use engine::{JobContext, Report, StepError};

/// Goes on inside a window that admits the change; says when the next one opens otherwise.
///
/// The promotion must be able to end before the window closes, counted from its first step on.
pub(crate) async fn check(cx: &JobContext) -> Result<Report, StepError> {
    if let Some(why) = cx.approval_broken().await? {
        return Err(StepError::Refuse(format!(
            "It waits for another approval, because {why}. What it would do now: slipway promotions plan {}",
            cx.order.promotion
        )));
    }
    let mut windows = cx.windows().await?;
    if windows.are_none() {
        cx.log("no deployment windows are configured: any time is fine");
        return Ok(Report::default());
    }
    let installation = cx.installation(Installation::parse)?;
    let limit = Duration::from_secs(installation.time_limit_seconds.unsigned_abs().into());
    let spent = cx.since(Job::Validate).await?.unwrap_or_default();
    let left = limit.saturating_sub(spent);
    let change = Change { change_type: cx.order.change_type, risk: cx.order.risk };
    let mut decision = windows.decide(change, left).clone();
    if cx.order.overrides_windows && !decision.may_start() {
        decision = windows.decide_past_windows(change, left);
        if decision.may_start() {
            return Ok(overridden(cx));
        }
    }
    let said = windows.sentence(&decision);
    match decision.verdict {
        Verdict::Open => {
            cx.log(said.clone());
            let warning = decision.reasons.contains(&Reason::OnlyAdvice).then_some(said);
            Ok(noted(warning))
        }
        Verdict::Bypassed => bypass(cx),
        Verdict::Closed | Verdict::Refused => {
            let scheduling = decision.next_opening.map(|_| {
                format!(
                    " To have it start by itself then: slipway promotions schedule {}",
                    cx.order.promotion
                )
            });
            Err(StepError::Refuse(said + &scheduling.unwrap_or_default()))
        }
    }
}

/// An emergency waits for no window, once somebody answers for that.
fn bypass(cx: &JobContext) -> Result<Report, StepError> {
    let Some(Urgency { by, reason }) = &cx.order.urgency else {
        return Err(StepError::Refuse(format!(
            "An emergency goes past deployment windows only with a reason on record. Give it with: slipway \
             promotions approve {} --emergency --by NAME --reason \"…\"",
            cx.order.promotion
        )));
    };
    let note = format!(
        "It was an emergency, which waits for no deployment window. {by} gave the reason “{reason}”. Review \
         afterwards whether that was right."
    );
    cx.log(note.clone());
    Ok(noted(Some(note)))
}

/// A change that is no emergency goes past closed windows because somebody answers for that.
fn overridden(cx: &JobContext) -> Report {
    let (by, reason) = match &cx.order.urgency {
        Some(Urgency { by, reason }) => (by.as_str(), reason.as_str()),
        None => ("Somebody", ""),
    };
    let note = format!(
        "It was deployed although no deployment window was open. {by} decided so: “{reason}”. Review afterwards \
         whether that was right."
    );
    cx.log(note.clone());
    noted(Some(note))
}

fn noted(window_note: Option<String>) -> Report {
    Report { facts: Facts { window_note, ..Facts::default() }, ..Report::default() }
}
