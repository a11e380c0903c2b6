//! The keeper: a small process of its own that runs one instance's application.
//!
//! 1. It leaves its starter's session, so that it and the application outlive the worker.
//! 2. It locks the instance; where another keeper has the lock, it goes again at once.
//! 3. It ends what an earlier keeper left running, then starts the application.
//! 4. It starts it again whenever it ends, waiting longer each time, and writes down what it saw.
//! 5. On SIGTERM it stops the application and goes.

use std::{
    fs,
    io::{self, Write},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};
use jiff::Timestamp;
use rustix::{
    io::Errno,
    process::{Pid, Signal, kill_process, kill_process_group, setsid},
};
use tokio::{
    process::Child,
    signal::unix::{Signal as Signals, SignalKind, signal},
    time::{Instant, sleep, timeout},
};

use super::{
    identity::{self, Identity, MARK},
    instance::{InstanceFolder, Specification, State},
};

/// Pause before the first automatic restart; each further one doubles it.
const PAUSE_MIN: Duration = Duration::from_millis(100);

/// The longest pause before a restart.
const PAUSE_MAX: Duration = Duration::from_mins(1);

/// An application that ran this long is not in a crash loop, and its next restart comes quickly again.
const STEADY_AFTER: Duration = Duration::from_secs(10);

/// What a shell answers for a program that cannot be started.
const CANNOT_START: i64 = 127;

/// Runs the instance of this folder until it is told to stop (SIGTERM), or until the application
/// ends and shall not be restarted. Meant to be a process's only work.
///
/// # Idempotency
/// Returns at once where another keeper has the instance, or where it was stopped meanwhile.
pub async fn keep(folder: &Path) -> Result<()> {
    match setsid() {
        // Whoever leads a group already was started by a shell, in a session of its own.
        Ok(_) | Err(Errno::PERM) => {}
        Err(error) => return Err(error).context("leave the starter's session"),
    }
    // Before the lock: whoever sees the lock held may send the signal.
    let mut stop = signal(SignalKind::terminate()).context("listen for the order to stop")?;
    let folder = InstanceFolder::at(fs::canonicalize(folder).context("find the instance")?);
    let Some(lock) = folder.lock()? else {
        return Ok(());
    };
    if folder.is_held()? {
        return Ok(());
    }
    let specification = folder.specification()?.context("the instance's folder does not say what to run")?;
    let mut keeper = Keeper {
        stop_timeout: Duration::from_secs(specification.stop_timeout_seconds),
        left_behind: folder.state()?.app,
        state: State::default(),
        specification,
        folder,
    };
    let kept = keeper.supervise(&mut stop).await;
    // Given back last: as long as it is held, somebody may trust that this keeper is at work.
    drop(lock);
    kept
}

struct Keeper {
    folder: InstanceFolder,
    specification: Specification,
    stop_timeout: Duration,
    /// What an earlier keeper wrote down as running.
    left_behind: Option<Identity>,
    state: State,
}

/// How one run of the application came to its end.
#[derive(PartialEq, Eq)]
enum Ended {
    ByItself,
    OnOrder,
}

impl Keeper {
    async fn supervise(&mut self, stop: &mut Signals) -> Result<()> {
        let left_behind = self.left_behind.take();
        identity::end_all(self.folder.path(), left_behind, self.stop_timeout).await?;
        self.state.keeper = Identity::of(rustix::process::getpid().as_raw_pid());
        let mut pause = PAUSE_MIN;
        loop {
            let began = Instant::now();
            let ended = self.run_once(stop).await?;
            if ended == Ended::OnOrder || !self.specification.restart {
                return Ok(());
            }
            if began.elapsed() >= STEADY_AFTER {
                pause = PAUSE_MIN;
            }
            tokio::select! {
                _ = stop.recv() => return Ok(()),
                () = sleep(pause) => {}
            }
            pause = PAUSE_MAX.min(pause * 2);
            self.state.restarts += 1;
        }
    }

    /// Starts the application and waits for its end, writing down both.
    async fn run_once(&mut self, stop: &mut Signals) -> Result<Ended> {
        self.state.started_at = Some(Timestamp::now().to_string());
        let kills_before = identity::kills_for_memory();
        let mut app = match self.spawn() {
            Ok(app) => app,
            Err(error) => {
                tell(&error);
                self.write_end(CANNOT_START, false);
                return Ok(Ended::ByItself);
            }
        };
        let group = app.id().map(u32::cast_signed).and_then(Pid::from_raw);
        let group = group.context("a started process has a pid")?;
        self.state.app = Identity::of(group.as_raw_pid());
        self.write_state();

        let (status, ended) = tokio::select! {
            status = app.wait() => (status?, Ended::ByItself),
            _ = stop.recv() => (self.end(&mut app, group).await?, Ended::OnOrder),
        };
        // What the application itself had started must not outlive it.
        kill_group(group)?;
        let out_of_memory = ended == Ended::ByItself
            && status.signal() == Some(Signal::KILL.as_raw())
            && identity::kills_for_memory() > kills_before;
        self.write_end(exit_code(status), out_of_memory);
        Ok(ended)
    }

    fn spawn(&self) -> Result<Child> {
        let Specification { run, working_folder, env, .. } = &self.specification;
        let (program, arguments) = run.split_first().context("no program to run is set")?;
        super::command(program, arguments, working_folder)
            .envs(env)
            .env(MARK, self.folder.path())
            .stdin(Stdio::null())
            .stdout(self.folder.output()?)
            .stderr(self.folder.output()?)
            .spawn()
            .with_context(|| format!("start {program}"))
    }

    /// Asks the application to stop, and kills it when its time is over.
    async fn end(&self, app: &mut Child, group: Pid) -> Result<ExitStatus> {
        // Nobody has waited for it yet, so the pid is still its own.
        kill_process(group, Signal::TERM).context("ask the application to stop")?;
        if let Ok(status) = timeout(self.stop_timeout, app.wait()).await {
            return status.context("wait for the application");
        }
        kill_group(group)?;
        app.wait().await.context("wait for the application")
    }

    fn write_end(&mut self, exit_code: i64, out_of_memory: bool) {
        self.state.app = None;
        self.state.exit_code = Some(exit_code);
        self.state.out_of_memory = out_of_memory;
        self.write_state();
    }

    /// A full disk must not end an application that runs, so a failure here is only told.
    fn write_state(&self) {
        if let Err(error) = self.folder.write_state(&self.state) {
            tell(&error);
        }
    }
}

/// Writes to the instance's output, where whoever looks into a failure reads.
fn tell(error: &anyhow::Error) {
    // Where even that fails, nobody is left to tell, and the application goes on all the same.
    writeln!(io::stderr(), "{error:#}").ok();
}

fn kill_group(group: Pid) -> Result<()> {
    match kill_process_group(group, Signal::KILL) {
        Ok(()) | Err(Errno::SRCH) => Ok(()),
        Err(error) => Err(error).context("kill the application's processes"),
    }
}

pub(super) fn exit_code(status: ExitStatus) -> i64 {
    let signaled = || 128 + status.signal().unwrap_or_default();
    status.code().unwrap_or_else(signaled).into()
}
