//! The adapters against real servers.

mod docker;
