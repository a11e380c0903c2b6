//! `slipway demo`: all of Slipway on this machine, shipping to a small shop with data in its database.
//!
//! 1. A private Postgres, the local broker, every role in this process, the shop open for business.
//! 2. A good feature is shipped, with the same commands that anybody would type.
//! 3. A feature that spoils the data is shipped. It fails its health check and is undone by itself;
//!    the database is compared before and after.
//! 4. Everything is stopped and removed, or with `--keep` left up until Ctrl-C.

mod cluster;
mod shop;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Args, Parser};
use cli::{Exit, Format, Options, Output};
use domain::Status;
use engine::Engine;
use engine::config::Config;
use serde::Serialize;
use tokio::net::TcpStream;

use crate::{connect, serve};
use cluster::Cluster;
use shop::{Place, Shop};

/// What `slipway demo` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct DemoArgs {
    /// The sample application; looked for beside this program where not given
    #[arg(long, value_name = "PROGRAM")]
    portal: Option<PathBuf>,

    /// Where the shop runs; a Docker engine is used where one answers
    #[arg(long, value_enum)]
    runtime: Option<Place>,

    /// Leave everything up afterwards, until Ctrl-C
    #[arg(long)]
    keep: bool,
}

/// How long the console may take to answer.
const CONSOLE_WITHIN: Duration = Duration::from_secs(20);

/// What the demo showed.
#[derive(Debug, Serialize)]
struct Summary {
    /// Where the application ran.
    runtime: &'static str,
    good: Shipped,
    failing: Shipped,
    /// Digest of the database before and after the failing feature.
    fingerprint_before: String,
    fingerprint_after: String,
    seconds: f64,
}

#[derive(Debug, Serialize)]
struct Shipped {
    promotion: String,
    status: String,
    downtime_ms: Option<i64>,
}

/// Runs the demo; 0 when both features ended as they should and the data is as before.
pub(crate) async fn run(args: DemoArgs, options: &Options) -> ExitCode {
    match perform(args, options).await {
        Ok(exit) => exit.into(),
        Err(error) => {
            eprintln!("The demo could not go on: {error:#}");
            Exit::Failed.into()
        }
    }
}

async fn perform(args: DemoArgs, options: &Options) -> Result<Exit> {
    let begun = Instant::now();
    let settings =
        telemetry::Settings { log: "off".into(), json: false, otlp_endpoint: None, service: "demo".into() };
    let _telemetry = telemetry::init(&settings)?;
    let portal = find_portal(args.portal)?;
    let folder =
        tempfile::Builder::new().prefix("slipway-demo-").tempdir().context("make a folder for the demo")?;
    open_to_all(folder.path())?;
    let mut stage = Stage::new(options.output);
    let place = match args.runtime {
        Some(place) => place,
        None => Place::choose().await,
    };
    stage.say(&format!(
        "Setting up: a private PostgreSQL, Slipway with every role in one process, and a small shop as {} …",
        place.title()
    ))?;
    let cluster = Cluster::start(folder.path()).await?;
    let shop = Shop::prepare(&portal, folder.path(), &cluster, place).await?;
    let engine = engine(&cluster, folder.path()).await?;
    engine.shutdown.follow_signals(Duration::from_secs(10))?;
    let roles = tokio::spawn({
        let engine = engine.clone();
        async move { serve::run_roles(&engine, &serve::every_role()).await }
    });
    let ended = engine.shutdown.draining();
    let story = async {
        shop.open().await?;
        let summary = tell(&mut stage, &engine, &shop, place, begun).await?;
        if args.keep {
            stage.say(&format!(
                "\nLeft up: the shop at {}, the console at http://{}/ . Ctrl-C ends everything.",
                shop.address(),
                engine.config.console_listen
            ))?;
            engine.shutdown.draining().cancelled_owned().await;
        }
        Ok(summary)
    };
    let summary = tokio::select! {
        // The story may wait for the same signal, and then it has ended well.
        biased;
        summary = story => summary,
        () = ended.cancelled_owned() => Err(anyhow::anyhow!("it was interrupted")),
    };
    // Whatever happened, nothing is left running: first whoever could start something, then the rest.
    engine.shutdown.drain();
    let roles = roles.await.context("wait for Slipway's end");
    let shop = shop.close().await.context("close the shop");
    cluster.stop().await?;
    shop?;
    roles??;
    verdict(&mut stage, &summary?)
}

/// Ships the two features and looks at the data before and after.
async fn tell(
    stage: &mut Stage,
    engine: &Engine,
    shop: &Shop,
    place: Place,
    begun: Instant,
) -> Result<Summary> {
    until_console_answers(engine).await?;
    let installation = shop.save_description()?;
    stage.command(engine, &["installations", "apply", "-f", &installation], Exit::Done).await?;
    stage.say("\n— A good feature: loyalty points, with a new page, a new table and data —\n")?;
    let message = shop.develop("good", "FB-600D0001", "Loyalty points").await?;
    let good = stage.ship(engine, &message, Exit::Done).await?;
    let fingerprint_before = shop.fingerprint().await?;
    stage.say("\n— A feature that spoils the data: its health check will fail —\n")?;
    let message = shop.develop("breaks-data", "FB-BAD00002", "New order totals").await?;
    let failing = stage.ship(engine, &message, Exit::RolledBack).await?;
    let fingerprint_after = shop.fingerprint().await?;
    let seconds = begun.elapsed().as_secs_f64();
    Ok(Summary { runtime: place.title(), good, failing, fingerprint_before, fingerprint_after, seconds })
}

fn verdict(stage: &mut Stage, summary: &Summary) -> Result<Exit> {
    let same = summary.fingerprint_before == summary.fingerprint_after;
    stage.output.result(summary, |summary| {
        let downtime = |shipped: &Shipped| shipped.downtime_ms.map_or("–".into(), |ms| format!("{ms} ms"));
        format!(
            "\nSummary (the shop as {}, {:.0} s in all)\n  {}  {:<12} unavailable for {}\n  {}  {:<12} unavailable for {}\n  \
             database before the failing feature  {}\n  database after it was undone         {}  {}\n  Nothing is left running.",
            summary.runtime,
            summary.seconds,
            summary.good.promotion,
            summary.good.status,
            downtime(&summary.good),
            summary.failing.promotion,
            summary.failing.status,
            downtime(&summary.failing),
            &summary.fingerprint_before[..16.min(summary.fingerprint_before.len())],
            &summary.fingerprint_after[..16.min(summary.fingerprint_after.len())],
            if same { "the same" } else { "DIFFERENT" },
        )
    })?;
    Ok(if same { Exit::Done } else { Exit::Failed })
}

/// Where the demo speaks, and the commands that it types.
struct Stage {
    output: Output,
}

/// The command line as the demo types it.
#[derive(Debug, Parser)]
struct Typed {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: cli::Command,
}

impl Stage {
    fn new(format: Format) -> Self {
        Self { output: Output::stdio(format) }
    }

    fn say(&mut self, text: &str) -> Result<()> {
        Ok(self.output.text(text)?)
    }

    /// Types a command and runs it, as anybody would.
    async fn command(&mut self, engine: &Engine, words: &[&str], expected: Exit) -> Result<()> {
        self.say(&format!("$ slipway {}", words.join(" ")))?;
        let api = format!("http://{}", engine.config.console_listen);
        let typed = Typed::try_parse_from(["slipway", "--api", &api].iter().chain(words))?;
        let exit = cli::execute(typed.command, &typed.options, &mut self.output).await;
        if exit != expected {
            bail!("`slipway {}` ended with {exit:?} instead of {expected:?}", words.join(" "));
        }
        Ok(())
    }

    /// Ships, acknowledges what it asks about, approves and follows a feature to its end.
    async fn ship(&mut self, engine: &Engine, message: &std::path::Path, expected: Exit) -> Result<Shipped> {
        let file = message.to_str().context("the demo's folder has an unreadable name")?;
        self.command(engine, &["ship", "-f", file], Exit::Done).await?;
        let latest =
            engine.store.promotions(None).await?.into_iter().next().context("the promotion is missing")?;
        let id = latest.id.to_string();
        if latest.status == Status::Shipping {
            let reason = "The demo wants to see what becomes of it.";
            let words = ["promotions", "acknowledge", &id, "--all", "--by", "demo", "--reason", reason];
            self.command(engine, &words, Exit::Done).await?;
        }
        self.command(engine, &["promotions", "approve", &id, "--by", "demo", "--follow"], expected).await?;
        let ended = engine.store.promotion(&latest.id).await?.context("the promotion is missing")?;
        Ok(Shipped {
            promotion: id,
            status: ended.status.title().to_owned(),
            downtime_ms: ended.facts.downtime_ms,
        })
    }
}

async fn engine(cluster: &Cluster, folder: &std::path::Path) -> Result<Engine> {
    cluster.create("slipway").await?;
    let config = Config {
        database_url: cluster.url("slipway"),
        data_dir: folder.join("data"),
        console_listen: ([127, 0, 0, 1], cluster::free_port()?).into(),
        ..Config::default()
    };
    connect::engine(config, "demo").await
}

async fn until_console_answers(engine: &Engine) -> Result<()> {
    let deadline = Instant::now() + CONSOLE_WITHIN;
    while TcpStream::connect(engine.config.console_listen).await.is_err() {
        if Instant::now() >= deadline {
            bail!("Slipway's console did not start");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

fn find_portal(given: Option<PathBuf>) -> Result<PathBuf> {
    let beside = || Some(std::env::current_exe().ok()?.with_file_name("portal"));
    match given.or_else(beside).filter(|path| path.is_file()) {
        Some(portal) => std::fs::canonicalize(portal).context("find the sample application"),
        None => {
            bail!("The sample application is not here. Run `cargo xtask demo`, or name it with --portal.")
        }
    }
}

/// The database runs as a user of its own and must reach its folder inside.
fn open_to_all(folder: &std::path::Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).context("open the demo's folder")
}
