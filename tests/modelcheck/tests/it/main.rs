//! The protocol holds; without any of its guards it does not.

mod circles;
mod guards;
mod holds;
