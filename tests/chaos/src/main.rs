//! Chaos: many promotions while everything breaks, then a look at the world by somebody who does not believe Slipway.
//!
//! Started by `cargo xtask chaos`, which builds the two programs that it needs.

mod check;
mod container;
mod faults;
mod feature;
mod link;
mod load;
mod measure;
mod records;
mod removal;
mod report;
mod role;
mod shop;
mod watch;
mod world;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Parser;
use servers::interrupt::Interrupt;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::faults::{Happened, Selection, Villain, plan};
use crate::load::{Load, drive};
use crate::shop::{Model, Place, Shop};
use crate::watch::watch;
use crate::world::World;

/// What is left when the load is over must come to its end within this time.
const SETTLE_LIMIT: Duration = Duration::from_mins(3);
/// One shop in so many has little time for its promotions.
const IN_A_HURRY: usize = 5;

#[derive(Parser)]
#[command(name = "chaos", about = "Ships many features while everything breaks, and checks what is left")]
pub(crate) struct Arguments {
    /// The shops are containers on a private Docker engine, which is restarted and killed, too.
    #[arg(long)]
    docker: bool,
    /// How many promotions; 20 with `--docker`.
    #[arg(long, default_value_t = 50, default_value_if("docker", "true", "20"))]
    promotions: usize,
    /// Decides about features and faults.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many shops are shipped to at the same time; 3 with `--docker`.
    #[arg(long, default_value_t = 10, default_value_if("docker", "true", "3"))]
    shops: usize,
    /// Slipway's lease.
    #[arg(long, default_value_t = 3)]
    lease_seconds: u64,
    /// What goes wrong.
    #[arg(long, value_enum, default_value_t = Selection::All)]
    faults: Selection,
    /// Where the report is written; printed in any case.
    #[arg(long)]
    report: Option<PathBuf>,
    /// Leaves the run's folder where it is.
    #[arg(long)]
    keep: bool,
    /// The program under test.
    #[arg(long)]
    slipway: PathBuf,
    /// The sample application.
    #[arg(long)]
    portal: PathBuf,
}

impl Arguments {
    const fn place(&self) -> Place {
        if self.docker { Place::Docker } else { Place::Processes }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// `false` when something was lost, stuck, doubled or untruthful.
async fn run(arguments: &Arguments) -> Result<bool> {
    let interrupt = Interrupt::register()?;
    let begin = Instant::now();
    let lease = Duration::from_secs(arguments.lease_seconds);
    let world = Arc::new(World::start(arguments.place(), &arguments.slipway, lease, &interrupt).await?);
    let outcome = in_world(arguments, &world, &interrupt, begin).await;
    // Whatever came of it: applications outlive the processes that started them.
    let ended = match world.end_roles() {
        Ok(()) => removal::end_applications(world.folder()).await,
        Err(error) => Err(error),
    };
    let world = Arc::into_inner(world).context("somebody still uses the world")?;
    ended?;
    let is_well = *outcome.as_ref().unwrap_or(&false);
    if arguments.keep || !(is_well || interrupt.is_raised()) {
        let folder = world.keep_folder();
        eprintln!("Logs, files and the log of faults are in {}", folder.display());
    }
    outcome
}

async fn in_world(
    arguments: &Arguments,
    world: &Arc<World>,
    interrupt: &Interrupt,
    begin: Instant,
) -> Result<bool> {
    let model = Arc::new(Model::make(arguments.place(), &arguments.portal, world.folder()).await?);
    let mut shops = Vec::new();
    let mut opening = JoinSet::new();
    for number in 0..arguments.shops {
        let (world, model) = (Arc::clone(world), Arc::clone(&model));
        let is_in_a_hurry = number % IN_A_HURRY == IN_A_HURRY - 1;
        opening.spawn(async move { Shop::open(&world, &model, number, is_in_a_hurry).await });
    }
    while let Some(opened) = opening.join_next().await {
        shops.push(Arc::new(opened.context("opening a shop ended with a panic")??));
    }
    let before = check::before(&shops).await?;
    eprintln!("{} shops are open after {} s", shops.len(), begin.elapsed().as_secs());

    let stop = CancellationToken::new();
    let watching = tokio::spawn(watch(shops.clone(), stop.clone()));
    let load_begin = Instant::now();
    let load = Arc::new(Load::of(arguments.promotions));
    let happened = Arc::new(Happened::default());
    let mut drivers = JoinSet::new();
    for shop in &shops {
        drivers.spawn(drive(
            Arc::clone(world),
            Arc::clone(&load),
            Arc::clone(shop),
            Arc::clone(&model),
            arguments.seed,
            interrupt.clone(),
        ));
    }
    let villain = Villain::new(
        Arc::clone(world),
        Arc::clone(&load),
        Arc::clone(&happened),
        interrupt.clone(),
        arguments.seed,
    )?;
    let faults = plan(arguments.faults, arguments.place(), arguments.seed, arguments.promotions);
    let acting = tokio::spawn(villain.act(faults, arguments.faults.per_promotion()));
    tell_progress(&load, &happened, interrupt, load_begin, &mut drivers).await?;
    acting.await.context("the faults ended with a panic")?;
    let duration = load_begin.elapsed();
    if interrupt.is_raised() {
        bail!("interrupted; nothing was checked");
    }
    check::settle(world, SETTLE_LIMIT, interrupt).await?;
    stop.cancel();
    let seen = watching.await.context("the look at the containers ended with a panic")?;
    let findings = check::everything(world, &shops, &load, &before, &seen).await?;
    let measured = measure::measure(world, &happened).await?;
    let text = report::write(arguments, &load, &happened, &findings, &measured, duration);
    println!("{text}");
    if let Some(path) = report_path(arguments) {
        std::fs::write(&path, &text).with_context(|| format!("write {}", path.display()))?;
        eprintln!("The report is in {}", path.display());
    }
    Ok(findings.is_empty())
}

/// The report of record is written by runs that are long enough.
fn report_path(arguments: &Arguments) -> Option<PathBuf> {
    let (enough, name) = match (arguments.faults, arguments.place()) {
        (Selection::All, Place::Processes) => (1_000, "REPORT.md"),
        (Selection::All, Place::Docker) => (20, "REPORT-DOCKER.md"),
        (Selection::Kills, Place::Processes) => (100, "REPORT-KILLS.md"),
        (Selection::Kills, Place::Docker) | (Selection::None, _) => (usize::MAX, ""),
    };
    let of_record = || Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    arguments.report.clone().or_else(|| (arguments.promotions >= enough).then(of_record))
}

/// Says now and then how far it is; returns when every driver is done.
async fn tell_progress(
    load: &Load,
    happened: &Happened,
    interrupt: &Interrupt,
    begin: Instant,
    drivers: &mut JoinSet<Result<()>>,
) -> Result<()> {
    let mut ticks = tokio::time::interval(Duration::from_secs(15));
    loop {
        tokio::select! {
            joined = drivers.join_next() => match joined {
                Some(driver) => driver.context("a driver ended with a panic")??,
                None => return Ok(()),
            },
            _ = ticks.tick() => eprintln!(
                "{:>5} s  {} of {} promotions are over, {} faults",
                begin.elapsed().as_secs(), load.finished(), load.total, happened.total(),
            ),
        }
        if interrupt.is_raised() && drivers.is_empty() {
            return Ok(());
        }
    }
}
