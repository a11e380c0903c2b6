//! Ending what would outlive the run.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// What the process runtime gives each process that it starts: the folder that it belongs to.
const MARK: &str = "SLIPWAY_BELONGS_TO=";
/// The word that makes the program a keeper.
const KEEP: &str = "keep";
const LIMIT: Duration = Duration::from_secs(10);

/// A process that belongs to a folder of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Belonging {
    pub(crate) id: i32,
    /// The folder that it was started for.
    pub(crate) folder: String,
    /// Its command line, blanks between the words.
    pub(crate) command: String,
    /// It keeps an application running.
    pub(crate) is_keeper: bool,
}

/// Every process that was started for something below the folder, by what the kernel says: applications
/// bear its mark, their keepers name it in their command line.
pub(crate) fn belonging_to(folder: &Path) -> Vec<Belonging> {
    let below = format!("{}/", folder.display());
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let processes = entries.filter_map(|entry| {
        let id: i32 = entry.file_name().to_str()?.parse().ok()?;
        // Those that end while they are looked at are gone.
        let environment = std::fs::read(entry.path().join("environ")).ok()?;
        let command = std::fs::read(entry.path().join("cmdline")).ok()?;
        let marks = environment.split(|byte| *byte == 0).filter_map(|it| it.strip_prefix(MARK.as_bytes()));
        let is_keeper = command.split(|byte| *byte == 0).nth(1) == Some(KEEP.as_bytes());
        let kept = command.split(|byte| *byte == 0).nth(2).filter(|_| is_keeper);
        let folder = marks.chain(kept).find(|folder| folder.starts_with(below.as_bytes()))?;
        let folder = String::from_utf8_lossy(folder).into_owned();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        Some(Belonging { id, folder, command, is_keeper })
    });
    processes.collect()
}

/// Kills every application of the run, with its keeper.
pub(crate) async fn end_applications(folder: &Path) -> Result<()> {
    let begin = Instant::now();
    loop {
        let left = belonging_to(folder);
        if left.is_empty() {
            return Ok(());
        }
        ensure!(begin.elapsed() < LIMIT, "processes are left: {left:?}");
        for process in left {
            let Some(id) = Pid::from_raw(process.id) else { continue };
            // One that is gone already needs no signal; any other failure shows in the next look.
            if let Err(error) = kill_process(id, Signal::KILL) {
                eprintln!("process {} could not be ended: {error}", process.id);
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
