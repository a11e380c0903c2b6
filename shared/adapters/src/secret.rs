//! Secrets by reference: where to read them, never what they are.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// Where a secret is read from when it is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    // Says nothing of what stands there instead: it may be the secret itself.
    expecting = "must be { env = \"NAME\" } or { file = \"/path\" }; a secret itself is never written down"
)]
pub enum SecretRef {
    /// An environment variable.
    Env {
        /// Its name.
        env: String,
    },
    /// The first line of a file.
    File {
        /// Its path.
        file: PathBuf,
    },
}

impl SecretRef {
    /// Reads the secret.
    ///
    /// # Errors
    /// When the variable is not set or the file cannot be read; the text names the reference only.
    pub fn read(&self) -> Result<String> {
        match self {
            SecretRef::Env { env: name } => {
                std::env::var(name).with_context(|| format!("read the environment variable {name}"))
            }
            SecretRef::File { file: path } => {
                let text =
                    std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
                Ok(text.lines().next().unwrap_or_default().to_owned())
            }
        }
    }
}
