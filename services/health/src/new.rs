//! Step 9: the new version answers well, several times in a row, without a restart in between.

use std::time::Instant;

use adapters::installation::Installation;
use adapters::probe::Probe;
use adapters::runtime::{Runtime, Swap};
use domain::Job;
use engine::{JobContext, Report, StepError};

use crate::outage;
use crate::{last_end, until_it_ends};

/// How many of its last lines go into the log when it fails.
const LAST_LINES: usize = 50;

pub(crate) async fn check(cx: &JobContext, installation: &Installation) -> Result<Report, StepError> {
    let swap: Swap = cx.required(Job::Prepare).await?;
    let runtime = installation.runtime(&cx.state_dir())?;
    let rule = &installation.health;
    let probe = Probe::new(rule.clone())?;
    let instance = runtime.instance(&swap.new).await?;
    let instance = match instance {
        Some(it) if it.running && it.restarts == 0 => it,
        Some(ended) => return Err(unhealthy(cx, &runtime, &swap, &last_end(&ended)).await),
        None => return Err(unhealthy(cx, &runtime, &swap, "it is gone").await),
    };
    cx.log(format!("asking {} for {} good answers in a row", rule.url, rule.successes));
    let begun = Instant::now();
    let verdict = tokio::select! {
        answer = probe.until_healthy(rule.within(), Some(cx.order.build.as_str())) => answer,
        ended = until_it_ends(&runtime, &instance) => Err(ended),
    };
    match verdict {
        Ok(healthy) => {
            let down = outage::length(cx, (Job::StopOld, Job::StartNew), begun, &healthy).await?;
            cx.log(format!("healthy; nobody was served for {} ms", down.as_millis()));
            Ok(Report { facts: outage::facts(down), ..Report::default() })
        }
        Err(problem) => Err(unhealthy(cx, &runtime, &swap, &problem).await),
    }
}

async fn unhealthy(cx: &JobContext, runtime: &Runtime, swap: &Swap, problem: &str) -> StepError {
    match runtime.instance(&swap.new).await {
        Ok(Some(now)) if now.exit_code.is_some() => cx.log(format!(
            "it ended with exit code {}, restarted {} times",
            now.exit_code.unwrap_or_default(),
            now.restarts
        )),
        Ok(_) => {}
        Err(error) => cx.log(format!("how it is now could not be read: {error:#}")),
    }
    match runtime.last_output(&swap.new, LAST_LINES).await {
        Ok(lines) => {
            cx.log("the last lines of the new version:");
            lines.lines().for_each(|line| cx.log(format!("    {line}")));
        }
        Err(error) => cx.log(format!("its last lines could not be read: {error:#}")),
    }
    StepError::fail_plainly(format!("The new version did not pass its health check: {problem}."))
}
