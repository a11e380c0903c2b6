//! Processes of this machine, told apart for sure.
//!
//! A pid alone proves nothing, because pids are used again. So a process is known by its pid and
//! the moment of its start, and everything that is started for a folder bears the folder's path in
//! its environment: whoever comes later finds all of it, also what nobody wrote down.

use std::{collections::HashSet, fs, path::Path, time::Duration};

use anyhow::{Context, Result, bail};
use rustix::{
    io::Errno,
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

/// The environment variable that holds the folder a process was started for.
pub(super) const MARK: &str = "SLIPWAY_BELONGS_TO";

/// What a started program gets of our own environment, which otherwise holds secrets that are not its own.
const PASSED_ON: [&str; 7] = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "TZ"];

/// How often a process is looked at while somebody waits for it.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How long a killed process may take to vanish; longer means that it hangs in the kernel.
const KILL_LIMIT: Duration = Duration::from_secs(10);

/// One process, and no later one with the same pid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Identity {
    pid: i32,
    /// Start of the process in clock ticks since the machine's start.
    started_ticks: u64,
}

impl Identity {
    /// The process that has this pid now, or `None` if none has or it ended already.
    pub(super) fn of(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is the program's name in parentheses and may itself contain anything.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_ascii_whitespace();
        let ended = matches!(fields.next()?, "Z" | "X");
        let started_ticks = fields.nth(18)?.parse().ok()?;
        (!ended).then_some(Self { pid, started_ticks })
    }

    /// Whether the process still runs.
    pub(super) fn is_alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Sends the signal; a process that ended already needs none.
    pub(super) fn signal(self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(self.pid).context("a pid is positive")?;
        // The descriptor pins the process, so that the check and the signal mean the same one.
        let sent = pidfd_open(pid, PidfdFlags::empty())
            .and_then(|process| if self.is_alive() { pidfd_send_signal(process, signal) } else { Ok(()) });
        match sent {
            Err(error) if error != Errno::SRCH => Err(error).with_context(|| format!("signal process {pid}")),
            _ => Ok(()),
        }
    }
}

/// Our environment as far as a started program may see it.
pub(super) fn passed_on() -> impl Iterator<Item = (&'static str, std::ffi::OsString)> {
    PASSED_ON.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)))
}

/// Every process that was started for the folder and still runs.
fn belonging_to(folder: &Path) -> Result<Vec<Identity>> {
    let mark = format!("{MARK}={}", folder.display());
    let processes = fs::read_dir("/proc").context("list the processes of this machine")?;
    let found = processes.filter_map(|entry| {
        let pid = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let identity = Identity::of(pid)?;
        // Somebody else's process cannot be read, and was not started by us.
        let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
        let bears_mark = environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes());
        bears_mark.then_some(identity)
    });
    Ok(found.collect())
}

/// Kills every process that was started for the folder, without waiting until they are gone.
pub(super) fn kill_all(folder: &Path) -> Result<()> {
    let mut killed = HashSet::new();
    loop {
        let fresh: Vec<_> =
            belonging_to(folder)?.into_iter().filter(|process| killed.insert(*process)).collect();
        // A killed process starts no more others, so a look that finds nothing new is the last.
        if fresh.is_empty() {
            return Ok(());
        }
        for process in fresh {
            process.signal(Signal::KILL)?;
        }
    }
}

/// Ends every process that was started for the folder, and the `known` one, which may have dropped
/// its mark: asks first, kills what is left after `patience`.
pub(super) async fn end_all(folder: &Path, known: Option<Identity>, patience: Duration) -> Result<()> {
    let known = known.filter(|process| process.is_alive());
    for process in belonging_to(folder)?.into_iter().chain(known) {
        process.signal(Signal::TERM)?;
    }
    if gone(folder, known, patience).await? {
        return Ok(());
    }
    kill_all(folder)?;
    if let Some(process) = known {
        process.signal(Signal::KILL)?;
    }
    if gone(folder, known, KILL_LIMIT).await? {
        return Ok(());
    }
    bail!("processes of {} are still there after they were killed", folder.display())
}

/// Waits until nothing of the folder runs any more; `false` if that took longer than `limit`.
async fn gone(folder: &Path, known: Option<Identity>, limit: Duration) -> Result<bool> {
    let end = Instant::now() + limit;
    loop {
        if !known.is_some_and(Identity::is_alive) && belonging_to(folder)?.is_empty() {
            return Ok(true);
        }
        if Instant::now() >= end {
            return Ok(false);
        }
        sleep(LOOK_EVERY).await;
    }
}

/// How often this machine killed a process for want of memory since its start.
pub(super) fn kills_for_memory() -> Option<u64> {
    let counters = fs::read_to_string("/proc/vmstat").ok()?;
    let count = counters.lines().find_map(|line| line.strip_prefix("oom_kill "))?;
    count.parse().ok()
}
