//! What the operator says about an application on this machine.

use std::{collections::BTreeMap, fmt, path::PathBuf};

/// What an application on this machine consists of.
#[derive(Clone)]
pub struct ProcessSettings {
    /// Folder that the runtime owns; made if it is missing.
    pub root: PathBuf,
    /// The application's name, for people.
    pub name: String,
    /// Program and arguments that build a release inside its folder; empty: nothing is to be built.
    pub build: Vec<String>,
    /// Program and arguments that run the application inside its release folder.
    pub run: Vec<String>,
    /// Program and arguments that bring the data up to date, run once inside the new release's folder before it is
    /// started; empty: nothing is to be run.
    pub migrate: Vec<String>,
    /// The application's own environment, secrets resolved. It gets next to nothing of ours.
    pub env: BTreeMap<String, String>,
    /// How long the application may take to stop before it is killed.
    pub stop_timeout_seconds: u64,
    /// Whether the application is started again when it ends by itself.
    pub restart: bool,
    /// Program that runs [`super::keep`] when called with `keep <folder>`; this program if absent.
    pub keeper: Option<PathBuf>,
}

/// Values of the environment may be secrets, so only their names are shown.
impl fmt::Debug for ProcessSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ProcessSettings")
            .field("root", &self.root)
            .field("name", &self.name)
            .field("env", &self.env.keys())
            .finish_non_exhaustive()
    }
}
