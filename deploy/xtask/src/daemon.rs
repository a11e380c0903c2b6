//! A background process of ours: started with its output in a log file, ended with its owner.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::interrupt::{Interrupt, pause};

/// A cold machine under load needs a third of it.
const START_LIMIT: Duration = Duration::from_secs(90);
/// After it, a process that was asked to end is killed with everything it started.
const STOP_LIMIT: Duration = Duration::from_secs(20);
/// How much of its log is shown when a process does not start.
const LOG_LINES: usize = 15;

/// A running process that ends when this value is dropped.
pub(crate) struct Daemon {
    name: String,
    child: Child,
    log: PathBuf,
    end: End,
}

/// How a process is run: under which account, and what ends it.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'a> {
    /// `None` is the account of this task.
    pub(crate) account: Option<&'a str>,
    pub(crate) end: End,
}

/// The signal that ends a process in order.
#[derive(Clone, Copy)]
pub(crate) enum End {
    /// SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

impl End {
    fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "INT",
            Self::Terminate => "TERM",
        }
    }

    fn signal(self) -> Signal {
        match self {
            Self::Interrupt => Signal::INT,
            Self::Terminate => Signal::TERM,
        }
    }
}

impl Terms<'_> {
    /// The beginning of a command line that runs `program` on these terms.
    ///
    /// The kernel sends the end signal when this task dies, even when nobody could clean up after it.
    pub(crate) fn command(self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("setpriv");
        if let Some(account) = self.account {
            command.arg(format!("--reuid={account}")).arg(format!("--regid={account}")).arg("--clear-groups");
        }
        command.arg(format!("--pdeathsig={}", self.end.name())).arg("--").arg(program);
        command
    }
}

impl Daemon {
    /// Starts it in a process group of its own, so that Ctrl-C reaches this task first.
    ///
    /// To be called from the main thread: the process ends with the thread that started it.
    pub(crate) fn start(name: &str, end: End, command: &mut Command, log: &Path) -> Result<Self> {
        let output = File::create(log).with_context(|| format!("create {}", log.display()))?;
        let errors = output.try_clone().with_context(|| format!("open {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .with_context(|| format!("start {name}"))?;
        Ok(Self { name: name.to_owned(), child, log: log.to_owned(), end })
    }

    /// Waits until `is_ready` says so.
    ///
    /// # Errors
    /// It ended, or stayed silent too long; the end of its log is part of the error.
    pub(crate) fn wait_until_ready(
        &mut self,
        interrupt: &Interrupt,
        mut is_ready: impl FnMut() -> bool,
    ) -> Result<()> {
        let answers = format!("{} answers", self.name);
        let result = interrupt.poll(&answers, START_LIMIT, || {
            if self.child.try_wait().context("look at a process")?.is_some() {
                bail!("{} ended at once", self.name);
            }
            Ok(is_ready().then_some(()))
        });
        result.with_context(|| format!("{}\n{} did not start", self.end_of_log(), self.name))
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Result<Option<String>> {
        let status = self.child.try_wait().with_context(|| format!("look at {}", self.name))?;
        Ok(status.map(|status| format!("{} ended ({status})\n{}", self.name, self.end_of_log())))
    }

    fn end_of_log(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }

    fn stop(&mut self) -> Result<()> {
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        kill_process(Pid::from_child(&self.child), self.end.signal())?;
        let begin = Instant::now();
        while self.child.try_wait()?.is_none() {
            if begin.elapsed() > STOP_LIMIT {
                kill_process_group(Pid::from_child(&self.child), Signal::KILL)?;
                self.child.wait()?;
                bail!("it did not end in {} s and was killed", STOP_LIMIT.as_secs());
            }
            pause();
        }
        Ok(())
    }
}

/// Ends it in order, or, after a while, by force with everything it started.
impl Drop for Daemon {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("warning: {}: {error:#}", self.name);
        }
    }
}
