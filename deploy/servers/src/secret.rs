//! Passwords of the private servers.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;

use anyhow::{Context, Result};

/// A password nobody can guess: 32 hexadecimal digits, safe in an address without escapes.
pub fn random() -> Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .context("read /dev/urandom")?;
    let mut secret = String::new();
    for byte in bytes {
        write!(secret, "{byte:02x}").context("write a password")?;
    }
    Ok(secret)
}
