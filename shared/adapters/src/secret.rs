//! Secrets by reference: where to read them, never what they are.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// Where a secret is read from when it is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SecretRef {
    /// The environment variable with this name.
    Env(String),
    /// The first line of this file.
    File(PathBuf),
}

impl SecretRef {
    /// Reads the secret.
    ///
    /// # Errors
    /// When the variable is not set or the file cannot be read; the text names the reference only.
    pub fn read(&self) -> Result<String> {
        match self {
            SecretRef::Env(name) => {
                std::env::var(name).with_context(|| format!("read the environment variable {name}"))
            }
            SecretRef::File(path) => {
                let text =
                    std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
                Ok(text.lines().next().unwrap_or_default().to_owned())
            }
        }
    }
}
