//! What a finding is recognised by when the lines around it move.

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// How many bytes of the hash are kept: enough that no two findings of a tree meet.
const LENGTH: usize = 16;

/// A keyed hash of rule, path, normalised tokens and which of several equal ones it is; never of a line number.
pub(crate) fn of(key: &str, rule: &str, path: &str, identity: &str, ordinal: usize) -> String {
    let mut hash = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
    for part in [rule, path, &normal(identity), &ordinal.to_string()] {
        // The lengths keep one part from reaching into the next.
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    HEXLOWER.encode(&hash.finalize().into_bytes()[..LENGTH])
}

/// The words of it, one space apart: how a statement is wrapped and indented is no difference.
pub(crate) fn normal(identity: &str) -> String {
    identity.split_whitespace().collect::<Vec<_>>().join(" ")
}
