//! Packages of others: manifests and lock files.

use crate::change::{ChangeSet, ChangedFile};
use crate::policy::Policy;
use crate::sighting::Sighting;

/// Everything of this kind in the change, with the file that it is about.
pub(crate) fn look<'c>(_change: &'c ChangeSet, _policy: &Policy) -> Vec<(&'c ChangedFile, Sighting)> {
    Vec::new()
}
