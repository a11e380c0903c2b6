//! The keeper as a program of its own, for tests: `keep keep <instance folder>`.

use std::path::PathBuf;

use anyhow::{Context, ensure};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    ensure!(arguments.next().is_some_and(|order| order == "keep"), "the only order is: keep");
    let folder = arguments.next().context("which instance?")?;
    adapters::runtime::keep(&PathBuf::from(folder)).await
}
