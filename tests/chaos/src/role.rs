//! One process of Slipway, with ways of its own to the servers.

use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use anyhow::Result;
use servers::daemon::{Daemon, End, Terms};

use crate::link::Link;

/// Every role and how many processes of it run.
pub(crate) const ROLES: [(&str, usize); 9] = [
    ("scheduler", 2),
    ("supervisor", 2),
    ("ship", 2),
    ("backup", 2),
    ("build", 2),
    ("swap", 2),
    ("health", 2),
    ("cleanup", 2),
    ("console", 1),
];

/// A role's process and its links.
pub(crate) struct Role {
    pub(crate) name: String,
    pub(crate) to_broker: Link,
    pub(crate) to_records: Link,
    /// Held for long by who waits for its end. The links do not wait for that: it may need them to end.
    process: Mutex<Daemon>,
}

impl Role {
    /// Starts `slipway serve <role>` with `variables`, which name the links.
    pub(crate) fn start(
        program: &Path,
        role: &str,
        number: usize,
        variables: &[(&str, String)],
        (to_broker, to_records): (Link, Link),
        logs: &Path,
    ) -> Result<Self> {
        let name = format!("{role}-{number}");
        let terms = Terms { account: None, end: End::Terminate };
        let mut command: Command = terms.command(program);
        for (variable, _) in std::env::vars().filter(|(variable, _)| variable.starts_with("SLIPWAY_")) {
            command.env_remove(variable);
        }
        command.args(["serve", role]).envs(variables.iter().map(|(name, value)| (*name, value)));
        let process = Daemon::start(&name, terms.end, command, &logs.join(format!("{name}.log")))?;
        Ok(Self { name, to_broker, to_records, process: Mutex::new(process) })
    }

    /// Its process, unless somebody waits for its end just now.
    pub(crate) fn process(&self) -> Option<MutexGuard<'_, Daemon>> {
        match self.process.try_lock() {
            Ok(process) => Some(process),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Asks it to end, waits, and starts it again. Blocks.
    pub(crate) fn restart(&self) -> Result<()> {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        process.stop()?;
        process.start_again()
    }

    /// Starts it, if it is away; whoever waits for its end starts it anyway.
    pub(crate) fn start_again(&self) -> Result<()> {
        self.process().map_or(Ok(()), |mut process| process.start_again())
    }

    /// Kills it for good. Blocks.
    pub(crate) fn end(&self) -> Result<()> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner).kill_alone()
    }
}

/// Whether the process is the one that a lease names as its owner.
pub(crate) fn owns(process: &Daemon, owner: &str) -> bool {
    let Some(id) = process.id() else { return false };
    owner.split('-').nth(1) == Some(id.to_string().as_str())
}
