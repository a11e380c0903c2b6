//! Runs the command that makes a release out of its context.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind},
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, anyhow};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::unix::pipe::Receiver,
    process::Child,
    sync::mpsc::UnboundedSender,
    time::{Instant, sleep},
};

use super::identity::{self, MARK};
use crate::runtime::BuildError;

/// Lines of the log that a failure quotes.
const QUOTED_LINES: usize = 20;

/// How long others may hold a program open for writing that was written already.
const WRITTEN_WITHIN: Duration = Duration::from_secs(2);

/// Runs `command` in `working_folder` and sends each line that it writes to `log`. Its processes
/// bear the mark of `owner`, and none of them is left when this returns or is dropped.
pub(super) async fn run(
    command: &[String],
    working_folder: &Path,
    owner: &Path,
    log: &UnboundedSender<String>,
) -> Result<(), BuildError> {
    let Some((program, arguments)) = command.split_first() else {
        return Ok(());
    };
    let (mut child, output) = spawn_once_written(program, arguments, working_folder, owner)
        .await
        .with_context(|| format!("start the build command {program}"))
        .map_err(BuildError::Unavailable)?;
    let processes = Processes { group: child.id().map(u32::cast_signed).and_then(Pid::from_raw), owner };
    let mut last_lines = VecDeque::new();
    let status = follow(&mut child, processes, output, |line| {
        if last_lines.len() == QUOTED_LINES {
            last_lines.pop_front();
        }
        last_lines.push_back(line.clone());
        // Nobody may listen any more; the build goes on all the same.
        log.send(line).is_ok()
    })
    .await
    .context("follow the build")
    .map_err(BuildError::Unavailable)?;

    match status.code() {
        Some(0) => Ok(()),
        Some(_) => Err(BuildError::Source(Vec::from(last_lines).join("\n"))),
        None => Err(BuildError::Unavailable(anyhow!("the build was killed ({status})"))),
    }
}

/// Starts the command as soon as nobody holds its program open for writing: a process that this one
/// starts elsewhere at the moment when the program is written holds it until it becomes itself.
async fn spawn_once_written(
    program: &str,
    arguments: &[String],
    working_folder: &Path,
    owner: &Path,
) -> io::Result<(Child, Receiver)> {
    let deadline = Instant::now() + WRITTEN_WITHIN;
    loop {
        match spawn(program, arguments, working_folder, owner) {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy && Instant::now() < deadline => {
                sleep(Duration::from_millis(10)).await;
            }
            spawned => return spawned,
        }
    }
}

/// Starts the command with one pipe for both of its outputs, so that their lines keep their order.
fn spawn(
    program: &str,
    arguments: &[String],
    working_folder: &Path,
    owner: &Path,
) -> io::Result<(Child, Receiver)> {
    let (output, input) = io::pipe()?;
    let child = super::command(program, arguments, working_folder)
        .env(MARK, owner)
        .stdin(Stdio::null())
        .stdout(input.try_clone()?)
        .stderr(input)
        .spawn()?;
    Ok((child, Receiver::from_owned_fd(output.into())?))
}

/// Hands every line to `each` until the command ended and its output is read to the end.
async fn follow(
    child: &mut Child,
    processes: Processes<'_>,
    output: Receiver,
    mut each: impl FnMut(String) -> bool,
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
        // What the build left in the background would keep its output open for ever.
        drop(processes);
        status
    };
    let (status, ()) = tokio::try_join!(wait, read)?;
    Ok(status)
}

/// All processes of one build; they are killed when this is dropped.
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
            tracing::warn!(%error, "The build's processes could not be killed");
        }
        if let Err(error) = identity::kill_all(self.owner) {
            tracing::warn!(error = format!("{error:#}"), "The build's processes could not be killed");
        }
    }
}
