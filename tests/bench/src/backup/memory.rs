//! The memory that this process needs, as the kernel counts it.

use std::fs;

use anyhow::{Context, Result};

/// Watches for the most memory that is used from now on.
pub(crate) struct Peak {
    before_bytes: u64,
}

/// What a piece of work needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memory {
    /// The most that the process used, all told.
    pub(crate) peak_bytes: u64,
    /// How much more that is than before.
    pub(crate) more_bytes: u64,
}

impl Peak {
    /// Forgets what was used before.
    pub(crate) fn reset() -> Result<Self> {
        // The kernel's word for "let the peak be what is used now".
        fs::write("/proc/self/clear_refs", "5").context("reset the count of this process's memory")?;
        Ok(Self { before_bytes: peak_bytes()? })
    }

    /// What was needed since.
    pub(crate) fn needed(&self) -> Result<Memory> {
        let peak_bytes = peak_bytes()?;
        Ok(Memory { peak_bytes, more_bytes: peak_bytes.saturating_sub(self.before_bytes) })
    }
}

fn peak_bytes() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status").context("ask for this process's memory")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_ascii_whitespace().next()?.parse::<u64>().ok());
    Ok(kilobytes.context("read the most memory that this process used")? << 10)
}
