//! Names of databases: quoting them, and making one for a copy.

use postgres_protocol::escape::{escape_identifier, escape_literal};

use super::hash;

/// Longer names are cut by the server without an error, which would make two names one.
const NAME_MAX_BYTES: usize = 63;

/// Bytes that a shortened name spends on telling long names apart: `_` and eight hex digits.
const HASH_BYTES: usize = 9;

/// Quotes a name for SQL.
pub(super) fn identifier(name: &str) -> String {
    escape_identifier(name)
}

/// Quotes a value for SQL statements that take no parameters.
pub(super) fn literal(value: &str) -> String {
    // The quoting function may put a blank before an escape string.
    escape_literal(value).trim_start().to_owned()
}

/// `<database>__<role>_<of>`, the database's part shortened by a hash where the whole is too long.
pub(super) fn derived(database: &str, role: &str, of: &str) -> String {
    let suffix = format!("__{role}_{of}");
    let whole = format!("{database}{suffix}");
    if whole.len() <= NAME_MAX_BYTES {
        return whole;
    }
    let hash = hash::of(database);
    let room = NAME_MAX_BYTES.saturating_sub(suffix.len() + HASH_BYTES);
    let kept = &database[..database.floor_char_boundary(room)];
    format!("{kept}_{}{suffix}", &hash[..HASH_BYTES - 1])
}
