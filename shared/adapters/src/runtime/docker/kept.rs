//! Images of earlier versions.

use anyhow::Result;

use super::Docker;

impl Docker {
    pub(in crate::runtime) async fn keeps(&self, image: &str) -> Result<bool> {
        Ok(self.image(image).await?.is_some())
    }
}
