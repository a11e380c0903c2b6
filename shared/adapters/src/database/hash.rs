//! Hashes as text.

use sha2::{Digest, Sha256};

/// Ends a hash and writes it as lowercase hex digits.
pub(super) fn finish(hash: Sha256) -> String {
    let digits = hash.finalize();
    let digits = digits.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}

/// The hash of a text.
pub(super) fn of(text: &str) -> String {
    finish(Sha256::new_with_prefix(text))
}
