//! This workspace, and `cargo` in it.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};

use anyhow::{Result, bail};
use servers::interrupt::Interrupt;

/// The workspace's folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A `cargo` command line in this workspace.
///
/// Queries are checked against their stored descriptions, whatever database a person's environment names.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(root()).env("SQLX_OFFLINE", "true");
    command
}

/// Builds the sample application as one static file, which runs in an otherwise empty image.
pub(crate) fn build_portal(interrupt: &Interrupt) -> Result<PathBuf> {
    // Naming the target, though it is this machine's, keeps the flags away from build scripts.
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let folder = root().join("target/static");
    let status = interrupt.run(
        command(&["build", "--package", "portal", "--target", &target, "--target-dir"])
            .arg(&folder)
            .env("RUSTFLAGS", "-C target-feature=+crt-static"),
    )?;
    if !status.success() {
        bail!("the sample application does not build");
    }
    canonical(&folder.join(&target).join("debug/portal"))
}

/// With this, tests may let the program die at its crash points.
pub(crate) const WITH_CRASH_POINTS: &[&str] = &["--features", "slipway/failpoints"];

/// Builds the program, with these further options.
///
/// Without optimization: it builds several times faster, and mostly waits for others.
pub(crate) fn build_slipway(interrupt: &Interrupt, options: &[&str]) -> Result<PathBuf> {
    let status = interrupt.run(command(&["build", "--package", "slipway"]).args(options))?;
    if !status.success() {
        bail!("slipway does not build");
    }
    canonical(&root().join("target/debug/slipway"))
}

/// How a program ended, as the end of this one.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}

fn canonical(path: &Path) -> Result<PathBuf> {
    match path.canonicalize() {
        Ok(path) => Ok(path),
        Err(error) => bail!("{} was not built: {error}", path.display()),
    }
}
