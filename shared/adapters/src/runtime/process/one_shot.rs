//! Runs a command to its end, with all that it starts.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{self, ErrorKind},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::unix::pipe::Receiver,
    process::Child,
    time::{Instant, sleep},
};

use super::identity::{self, MARK};

/// Lines of output that a failure quotes.
const QUOTED_LINES: usize = 20;

/// How long others may hold a program open for writing that was written already.
const WRITTEN_WITHIN: Duration = Duration::from_secs(2);

/// A command that runs once.
pub(super) struct OneShot<'a> {
    pub(super) program: &'a str,
    pub(super) arguments: &'a [String],
    pub(super) working_folder: &'a Path,
    pub(super) env: &'a BTreeMap<String, String>,
    /// Its processes bear the mark of this folder.
    pub(super) owner: &'a Path,
}

/// How it came to its end.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) out_of_memory: bool,
    /// The last lines that it wrote.
    pub(super) output: String,
}

impl OneShot<'_> {
    /// Runs it and hands each line that it writes to `each`. None of its processes is left when this returns or is
    /// dropped.
    pub(super) async fn run(&self, mut each: impl FnMut(String)) -> io::Result<Ended> {
        let kills_before = identity::kills_for_memory();
        let (mut child, output) = self.spawn_once_written().await?;
        let group = child.id().map(u32::cast_signed).and_then(Pid::from_raw);
        let processes = Processes { group, owner: self.owner };
        let mut last_lines = VecDeque::new();
        let status = follow(&mut child, processes, output, |line| {
            if last_lines.len() == QUOTED_LINES {
                last_lines.pop_front();
            }
            last_lines.push_back(line.clone());
            each(line);
        })
        .await?;
        let was_killed = status.signal() == Some(Signal::KILL.as_raw());
        Ok(Ended {
            status,
            out_of_memory: was_killed && identity::kills_for_memory() > kills_before,
            output: Vec::from(last_lines).join("\n"),
        })
    }

    /// Starts the command as soon as nobody holds its program open for writing: a process that this one
    /// starts elsewhere at the moment when the program is written holds it until it becomes itself.
    async fn spawn_once_written(&self) -> io::Result<(Child, Receiver)> {
        let deadline = Instant::now() + WRITTEN_WITHIN;
        loop {
            match self.spawn() {
                Err(error) if error.kind() == ErrorKind::ExecutableFileBusy && Instant::now() < deadline => {
                    sleep(Duration::from_millis(10)).await;
                }
                spawned => return spawned,
            }
        }
    }

    /// Starts the command with one pipe for both of its outputs, so that their lines keep their order.
    fn spawn(&self) -> io::Result<(Child, Receiver)> {
        let (output, input) = io::pipe()?;
        let child = super::command(self.program, self.arguments, self.working_folder)
            .envs(self.env)
            .env(MARK, self.owner)
            .stdin(Stdio::null())
            .stdout(input.try_clone()?)
            .stderr(input)
            .spawn()?;
        Ok((child, Receiver::from_owned_fd(output.into())?))
    }
}

/// Hands every line to `each` until the command ended and its output is read to the end.
async fn follow(
    child: &mut Child,
    processes: Processes<'_>,
    output: Receiver,
    mut each: impl FnMut(String),
) -> io::Result<ExitStatus> {
    let read = async {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        while output.read_until(b'\n', &mut line).await? > 0 {
            each(String::from_utf8_lossy(line.trim_ascii_end()).into_owned());
            line.clear();
        }
        io::Result::Ok(())
    };
    let wait = async {
        let status = child.wait().await;
        // What the command left in the background would keep its output open for ever.
        drop(processes);
        status
    };
    let (status, ()) = tokio::try_join!(wait, read)?;
    Ok(status)
}

/// All processes of one command; they are killed when this is dropped.
struct Processes<'a> {
    group: Option<Pid>,
    owner: &'a Path,
}

impl Drop for Processes<'_> {
    fn drop(&mut self) {
        // The group has those that gave up their mark, the mark those that left the group.
        if let Some(group) = self.group
            && let Err(error) = kill_process_group(group, Signal::KILL)
            && error != rustix::io::Errno::SRCH
        {
            tracing::warn!(%error, "A command's processes could not be killed");
        }
        if let Err(error) = identity::kill_all(self.owner) {
            tracing::warn!(error = format!("{error:#}"), "A command's processes could not be killed");
        }
    }
}
