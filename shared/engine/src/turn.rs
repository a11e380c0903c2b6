//! Whose turn it is.
//!
//! Promotions start in the order in which they were asked for, one at a time at each installation, as many at
//! once as the open window lets. Who has to wait for a window or for room in it does not hold up who need not.

use calendar::Verdict;
use domain::Status;
use store::queue::{self, Waiting};
use store::{Result, Tx};

use crate::windows::Windows;

/// The first that may start now, and the windows that let it; `None` where all have to wait.
pub(crate) async fn next(tx: &mut Tx) -> Result<Option<(Waiting, Windows)>> {
    let waiting = queue::waiting(tx).await?;
    if waiting.is_empty() {
        return Ok(None);
    }
    let mut windows = Windows::read_within(tx).await?;
    let under_way = queue::under_way(tx).await?;
    let next = waiting.into_iter().find(|it| may_start(it, &mut windows, under_way));
    Ok(next.map(|it| (it, windows)))
}

fn may_start(waiting: &Waiting, windows: &mut Windows, under_way: i64) -> bool {
    let decision = windows.decide_start(waiting);
    match decision.verdict {
        Verdict::Open => decision.max_concurrent.is_none_or(|most| under_way < i64::from(most)),
        Verdict::Bypassed => true,
        // Who asked for now is told by the window check why not; who asked for the opening waits for it.
        Verdict::Closed | Verdict::Refused => waiting.status == Status::Approved,
    }
}
