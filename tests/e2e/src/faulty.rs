//! All of Slipway in one process, with real jobs that go wrong as a plan says.
//!
//! The plan is a file that names one job and what happens to it: `{"job": "backup.dump", "fault": "fails_after"}`.
//! It is read anew for every job, so that a test changes it while the program runs. Every undo job is
//! done twice.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use domain::{Direction, Job, Worker};
use engine::store::Store;
use engine::transport::{Broker, Names};
use engine::{Config, Engine, JobContext, JobHandler, Report, Shutdown, StepError, worker};
use serde::Deserialize;

#[derive(Deserialize)]
struct Plan {
    job: String,
    fault: Fault,
}

/// What happens to the job's every try.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Fault {
    /// It says that it failed, and did nothing.
    FailsBefore,
    /// It did everything, and says that it failed.
    FailsAfter,
    /// It did everything, and its process dies before it can say so.
    DiesAfter,
    /// It did everything, and never says so.
    HangsAfter,
}

/// Does what the handler does, and what the plan says.
struct Faulty<H> {
    handler: H,
    plan: Arc<Path>,
}

impl<H: JobHandler> JobHandler for Faulty<H> {
    async fn run(&self, job: Job, cx: &JobContext) -> Result<Report, StepError> {
        let failed = || StepError::fail_plainly("It failed as the plan says.");
        let fault = self.fault(job)?;
        if matches!(fault, Some(Fault::FailsBefore)) {
            return Err(failed());
        }
        let report = self.handler.run(job, cx).await?;
        match fault {
            Some(Fault::FailsBefore | Fault::FailsAfter) => Err(failed()),
            Some(Fault::DiesAfter) => std::process::abort(),
            Some(Fault::HangsAfter) => {
                std::fs::write(self.plan.with_extension("hangs"), job.as_str())
                    .context("say that it hangs")?;
                std::future::pending().await
            }
            None if job.direction() == Direction::Undo => self.handler.run(job, cx).await,
            None => Ok(report),
        }
    }
}

impl<H> Faulty<H> {
    fn fault(&self, job: Job) -> Result<Option<Fault>> {
        let text = std::fs::read(&self.plan).context("read the plan")?;
        let plan: Plan = serde_json::from_slice(&text).context("understand the plan")?;
        Ok((plan.job == job.as_str()).then_some(plan.fault))
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["keep", folder] => adapters::runtime::keep(Path::new(folder)).await,
        ["serve", plan] => Box::pin(serve(PathBuf::from(plan).into())).await,
        _ => anyhow::bail!("say `serve PLAN` or `keep FOLDER`"),
    }
}

async fn serve(plan: Arc<Path>) -> Result<()> {
    let config = Config::load(None, std::env::vars())?;
    let _telemetry = telemetry::init(&telemetry::Settings {
        log: config.log.clone(),
        json: false,
        otlp_endpoint: None,
        service: "faulty".to_owned(),
    })?;
    let store = Store::connect(&config.database_url, 20).await?;
    store.migrate().await?;
    let url = config.amqp_url.as_deref().context("SLIPWAY_AMQP_URL is missing")?;
    let broker = Broker::amqp(url, "faulty", Names::new(&config.broker_prefix)).await?;
    let shutdown = Shutdown::default();
    shutdown.follow_signals(Duration::from_secs(config.grace_seconds))?;
    let owner = uuid::Uuid::new_v4().to_string().into();
    let engine = Engine { config: Arc::new(config), store, broker, shutdown, owner };
    let cx = &engine;
    tokio::try_join!(
        scheduler::coordinate(cx),
        supervisor::run(cx),
        console::run(cx),
        worker::run(cx, Worker::Scheduler, Faulty { handler: scheduler::Steps, plan: plan.clone() }),
        worker::run(cx, Worker::Backup, Faulty { handler: backup::Backups, plan: plan.clone() }),
        worker::run(cx, Worker::Ship, Faulty { handler: ship::Ships, plan: plan.clone() }),
        worker::run(cx, Worker::Build, Faulty { handler: build::Builds, plan: plan.clone() }),
        worker::run(cx, Worker::Swap, Faulty { handler: swap::Moves, plan: plan.clone() }),
        worker::run(cx, Worker::Health, Faulty { handler: health::Checks, plan: plan.clone() }),
        worker::run(cx, Worker::Cleanup, Faulty { handler: cleanup::Removals, plan: plan.clone() }),
    )?;
    Ok(())
}
