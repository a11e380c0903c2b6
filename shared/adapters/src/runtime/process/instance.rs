//! The folder that describes one run of a release.
//!
//! ```text
//! instances/<id>/instance.json   what to run, written once; may hold secrets
//!                state.json      what its keeper last saw
//!                lock            locked by the keeper for as long as it lives
//!                stopped         there while the instance shall not run
//!                migrated        there after its migrate command succeeded
//!                output.log      what the application wrote
//! ```

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use rustix::{
    fs::{FlockOperation, fcntl_lock},
    io::Errno,
    process::{Flock, FlockType, fcntl_getlk},
};
use serde::{Deserialize, Serialize};

use super::{identity::Identity, record, tree};
use crate::runtime;

/// How much of the end of the output is read, in bytes.
const TAIL_MAX: u64 = 256 * 1024;

/// Space that an instance keeps for the way back: enough for the records of another one's start.
const RESERVE_BYTES: usize = 256 * 1024;

/// All that is needed to run the instance again as it once was.
#[derive(Serialize, Deserialize)]
pub(super) struct Specification {
    /// Release folder name.
    pub(super) release: String,
    /// Folder the application is started in.
    pub(super) working_folder: PathBuf,
    /// Program and arguments.
    pub(super) run: Vec<String>,
    /// The application's own environment.
    pub(super) env: BTreeMap<String, String>,
    /// How long the application may take to stop before it is killed.
    pub(super) stop_timeout_seconds: u64,
    /// Whether the keeper starts it again when it ends by itself.
    pub(super) restart: bool,
}

/// What the keeper last saw; it alone writes it.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct State {
    /// The keeper that wrote this.
    pub(super) keeper: Option<Identity>,
    /// The application's process, absent between two starts.
    pub(super) app: Option<Identity>,
    /// When the application was last started.
    pub(super) started_at: Option<String>,
    /// Automatic restarts since the keeper began.
    pub(super) restarts: u64,
    /// Exit code of the last end; 128 and the signal's number if a signal ended it.
    pub(super) exit_code: Option<i64>,
    /// The last end was a kill for want of memory.
    pub(super) out_of_memory: bool,
}

/// An instance's folder, there or not.
#[derive(Clone)]
pub(super) struct InstanceFolder {
    path: PathBuf,
}

impl InstanceFolder {
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the folder of an instance that shall not run yet.
    pub(super) fn create(&self, specification: &Specification) -> Result<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.path)
            .with_context(|| format!("make {}", self.path.display()))?;
        self.hold()?;
        fs::write(self.file("reserve"), vec![0; RESERVE_BYTES])
            .with_context(|| format!("keep some space in {}", self.path.display()))?;
        // Written last: an instance is there as soon as this is.
        record::write(&self.file("instance.json"), specification)
    }

    /// Gives the space back that was kept for somebody else's start.
    pub(super) fn free_reserve(&self) -> Result<()> {
        record::remove(&self.file("reserve"))
    }

    /// Removes the folder of an instance that was stopped.
    pub(super) fn remove(&self) -> Result<()> {
        // Removed first, so that a half removed instance counts as gone.
        record::remove(&self.file("instance.json"))?;
        tree::remove(&self.path)
    }

    /// What to run, or `None` if there is no such instance.
    pub(super) fn specification(&self) -> Result<Option<Specification>> {
        record::read(&self.file("instance.json"))
    }

    /// What the keeper last saw, nothing if there never was one.
    pub(super) fn state(&self) -> Result<State> {
        Ok(record::read(&self.file("state.json"))?.unwrap_or_default())
    }

    pub(super) fn write_state(&self, state: &State) -> Result<()> {
        record::write(&self.file("state.json"), state)
    }

    /// The instance as the outside sees it.
    pub(super) fn describe(&self, id: &str) -> Result<Option<runtime::Instance>> {
        let Some(specification) = self.specification()? else {
            return Ok(None);
        };
        let state = self.state()?;
        Ok(Some(runtime::Instance {
            id: id.to_owned(),
            image: specification.release,
            running: state.app.is_some_and(Identity::is_alive),
            restarts: state.restarts,
            started_at: state.started_at,
            exit_code: state.exit_code,
            out_of_memory: state.out_of_memory,
        }))
    }

    /// Writes down that the instance shall not run: no keeper starts it, whoever calls one.
    pub(super) fn hold(&self) -> Result<()> {
        File::create(self.file("stopped"))
            .map(drop)
            .with_context(|| format!("mark {} as stopped", self.path.display()))
    }

    /// Takes back [`Self::hold`].
    pub(super) fn release_hold(&self) -> Result<()> {
        record::remove(&self.file("stopped"))
    }

    /// Writes down that the migrate command succeeded.
    pub(super) fn mark_migrated(&self) -> Result<()> {
        File::create(self.file("migrated"))
            .and_then(|file| file.sync_all())
            .with_context(|| format!("mark {} as migrated", self.path.display()))
    }

    pub(super) fn is_migrated(&self) -> Result<bool> {
        let migrated = self.file("migrated");
        migrated.try_exists().with_context(|| format!("look for {}", migrated.display()))
    }

    pub(super) fn is_held(&self) -> Result<bool> {
        let stopped = self.file("stopped");
        stopped.try_exists().with_context(|| format!("look for {}", stopped.display()))
    }

    /// Becomes the instance's only keeper until the returned file is closed; `None` if another is.
    ///
    /// The kernel gives the lock back when its holder dies, however it dies, and a started
    /// application does not inherit it: so the lock proves that the keeper lives.
    pub(super) fn lock(&self) -> Result<Option<File>> {
        let file = self.lock_file().context("open the instance's lock")?;
        match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(file)),
            Err(Errno::AGAIN | Errno::ACCESS) => Ok(None),
            Err(error) => Err(error).context("lock the instance"),
        }
    }

    /// The keeper that lives now, found without taking its lock.
    pub(super) fn keeper(&self) -> Result<Option<Identity>> {
        let file = match self.lock_file() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.context("open the instance's lock")?,
        };
        let lock =
            fcntl_getlk(&file, &Flock::from(FlockType::WriteLock)).context("ask who locks the instance")?;
        let Some(lock) = lock else { return Ok(None) };
        let pid = lock.pid.context("the instance's keeper lives in another container and is out of reach")?;
        Ok(Identity::of(pid.as_raw_pid()))
    }

    fn lock_file(&self) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(self.file("lock"))
    }

    /// The output, opened for adding to it.
    pub(super) fn output(&self) -> Result<File> {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.file("output.log"))
            .with_context(|| format!("open the output of {}", self.path.display()))
    }

    /// The last `lines` lines of the output.
    pub(super) fn last_output(&self, lines: usize) -> Result<String> {
        let mut file = match File::open(self.file("output.log")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
            opened => opened.context("open the output")?,
        };
        let length = fs::File::metadata(&file)?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_MAX)))?;
        let mut bytes = Vec::new();
        file.take(TAIL_MAX).read_to_end(&mut bytes).context("read the output")?;
        let text = String::from_utf8_lossy(&bytes);
        let all: Vec<_> = text.lines().collect();
        Ok(all[all.len().saturating_sub(lines)..].join("\n"))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}
