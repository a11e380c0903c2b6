//! Room for another image on the engine's disk.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::Docker;
use crate::disk;
use crate::runtime::ImageRoom;

impl Docker {
    pub(in crate::runtime) async fn room_for_image(&self) -> Result<Option<ImageRoom>> {
        let info = self.engine.fetch("/info").await.context("asking the engine for its folder")?;
        let folder = info.as_ref().and_then(|it| it["DockerRootDir"].as_str());
        // An engine in a virtual machine names a folder of that one.
        let Some(folder) = folder.filter(|it| Path::new(it).is_dir()) else { return Ok(None) };
        let Some(live) = self.named(&self.settings.container).await? else { return Ok(None) };
        let Some(size) = self.image(live.image()).await?.and_then(|it| it["Size"].as_u64()) else {
            return Ok(None);
        };
        // The new image, and the layers that its build makes on the way.
        let needed_bytes = size.saturating_mul(2);
        let free_bytes = disk::free_bytes(Path::new(folder))?;
        Ok(Some(ImageRoom { folder: folder.to_owned(), free_bytes, needed_bytes }))
    }
}
