//! Release folders and supervised processes of this machine.
//!
//! For places without a Docker engine: the same moves with the same outcomes. An image is a release
//! folder, an instance is a folder that describes one run of it, and a *keeper*, a small process of
//! its own, runs the application and outlives the worker that started it.
//!
//! ```text
//! root/releases/<id>     what was built          (the image)
//! root/instances/<id>    one run of a release    (the container)
//! root/live              link to the instance that bears the application's name
//! root/keep/<promotion>  what served before; protects its release until the promotion is through
//! ```
//!
//! Runs on Linux: it tells processes apart by what `/proc` says of them. A process that leaves its
//! group, drops its environment and outlives its parent is not found again. A service manager that
//! ends whatever a worker started (systemd's `KillMode=control-group`) ends the application as well.

mod build;
mod control;
mod identity;
mod instance;
mod keeper;
mod kept;
mod migrate;
mod one_shot;
mod record;
mod release;
mod settings;
mod tree;

pub use keeper::keep;
pub use settings::ProcessSettings;

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use tokio::{process::Command, sync::mpsc::UnboundedSender};

use super::notes::Notes;
use super::{BuildError, End, Instance, Release, StartError, Swap};
use instance::{InstanceFolder, Specification};
use release::Releases;

/// The first version's name, release and instance alike; promotions bear their own.
const BASE: &str = "base";

/// An application that runs as processes of this machine.
#[derive(Debug, Clone)]
pub struct Process {
    settings: ProcessSettings,
    notes: Notes,
}

/// What served before a promotion.
#[derive(Serialize, Deserialize)]
struct Previous {
    instance: String,
    release: String,
    /// To make it anew where its folder is gone.
    #[serde(default)]
    specification: Option<Specification>,
}

impl Process {
    /// Makes the folders that the runtime owns, as far as they are missing.
    pub fn new(mut settings: ProcessSettings) -> Result<Self> {
        for folder in ["releases", "instances", "keep"] {
            let folder = settings.root.join(folder);
            fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        }
        // Processes are found again by their folder's path, so it has to be the same for everybody.
        settings.root = fs::canonicalize(&settings.root).context("find the runtime's folder")?;
        Ok(Self { settings, notes: Notes::default() })
    }

    pub(super) fn telling(self, notes: Notes) -> Self {
        Self { notes, ..self }
    }

    /// Brings the application up: the version that bears its name, or else a first one made from `source`.
    ///
    /// # Idempotency
    /// Whatever runs is left alone, and so is everything while a promotion is under way: that
    /// promotion decides what runs, also after its worker or this machine was started anew.
    pub async fn install(&self, source: &Path) -> Result<()> {
        if !names(&self.settings.root.join("keep"))?.is_empty() {
            return Ok(());
        }
        let id = match self.live_id()? {
            Some(live) => live,
            None => self.create_base(source).await?,
        };
        control::start(&self.folder(&id)?, self.keeper()).await
    }

    /// Stops everything that runs here, and builds too; nothing is removed.
    pub async fn down(&self) -> Result<()> {
        for folder in ["instances", "releases"] {
            let folder = self.settings.root.join(folder);
            // Where its disk is not mounted, nothing can run.
            let names = if folder.exists() { names(&folder)? } else { Vec::new() };
            for name in names {
                let path = folder.join(name);
                control::stop(&InstanceFolder::at(path.clone())).await?;
                identity::end_all(&path, None, Duration::ZERO).await?;
            }
        }
        Ok(())
    }
}

#[expect(clippy::unused_async, reason = "asked like the Docker engine, which takes its time")]
impl Process {
    pub(super) async fn version(&self) -> Result<String> {
        let kernel =
            fs::read_to_string("/proc/sys/kernel/osrelease").context("ask this machine for its version")?;
        tempfile::tempfile_in(&self.settings.root).context("write to the runtime's folder")?;
        Ok(format!("processes on Linux {}", kernel.trim_ascii()))
    }

    pub(super) async fn instance(&self, id: &str) -> Result<Option<Instance>> {
        self.folder(id)?.describe(id)
    }

    pub(super) async fn last_output(&self, id: &str, lines: usize) -> Result<String> {
        self.folder(id)?.last_output(lines)
    }
}

impl Process {
    pub(super) async fn live(&self) -> Result<Option<Instance>> {
        match self.live_id()? {
            Some(id) => self.instance(&id).await,
            None => Ok(None),
        }
    }

    pub(super) async fn build(
        &self,
        release: &Release,
        context: &Path,
        log: &UnboundedSender<String>,
    ) -> Result<String, BuildError> {
        let id = plain(&release.promotion).map_err(BuildError::Unavailable)?;
        let command = &self.settings.build;
        self.releases().build(&id, release, context, command, log).await?;
        Ok(id)
    }

    pub(super) async fn discard_image(&self, promotion: &str) -> Result<()> {
        let id = plain(promotion)?;
        if let Some(user) = self.instances()?.into_iter().find(|it| it.image == id) {
            bail!("release {id} is still used by version {}", user.id);
        }
        self.releases().discard(&id).await
    }

    pub(super) async fn prepare(&self, release: &Release, image: &str) -> Result<Swap> {
        let new = plain(&release.promotion)?;
        let mark = self.mark(&new);
        let previous = match record::read(&mark)? {
            Some(previous) => previous,
            None => self.mark_live(&mark, &new).await?,
        };
        self.remove_leftovers(&previous.instance, &new).await?;
        self.create_instance(&new, image).await?;
        Ok(Swap {
            promotion: release.promotion.clone(),
            old: previous.instance,
            old_image: previous.release,
            new,
            new_image: image.to_owned(),
            warm: false,
        })
    }

    pub(super) async fn unprepare(&self, promotion: &str) -> Result<()> {
        let new = plain(promotion)?;
        ensure!(
            self.live_id()?.as_deref() != Some(&*new),
            "version {new} bears the name of {}, so it is more than prepared",
            self.settings.name
        );
        self.remove_instance(&new).await?;
        // Last: until then the old release may still be needed.
        record::remove(&self.mark(&new))
    }

    pub(super) async fn stop_old(&self, swap: &Swap) -> Result<()> {
        control::stop(&self.folder(&swap.old)?).await
    }

    pub(super) async fn start_old(&self, swap: &Swap) -> Result<()> {
        let folder = self.folder(&swap.old)?;
        // The disk may be full by now.
        self.folder(&swap.new)?.free_reserve()?;
        if folder.specification()?.is_none() {
            self.make_anew(swap, &folder)?;
        }
        self.point_live_to(&swap.old)?;
        control::start(&folder, self.keeper()).await
    }

    pub(super) async fn old(&self, swap: &Swap) -> Result<Option<Instance>> {
        self.instance(&swap.old).await
    }

    pub(super) async fn start_new(
        &self,
        swap: &Swap,
        answered: impl Future<Output = ()> + Send,
    ) -> Result<(), StartError> {
        if let Some(end) = self.migrate(&swap.new).await.map_err(StartError::Unavailable)? {
            return Err(StartError::Migration(end));
        }
        let ended = self.try_start_new(&swap.new, answered).await;
        match ended.map_err(StartError::Unavailable)? {
            Some(end) => Err(StartError::Exited(end)),
            None => Ok(()),
        }
    }

    pub(super) async fn stop_new(&self, swap: &Swap) -> Result<()> {
        self.remove_instance(&swap.new).await
    }

    pub(super) async fn finish(&self, swap: &Swap, keep: usize) -> Result<()> {
        ensure!(
            self.live_id()?.as_ref() != Some(&swap.old),
            "version {} still bears the name of {}",
            swap.old,
            self.settings.name
        );
        self.remove_instance(&swap.old).await?;
        record::remove(&self.mark(&plain(&swap.promotion)?))?;
        let mut in_use: Vec<_> = self.instances()?.into_iter().map(|it| it.image).collect();
        for mark in names(&self.settings.root.join("keep"))? {
            in_use.extend(record::read(&self.mark(&mark))?.map(|it: Previous| it.release));
        }
        self.releases()
            .prune(&swap.new_image, &swap.old_image, keep, |id| in_use.iter().any(|used| used == id))
    }

    async fn create_base(&self, source: &Path) -> Result<String> {
        let release =
            Release { promotion: BASE.to_owned(), build: String::new(), source_hash: String::new() };
        let (log, _nobody_listens) = tokio::sync::mpsc::unbounded_channel();
        let image = self.build(&release, source, &log).await?;
        self.create_instance(BASE, &image).await?;
        self.point_live_to(BASE)?;
        Ok(BASE.to_owned())
    }

    /// Makes the instance unless it is there, running this image.
    async fn create_instance(&self, id: &str, image: &str) -> Result<()> {
        let releases = self.releases();
        ensure!(releases.contains(&plain(image)?)?, "release {image} is gone");
        let existing = self.instance(id).await?;
        if existing.is_some_and(|instance| instance.image == image) {
            return Ok(());
        }
        self.remove_instance(id).await?;
        self.folder(id)?.create(&Specification {
            release: image.to_owned(),
            working_folder: releases.app(image),
            run: self.settings.run.clone(),
            env: self.settings.env.clone(),
            stop_timeout_seconds: self.settings.stop_timeout_seconds,
            restart: self.settings.restart,
        })
    }

    /// Stops the instance, takes the name from it and removes it.
    async fn remove_instance(&self, id: &str) -> Result<()> {
        let folder = self.folder(id)?;
        control::stop(&folder).await?;
        if self.live_id()?.as_deref() == Some(id) {
            record::remove(&self.live_link())?;
        }
        folder.remove()
    }

    /// Starts the new instance under the application's name; tells how it ended if it did so at once.
    async fn try_start_new(
        &self,
        id: &str,
        answered: impl Future<Output = ()> + Send,
    ) -> Result<Option<End>> {
        let folder = self.folder(id)?;
        ensure!(folder.specification()?.is_some(), "version {id} is gone");
        self.point_live_to(id)?;
        control::start(&folder, self.keeper()).await?;
        control::ended_at_once(&folder, answered).await
    }

    /// Makes the old instance's folder again from what was written down about it.
    fn make_anew(&self, swap: &Swap, folder: &InstanceFolder) -> Result<()> {
        let previous: Option<Previous> = record::read(&self.mark(&plain(&swap.promotion)?))?;
        let saved = previous.filter(|it| it.instance == swap.old).and_then(|it| it.specification);
        let saved = saved.with_context(|| format!("version {} is gone", swap.old))?;
        self.notes.tell("the old version's folder is gone; it is made anew as it was");
        folder.create(&saved)
    }

    /// Removes what earlier promotions have left: only one is under way at a time, so all others are over.
    async fn remove_leftovers(&self, old: &str, new: &str) -> Result<()> {
        let live = self.live_id()?;
        for instance in self.instances()? {
            let id = &instance.id;
            if id == old || id == new || live.as_deref() == Some(id) {
                continue;
            }
            if instance.running {
                self.notes.tell(format!("version {id} runs beside the application and is left alone"));
                continue;
            }
            self.notes.tell(format!("version {id}, left by an earlier promotion, is removed"));
            self.remove_instance(id).await?;
        }
        Ok(())
    }

    /// Writes down what serves now.
    async fn mark_live(&self, mark: &Path, new: &str) -> Result<Previous> {
        let live = self.live().await?;
        let live =
            live.with_context(|| format!("no version of {} is there to be replaced", self.settings.name))?;
        ensure!(live.id != new, "version {new} serves already");
        let specification = self.folder(&live.id)?.specification()?;
        let previous = Previous { instance: live.id, release: live.image, specification };
        record::write(mark, &previous)?;
        Ok(previous)
    }

    fn live_id(&self) -> Result<Option<String>> {
        let target = match fs::read_link(self.live_link()) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            link => link.context("read who bears the application's name")?,
        };
        let id = target.file_name().and_then(|id| id.to_str());
        Ok(Some(id.context("understand the live link")?.to_owned()))
    }

    fn point_live_to(&self, id: &str) -> Result<()> {
        // A link cannot be changed in place: made beside it and moved over it, it is never missing.
        let folder = tempfile::tempdir_in(&self.settings.root).context("prepare the live link")?;
        let link = folder.path().join("live");
        symlink(Path::new("instances").join(id), &link)
            .and_then(|()| fs::rename(&link, self.live_link()))
            .context("give the version the application's name")
    }

    fn instances(&self) -> Result<Vec<Instance>> {
        let mut instances = Vec::new();
        for id in names(&self.settings.root.join("instances"))? {
            instances.extend(self.folder(&id)?.describe(&id)?);
        }
        Ok(instances)
    }

    fn folder(&self, id: &str) -> Result<InstanceFolder> {
        let instances = self.settings.root.join("instances");
        Ok(InstanceFolder::at(instances.join(plain(id)?)))
    }

    fn releases(&self) -> Releases {
        Releases::at(self.settings.root.join("releases"))
    }

    fn mark(&self, promotion: &str) -> PathBuf {
        self.settings.root.join("keep").join(promotion)
    }

    fn live_link(&self) -> PathBuf {
        self.settings.root.join("live")
    }

    fn keeper(&self) -> &Path {
        // Names this very program, also after its file was replaced by a newer one.
        let this = Path::new("/proc/self/exe");
        self.settings.keeper.as_deref().unwrap_or(this)
    }
}

/// The promotion or id as a folder name: lower case, and nothing that leads elsewhere.
fn plain(name: &str) -> Result<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    ensure!(!name.is_empty() && name.bytes().all(is_plain), "{name:?} cannot be used as a name here");
    Ok(name.to_ascii_lowercase())
}

/// The names in the folder that are [`plain`]; others are unfinished work.
fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let entries = fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))?;
    for entry in entries {
        names.extend(entry?.file_name().into_string().ok());
    }
    names.retain(|name| plain(name).is_ok());
    Ok(names)
}

/// A command in `working_folder` and a process group of its own, with next to nothing of our environment.
fn command(program: &str, arguments: &[String], working_folder: &Path) -> Command {
    // A path is meant from the folder the command runs in, a bare name is looked up as usual.
    let program = if program.contains('/') { working_folder.join(program) } else { PathBuf::from(program) };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(working_folder)
        .env_clear()
        .envs(identity::passed_on())
        .process_group(0)
        .kill_on_drop(true);
    command
}
