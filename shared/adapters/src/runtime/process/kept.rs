//! Releases of earlier versions.

use anyhow::Result;

use super::{Process, plain};

impl Process {
    pub(in crate::runtime) fn keeps(&self, image: &str) -> Result<bool> {
        self.releases().contains(&plain(image)?)
    }
}
