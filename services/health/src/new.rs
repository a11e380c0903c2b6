//! Step 9: the new version answers well, several times in a row, without a restart in between.

use std::time::Duration;

use adapters::installation::Installation;
use adapters::probe::Probe;
use adapters::runtime::{Runtime, Swap};
use domain::Job;
use engine::store::promotions::Facts;
use engine::{JobContext, Report, StepError};

use crate::until_it_ends;

/// How many of its last lines go into the log when it fails.
const LAST_LINES: usize = 50;

pub(crate) async fn check(cx: &JobContext, installation: &Installation) -> Result<Report, StepError> {
    let swap: Swap = cx.required(Job::Prepare).await?;
    let runtime = installation.runtime(&cx.state_dir())?;
    let rule = &installation.health;
    let probe = Probe::new(rule.clone())?;
    let down_so_far = cx.since(Job::StopOld).await?.unwrap_or_default();
    let instance =
        runtime.instance(&swap.new).await?.filter(|instance| instance.running && instance.restarts == 0);
    let Some(instance) = instance else {
        return Err(unhealthy(cx, &runtime, &swap, "it does not run").await);
    };
    cx.log(format!("asking {} for {} good answers in a row", rule.url, rule.successes));
    let verdict = tokio::select! {
        answer = probe.until_healthy(rule.within(), Some(cx.order.build.as_str())) => answer,
        ended = until_it_ends(&runtime, &instance, rule.interval()) => Err(ended),
    };
    match verdict {
        Ok(healthy) => {
            let down = down_so_far + healthy.first_answer_after;
            cx.log(format!("healthy; nobody was served for {} ms", down.as_millis()));
            Ok(Report { facts: downtime(down), ..Report::default() })
        }
        Err(problem) => Err(unhealthy(cx, &runtime, &swap, &problem).await),
    }
}

pub(crate) fn downtime(down: Duration) -> Facts {
    Facts { downtime_ms: down.as_millis().try_into().ok(), ..Facts::default() }
}

async fn unhealthy(cx: &JobContext, runtime: &Runtime, swap: &Swap, problem: &str) -> StepError {
    match runtime.last_output(&swap.new, LAST_LINES).await {
        Ok(lines) => {
            cx.log("the last lines of the new version:");
            lines.lines().for_each(|line| cx.log(format!("    {line}")));
        }
        Err(error) => cx.log(format!("its last lines could not be read: {error:#}")),
    }
    StepError::fail_plainly(format!("The new version did not pass its health check: {problem}."))
}
