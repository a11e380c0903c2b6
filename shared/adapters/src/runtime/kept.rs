//! Whether an image that served before could serve again.

use anyhow::Result;

use super::Runtime;

impl Runtime {
    /// Whether the image with this id is still there.
    pub async fn keeps(&self, image: &str) -> Result<bool> {
        match self {
            Runtime::Docker(docker) => docker.keeps(image).await,
            Runtime::Process(process) => process.keeps(image),
        }
    }
}
