//! Where an application runs: a Docker engine, or processes of this machine.
//!
//! Both answer the same questions and know the same moves, so the steps above read the same
//! whichever it is. Every move converges: it looks at what is there and does what is missing,
//! so a repeat after a crash changes nothing.
//!
//! ```text
//! build ─ prepare ─ stop_old ─ start_new ─ (health) ─ finish
//!   │        │          │          │
//! discard  unprepare  start_old  stop_new
//! ```

mod docker;
mod kept;
mod notes;
mod process;

pub(crate) use docker::connection as engine;
pub use docker::{Docker, DockerSettings};
pub use process::{Process, ProcessSettings, keep};

use std::fmt;
use std::future::Future;
use std::path::Path;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::UnboundedSender;

use notes::Notes;

/// One of the two places an application can run in.
#[derive(Debug, Clone)]
pub enum Runtime {
    /// Containers of a Docker engine.
    Docker(Docker),
    /// Release folders and supervised processes of this machine.
    Process(Process),
}

/// One promotion's names: everything a runtime creates carries them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The promotion, `CP-` and eight upper hex digits.
    pub promotion: String,
    /// The build, `FB-` and eight upper hex digits.
    pub build: String,
    /// Hash of the sealed build context, hex.
    pub source_hash: String,
}

/// The application as the runtime sees it at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Container id, or the process runtime's instance name. Never a name that could move on.
    pub id: String,
    /// Image id, or release folder name.
    pub image: String,
    /// Up, and not between two restarts.
    pub running: bool,
    /// Automatic restarts since it was started.
    pub restarts: u64,
    /// When this start began, as the runtime writes it; another value means that it was started again.
    pub started_at: Option<String>,
    /// Exit status of the last end, if it ended.
    pub exit_code: Option<i64>,
    /// Killed for want of memory.
    pub out_of_memory: bool,
}

/// What `prepare` found and made; every later move works from these ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swap {
    /// The promotion that this swap belongs to.
    pub promotion: String,
    /// Instance that served before.
    pub old: String,
    /// Image the old instance runs, by id.
    pub old_image: String,
    /// Instance made for the new version, not started yet.
    pub new: String,
    /// Image of the new instance, by id.
    pub new_image: String,
    /// Whether the new version runs already, proven, and takes over from the old one running; nothing is ever quiet in
    /// between. Otherwise the old one is stopped first.
    #[serde(default)]
    pub warm: bool,
}

/// Room on the disk that images are kept on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRoom {
    /// The folder of the images.
    pub folder: String,
    /// What is free there.
    pub free_bytes: u64,
    /// What another version of the application takes while it is made.
    pub needed_bytes: u64,
}

/// How a program of the new version came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Its exit code; 128 and the signal's number if a signal ended it.
    pub exit_code: i64,
    /// It was killed for want of memory.
    pub out_of_memory: bool,
    /// The last lines that it wrote, or why it could not even be run.
    pub output: String,
}

impl fmt::Display for End {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let memory = if self.out_of_memory { ", out of memory" } else { "" };
        write!(formatter, "exit code {}{memory}\n{}", self.exit_code, self.output)
    }
}

/// Why an image could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The feature's source does not build; trying again gives the same. Holds the last lines of the log.
    #[error("the source does not build: {0}")]
    Source(String),
    /// The engine or the machine failed; trying again may help.
    #[error("the build could not be run")]
    Unavailable(#[source] anyhow::Error),
}

/// The new version was tried beside the old one, which was well where this one was not: another try gives the same,
/// and nobody has noticed anything.
#[derive(Debug, thiserror::Error)]
#[error("the new version is not well beside the old one: {problem}")]
pub struct Unfit {
    /// What was wrong with it, for people.
    pub problem: String,
    /// The last lines that it wrote.
    pub output: String,
}

/// Why the new version did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The new version ended by itself right after its start.
    #[error("the new version ended right after its start: {0}")]
    Exited(End),
    /// The migrate command of the new version failed, and the new version was not started.
    #[error("the new version's migrate command failed: {0}")]
    Migration(End),
    /// The engine or the machine refused; trying again may help.
    #[error("the new version could not be started")]
    Unavailable(#[source] anyhow::Error),
}

/// Calls the same move of whichever runtime it is.
macro_rules! either {
    ($self:expr, $runtime:ident => $call:expr) => {
        match $self {
            Runtime::Docker($runtime) => $call,
            Runtime::Process($runtime) => $call,
        }
    };
}

impl Runtime {
    /// The same runtime, whose moves tell `log` what people should know of them.
    #[must_use]
    pub fn telling(self, log: UnboundedSender<String>) -> Self {
        let notes = Notes::to(log);
        match self {
            Runtime::Docker(docker) => Runtime::Docker(docker.telling(notes)),
            Runtime::Process(process) => Runtime::Process(process.telling(notes)),
        }
    }

    /// The same runtime, which stops the old version before it starts the new one whatever its settings say; `why` is
    /// for people.
    #[must_use]
    pub fn stopping_first(self, why: &str) -> Self {
        match self {
            Runtime::Docker(docker) => Runtime::Docker(docker.stopping_first(why)),
            Runtime::Process(process) => Runtime::Process(process),
        }
    }

    /// Proves that the runtime answers; returns its version for people.
    pub async fn version(&self) -> Result<String> {
        either!(self, it => it.version().await)
    }

    /// The instance that bears the application's name now, if there is one.
    pub async fn live(&self) -> Result<Option<Instance>> {
        either!(self, it => it.live().await)
    }

    /// The instance that served before the swap, or the one that was made anew in its place.
    pub async fn old(&self, swap: &Swap) -> Result<Option<Instance>> {
        either!(self, it => it.old(swap).await)
    }

    /// The instance with this id, or `None` if it is gone.
    pub async fn instance(&self, id: &str) -> Result<Option<Instance>> {
        either!(self, it => it.instance(id).await)
    }

    /// The last `lines` lines that the instance wrote.
    pub async fn last_output(&self, id: &str, lines: usize) -> Result<String> {
        either!(self, it => it.last_output(id, lines).await)
    }

    /// The room for another version's image; `None` where that cannot be seen from here.
    pub async fn room_for_image(&self) -> Result<Option<ImageRoom>> {
        match self {
            Runtime::Docker(docker) => docker.room_for_image().await,
            Runtime::Process(_) => Ok(None),
        }
    }

    /// Builds the context into an image bearing the release's labels; each line of the build goes to `log`.
    ///
    /// # Idempotency
    /// An image of the same promotion and source hash is found and returned, not built again.
    ///
    /// # Errors
    /// [`BuildError::Source`] is final, [`BuildError::Unavailable`] worth another try.
    pub async fn build(
        &self,
        release: &Release,
        context: &Path,
        log: &UnboundedSender<String>,
    ) -> Result<String, BuildError> {
        either!(self, it => it.build(release, context, log).await)
    }

    /// Removes the image that `build` made for the promotion, if it is there.
    pub async fn discard_image(&self, promotion: &str) -> Result<()> {
        either!(self, it => it.discard_image(promotion).await)
    }

    /// Marks the running image so that nothing prunes it, saves the running instance's whole
    /// specification, and creates the new instance beside it without starting it. What earlier
    /// promotions have left beside it is removed.
    ///
    /// Where the new version is to take over running, and can, it is started out of its users' sight and proven; where
    /// it cannot, the log says why, and it waits like any other.
    ///
    /// # Errors
    /// [`Unfit`] is final; any other is worth another try.
    pub async fn prepare(&self, release: &Release, image: &str) -> Result<Swap> {
        either!(self, it => it.prepare(release, image).await)
    }

    /// Removes whatever `prepare` left for the promotion, finished or not.
    pub async fn unprepare(&self, promotion: &str) -> Result<()> {
        either!(self, it => it.unprepare(promotion).await)
    }

    /// Stops the old instance gracefully and makes sure that nothing revives it; the application's name
    /// may pass on to the new instance already. One that the new instance takes over from running serves on.
    pub async fn stop_old(&self, swap: &Swap) -> Result<()> {
        either!(self, it => it.stop_old(swap).await)
    }

    /// Starts the old instance again under its own name, restart policy restored. One that is gone, or that its
    /// runtime cannot start any more, is made anew from its saved specification.
    pub async fn start_old(&self, swap: &Swap) -> Result<()> {
        either!(self, it => it.start_old(swap).await)
    }

    /// Runs the new version's migrate command to its end, where there is one; then starts the new instance, gives it
    /// the application's name, and watches it for a moment. One that runs already gets the old one's place.
    ///
    /// # Idempotency
    /// A migrate command that succeeded is not run again.
    pub async fn start_new(&self, swap: &Swap) -> Result<(), StartError> {
        self.start_new_until(swap, std::future::pending()).await
    }

    /// As [`Self::start_new`], but watches it no longer than until it has `answered`.
    pub async fn start_new_until(
        &self,
        swap: &Swap,
        answered: impl Future<Output = ()> + Send,
    ) -> Result<(), StartError> {
        either!(self, it => it.start_new(swap, answered).await)
    }

    /// Ends a migrate command that still runs, stops and removes the new instance, and frees the application's name.
    /// An old instance that still runs gets its place back before that.
    pub async fn stop_new(&self, swap: &Swap) -> Result<()> {
        either!(self, it => it.stop_new(swap).await)
    }

    /// Stops and removes the old instance (never its volumes) and what is beyond `keep` earlier releases.
    pub async fn finish(&self, swap: &Swap, keep: usize) -> Result<()> {
        either!(self, it => it.finish(swap, keep).await)
    }
}
