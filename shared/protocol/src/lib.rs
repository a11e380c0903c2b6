//! Everything that crosses a process boundary: messages on the broker and bodies over HTTP.
//!
//! A type here is a promise to programs that were not built with this one. Fields are added, never
//! changed or removed; a change of meaning is a new version beside the old one.

pub mod choice;
pub mod decision;
pub mod event;
mod fields;
pub mod gates;
pub mod http;
pub mod inventory;
pub mod job;
pub mod output;
pub mod question;
pub mod ship;
pub mod verification;
pub mod window;

pub use choice::{CancelMessage, ChoiceMessage};
pub use event::{Kind, ProgressEvent};
pub use fields::InvalidMessage;
pub use job::JobMessage;
pub use ship::ShipMessage;
pub use verification::Verification;

/// The largest message that is sent or taken, in bytes: messages carry ids, never dumps or logs.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;
