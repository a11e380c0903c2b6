//! Restarts of the Docker engine: its containers stop with it and come back by their restart policy.

use std::sync::Arc;
use std::time::{Duration, Instant};

use servers::docker::Engine;

use super::{Fault, Villain, half_started};

/// How many in a hundred come while a swap is under way.
const IN_A_SWAP: u64 = 60;
/// How long a swap is waited for.
const SWAP_LIMIT: Duration = Duration::from_secs(8);

impl Villain {
    /// Ends the engine and starts it again; in a run without one there is nobody to strike.
    pub(super) async fn restart_engine(&mut self, fault: Fault) -> Option<String> {
        if !self.world.is_engine_there() {
            return None;
        }
        let swap = if self.random.percent(IN_A_SWAP) { self.next_swap().await } else { None };
        let away = Duration::from_millis(self.random.below(1_500));
        let happened = Arc::clone(&self.happened);
        let begins = self.begin(fault, move |world, interrupt| {
            let Some(mut engine) = world.engine() else { return Ok(()) };
            let end = if fault == Fault::KillEngine { Engine::kill } else { Engine::stop };
            let ended = end(&mut engine);
            std::thread::park_timeout(away);
            happened.note_half_started(half_started::clear(engine.host())?);
            engine.start_again()?;
            engine.wait_until_ready(interrupt)?;
            ended
        });
        let Some(job) = swap else { return Some(begins) };
        self.happened.note_swap();
        Some(format!("{begins} in {job}"))
    }

    /// The next job of a swap that somebody holds, if one comes in time.
    async fn next_swap(&self) -> Option<String> {
        let begin = Instant::now();
        while begin.elapsed() < SWAP_LIMIT && !self.interrupt.is_raised() {
            if let Ok((held, _)) = self.world.records.held().await
                && let Some(held) = held.into_iter().find(|held| held.which.job.starts_with("swap."))
            {
                return Some(held.which.job);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        None
    }
}
