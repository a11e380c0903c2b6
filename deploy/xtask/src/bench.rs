//! `cargo xtask bench`: builds the benchmarks and runs one.

use std::process::{Command, ExitCode};

use anyhow::{Result, bail};
use servers::interrupt::Interrupt;

use crate::cargo;

/// Runs it with these arguments and gives its exit code back. What is only tried out is built faster.
pub(crate) fn run(interrupt: &Interrupt, arguments: &[String]) -> Result<ExitCode> {
    let is_quick = arguments.iter().any(|it| it == "--quick");
    let (options, folder) = if is_quick { (&[][..], "debug") } else { (&["--release"][..], "release") };
    let mut build = cargo::command(&["build", "--package", "bench"]);
    if !interrupt.run(build.args(options))?.success() {
        bail!("the benchmarks do not build");
    }
    let program = cargo::root().join("target").join(folder).join("bench");
    Ok(cargo::exit_code(interrupt.run(Command::new(program).args(arguments))?))
}
