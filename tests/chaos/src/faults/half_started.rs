//! Containers that a killed engine leaves half started.
//!
//! The engine starts a container in two steps. Killed between them it never finds out: it can neither start nor end
//! that container again, not even after its own restart ("task already exists", "did not receive an exit event").
//! What helps is to end the process that stands for the container, the shim, as its operator must.

use std::path::Path;

use anyhow::Result;
use rustix::process::{Pid, Signal, kill_process};

/// The program of shims.
const SHIM: &str = "containerd-shim";
/// What has not become the application yet, or prepares that.
const RUNTIME: &str = "runc";

/// Ends every shim of the engine at this address that has no application; returns how many.
///
/// While the engine is away, so that nothing comes and goes meanwhile.
pub(super) fn clear(host: &str) -> Result<usize> {
    let folder = host.trim_start_matches("unix://").trim_end_matches("docker.sock");
    let mut count = 0;
    for entry in std::fs::read_dir("/proc")?.flatten() {
        // Those that end while they are looked at are gone.
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let Ok(command) = std::fs::read(entry.path().join("cmdline")) else { continue };
        let command = String::from_utf8_lossy(&command);
        if !command.contains(SHIM) || !command.contains(folder) {
            continue;
        }
        let children = children(&entry.path());
        if children.iter().any(|child| !name_of(*child).starts_with(RUNTIME)) {
            continue;
        }
        for process in children.into_iter().chain([id]).filter_map(Pid::from_raw) {
            // One that is gone already needs no signal.
            if let Err(error) = kill_process(process, Signal::KILL) {
                eprintln!("a process of a half-started container is gone: {error}");
            }
        }
        count += 1;
    }
    Ok(count)
}

/// Children belong to the thread that made them.
fn children(process: &Path) -> Vec<i32> {
    let threads = std::fs::read_dir(process.join("task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_ascii_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>())
        .collect()
}

fn name_of(process: i32) -> String {
    std::fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_else(|_| RUNTIME.to_owned())
}
