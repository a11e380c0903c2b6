//! The console: the HTTP API through which people and programs reach Slipway.
//!
//! It has no state of its own: it reads the records, puts ship messages on the broker, and passes
//! people's decisions to the engine. The bodies are `protocol::http`.

mod access;
mod api;
mod approvals;
mod audit;
mod backups;
mod checks;
mod choices;
mod dead_letters;
mod installations;
mod inventory;
mod problem;
mod promotions;
mod request;
mod rollbacks;
mod ships;
mod stream;
mod tokens;
mod windows;

use std::net::SocketAddr;

use anyhow::{Context, Result};
use engine::Engine;
use tokio::net::TcpListener;

/// Serves until the process drains.
pub async fn run(engine: &Engine) -> Result<()> {
    let address = engine.config.console_listen;
    let listener = TcpListener::bind(address).await.with_context(|| format!("listen on {address}"))?;
    serve(engine, listener).await
}

/// Serves on a listener that is open already, until the process drains; answers under way are cut only when it
/// is abandoned.
pub async fn serve(engine: &Engine, listener: TcpListener) -> Result<()> {
    tracing::info!(address = %listener.local_addr()?, "the console answers");
    let serving = axum::serve(
        listener,
        api::router(engine.clone()).into_make_service_with_connect_info::<SocketAddr>(),
    )
    .with_graceful_shutdown(engine.shutdown.draining().cancelled_owned());
    tokio::select! {
        served = serving => served.context("serve the console"),
        () = engine.shutdown.abandoned().cancelled_owned() => Ok(()),
    }
}
