//! The command line: everything that people and scripts ask of Slipway's console, over HTTP only; and what a
//! business profile says, from its file.
//!
//! ```text
//! argv ─clap─▶ Command ─▶ Api (one HTTP client) ─▶ console   /api/v1/…
//!                │              └─ sse: progress events, resumed after the last one seen
//!                └─▶ Output: text for people, or one JSON value per line
//! ```
//!
//! - With `--output json` nothing but JSON goes to standard output, one value per line; a failure is
//!   `{"error": …}`.
//! - The exit code tells the outcome, see [`Exit`].
//! - A console that restarts is waited for; one that never answered is a failure at once.
//! - [`progress::Display`] and [`report::render`] need no HTTP: the demo feeds them directly.
//!
//! The command line holds no credentials for the database or the broker, and decides nothing that counts: whether
//! a change may start now, and what a change brings, it tells by the same pure crates as the services.

mod api;
mod audit;
mod backups;
mod blackouts;
mod calendar;
mod choices;
mod dlq;
pub mod doctor;
mod exit;
mod failure;
mod follow;
mod installations;
mod inventory;
mod output;
mod patience;
pub mod progress;
mod promotions;
pub mod report;
mod rollback;
mod scan;
mod ship;
mod sse;
mod table;
mod tokens;
mod units;
mod windows;

use std::time::Duration;

use clap::{Args, Subcommand};

pub use self::calendar::CalendarCommand;
pub use audit::AuditCommand;
pub use backups::BackupsCommand;
pub use blackouts::BlackoutsCommand;
pub use choices::ChoicesCommand;
pub use dlq::DlqCommand;
pub use exit::Exit;
pub use failure::Failure;
pub use installations::InstallationsCommand;
pub use inventory::InventoryCommand;
pub use output::{Format, Output};
pub use promotions::PromotionsCommand;
pub use scan::ScanArgs;
pub use ship::ShipArgs;
pub use tokens::TokensCommand;
pub use windows::WindowsCommand;

use api::{Api, Token};

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// How to print results
    #[arg(long, value_enum, default_value_t, global = true)]
    pub output: Format,

    /// Where Slipway's console listens
    #[arg(
        long,
        env = "SLIPWAY_API_URL",
        default_value = "http://127.0.0.1:7420",
        global = true,
        value_name = "URL"
    )]
    pub api: String,

    /// How long to wait for what does not come: somebody to take a ship message, a console that restarts
    #[arg(long = "wait", default_value_t = 60, global = true, value_name = "SECONDS")]
    wait_seconds: u64,

    /// Read from `SLIPWAY_API_TOKEN` only: an argument would stand in the list of processes.
    #[arg(skip = Token::from_environment())]
    token: Option<Token>,
}

impl Options {
    fn wait_max(&self) -> Duration {
        Duration::from_secs(self.wait_seconds)
    }
}

/// What can be asked of the console.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Ship a finished feature: hand a ship message to Slipway
    Ship(ShipArgs),
    /// See, approve, cancel and follow promotions; bring earlier versions back
    #[command(subcommand)]
    Promotions(PromotionsCommand),
    /// See, verify, restore and remove backups
    #[command(subcommand)]
    Backups(BackupsCommand),
    /// See and change when changes may be deployed, and ask whether one may now
    #[command(subcommand)]
    Windows(WindowsCommand),
    /// See and change when nothing is deployed but emergencies
    #[command(subcommand)]
    Blackouts(BlackoutsCommand),
    /// Describe, see and check installations
    #[command(subcommand)]
    Installations(InstallationsCommand),
    /// See the digital products with their versions, and the backlog
    #[command(subcommand)]
    Inventory(InventoryCommand),
    /// See, send again and discard messages that nobody could handle (dead letters)
    #[command(subcommand)]
    Dlq(DlqCommand),
    /// Let people and programs in, and out again
    #[command(subcommand)]
    Tokens(TokensCommand),
    /// See who decided what, and prove that nobody changed the record of it
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Ask a business profile when changes may go into production, or export the windows as a calendar
    #[command(subcommand)]
    Calendar(CalendarCommand),
    /// Look for what must not go into production, in a folder, a diff or a range of commits; needs no console
    Scan(ScanArgs),
    /// Find out what is wrong with the set-up
    Doctor,
}

/// Runs a command to its end on this process's own standard output and error.
pub async fn run(command: Command, options: &Options) -> Exit {
    execute(command, options, &mut Output::stdio(options.output)).await
}

/// Runs a command to its end; what it says goes to `output`.
pub async fn execute(command: Command, options: &Options, output: &mut Output) -> Exit {
    match attempt(command, options, output).await {
        Ok(exit) => exit,
        Err(failure) => output.failure(&failure),
    }
}

async fn attempt(command: Command, options: &Options, output: &mut Output) -> Result<Exit, Failure> {
    match command {
        Command::Ship(args) => ship::run(&args, &Api::new(options)?, output).await,
        Command::Promotions(command) => promotions::run(command, &Api::new(options)?, output).await,
        Command::Backups(command) => backups::run(command, &Api::new(options)?, output).await,
        Command::Windows(command) => windows::run(command, &Api::new(options)?, output).await,
        Command::Blackouts(command) => blackouts::run(command, &Api::new(options)?, output).await,
        Command::Installations(command) => installations::run(command, &Api::new(options)?, output).await,
        Command::Inventory(command) => inventory::run(command, &Api::new(options)?, output).await,
        Command::Dlq(command) => dlq::run(command, &Api::new(options)?, output).await,
        Command::Tokens(command) => tokens::run(command, &Api::new(options)?, output).await,
        Command::Audit(command) => audit::run(command, &Api::new(options)?, output).await,
        Command::Calendar(command) => calendar::run(command, options, output).await,
        Command::Scan(args) => scan::run(&args, output),
        // That the console cannot be asked is what the doctor finds, not a failure.
        Command::Doctor => Ok(doctor::show(&doctor::ask(options).await, output)?),
    }
}
