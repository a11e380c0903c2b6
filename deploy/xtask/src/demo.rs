//! `cargo xtask demo`: builds what the demo needs and runs it.

use std::process::{Command, ExitCode};

use anyhow::Result;
use servers::interrupt::Interrupt;
use servers::packages::{self, Need};

use crate::cargo;

/// Runs `slipway demo` with further arguments and gives its exit code back.
pub(crate) fn run(interrupt: &Interrupt, arguments: &[String]) -> Result<ExitCode> {
    packages::ensure(&[Need::Postgres, Need::Git])?;
    let portal = cargo::build_portal(interrupt)?;
    let slipway = cargo::build_slipway(interrupt, &[])?;
    let status =
        interrupt.run(Command::new(slipway).arg("demo").arg("--portal").arg(portal).args(arguments))?;
    Ok(cargo::exit_code(status))
}
