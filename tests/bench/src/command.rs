//! Other people's programs.

use std::process::Stdio;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

/// Runs a command to its end; what it said is part of the error. Returns its output.
pub(crate) async fn succeed(command: &mut Command) -> Result<String> {
    let program = command.as_std().get_program().display().to_string();
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.with_context(|| format!("run {program}"))?;
    if !output.status.success() {
        bail!("{program} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
