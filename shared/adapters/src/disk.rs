//! A disk that is full.

use std::io;
use std::path::Path;

use anyhow::{Context, Result};
use rustix::fs::statvfs;

/// What every program of the C library, and every engine that runs one, says of a full disk.
const SAID: &str = "no space left on device";

/// Whether a full disk, or an account that may use no more of it, is among the causes.
pub fn is_full(error: &anyhow::Error) -> bool {
    let told = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    told.map(io::Error::kind).any(is_full_kind) || says_full(&format!("{error:#}"))
}

/// Whether a program's words speak of a full disk.
pub fn says_full(words: &str) -> bool {
    words.to_ascii_lowercase().contains(SAID)
}

/// The same for what the system said.
pub(crate) fn is_full_kind(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// What this process may still write there.
pub(crate) fn free_bytes(folder: &Path) -> Result<u64> {
    let space = statvfs(folder).with_context(|| format!("ask for the free space in {}", folder.display()))?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_full_disk_is_told_from_other_troubles() {
        let cases = [
            (true, anyhow!(io::Error::from(io::ErrorKind::StorageFull)).context("write the manifest")),
            (true, anyhow!(io::Error::from(io::ErrorKind::QuotaExceeded))),
            (true, anyhow!("write /layers/1: No space left on device").context("build")),
            (false, anyhow!(io::Error::from(io::ErrorKind::PermissionDenied)).context("write the manifest")),
            (false, anyhow!("the build ended with 1")),
        ];
        for (expected, error) in cases {
            assert_eq!(is_full(&error), expected, "{error:#}");
        }
    }
}
