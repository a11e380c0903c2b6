//! Slipway ships finished features into production, and puts everything back when a step fails.
//!
//! One program: `slipway serve …` is a part of the running system, `slipway demo` shows all of it on
//! this machine, everything else asks the console over HTTP.

mod connect;
mod database;
mod demo;
mod doctor;
mod serve;
mod topology;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use cli::Exit;
use engine::config::{Config, InvalidConfig};

/// Ships finished features into production: governed, automatic, and undone by itself when a step fails.
#[derive(Debug, Parser)]
#[command(name = "slipway", version, about)]
struct Arguments {
    #[command(flatten)]
    options: cli::Options,

    /// Slipway's own settings; `SLIPWAY_*` in the environment override them
    #[arg(long, env = "SLIPWAY_CONFIG", global = true, value_name = "slipway.toml")]
    config: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run parts of Slipway: `all`, or roles by name, until asked to end
    Serve {
        /// `all`, or any of scheduler, supervisor, ship, backup, build, swap, health, cleanup, console
        #[arg(required = true)]
        roles: Vec<serve::Role>,
    },
    /// See it all on this machine: ship a good feature, then one that fails and is undone
    Demo(demo::DemoArgs),
    /// Declare or check the queues on the message broker
    Topology {
        #[arg(value_enum)]
        action: topology::Action,
    },
    /// Prepare Slipway's own database, as its owner, for processes that do not own it
    Database {
        #[arg(value_enum)]
        action: database::Action,
    },
    /// Show the settings that are in force; secrets are left out
    Config {
        #[arg(value_enum)]
        action: ConfigAction,
    },
    /// Keeps a process of the process runtime alive; started by Slipway itself
    #[command(hide = true)]
    Keep { folder: PathBuf },
    /// Anything that is asked of the console
    #[command(flatten)]
    Client(cli::Command),
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ConfigAction {
    /// Print them
    Show,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("Slipway could not start: {error}")),
    };
    // Telemetry is flushed here, off the async threads, whatever the outcome.
    let (exit, telemetry) = runtime.block_on(run(arguments));
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    if let Some(Err(error)) = telemetry.map(telemetry::Telemetry::flush) {
        eprintln!("The last traces were not sent: {error:#}");
    }
    exit
}

async fn run(arguments: Arguments) -> (ExitCode, Option<telemetry::Telemetry>) {
    let config = || Config::load(arguments.config.as_deref(), std::env::vars());
    match arguments.command {
        Command::Serve { roles } => match config() {
            Ok(config) => serve::run(config, &roles).await,
            Err(wrong) => (usage(&wrong), None),
        },
        Command::Demo(args) => (demo::run(args, &arguments.options).await, None),
        Command::Topology { action } => match config() {
            Ok(config) => (topology::run(&config, action).await, None),
            Err(wrong) => (usage(&wrong), None),
        },
        Command::Database { action } => match config() {
            Ok(config) => (database::run(&config, action).await, None),
            Err(wrong) => (usage(&wrong), None),
        },
        Command::Config { action: ConfigAction::Show } => match config() {
            Ok(config) => {
                println!("{}", config.redacted());
                (ExitCode::SUCCESS, None)
            }
            Err(wrong) => (usage(&wrong), None),
        },
        Command::Keep { folder } => match adapters::runtime::keep(&folder).await {
            Ok(()) => (ExitCode::SUCCESS, None),
            Err(error) => (failed(&format!("{error:#}")), None),
        },
        Command::Client(cli::Command::Doctor) => {
            (doctor::run(config(), &arguments.options).await.into(), None)
        }
        Command::Client(command @ cli::Command::Scan(_)) => {
            // What the scanner trips over may be a secret: it is not for the terminal. The report says that it failed.
            std::panic::set_hook(Box::new(|_| {}));
            (cli::run(command, &arguments.options).await.into(), None)
        }
        Command::Client(command) => (cli::run(command, &arguments.options).await.into(), None),
    }
}

fn failed(sentence: &str) -> ExitCode {
    eprintln!("{sentence}");
    Exit::Failed.into()
}

fn usage(wrong: &InvalidConfig) -> ExitCode {
    eprintln!("{wrong}");
    Exit::Usage.into()
}
