//! Whether the two versions may work with the same data for a while.

/// Why the old version must be stopped before the new one starts, whatever the installation says; for people.
///
/// `changes_schema` is what the change set tells of itself; what nobody looked at counts as yes.
pub(crate) fn must_stop_first(changes_schema: Option<bool>, is_rollback: bool) -> Option<&'static str> {
    match (changes_schema, is_rollback) {
        (_, true) => Some("an earlier version comes back, whose data may be of another structure"),
        (Some(false), false) => None,
        (Some(true), false) => Some("the new version changes the structure of the database"),
        (None, false) => Some("nobody knows whether the new version changes the structure of the database"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_versions_work_together_only_where_the_structure_stays() {
        for (changes_schema, is_rollback, expected) in [
            (Some(false), false, None),
            (Some(true), false, Some("changes the structure")),
            (None, false, Some("nobody knows")),
            (Some(false), true, Some("an earlier version")),
            (None, true, Some("an earlier version")),
        ] {
            let why = must_stop_first(changes_schema, is_rollback);
            assert_eq!(why.is_some(), expected.is_some(), "{changes_schema:?} {is_rollback}");
            assert!(why.unwrap_or_default().contains(expected.unwrap_or_default()), "{why:?}");
        }
    }
}
