//! The production database: dump, verify, snapshot, fingerprint, restore.
