//! The four security gates: what a feature's change would bring into production, and what of it a person should see
//! first, or nobody at all.
//!
//! A pure function of a change and a policy; no network, no process, no clock. The same change gives the same report.
//!
//! ```text
//! ChangeSet ─┬─ script   TypeScript and JavaScript, by syntax tree ─┐
//!            ├─ sql      migrations, by syntax tree                 ├─▶ Sighting ─▶ Finding ─▶ Report
//!            ├─ secret   every file type, by text                   │   (only what the change brings,
//!            ├─ unseen   text that reads otherwise than it runs     │    each with a stable fingerprint)
//!            ├─ layout   places and imports                         │
//!            └─ supply   manifests and lock files                   ┘
//! ```

#![expect(dead_code, reason = "the report, which calls the engines, is not here yet")]

pub mod change;
pub mod finding;
mod layout;
pub mod policy;
mod script;
mod secret;
mod sighting;
mod sql;
mod supply;
mod unseen;
