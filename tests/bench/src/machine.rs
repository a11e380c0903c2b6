//! Where and of what the measuring was done.

use std::fs;
use std::process::Command;

/// Date, version of the source, processors, memory, kernel, and how this program was built: for the report.
pub(crate) fn description() -> String {
    let processors = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total =
        memory.lines().next().and_then(|line| line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{}, commit {}, {processors} processors, {} GB of memory, Linux {}, built {} optimization",
        jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC"),
        commit(),
        total.unwrap_or_default() / 1_000_000,
        kernel.trim(),
        if cfg!(debug_assertions) { "without" } else { "with" },
    )
}

/// How busy the machine is: how many programs wanted a processor at a time in the last minute.
pub(crate) fn load() -> String {
    let processors = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let loads = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!("a load of {} on {processors} processors", loads.split(' ').next().unwrap_or("unknown"))
}

/// The commit that was checked out.
pub(crate) fn commit() -> String {
    let output =
        Command::new("git").args(["rev-parse", "--short", "HEAD"]).current_dir(crate::FOLDER).output();
    let text = output
        .ok()
        .filter(|it| it.status.success())
        .map(|it| String::from_utf8_lossy(&it.stdout).into_owned());
    text.as_deref().map_or("unknown", str::trim).to_owned()
}
