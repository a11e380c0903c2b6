//! One process of Slipway.

use std::fs::{File, OpenOptions};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};

use rustix::process::{Pid, Signal, kill_process};

use crate::patience::eventually;

/// A role's process; killed when dropped. It writes to one log, however often it is started.
pub(crate) struct Role {
    command: Command,
    log: PathBuf,
    /// How long the log was when it was started.
    log_begin: usize,
    child: Option<Child>,
}

impl Role {
    pub(crate) fn new(command: Command, log: PathBuf) -> Self {
        Self { command, log, log_begin: 0, child: None }
    }

    pub(crate) fn start(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        self.log_begin = self.log().len();
        let log = || -> File { OpenOptions::new().create(true).append(true).open(&self.log).unwrap() };
        self.command.stdout(log()).stderr(log());
        self.child = Some(self.command.spawn().unwrap());
    }

    /// Kills it where it stands.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// How it ended by itself; nothing while it runs.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.as_mut()?.try_wait().unwrap()?;
        self.child = None;
        Some(status)
    }

    /// Waits until it has said something: from then on it ends in order when it is asked to.
    pub(crate) async fn until_awake(&self) {
        eventually("the process says something", async || (self.log().len() > self.log_begin).then_some(()))
            .await;
    }

    /// Asks it to end and waits until it has.
    pub(crate) async fn end(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        eventually("the process ends", async || child.try_wait().unwrap()).await
    }

    /// Waits until it ends by itself.
    pub(crate) async fn until_ended(&mut self) -> ExitStatus {
        eventually("the process ends by itself", async || self.ended()).await
    }

    /// How much memory it uses, in bytes.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let id = self.child.as_ref().expect("it runs").id();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        self.kill();
    }
}
