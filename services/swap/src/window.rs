//! Whether the window is still open and the approval still holds, asked right before anything is stopped.

use std::time::Duration;

use engine::windows::calendar::Change;
use engine::{JobContext, StepError};

/// Refuses when the window has closed since the window check, as windows were changed or the build took long, or when
/// more would be done now than was approved.
///
/// Only a first try asks. An earlier one may have stopped the application, and then the shortest way to a
/// version that serves is to go on.
pub(crate) async fn still_open(cx: &JobContext) -> Result<(), StepError> {
    if cx.attempt > 1 {
        return Ok(());
    }
    if let Some(why) = cx.approval_broken().await? {
        return Err(StepError::Refuse(format!(
            "The current version was not stopped, because {why}. Ship the feature again to have it approved as it is \
             now."
        )));
    }
    let mut windows = cx.windows().await?;
    let change = Change { change_type: cx.order.change_type, risk: cx.order.risk };
    let mut decision = windows.decide(change, Duration::ZERO).clone();
    if cx.order.overrides_windows && !decision.may_start() {
        decision = windows.decide_past_windows(change, Duration::ZERO);
    }
    if decision.may_start() {
        return Ok(());
    }
    Err(StepError::Refuse(format!(
        "The deployment window has closed meanwhile, so the current version was not stopped. {} Ship the feature \
         again to have it deployed then.",
        windows.sentence(&decision)
    )))
}
