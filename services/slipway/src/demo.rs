//! x
use std::process::ExitCode;
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DemoArgs {}
pub(crate) async fn run(_: DemoArgs, _: &cli::Options) -> ExitCode {
    ExitCode::SUCCESS
}
