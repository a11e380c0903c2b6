//! The ways of a script: the engine's own calls, one after the other.

use anyhow::Result;

use super::engine::{Application, Engine};

/// Stop, remove, create, start.
pub(crate) struct Plain {
    engine: Engine,
    application: Application,
    image: String,
}

impl Plain {
    const NAME: &str = "bench-plain";

    /// Runs the first version.
    pub(crate) async fn start(engine: Engine, application: Application, image: &str) -> Result<Self> {
        let plain = Self { engine, application, image: image.to_owned() };
        plain.run().await?;
        Ok(plain)
    }

    pub(crate) fn prepare(&mut self, image: &str) {
        image.clone_into(&mut self.image);
    }

    pub(crate) async fn swap(&self) -> Result<()> {
        self.engine.stop(Self::NAME).await?;
        self.engine.remove(Self::NAME).await?;
        self.run().await
    }

    async fn run(&self) -> Result<()> {
        self.engine.create(Self::NAME, &self.image, self.application).await?;
        self.engine.start(Self::NAME).await
    }
}

/// The new container is there before the old one is stopped: stop, start.
pub(crate) struct Precreated {
    engine: Engine,
    application: Application,
}

impl Precreated {
    const NAME: &str = "bench-precreated";
    const NEXT: &str = "bench-precreated-next";

    /// Runs the first version.
    pub(crate) async fn start(engine: Engine, application: Application, image: &str) -> Result<Self> {
        engine.create(Self::NAME, image, application).await?;
        engine.start(Self::NAME).await?;
        Ok(Self { engine, application })
    }

    pub(crate) async fn prepare(&self, image: &str) -> Result<()> {
        self.engine.create(Self::NEXT, image, self.application).await
    }

    pub(crate) async fn swap(&self) -> Result<()> {
        self.engine.stop(Self::NAME).await?;
        self.engine.start(Self::NEXT).await
    }

    pub(crate) async fn finish(&self) -> Result<()> {
        self.engine.remove(Self::NAME).await?;
        self.engine.rename(Self::NEXT, Self::NAME).await
    }
}
