//! Names of databases: quoting them, and making one for a copy.

use domain::PromotionId;
use postgres_protocol::escape::{escape_identifier, escape_literal};

use super::hash;

/// What the databases are for that Slipway makes beside a production database.
const ROLES: [&str; 6] = ["failed", "pre", "ready", "rehearsal", "replaced", "restore"];

/// Any promotion: all their names are equally long.
const SAMPLE: &str = "CP-00000000";

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

/// What all names begin with that [`derived`] gives for promotions.
pub(super) fn prefix(database: &str, role: &str) -> String {
    let name = derived(database, role, SAMPLE);
    name.strip_suffix(SAMPLE).unwrap_or(&name).to_owned()
}

/// Whether [`derived`] gave the name, for a promotion and whichever database.
pub(super) fn is_derived(name: &str) -> bool {
    let role = name.rsplit_once("__").and_then(|(_, tail)| tail.split_once('_'));
    role.is_some_and(|(role, of)| ROLES.contains(&role) && of.parse::<PromotionId>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_slipway_made_is_told_from_what_others_have() {
        for database in ["shop", "a__b", &"long".repeat(15)] {
            for role in ROLES {
                let name = derived(database, role, "CP-0123ABCD");
                assert!(is_derived(&name) && name.starts_with(&prefix(database, role)), "{name}");
            }
        }
        for name in [
            "shop",
            "shop__failed",
            "shop__failed_orders",
            "shop__old_CP-0123ABCD",
            "shop_failed_CP-0123ABCD",
        ] {
            assert!(!is_derived(name), "{name}");
        }
    }
}
