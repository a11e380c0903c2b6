//! A background process: started with its output in a log file, ended with its owner.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
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

/// A process that ends when this value is dropped, and that its owner may end and start again.
pub struct Daemon {
    name: String,
    starter: Starter,
    /// `None` while its owner wants it away.
    child: Option<Child>,
    log: PathBuf,
    end: End,
}

/// How a process is run: under which account, and what ends it.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    /// `None` is the account of this process.
    pub account: Option<&'a str>,
    /// The signal that ends it.
    pub end: End,
}

/// The signal that ends a process in order.
#[derive(Clone, Copy)]
pub enum End {
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
    /// The kernel sends the end signal when the thread that started it ends, even when nobody could clean
    /// up after it. [`Daemon`] starts it from a thread that lives as long as the value.
    pub fn command(self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("setpriv");
        if let Some(account) = self.account {
            command.arg(format!("--reuid={account}")).arg(format!("--regid={account}")).arg("--clear-groups");
        }
        command.arg(format!("--pdeathsig={}", self.end.name())).arg("--").arg(program);
        command
    }
}

impl Daemon {
    /// Starts it in a process group of its own, so that Ctrl-C reaches this process first.
    ///
    /// May be called from any thread, also from one of an asynchronous runtime.
    pub fn start(name: &str, end: End, mut command: Command, log: &Path) -> Result<Self> {
        let open = || File::options().create(true).append(true).open(log);
        let output = open().with_context(|| format!("create {}", log.display()))?;
        let errors = output.try_clone().with_context(|| format!("open {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0);
        let starter = Starter::new(command).with_context(|| format!("start a thread for {name}"))?;
        let mut daemon = Self { name: name.to_owned(), starter, child: None, log: log.to_owned(), end };
        daemon.start_again()?;
        Ok(daemon)
    }

    /// Starts it after [`Daemon::stop`] or [`Daemon::kill`], with the same command line and log.
    ///
    /// # Idempotency
    /// Does nothing while it runs. One that ended by itself is started.
    pub fn start_again(&mut self) -> Result<()> {
        if self.is_running()? {
            return Ok(());
        }
        self.child = Some(self.starter.start().with_context(|| format!("start {}", self.name))?);
        Ok(())
    }

    /// Waits until `is_ready` says so.
    ///
    /// # Errors
    /// It ended, or stayed silent too long; the end of its log is part of the error.
    pub fn wait_until_ready(
        &mut self,
        interrupt: &Interrupt,
        mut is_ready: impl FnMut() -> bool,
    ) -> Result<()> {
        let answers = format!("{} answers", self.name);
        let result = interrupt.poll(&answers, START_LIMIT, || {
            if !self.is_running()? {
                bail!("{} ended at once", self.name);
            }
            Ok(is_ready().then_some(()))
        });
        result.with_context(|| format!("{}\n{} did not start", self.end_of_log(), self.name))
    }

    /// Its process id; `None` while it is away.
    pub fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> Result<bool> {
        let Some(child) = &mut self.child else { return Ok(false) };
        Ok(child.try_wait().with_context(|| format!("look at {}", self.name))?.is_none())
    }

    /// How it ended, if it did without having been asked to.
    pub fn ended(&mut self) -> Result<Option<String>> {
        let Some(child) = &mut self.child else { return Ok(None) };
        let status = child.try_wait().with_context(|| format!("look at {}", self.name))?;
        Ok(status.map(|status| format!("{} ended ({status})\n{}", self.name, self.end_of_log())))
    }

    /// Asks it to end and waits; one that does not listen is killed with everything it started.
    ///
    /// # Errors
    /// It had to be killed.
    ///
    /// # Idempotency
    /// Does nothing while it is away.
    pub fn stop(&mut self) -> Result<()> {
        self.stop_by(self.end.signal())
    }

    /// Kills it with its process group, as a crash would, and waits until it is gone.
    ///
    /// # Idempotency
    /// Does nothing while it is away.
    pub fn kill(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        if child.try_wait()?.is_none() {
            kill_process_group(Pid::from_child(&child), Signal::KILL)?;
            child.wait()?;
        }
        Ok(())
    }

    /// Kills it alone and waits until it is gone; what it has started lives on.
    ///
    /// # Idempotency
    /// Does nothing while it is away.
    pub fn kill_alone(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// As [`Daemon::stop`], by another signal than the usual one.
    pub(crate) fn stop_by(&mut self, signal: Signal) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        if child.try_wait()?.is_some() {
            return Ok(());
        }
        kill_process(Pid::from_child(&child), signal)?;
        let begin = Instant::now();
        while child.try_wait()?.is_none() {
            if begin.elapsed() > STOP_LIMIT {
                kill_process_group(Pid::from_child(&child), Signal::KILL)?;
                child.wait()?;
                bail!("{} did not end in {} s and was killed", self.name, STOP_LIMIT.as_secs());
            }
            pause();
        }
        Ok(())
    }

    fn end_of_log(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
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

/// The thread that a process is started from.
///
/// The kernel's end signal follows a thread, not a process, and the threads of a test or of an asynchronous
/// runtime come and go. This one lives as long as the value.
struct Starter(mpsc::Sender<mpsc::Sender<io::Result<Child>>>);

impl Starter {
    fn new(mut command: Command) -> io::Result<Self> {
        let (orders, received) = mpsc::channel::<mpsc::Sender<io::Result<Child>>>();
        thread::Builder::new().name("starter".to_owned()).spawn(move || {
            for order in received {
                // Who ordered waits for the answer.
                drop(order.send(command.spawn()));
            }
        })?;
        Ok(Self(orders))
    }

    fn start(&self) -> io::Result<Child> {
        let (answer, answered) = mpsc::channel();
        let gone = || io::Error::other("the thread that starts processes is gone");
        self.0.send(answer).map_err(|_| gone())?;
        answered.recv().map_err(|_| gone())?
    }
}
