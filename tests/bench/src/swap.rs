//! How long users are without the application while one version takes the other's place.
//!
//! One private Docker engine, one minimal application in two versions, published on the loopback address. Every way has
//! a container of its own; in each round each way swaps it once while a prober visits it every few milliseconds.

mod compose;
mod engine;
mod gap;
mod image;
mod plain;
mod prober;
mod slipway;
mod way;

use std::time::Duration;

use anyhow::{Context, Result, bail};
use servers::docker::Engine as Server;
use servers::folder::Folder;
use servers::interrupt::Interrupt;
use servers::packages::{self, Need};
use servers::port;
use tokio::task::block_in_place;

use self::compose::Compose;
use self::engine::{Application, Engine};
use self::gap::{Gap, PATIENCE};
use self::image::VERSIONS;
use self::plain::{Plain, Precreated};
use self::prober::Prober;
use self::slipway::{Mode, Slipway};
use self::way::Way;
use crate::figures::{Figures, millis};
use crate::machine;
use crate::report::{cells, table};

/// How long the application takes from its start until it listens.
const BOOTS: [Duration; 2] = [Duration::ZERO, Duration::from_secs(2)];

/// One way, and what it cost in each round.
struct Row {
    way: Way,
    port: u16,
    gaps: Vec<Gap>,
}

/// Takes every way so many times with each boot; returns the report's section.
pub(crate) async fn run(rounds: usize, interrupt: &Interrupt) -> Result<String> {
    let needs = [Need::DockerEngine, Need::DockerCommand, Need::DockerCompose, Need::Iptables, Need::Ip];
    block_in_place(|| packages::ensure(&needs))?;
    let folder = Folder::create("bench")?;
    let mut server = block_in_place(Server::start)?;
    block_in_place(|| server.wait_until_ready(interrupt))?;
    let engine = Engine::of(&server, &folder).await?;
    let mut section = beginning(&engine, rounds).await?;
    for boot in BOOTS {
        let rows = series(&engine, boot, rounds, &folder, interrupt).await?;
        section.push_str(&chapter(boot, &rows));
        engine.remove_all().await?;
    }
    Ok(section)
}

/// All rounds of an application with this boot.
async fn series(
    engine: &Engine,
    boot: Duration,
    rounds: usize,
    folder: &Folder,
    interrupt: &Interrupt,
) -> Result<Vec<Row>> {
    let mut rows = rows(engine, boot, folder).await?;
    for round in 0..rounds {
        for row in &mut rows {
            if interrupt.is_raised() {
                bail!("interrupted; nothing is reported");
            }
            let name = row.way.name();
            let gap = measure(&mut row.way, row.port, round).await.with_context(|| name)?;
            eprintln!(
                "boot {} s, round {}: {name}: refused {} ms, without a good answer {} ms",
                boot.as_secs(),
                round + 1,
                millis(gap.refused),
                millis(gap.unanswered),
            );
            row.gaps.push(gap);
        }
    }
    Ok(rows)
}

/// Every way with the first version running.
async fn rows(engine: &Engine, boot: Duration, folder: &Folder) -> Result<Vec<Row>> {
    let ports: [u16; 7] = port::free()?;
    let boot_millis = u64::try_from(boot.as_millis())?;
    let [stop_first, stopped_back, warm, warm_back, precreated, plain, compose] =
        ports.map(|port| Application { port, boot_millis });
    let image = image::of(VERSIONS[0]);
    let mut rows = Vec::new();
    let mut add =
        |way, application: Application| rows.push(Row { way, port: application.port, gaps: Vec::new() });
    for (mode, forth, back) in [(Mode::StopFirst, stop_first, stopped_back), (Mode::Warm, warm, warm_back)] {
        add(Way::Slipway(Slipway::start(engine, forth, &image, mode, "forth", folder).await?), forth);
        add(Way::Rollback(Slipway::start(engine, back, &image, mode, "back", folder).await?), back);
    }
    add(Way::Precreated(Precreated::start(engine.clone(), precreated, &image).await?), precreated);
    add(Way::Plain(Plain::start(engine.clone(), plain, &image).await?), plain);
    add(Way::Compose(Compose::start(engine.clone(), compose, &image, folder).await?), compose);
    Ok(rows)
}

/// Swaps once under the eyes of the prober, from before the preparation to after the last removal.
async fn measure(way: &mut Way, port: u16, round: usize) -> Result<Gap> {
    let (from, to) = way.versions(round);
    way.begin(&image::of(from)).await.context("begin")?;
    let prober = Prober::start(port)?;
    prober.until_steady(from).await?;
    way.prepare(&image::of(to)).await.context("prepare")?;
    way.swap().await.context("swap")?;
    prober.until_steady(to).await?;
    way.finish().await.context("finish")?;
    Ok(Gap::of(&prober.finish().await?))
}

async fn beginning(engine: &Engine, rounds: usize) -> Result<String> {
    Ok(format!(
        "## Swap: how long users are without the application\n\n\
         `cargo xtask bench swap --rounds {rounds}`, {}. Docker engine {} (private, ports published by its proxy\n\
         processes, no firewall rules), docker-compose {}.\n\n\
         The application listens the given time after its start and ends at once on SIGTERM. All containers are on one bridge\n\
         network; the ways take turns. A visitor comes every {} ms over a new connection to the port on the loopback address.\n\
         *Refused*: the longest stretch in which every visitor was refused, or cut off without an answer. *Without a good answer*:\n\
         the longest stretch in which nobody had a good answer within {} ms, slow connections counted. Slipway's rows are the moves\n\
         of its workers, `stop_old` and `start_new`, for a rollback `stop_new` and `start_old`, without queue, database or copy of\n\
         the data between them; what they need to go back was on disk before. The new container is made beforehand in Slipway's\n\
         rows and where the name says so; where it takes over running (*warm*), it was started and found well beforehand, too.\n",
        machine::description(),
        engine.version().await?,
        compose::version().await?,
        prober::EVERY.as_millis(),
        PATIENCE.as_millis(),
    ))
}

fn chapter(boot: Duration, rows: &[Row]) -> String {
    let mut medians = Vec::new();
    let mut rounds = Vec::new();
    for Row { way, gaps, .. } in rows {
        let refused: Figures = gaps.iter().map(|gap| gap.refused).collect();
        let unanswered: Figures = gaps.iter().map(|gap| gap.unanswered).collect();
        let unseen: Figures = gaps.iter().map(|gap| gap.unseen).collect();
        medians.push(vec![
            way.name().to_owned(),
            millis(refused.median()),
            millis(refused.max()),
            millis(unanswered.median()),
            millis(unanswered.max()),
            millis(unseen.max()),
        ]);
        rounds.push(vec![way.name().to_owned(), list(&refused), list(&unanswered)]);
    }
    let head = cells([
        "in ms",
        "refused, median",
        "max",
        "without a good answer, median",
        "max",
        "prober's own longest pause",
    ]);
    let each = cells(["each round, in ms", "refused", "without a good answer"]);
    format!("\n### Boot {} s\n\n{}\n{}", boot.as_secs(), table(&head, &medians), table(&each, &rounds))
}

fn list(figures: &Figures) -> String {
    let figures: Vec<_> = figures.all().iter().copied().map(millis).collect();
    figures.join(", ")
}
