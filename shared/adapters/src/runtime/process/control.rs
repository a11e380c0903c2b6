//! Starting and stopping an instance from outside its keeper.
//!
//! Both may be cut off at any point and called again, by this process or by another: what counts is
//! the folder's mark (shall it run?) and its lock (does a keeper live?).

use std::{
    io,
    path::Path,
    pin::pin,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use tokio::{
    process::Command,
    task::JoinHandle,
    time::{Instant, sleep},
};

use super::{
    identity::{self, Identity, LOOK_EVERY},
    instance::InstanceFolder,
};
use crate::runtime::End;

/// How long a keeper may take to start the application; only a machine that is badly overloaded needs more.
const START_LIMIT: Duration = Duration::from_secs(30);

/// How much longer than the application's own time to stop the keeper may take, and how long to die.
const KEEPER_MARGIN: Duration = Duration::from_secs(5);

/// How long a start is watched: a version that cannot run at all mostly ends at once, and what
/// lasts longer is the health check's to judge.
const WATCH: Duration = Duration::from_millis(300);

/// Lines of output that an error quotes.
const QUOTED_LINES: usize = 20;

/// Starts the instance's keeper unless one lives, and returns when the application was started.
pub(super) async fn start(folder: &InstanceFolder, program: &Path) -> Result<()> {
    finish_interrupted_stop(folder).await?;
    folder.release_hold()?;
    let before = folder.state()?.keeper;
    let mut spawned: Option<JoinHandle<io::Result<ExitStatus>>> = None;
    let end = Instant::now() + START_LIMIT;
    while Instant::now() < end {
        let writer = folder.state()?.keeper;
        let living = folder.keeper()?;
        if writer.is_some() && (writer == living || writer != before) {
            return Ok(());
        }
        if let Some(ended) = spawned.take_if(|keeper| keeper.is_finished()) {
            let status = ended.await?.context("wait for the keeper")?;
            if !status.success() {
                let output = folder.last_output(QUOTED_LINES)?;
                bail!("the keeper gave up ({status}): {output}");
            }
            if folder.is_held()? {
                bail!("the version was stopped while it was being started");
            }
        }
        if living.is_none() && spawned.is_none() {
            let mut keeper = spawn_keeper(folder, program)?;
            // Waited for in the background, so that no dead child is left while this process lives on.
            spawned = Some(tokio::spawn(async move { keeper.wait().await }));
        }
        sleep(LOOK_EVERY).await;
    }
    bail!("no keeper started the application within {START_LIMIT:?}")
}

/// Watches a fresh start for a moment, at most until it has `answered`; tells how the application ended if it did.
pub(super) async fn ended_at_once(
    folder: &InstanceFolder,
    answered: impl Future<Output = ()> + Send,
) -> Result<Option<End>> {
    let mut answered = pin!(answered);
    let end = Instant::now() + WATCH;
    while Instant::now() < end {
        let state = folder.state()?;
        if let Some(exit_code) = state.exit_code {
            let output = folder.last_output(QUOTED_LINES)?;
            return Ok(Some(End { exit_code, out_of_memory: state.out_of_memory, output }));
        }
        tokio::select! {
            () = &mut answered => return Ok(None),
            () = sleep(LOOK_EVERY) => {}
        }
    }
    Ok(None)
}

/// Stops the instance for good: its keeper, the application, and whatever a dead keeper left running.
pub(super) async fn stop(folder: &InstanceFolder) -> Result<()> {
    let Some(specification) = folder.specification()? else {
        return Ok(());
    };
    let patience = Duration::from_secs(specification.stop_timeout_seconds);
    // Marked first: a keeper that is only just being born sees it and starts nothing.
    folder.hold()?;
    if let Some(keeper) = folder.keeper()? {
        end_keeper(folder, keeper, patience).await?;
    }
    identity::end_all(folder.path(), folder.state()?.app, patience).await
}

/// A keeper that lives although its instance shall not run was told to stop, or was about to be.
async fn finish_interrupted_stop(folder: &InstanceFolder) -> Result<()> {
    // In this order: who starts takes the mark away before a keeper is there.
    if let Some(keeper) = folder.keeper()?
        && folder.is_held()?
        && let Some(specification) = folder.specification()?
    {
        let patience = Duration::from_secs(specification.stop_timeout_seconds);
        end_keeper(folder, keeper, patience).await?;
    }
    Ok(())
}

/// Asks the keeper to stop the application and go; kills it if it does not.
async fn end_keeper(folder: &InstanceFolder, keeper: Identity, patience: Duration) -> Result<()> {
    for (signal, limit) in [(Signal::TERM, patience + KEEPER_MARGIN), (Signal::KILL, KEEPER_MARGIN)] {
        keeper.signal(signal)?;
        let end = Instant::now() + limit;
        while Instant::now() < end {
            if folder.keeper()? != Some(keeper) {
                return Ok(());
            }
            sleep(LOOK_EVERY).await;
        }
    }
    bail!("the keeper of {} cannot be ended", folder.path().display())
}

fn spawn_keeper(folder: &InstanceFolder, program: &Path) -> Result<tokio::process::Child> {
    Command::new(program)
        .arg("keep")
        .arg(folder.path())
        .env_clear()
        .envs(identity::passed_on())
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(folder.output()?)
        .stderr(folder.output()?)
        .spawn()
        .with_context(|| format!("start the keeper {}", program.display()))
}
