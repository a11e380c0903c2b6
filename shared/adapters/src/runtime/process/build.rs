//! Runs the command that makes a release out of its context.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, anyhow};
use tokio::sync::mpsc::UnboundedSender;

use super::one_shot::OneShot;
use crate::runtime::BuildError;

/// Runs `command` in `working_folder` and sends each line that it writes to `log`. Its processes
/// bear the mark of `owner`, and none of them is left when this returns or is dropped.
pub(super) async fn run(
    command: &[String],
    working_folder: &Path,
    owner: &Path,
    log: &UnboundedSender<String>,
) -> Result<(), BuildError> {
    let Some((program, arguments)) = command.split_first() else {
        return Ok(());
    };
    let env = BTreeMap::new();
    let build = OneShot { program, arguments, working_folder, env: &env, owner };
    let mut is_heard = true;
    // Nobody may listen any more; the build goes on all the same.
    let ended = build.run(|line| is_heard = is_heard && log.send(line).is_ok()).await;
    let ended =
        ended.with_context(|| format!("run the build command {program}")).map_err(BuildError::Unavailable)?;
    match ended.status.code() {
        Some(0) => Ok(()),
        Some(_) => Err(BuildError::Source(ended.output)),
        None => Err(BuildError::Unavailable(anyhow!("the build was killed ({})", ended.status))),
    }
}
