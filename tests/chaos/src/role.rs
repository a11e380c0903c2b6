//! One process of Slipway, with ways of its own to the servers.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use servers::daemon::{Daemon, End, Terms};

use crate::link::Link;

/// Every role and how many processes of it run.
pub(crate) const ROLES: [(&str, usize); 8] = [
    ("scheduler", 2),
    ("supervisor", 2),
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
    daemon: Daemon,
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
        let daemon = Daemon::start(&name, terms.end, command, &logs.join(format!("{name}.log")))?;
        Ok(Self { name, to_broker, to_records, daemon })
    }

    /// Whether this process is the one that a lease names as its owner.
    pub(crate) fn owns(&self, owner: &str) -> bool {
        let Some(id) = self.daemon.id() else { return false };
        owner.split('-').nth(1) == Some(id.to_string().as_str())
    }

    /// Kills the process alone, in the midst of whatever it does; what it has started lives on.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.daemon.kill_alone()
    }

    /// Asks it to end and waits.
    pub(crate) fn stop(&mut self) -> Result<()> {
        self.daemon.stop()
    }

    /// Starts it, if it is away.
    pub(crate) fn start_again(&mut self) -> Result<()> {
        self.daemon.start_again()
    }

    /// How it ended, if it did by itself.
    pub(crate) fn ended(&mut self) -> Result<Option<String>> {
        self.daemon.ended()
    }
}
