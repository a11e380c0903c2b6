//! Whether a feature may change the structure of the database.

use std::path::Path;

use super::{ChangeSet, Kind};

/// The folder in which nearly every tool keeps the changes of a database's structure.
const FOLDER: &str = "migrations";

/// The file in which one describes the whole structure.
const SCHEMA: &str = "schema.prisma";

impl ChangeSet {
    /// Whether the feature may change the structure of the database, as far as the names of its files tell.
    pub fn changes_schema(&self) -> bool {
        self.changes.iter().any(|change| {
            is_migration(&change.path) || matches!(&change.kind, Kind::Renamed { from } if is_migration(from))
        })
    }
}

fn is_migration(path: &str) -> bool {
    let (folders, file) = path.rsplit_once('/').unwrap_or(("", path));
    let file = file.to_ascii_lowercase();
    folders.split('/').any(|folder| folder.eq_ignore_ascii_case(FOLDER))
        || file == SCHEMA
        || Path::new(&file).extension().is_some_and(|it| it == "sql")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_told_by_their_names() {
        let cases = [
            ("migrations/0007_show_gross_prices.sql", true),
            ("packages/db/prisma/migrations/20261122/migration.sql", true),
            ("app/Migrations/AddOrders.cs", true),
            ("migrations/0002_orders.py", true),
            ("db/views.SQL", true),
            ("prisma/schema.prisma", true),
            ("schema.prisma", true),
            ("migrations", false),
            ("docs/migrations.md", false),
            ("src/sql.rs", false),
            ("pages/orders.html", false),
            ("old-migrations/x.txt", false),
        ];
        for (path, expected) in cases {
            assert_eq!(is_migration(path), expected, "{path}");
        }
    }
}
