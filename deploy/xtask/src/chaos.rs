//! `cargo xtask chaos`: builds what the chaos run needs and runs it.

use std::ffi::OsStr;
use std::process::ExitCode;

use anyhow::{Result, bail};
use servers::interrupt::Interrupt;

use crate::cargo;

/// Runs it with further arguments, on a program built with these options; gives its exit code back.
pub(crate) fn run<S: AsRef<OsStr>>(
    interrupt: &Interrupt,
    options: &[&str],
    arguments: &[S],
) -> Result<ExitCode> {
    let portal = cargo::build_portal(interrupt)?;
    let slipway = cargo::build_slipway(interrupt, options)?;
    if !interrupt.run(&mut cargo::command(&["build", "--package", "chaos"]))?.success() {
        bail!("the chaos run does not build");
    }
    let program = cargo::root().join("target/debug/chaos");
    let mut command = std::process::Command::new(program);
    let status =
        interrupt.run(command.arg("--slipway").arg(slipway).arg("--portal").arg(portal).args(arguments))?;
    Ok(cargo::exit_code(status))
}
