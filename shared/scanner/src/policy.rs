//! What an organization allows. It comes from the base of a change or from Slipway's records, never from the change.

use serde::Deserialize;

/// What is allowed; the default suits a tree that nobody wrote a policy for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// What fingerprints are keyed with, so that nobody can try guesses of a secret against one. Accepted findings
    /// hold for one key only.
    pub fingerprint_key: String,
    /// Where the application may connect to.
    pub network: Network,
}

/// Where the application may connect to.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// Names of hosts; they match whole.
    pub hosts: Vec<String>,
}
