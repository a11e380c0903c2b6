//! Slipway's way: the moves that its workers make, without the queue and the database between them.

use adapters::installation::Installation;
use adapters::runtime::{Release, Runtime, Swap};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use servers::folder::Folder;

use super::engine::{Application, Engine};

/// An installation whose container Slipway swaps.
pub(crate) struct Slipway {
    runtime: Runtime,
    mode: Mode,
    promotions: u32,
    swap: Option<Swap>,
}

/// How the new version takes over, as an installation describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    StopFirst,
    Warm,
}

impl Mode {
    const fn name(self) -> &'static str {
        match self {
            Self::StopFirst => "stop_first",
            Self::Warm => "warm",
        }
    }
}

impl Slipway {
    /// Runs the first version in a container whose name ends so.
    pub(crate) async fn start(
        engine: &Engine,
        application: Application,
        image: &str,
        mode: Mode,
        purpose: &str,
        folder: &Folder,
    ) -> Result<Self> {
        let name = format!("bench-{}-{purpose}", mode.name().replace('_', "-"));
        let description = json!({
            "name": name,
            "base_source": folder.path(),
            "backup_dir": folder.path(),
            "swap": mode.name(),
            "application": { "docker": { "host": engine.host(), "container": name, "image": name } },
            // There is none in this.
            "database": { "url": { "env": "BENCH_DATABASE_URL" } },
            "health": { "url": format!("http://127.0.0.1:{}/", application.port), "interval_ms": 10 },
        });
        let installation = Installation::parse(&description)?;
        engine.create(&name, image, application).await?;
        engine.start(&name).await?;
        let runtime = installation.runtime(&folder.join(&format!("{name}-{}", application.boot_millis)))?;
        Ok(Self { runtime, mode, promotions: 0, swap: None })
    }

    pub(crate) const fn mode(&self) -> Mode {
        self.mode
    }

    pub(crate) async fn prepare(&mut self, image: &str) -> Result<()> {
        self.promotions += 1;
        let release = Release {
            promotion: format!("CP-{:08X}", self.promotions),
            build: format!("FB-{:08X}", self.promotions),
            source_hash: format!("{:064x}", self.promotions),
        };
        let swap = self.runtime.prepare(&release, image).await?;
        let is_warm = serde_json::to_value(&swap)?["warm"] == true;
        ensure!(is_warm == (self.mode == Mode::Warm), "the runtime chose another mode than {:?}", self.mode);
        self.swap = Some(swap);
        Ok(())
    }

    pub(crate) async fn swap(&self) -> Result<()> {
        let swap = self.prepared()?;
        self.runtime.stop_old(swap).await?;
        Ok(self.runtime.start_new(swap).await?)
    }

    pub(crate) async fn finish(&self) -> Result<()> {
        self.runtime.finish(self.prepared()?, 1).await
    }

    /// What a rollback does.
    pub(crate) async fn swap_back(&self) -> Result<()> {
        let swap = self.prepared()?;
        self.runtime.stop_new(swap).await?;
        self.runtime.start_old(swap).await
    }

    pub(crate) async fn unprepare(&self) -> Result<()> {
        self.runtime.unprepare(&self.prepared()?.promotion).await
    }

    fn prepared(&self) -> Result<&Swap> {
        self.swap.as_ref().context("nothing is prepared")
    }
}
