//! The sample business platform that Slipway ships in demonstrations and tests.
//!
//! A small web shop's back office whose behavior comes entirely from its source tree: pages with queries, SQL
//! migrations, `settings.json`, and the `slipway.json` that Slipway adds when it builds an image. The program also
//! carries that tree and a set of features for it, good and bad, so that a test needs nothing but this one file:
//!
//! 1. `portal unpack DIR` writes the base source tree, this program included.
//! 2. `portal feature NAME DIR` changes it as a developer's sandbox would.
//! 3. `portal build DIR` checks the tree, as the build of the application.
//! 4. `portal serve` migrates the database and serves the pages until it is told to stop.
//!
//! It runs in an image made `FROM scratch`: linked statically, and without the C library's host name lookup, which
//! would load plug-ins (see `resolver`).

mod build;
mod database;
mod features;
mod health;
mod layout;
mod migration;
mod page;
mod resolver;
mod seed;
mod serve;
mod settings;
mod stop;
mod template;
mod tree;

use std::env;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use crate::database::Database;
use crate::stop::Stop;

const USAGE: &str = "usage:
  portal serve               migrate the database and serve the pages
  portal build [DIR]         check every page and migration of a source tree
  portal seed [--rows N]     add N customers with orders and news (default 100)
  portal unpack DIR          write the base source tree and this program into DIR
  portal feature NAME DIR    apply a feature to the source tree in DIR
  portal features            list the features

serve and seed read the source tree in PORTAL_ROOT (default: here) and use DATABASE_URL;
serve listens on HOST (default 127.0.0.1) and PORT (default 8080; 0 takes any free port)";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["serve"] => serve().await,
        ["build"] => build(Path::new(".")).await,
        ["build", dir] => build(Path::new(dir)).await,
        ["seed"] => seed("100").await,
        ["seed", "--rows", rows] => seed(rows).await,
        ["unpack", dir] => tree::unpack(Path::new(dir)),
        ["feature", name, dir] => features::apply(name, Path::new(dir)),
        ["features"] => {
            for feature in features::FEATURES {
                println!("{:<16} {}", feature.name, feature.summary);
            }
            Ok(())
        }
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("portal: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> anyhow::Result<()> {
    let host = env::var("HOST").unwrap_or_else(|_| "127.0.0.1".to_owned());
    let host = host.parse().with_context(|| format!("HOST must be an IP address, not `{host}`"))?;
    let port = env::var("PORT").unwrap_or_else(|_| "8080".to_owned());
    let port = port.parse().with_context(|| format!("PORT must be a port number, not `{port}`"))?;
    serve::run(&root(), database_url()?, SocketAddr::new(host, port), Stop::on_signal()?).await
}

async fn build(dir: &Path) -> anyhow::Result<()> {
    let mut stop = Stop::on_signal()?;
    tokio::select! {
        built = build::run(dir) => built,
        () = stop.requested() => anyhow::bail!("the build was stopped"),
    }
}

async fn seed(rows: &str) -> anyhow::Result<()> {
    let rows = rows.parse().with_context(|| format!("--rows must be a number, not `{rows}`"))?;
    seed::run(&root(), &Database::new(database_url()?), rows).await
}

fn root() -> PathBuf {
    env::var_os("PORTAL_ROOT").map_or_else(|| PathBuf::from("."), PathBuf::from)
}

/// Where the database is. The text holds a password, so no message repeats it.
fn database_url() -> anyhow::Result<tokio_postgres::Config> {
    let url = env::var("DATABASE_URL").context("DATABASE_URL is not set: it says where the database is")?;
    url.parse().map_err(|_| anyhow::anyhow!("DATABASE_URL is not a Postgres address"))
}
