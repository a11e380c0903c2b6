//! What a person types to put a backup back without Slipway.

use super::name::{derived, identifier, literal};
use super::tools::{connection_string, hosts, ports};
use super::{Database, DatabaseError, Dump};

impl Database {
    /// Shell commands that restore the backup, to be pasted into bash as they are. They take
    /// the same way as [`Database::restore`] and hold no secret: the password is asked for, and
    /// what the application keeps in settings of its own is copied from the present database.
    ///
    /// # Errors
    /// [`DatabaseError::Damaged`] if the backup's record is missing.
    ///
    /// # Idempotency
    /// Pasted again after a failure they begin anew; pasted again after success they do the same once more.
    pub fn restore_instructions(&self, dump: &Dump) -> Result<String, DatabaseError> {
        let properties = dump.properties()?;
        let restored = derived(self.name(), "restored", &dump.sha256[..8]);
        let kept = derived(self.name(), "replaced", "YYYYMMDDHHMMSS");
        let kept = kept.trim_end_matches("YYYYMMDDHHMMSS");
        let production = self.name();
        let file = shell(&dump.path.to_string_lossy());
        let client = dump.server_version.major;
        Ok(format!(
            r#"# Puts the backup of {taken} in the place of the database {production:?}.
# First stop everything that uses the database. Then paste all of this into bash, on a
# machine that has the backup file and the PostgreSQL {client} client programs.
# Nothing is deleted: the present database is kept under a name that begins with {kept:?}.
# If a command fails, the database stays as it is.
(
set -eu
export PGHOST={host} PGPORT={port} PGUSER={user}
export PATH="$PATH":/usr/lib/postgresql/{client}/bin
sql() {{ psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --dbname=postgres "$@"; }}
echo {checksum} | sha256sum --check --quiet
sql <<'SQL'
DROP DATABASE IF EXISTS {restored_id} WITH (FORCE);
{create};
SQL
pg_restore --exit-on-error --jobs=2 --dbname={connection} {file}
open() {{ sql <<'SQL'
ALTER DATABASE {production_id} WITH ALLOW_CONNECTIONS true;
SQL
}}
trap open EXIT
sql --set=kept={kept_shell}"$(date --utc +%Y%m%d%H%M%S)" --output=/dev/null <<'SQL'
{properties}SELECT format(
    'ALTER %sDATABASE %I SET %s TO %L',
    'ROLE ' || quote_ident(rolname) || ' IN ',
    {restored_text},
    (SELECT string_agg(quote_ident(part), '.') FROM string_to_table(split_part(assignment, '=', 1), '.') part),
    substr(assignment, strpos(assignment, '=') + 1)
)
FROM pg_database d
JOIN pg_db_role_setting s ON s.setdatabase = d.oid
CROSS JOIN unnest(s.setconfig) assignment
LEFT JOIN pg_roles r ON r.oid = s.setrole
WHERE d.datname = {production_text} AND split_part(assignment, '=', 1) LIKE '%.%' \gexec
ALTER DATABASE {production_id} WITH ALLOW_CONNECTIONS false;
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = {production_text} AND backend_type IS DISTINCT FROM 'autovacuum worker';
BEGIN;
ALTER DATABASE {production_id} RENAME TO :"kept";
ALTER DATABASE {restored_id} RENAME TO {production_id};
COMMIT;
SQL
)
"#,
            taken = dump.verified_at.strftime("%Y-%m-%d %H:%M UTC"),
            host = shell(&hosts(&self.config)),
            port = shell(&ports(&self.config)),
            user = shell(self.config.get_user().unwrap_or("postgres")),
            checksum = shell(&format!("{}  {}", dump.sha256, dump.path.display())),
            restored_id = identifier(&restored),
            create = properties.create_statement(&restored),
            connection = shell(&connection_string(&restored)),
            kept_shell = shell(kept),
            properties = properties.public_statements(&restored),
            production_id = identifier(production),
            production_text = literal(production),
            restored_text = literal(&restored),
        ))
    }
}

/// Quotes a word for the shell.
fn shell(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
