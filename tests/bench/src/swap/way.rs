//! One way to put a new version in the place of the old one.

use anyhow::Result;

use super::compose::Compose;
use super::plain::{Plain, Precreated};
use super::slipway::{Mode, Slipway};

/// What is compared.
pub(crate) enum Way {
    Slipway(Slipway),
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
            Self::Plain(_) => "API: stop, remove, create, start",
            Self::Precreated(_) => "API: stop, start one that was created before",
            Self::Compose(_) => "`docker-compose up -d`",
        }
    }

    /// Does what may be done while the old version serves.
    pub(crate) async fn prepare(&mut self, image: &str) -> Result<()> {
        match self {
            Self::Slipway(slipway) => slipway.prepare(image).await,
            Self::Plain(plain) => {
                plain.prepare(image);
                Ok(())
            }
            Self::Precreated(precreated) => precreated.prepare(image).await,
            Self::Compose(compose) => compose.prepare(image).await,
        }
    }

    /// Lets the new version take over: what is measured.
    pub(crate) async fn swap(&self) -> Result<()> {
        match self {
            Self::Slipway(slipway) => slipway.swap().await,
            Self::Plain(plain) => plain.swap().await,
            Self::Precreated(precreated) => precreated.swap().await,
            Self::Compose(compose) => compose.swap().await,
        }
    }

    /// Does what is left to do when the new version serves.
    pub(crate) async fn finish(&self) -> Result<()> {
        match self {
            Self::Slipway(slipway) => slipway.finish().await,
            Self::Precreated(precreated) => precreated.finish().await,
            Self::Plain(_) | Self::Compose(_) => Ok(()),
        }
    }
}
