//! Release folders: what an image is to a Docker engine.
//!
//! ```text
//! releases/<id>/release.json      which promotion, build and source it was made from
//!               app/              the built application, sealed against writing
//! releases/.building-<id>-…/      the same while it is being made
//! ```

use std::{
    cmp::Reverse,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::{sync::mpsc::UnboundedSender, task::spawn_blocking};

use super::{build, identity, record, tree};
use crate::runtime::{BuildError, Release};

/// Says what a release was made from; a folder without one is no release.
#[derive(Serialize, Deserialize)]
struct Manifest {
    promotion: String,
    build: String,
    source_hash: String,
    built_at: Timestamp,
}

/// The folder that holds all releases.
pub(super) struct Releases {
    path: PathBuf,
}

impl Releases {
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Where the application of this release is.
    pub(super) fn app(&self, id: &str) -> PathBuf {
        self.path.join(id).join("app")
    }

    pub(super) fn contains(&self, id: &str) -> Result<bool> {
        Ok(self.manifest(id)?.is_some())
    }

    fn manifest(&self, id: &str) -> Result<Option<Manifest>> {
        record::read(&self.path.join(id).join("release.json"))
    }

    /// Makes the release `id` from a copy of `context`, unless it is there already.
    pub(super) async fn build(
        &self,
        id: &str,
        release: &Release,
        context: &Path,
        command: &[String],
        log: &UnboundedSender<String>,
    ) -> Result<(), BuildError> {
        let unavailable = BuildError::Unavailable;
        let existing = self.manifest(id).map_err(unavailable)?;
        if existing.is_some_and(|it| it.is_of(release)) {
            return Ok(());
        }
        self.discard_unfinished(id).await.map_err(unavailable)?;
        let folder = tempfile::Builder::new()
            .prefix(&unfinished_prefix(id))
            .tempdir_in(&self.path)
            .context("make a folder to build in")
            .map_err(unavailable)?;
        let app = folder.path().join("app");
        copy(context, &app).await.map_err(unavailable)?;
        build::run(command, &app, folder.path(), log).await?;
        self.complete(id, release, folder).map_err(unavailable)
    }

    /// Seals what was built and gives it its name.
    fn complete(&self, id: &str, release: &Release, folder: tempfile::TempDir) -> Result<()> {
        let manifest = Manifest {
            promotion: release.promotion.clone(),
            build: release.build.clone(),
            source_hash: release.source_hash.clone(),
            built_at: Timestamp::now(),
        };
        tree::seal(&folder.path().join("app"))?;
        record::write(&folder.path().join("release.json"), &manifest)?;
        // An earlier release of this name was made from something else.
        self.remove(id)?;
        fs::rename(folder.keep(), self.path.join(id)).context("give the release its name")
    }

    /// Removes the release and what unfinished builds left of it.
    pub(super) async fn discard(&self, id: &str) -> Result<()> {
        self.discard_unfinished(id).await?;
        self.remove(id)
    }

    fn remove(&self, id: &str) -> Result<()> {
        let folder = self.path.join(id);
        // Removed first, so that a half removed release counts as gone.
        record::remove(&folder.join("release.json"))?;
        tree::remove(&folder)
    }

    /// Ends builds whose worker was killed, and removes their folders.
    async fn discard_unfinished(&self, id: &str) -> Result<()> {
        let prefix = unfinished_prefix(id);
        for name in self.names()? {
            if name.starts_with(&prefix) {
                let folder = self.path.join(name);
                identity::end_all(&folder, None, Duration::ZERO).await?;
                tree::remove(&folder)?;
            }
        }
        Ok(())
    }

    /// Removes releases made before `newest`, except for the last `keep` of them and those `in_use`.
    /// `previous` counts as the last one, whenever it was made.
    pub(super) fn prune(
        &self,
        newest: &str,
        previous: &str,
        keep: usize,
        in_use: impl Fn(&str) -> bool,
    ) -> Result<()> {
        // A late repeat must not remove what a later promotion has built since.
        let Some(newest) = self.manifest(newest)? else {
            return Ok(());
        };
        let mut earlier = Vec::new();
        for id in self.names()? {
            if let Some(manifest) = self.manifest(&id)?
                && manifest.built_at < newest.built_at
            {
                earlier.push((id != previous, Reverse(manifest.built_at), id));
            }
        }
        earlier.sort();
        for (.., id) in earlier.into_iter().skip(keep) {
            if !in_use(&id) {
                self.remove(&id)?;
            }
        }
        Ok(())
    }

    fn names(&self) -> Result<Vec<String>> {
        let names = fs::read_dir(&self.path)
            .and_then(|entries| entries.map(|it| Ok(it?.file_name())).collect())
            .map(|names: Vec<_>| names.into_iter().filter_map(|it| it.into_string().ok()));
        Ok(names.context("list the releases")?.collect())
    }
}

impl Manifest {
    fn is_of(&self, release: &Release) -> bool {
        self.promotion == release.promotion && self.source_hash == release.source_hash
    }
}

fn unfinished_prefix(id: &str) -> String {
    // No release name starts with a dot.
    format!(".building-{id}-")
}

async fn copy(context: &Path, app: &Path) -> Result<()> {
    let (from, to) = (context.to_owned(), app.to_owned());
    let copied = spawn_blocking(move || -> Result<()> {
        fs::create_dir(&to)?;
        tree::copy(&from, &to)
    });
    copied.await?.context("copy the build context")
}
