//! What a backup of the production database does not hold.

use anyhow::Context;

use super::name::is_derived;
use super::{Database, DatabaseError, MAINTENANCE};

impl Database {
    /// What a backup of this database leaves out, for people: other databases of its server by name, and all that is
    /// no database.
    pub async fn not_covered(&self) -> Result<String, DatabaseError> {
        let client = self.client().await?;
        let rows = client
            .query("SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY datname", &[])
            .await
            .context("list the databases of the server")?;
        let others: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let others: Vec<_> = others.iter().map(String::as_str).filter(|it| self.is_foreign(it)).collect();
        Ok(sentence(self.name(), &others))
    }

    /// Whether a database of the server is neither this one nor one that the server or Slipway needs.
    fn is_foreign(&self, other: &str) -> bool {
        other != self.name() && other != MAINTENANCE && !is_derived(other)
    }
}

fn sentence(database: &str, others: &[&str]) -> String {
    let others = match others {
        [] => String::new(),
        [one] => format!("the database {one} on the same server, "),
        many => format!("the databases {} on the same server, ", many.join(", ")),
    };
    format!(
        "Only the database {database} is in it. Not in it are: {others}users and their passwords, and what the \
         application keeps elsewhere, such as files, volumes and other stores. Neither a rollback nor a restore brings \
         these back; back them up by themselves."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_named() {
        let cases: [(&[&str], &str); 3] = [
            (&[], "Not in it are: users and"),
            (&["inngest"], "Not in it are: the database inngest on the same server, users and"),
            (
                &["inngest", "stats"],
                "Not in it are: the databases inngest, stats on the same server, users and",
            ),
        ];
        for (others, expected) in cases {
            let said = sentence("shop", others);
            assert!(
                said.starts_with("Only the database shop is in it. ") && said.contains(expected),
                "{said}"
            );
        }
    }
}
