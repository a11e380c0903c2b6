//! The inventory of digital products and the backlog of operations, over HTTP.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One version of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductVersion {
    /// The installation's name.
    pub installation: String,
    /// The product's name.
    pub product: String,
    /// From 1, by the order of registration.
    pub version: u32,
    /// `active` while it is in production, `registered` on its way there, `replaced` by another version, `withdrawn` if
    /// it did not get there or was taken back.
    pub state: String,
    /// The promotion that brings it, `CP-…`.
    pub promotion: String,
    /// Its build, `FB-…`.
    pub build: String,
    /// When it was registered.
    pub registered_at: Timestamp,
}

/// A feature in the backlog of operations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epic {
    /// `EP-…`, with the digits of its build.
    pub id: String,
    /// Its build, `FB-…`.
    pub build: String,
    /// The feature's name.
    pub title: String,
    /// `done` once it is in production somewhere, `open` before.
    pub state: String,
    /// When it was added.
    pub opened_at: Timestamp,
}
