//! Tasks of this workspace: `cargo xtask test`, `demo`, `up`, `servers`, `chaos`, `bench`, `fuzz`, `sqlx`.
//!
//! The tests and the local system need a Postgres, a `RabbitMQ` and a Docker engine. Each task starts
//! private ones: own folder, own free ports on the loopback address, no change to the machine's own
//! services or firewall. A server never outlives the task that started it.
//!
//! Of the workspace this crate knows only the private servers, so that it compiles in seconds.

mod application;
mod bench;
mod cargo;
mod chaos;
mod demo;
mod fuzz;
mod second_try;
mod sqlx;
mod test;
mod test_servers;
mod up;
mod users;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use servers::interrupt::Interrupt;

#[derive(Parser)]
#[command(bin_name = "cargo xtask", about = "Tasks of the Slipway workspace")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Checks everything on private servers; with FILTER, runs only the tests whose names contain one.
    Test { filters: Vec<String> },
    /// Ships two features to a sample application on this machine and shows what happens.
    Demo {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Ships many features while everything breaks, and checks what is left: `--promotions N --seed S`.
    Chaos {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Measures what a swap or a backup costs, side by side with the usual ways, how long the calendar takes to decide,
    /// or what the gates find: `swap`, `backup`, `calendar` or `gates --corpus DIR`, `--quick`.
    Bench {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Gives the scanner texts that are made to harm it; with TARGET only of this kind. Needs cargo-fuzz and nightly.
    Fuzz {
        targets: Vec<String>,
        /// How long each target is fuzzed, in seconds.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
    },
    /// Runs the distributed system on this machine, one process per role, until Ctrl-C.
    Up,
    /// Starts the servers that the tests need and prints how tests find them, until Ctrl-C.
    Servers,
    /// Writes the query data of the store crate anew from its migrations.
    Sqlx {
        /// Changes nothing; fails when the stored query data is out of date.
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<ExitCode> {
    let interrupt = Interrupt::register()?;
    match task {
        Task::Test { filters } => test::run(&interrupt, &filters).map(|()| ExitCode::SUCCESS),
        Task::Demo { arguments } => demo::run(&interrupt, &arguments),
        Task::Chaos { arguments } => chaos::run(&interrupt, &[], &arguments),
        Task::Bench { arguments } => bench::run(&interrupt, &arguments),
        Task::Fuzz { targets, seconds } => fuzz::run(&interrupt, &targets, seconds),
        Task::Up => up::run(&interrupt).map(|()| ExitCode::SUCCESS),
        Task::Servers => test_servers::run(&interrupt).map(|()| ExitCode::SUCCESS),
        Task::Sqlx { check } => sqlx::run(&interrupt, check).map(|()| ExitCode::SUCCESS),
    }
}
