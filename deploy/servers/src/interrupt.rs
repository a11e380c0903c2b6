//! Ctrl-C and SIGTERM: asked for, never acted on by themselves, so that everything started is ended.

use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGINT, SIGTERM};

/// How often a level is looked at while waiting for it.
const POLL_EVERY: Duration = Duration::from_millis(50);

/// Knows whether somebody asked this process to stop.
#[derive(Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From here on SIGINT and SIGTERM no longer end this process, but are known to this value.
    pub fn register() -> Result<Self> {
        let raised = Self::default();
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&raised.0)).context("register for Ctrl-C")?;
        }
        Ok(raised)
    }

    /// One that no signal raises: for tests, which end with their process.
    pub fn never() -> Self {
        Self::default()
    }

    /// Whether somebody asked to stop.
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Looks every 50 ms until `probe` gives a value.
    ///
    /// # Errors
    /// The probe's own error, the limit passed, or somebody asked to stop.
    pub fn poll<T>(
        &self,
        what: &str,
        limit: Duration,
        mut probe: impl FnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        let begin = Instant::now();
        loop {
            if let Some(value) = probe()? {
                return Ok(value);
            }
            if self.is_raised() {
                bail!("stopped while waiting until {what}");
            }
            if begin.elapsed() > limit {
                bail!("waited {} s in vain until {what}", limit.as_secs());
            }
            pause();
        }
    }

    /// Stays until somebody asks to stop.
    ///
    /// # Errors
    /// Something that should run as long ended; `ended` says what.
    pub fn until_raised(&self, mut ended: impl FnMut() -> Result<Option<String>>) -> Result<()> {
        while !self.is_raised() {
            if let Some(text) = ended()? {
                bail!(text);
            }
            pause();
        }
        Ok(())
    }

    /// Runs a command to its end on this terminal; asks it to end when somebody asks this process to stop.
    pub fn run(&self, command: &mut Command) -> Result<ExitStatus> {
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = command.spawn().with_context(|| format!("start {program}"))?;
        let mut is_asked = false;
        loop {
            if let Some(status) = child.try_wait().with_context(|| format!("wait for {program}"))? {
                return Ok(status);
            }
            if self.is_raised() && !is_asked {
                is_asked = true;
                // After Ctrl-C the terminal has already told it; a second request does no harm.
                kill_process(Pid::from_child(&child), Signal::TERM)
                    .with_context(|| format!("ask {program} to end"))?;
            }
            pause();
        }
    }
}

/// Lets `POLL_EVERY` pass; waking early is harmless, since every caller looks again.
pub fn pause() {
    std::thread::park_timeout(POLL_EVERY);
}
