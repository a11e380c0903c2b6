//! A Postgres client program, run on this machine or inside the database's container.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use rustix::fd::AsFd;
use rustix::pipe::fcntl_setpipe_size;
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::process::{ChildStdout, Command};
use tokio::time::sleep;
use tokio_postgres::Config;
use tracing::{debug, warn};

use super::DatabaseError;
use super::container::{DatabaseContainer, Exec};
use super::partial::Partial;
use super::session::Session;

/// Read and written at once.
pub(super) const CHUNK_BYTES: usize = 256 * 1024;

/// What a pipe to or from a program holds: the most that the kernel gives to anybody.
const PIPE_BYTES: usize = 1 << 20;

/// The programs write 4 KB at once, and to wake up for each of these costs more than hashing it: a wide pipe takes
/// what comes in such a time many times over.
const GATHER_FOR: Duration = Duration::from_millis(2);

/// How much of a program's complaint is kept: its end says what stopped it.
const COMPLAINT_LINES: usize = 20;

/// Variables of our own that a program on this machine needs; nothing else that could mislead it gets through.
const INHERITED: [&str; 3] = ["PATH", "HOME", "LD_LIBRARY_PATH"];

/// A program about to run.
pub(super) struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
    env: Vec<(&'static str, OsString)>,
    input: Option<Input>,
    place: Place,
}

/// What a program reads.
pub(super) enum Input {
    /// A file.
    File(PathBuf),
    /// What is still being made, until its other end is dropped.
    Stream(DuplexStream),
}

enum Place {
    Here,
    Inside {
        container: DatabaseContainer,
        /// What its sessions at the server are called, so that they can be ended.
        backends: Option<Backends>,
    },
}

impl Input {
    /// Passes on all of it, or as much as is taken: a program that takes no more has ended, and says why elsewhere.
    pub(super) async fn pass_to(self, program: &mut (impl AsyncWrite + Unpin)) -> Result<()> {
        let mut from: Box<dyn AsyncRead + Send + Unpin> = match self {
            Input::File(path) => Box::new(File::open(path).await.context("open the backup")?),
            Input::Stream(stream) => Box::new(stream),
        };
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let read = from.read(&mut chunk).await.context("read the backup")?;
            let given =
                if read == 0 { program.shutdown().await } else { program.write_all(&chunk[..read]).await };
            if read == 0 || given.is_err() {
                return Ok(());
            }
        }
    }
}

/// Where a program's output goes.
pub(super) enum Sink<'a, 'p> {
    /// Nowhere.
    Nothing,
    /// It is short.
    Text(&'a mut Vec<u8>),
    /// It is a backup.
    File(&'a mut Partial<'p>),
}

/// How a program ended.
pub(super) struct Ended {
    pub(super) status: i64,
    pub(super) complaint: Vec<u8>,
}

impl Sink<'_, '_> {
    pub(super) async fn take(&mut self, bytes: &[u8]) -> Result<(), DatabaseError> {
        match self {
            Sink::Nothing => Ok(()),
            Sink::Text(text) => {
                text.extend_from_slice(bytes);
                Ok(())
            }
            Sink::File(partial) => partial.write(bytes).await,
        }
    }
}

impl Program {
    /// One that runs on this machine.
    pub(super) fn here(path: &Path) -> Self {
        Self::new(path, Place::Here)
    }

    /// One that runs in the container; its sessions at the server are ended with it.
    pub(super) fn inside(container: &DatabaseContainer, path: &Path, backends: Option<Backends>) -> Self {
        Self::new(path, Place::Inside { container: container.clone(), backends })
    }

    fn new(path: &Path, place: Place) -> Self {
        let env = vec![("LC_ALL", "C".into()), ("PGCONNECT_TIMEOUT", "10".into())];
        Self { path: path.to_owned(), arguments: Vec::new(), env, input: None, place }
    }

    /// Sets a variable of its environment, where only its user sees it.
    pub(super) fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.env.push((name, value.into()));
        self
    }

    /// Adds arguments.
    pub(super) fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|it| it.as_ref().to_owned()));
        self
    }

    /// Gives it an archive to read, with further arguments that only hold for a file, such as reading several
    /// parts at once. It is the last argument.
    pub(super) fn archive(mut self, path: &Path, of_a_file: &[&str]) -> Self {
        match self.place {
            Place::Here => self.args(of_a_file).args(["--"]).args([path]),
            Place::Inside { .. } => {
                self.input = Some(Input::File(path.to_owned()));
                self
            }
        }
    }

    /// Gives it what is being made to read.
    pub(super) fn reading(mut self, stream: DuplexStream) -> Self {
        self.input = Some(Input::Stream(stream));
        self
    }

    /// Runs it to its end. Dropped in the middle it ends as well, wherever it runs.
    pub(super) async fn run_into(self, output: Sink<'_, '_>) -> Result<(), DatabaseError> {
        Ok(self.verdict(output).await??)
    }

    /// As [`Program::run_into`], its own complaint apart from what kept us from running it.
    pub(super) async fn verdict(self, output: Sink<'_, '_>) -> Result<Result<()>, DatabaseError> {
        let name = self.path.display().to_string();
        Ok(match self.end(output).await? {
            Some(ended) => succeeded(&name, &ended),
            None => Err(anyhow!("{name} is not there")),
        })
    }

    /// Runs it to its end, however that is; `None` if there is no such program.
    pub(super) async fn end(mut self, output: Sink<'_, '_>) -> Result<Option<Ended>, DatabaseError> {
        let input = self.input.take();
        match &self.place {
            Place::Here => run_here(self.command(), input, output).await,
            Place::Inside { container, backends } => {
                let exec = self.exec(input)?;
                let Some(backends) = backends else { return container.run(exec, output).await };
                backends.end_earlier().await?;
                let ending = Ending(Some(backends.clone()));
                let ended = container.run(exec, output).await;
                if ended.is_ok() {
                    ending.disarm();
                }
                ended
            }
        }
    }

    fn command(&self) -> Command {
        let inherited = INHERITED.iter().filter_map(|name| Some((*name, std::env::var_os(name)?)));
        let mut command = Command::new(&self.path);
        command
            .env_clear()
            .envs(inherited)
            .envs(self.env.iter().map(|(name, value)| (*name, value)))
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    fn exec(&self, input: Option<Input>) -> Result<Exec> {
        let text =
            |it: &OsStr| it.to_str().map(str::to_owned).context("a program's argument is no plain text");
        let program = std::iter::once(self.path.as_os_str());
        let command = program.chain(self.arguments.iter().map(OsString::as_os_str)).map(text);
        let env = self.env.iter().map(|(name, value)| Ok(format!("{name}={}", text(value)?)));
        Ok(Exec { command: command.collect::<Result<_>>()?, env: env.collect::<Result<_>>()?, input })
    }
}

async fn run_here(
    mut command: Command,
    input: Option<Input>,
    output: Sink<'_, '_>,
) -> Result<Option<Ended>, DatabaseError> {
    if input.is_some() {
        command.stdin(Stdio::piped());
    }
    let mut child = match command.spawn() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        started => started.context("start a program")?,
    };
    let stdout = child.stdout.take().context("read a program's output")?;
    let mut stderr = child.stderr.take().context("read a program's messages")?;
    let mut complaint = Vec::new();
    let complain = async {
        stderr.read_to_end(&mut complaint).await.context("read a program's messages")?;
        Ok(())
    };
    let feed = async {
        if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
            widen(&stdin);
            input.pass_to(&mut stdin).await?;
        }
        Ok(())
    };
    tokio::try_join!(copy(stdout, output), complain, feed)?;
    let status = child.wait().await.context("wait for a program")?;
    // Ended by a signal it has no status.
    let status = status.code().map_or(-1, i64::from);
    Ok(Some(Ended { status, complaint }))
}

async fn copy(mut from: ChildStdout, mut to: Sink<'_, '_>) -> Result<(), DatabaseError> {
    let gathers = widen(&from);
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = from.read(&mut chunk).await.context("read a program's output")?;
        if read == 0 {
            return Ok(());
        }
        to.take(&chunk[..read]).await?;
        if gathers && read < chunk.len() {
            sleep(GATHER_FOR).await;
        }
    }
}

/// Lets the pipe hold more; returns whether it does. Accounts may have but so many wide ones.
fn widen(pipe: &impl AsFd) -> bool {
    let widened = fcntl_setpipe_size(pipe, PIPE_BYTES);
    if let Err(error) = &widened {
        debug!(%error, "a pipe to a program stays narrow");
    }
    widened.is_ok()
}

/// Turns a program's end into an error that carries its last words.
fn succeeded(program: &str, ended: &Ended) -> Result<()> {
    if ended.status == 0 {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&ended.complaint);
    let lines: Vec<_> = complaint.lines().collect();
    let last = lines[lines.len().saturating_sub(COMPLAINT_LINES)..].join("\n");
    match ended.status {
        -1 => bail!("{program} was killed: {last}"),
        status => bail!("{program} ended with {status}: {last}"),
    }
}

/// The sessions at the server of a program that would outlive us.
#[derive(Clone)]
pub(super) struct Backends {
    config: Arc<Config>,
    /// What the sessions of every such program for the same work are called.
    work: String,
    /// What this one's are called.
    name: String,
}

impl Backends {
    /// Those of one more program for this work.
    pub(super) fn of(config: &Arc<Config>, work: &str) -> Self {
        let work = format!("slipway {} ", &super::hash::of(work)[..16]);
        let name = format!("{work}{:08x}", uuid::Uuid::new_v4().as_fields().0);
        Self { config: Arc::clone(config), work, name }
    }

    /// For `PGAPPNAME`.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Ends what a worker that died left at the same work.
    async fn end_earlier(&self) -> Result<(), DatabaseError> {
        self.end(&self.work).await
    }

    async fn end(&self, name: &str) -> Result<(), DatabaseError> {
        let session = Session::open(&self.config).await?;
        session
            .query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE starts_with(application_name, $1) AND usename = current_user",
                &[&name],
            )
            .await
            .context("end the sessions of a program that was given up")?;
        session.close().await;
        Ok(())
    }
}

/// Ends a program's sessions when dropped, unless it has ended by itself.
struct Ending(Option<Backends>);

impl Ending {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let Some(backends) = self.0.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            if let Err(error) = backends.end(&backends.name).await {
                warn!(%error, "a program in the database's container may still be running");
            }
        });
    }
}
