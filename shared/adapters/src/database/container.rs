//! The container that the production database runs in, whose own client programs fit it exactly.
//!
//! 1. A program is ordered from the engine, its password in the order's environment.
//! 2. Its output comes as marked pieces, so that data and complaints stay apart.
//! 3. When the output ends the engine is asked how the program ended: a broken connection looks
//!    like an end, too.
//!
//! A program does not die with the connection to it; whoever ordered it ends its work at the server.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use bollard::container::LogOutput;
use bollard::exec::{StartExecOptions, StartExecResults};
use futures_util::{StreamExt as _, future};
use serde_json::json;
use tokio::io::AsyncWrite;
use tokio::time::{Instant, sleep};

use super::DatabaseError;
use super::program::{CHUNK_BYTES, Ended, Input, Sink};
use crate::runtime::engine::{CALL_LIMIT, Engine, within};

/// How long the engine may take to notice that a program whose output has ended is gone.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// What a shell says, and the engine after it, of a program that is not there or may not be run.
const NO_SUCH_PROGRAM: [i64; 2] = [126, 127];

/// A container of a Docker engine of this machine.
#[derive(Debug, Clone)]
pub struct DatabaseContainer {
    engine: Engine,
    host: Option<String>,
    name: String,
}

/// A program to run in the container.
pub(super) struct Exec {
    /// The program and its arguments.
    pub(super) command: Vec<String>,
    /// `NAME=value`.
    pub(super) env: Vec<String>,
    /// What it reads.
    pub(super) input: Option<Input>,
}

impl DatabaseContainer {
    /// The container of this name or id on the engine at `host` (`unix://…`, `tcp://…` of this machine);
    /// without it `DOCKER_HOST` or the usual socket. Neither is asked yet.
    pub fn new(host: Option<&str>, name: &str) -> Result<Self> {
        // The name becomes part of an address of the engine, where `../` would name something else.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        if !name.starts_with(|first: char| first.is_ascii_alphanumeric()) || !name.bytes().all(plain) {
            bail!("{name:?} cannot be the name of the database's container");
        }
        let engine = Engine::at(host)?;
        Ok(Self { engine, host: host.map(str::to_owned), name: name.to_owned() })
    }

    /// Its name, for people.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The engine's address, where it is not the usual one.
    pub(super) fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// Runs a program to its end; `None` if the container has no such program.
    pub(super) async fn run(&self, exec: Exec, output: Sink<'_, '_>) -> Result<Option<Ended>, DatabaseError> {
        let id = self.order(&exec).await?;
        let options = StartExecOptions { detach: false, tty: false, output_capacity: Some(CHUNK_BYTES) };
        let client = self.engine.client().context("reach the Docker engine")?;
        let started = match within(CALL_LIMIT, client.start_exec(&id, Some(options))).await {
            // Older engines refuse what newer ones let end at once.
            Err(error) if error.to_string().contains("executable file not found") => return Ok(None),
            started => started.context("start a program beside the database")?,
        };
        let StartExecResults::Attached { output: pieces, input } = started else {
            return Err(anyhow!("the engine started a program without its output").into());
        };
        let mut complaint = Vec::new();
        {
            let drain = drain(pieces, output, &mut complaint);
            let feed = feed(exec.input, input);
            tokio::pin!(drain, feed);
            tokio::select! {
                drained = &mut drain => drained?,
                failed = &mut feed => return Err(failed.into()),
            }
        }
        let status = self.status(&id).await?;
        Ok((!NO_SUCH_PROGRAM.contains(&status)).then_some(Ended { status, complaint }))
    }

    async fn order(&self, exec: &Exec) -> Result<String> {
        let order = json!({
            "AttachStdin": exec.input.is_some(),
            "AttachStdout": true,
            "AttachStderr": true,
            "Tty": false,
            "Cmd": exec.command,
            "Env": exec.env,
        });
        // Not by the typed client, which writes what it sends to the debug log.
        let ordered = self.engine.post(&format!("/containers/{}/exec", self.name), &order).await;
        let ordered = ordered.with_context(|| format!("order a program in the container {}", self.name))?;
        let id = ordered["Id"].as_str().context("the engine gave an ordered program no id")?;
        Ok(id.to_owned())
    }

    /// How a program whose output has ended did end.
    async fn status(&self, id: &str) -> Result<i64> {
        let until = Instant::now() + ENDS_WITHIN;
        loop {
            let seen = self.engine.fetch(&format!("/exec/{id}/json")).await;
            let seen = seen.context("ask how a program ended")?.context("the engine has lost a program")?;
            if seen["Running"] == false {
                return seen["ExitCode"].as_i64().context("the engine does not tell how a program ended");
            }
            if Instant::now() >= until {
                bail!("the connection to a program in the container {} broke while it ran", self.name);
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Takes what the program says, to the end.
async fn drain(
    mut pieces: impl futures_util::Stream<Item = Result<LogOutput, bollard::errors::Error>> + Unpin,
    mut output: Sink<'_, '_>,
    complaint: &mut Vec<u8>,
) -> Result<(), DatabaseError> {
    while let Some(piece) = pieces.next().await {
        match piece.context("read a program's output")? {
            LogOutput::StdOut { message } => output.take(&message).await?,
            LogOutput::StdErr { message } => complaint.extend_from_slice(&message),
            // Without a mark it is the beginning of a piece whose rest never came.
            LogOutput::StdIn { .. } | LogOutput::Console { .. } => {
                return Err(anyhow!("the output of a program in the container broke off").into());
            }
        }
    }
    Ok(())
}

/// Gives the program its input. Returns only when that cannot be read; else the connection stays open, because
/// closing it would cut the output off.
async fn feed(input: Option<Input>, mut program: impl AsyncWrite + Unpin) -> anyhow::Error {
    let Some(input) = input else { return future::pending().await };
    match input.pass_to(&mut program).await {
        Ok(()) => future::pending().await,
        Err(error) => error,
    }
}
