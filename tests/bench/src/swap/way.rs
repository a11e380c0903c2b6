//! One way to put a new version in the place of the old one.

use anyhow::Result;

use super::compose::Compose;
use super::image::VERSIONS;
use super::plain::{Plain, Precreated};
use super::slipway::{Mode, Slipway};

/// What is compared.
pub(crate) enum Way {
    Slipway(Slipway),
    /// The same the other way round: the old version comes back.
    Rollback(Slipway),
    Plain(Plain),
    Precreated(Precreated),
    Compose(Compose),
}

impl Way {
    /// What it is called in the report.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Slipway(slipway) => match slipway.mode() {
                Mode::StopFirst => "Slipway, stop-first",
                Mode::Warm => "Slipway, warm",
            },
            Self::Rollback(slipway) => match slipway.mode() {
                Mode::StopFirst => "Slipway, stop-first, rolled back",
                Mode::Warm => "Slipway, warm, rolled back",
            },
            Self::Plain(_) => "API: stop, remove, create, start",
            Self::Precreated(_) => "API: stop, start one that was created before",
            Self::Compose(_) => "`docker-compose up -d`",
        }
    }

    /// The version that serves before this round is measured, and the one that does after it.
    pub(crate) fn versions(&self, round: usize) -> (&'static str, &'static str) {
        match self {
            Self::Rollback(_) => (VERSIONS[1], VERSIONS[0]),
            Self::Slipway(_) | Self::Plain(_) | Self::Precreated(_) | Self::Compose(_) => {
                (VERSIONS[round % 2], VERSIONS[(round + 1) % 2])
            }
        }
    }

    /// Gets to where the measuring begins: nobody looks yet.
    pub(crate) async fn begin(&mut self, image: &str) -> Result<()> {
        match self {
            Self::Rollback(slipway) => {
                slipway.prepare(image).await?;
                slipway.swap().await
            }
            Self::Slipway(_) | Self::Plain(_) | Self::Precreated(_) | Self::Compose(_) => Ok(()),
        }
    }

    /// Does what may be done while the version before serves.
    pub(crate) async fn prepare(&mut self, image: &str) -> Result<()> {
        match self {
            Self::Slipway(slipway) => slipway.prepare(image).await,
            Self::Rollback(_) => Ok(()),
            Self::Plain(plain) => {
                plain.prepare(image);
                Ok(())
            }
            Self::Precreated(precreated) => precreated.prepare(image).await,
            Self::Compose(compose) => compose.prepare(image).await,
        }
    }

    /// Lets the other version take over: what is measured.
    pub(crate) async fn swap(&self) -> Result<()> {
        match self {
            Self::Slipway(slipway) => slipway.swap().await,
            Self::Rollback(slipway) => slipway.swap_back().await,
            Self::Plain(plain) => plain.swap().await,
            Self::Precreated(precreated) => precreated.swap().await,
            Self::Compose(compose) => compose.swap().await,
        }
    }

    /// Does what is left to do when the other version serves.
    pub(crate) async fn finish(&self) -> Result<()> {
        match self {
            Self::Slipway(slipway) => slipway.finish().await,
            Self::Rollback(slipway) => slipway.unprepare().await,
            Self::Precreated(precreated) => precreated.finish().await,
            Self::Plain(_) | Self::Compose(_) => Ok(()),
        }
    }
}
