//! What a person types to put a backup back without Slipway.

use super::name::{derived, identifier, literal};
use super::tools::{connection_string, hosts, ports};
use super::{Database, DatabaseError, Dump};

/// Stands for the time of day in a name.
const STAMP: &str = "YYYYMMDDHHMMSS";

/// Runs statements outside of the production database.
const SQL: &str =
    r#"sql() { client psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --dbname=postgres "$@"; }"#;

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
        let kept = derived(self.name(), "replaced", STAMP);
        let version = dump.server_version.major;
        Ok(format!(
            r"# Puts the backup of {taken} in the place of the database {production:?}.
# First stop everything that uses the database. Then paste all of this into bash, on a
# machine that has the backup file and {needs}.
# Nothing is deleted: the present database is kept under a name that begins with {kept:?}.
# If a command fails, the database stays as it is.
(
set -eu
{way}
{sql}
echo {checksum} | sha256sum --check --quiet
sql <<'SQL'
DROP DATABASE IF EXISTS {restored_id} WITH (FORCE);
{create};
SQL
client pg_restore --exit-on-error --dbname={connection} {archive}
{open}
{stamped} <<'SQL'
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
{swap}SQL
)
",
            taken = dump.verified_at.strftime("%Y-%m-%d %H:%M UTC"),
            production = self.name(),
            kept = kept.trim_end_matches(STAMP),
            needs = self.needs(version),
            way = self.way(version),
            sql = SQL,
            checksum = shell(&format!("{}  {}", dump.sha256, dump.path.display())),
            restored_id = identifier(&restored),
            create = properties.create_statement(&restored),
            connection = shell(&connection_string(&restored)),
            archive = self.archive(dump),
            open = open(self.name()),
            stamped = stamped(&kept),
            properties = properties.public_statements(&restored),
            restored_text = literal(&restored),
            production_text = literal(self.name()),
            swap = swap(self.name(), &restored),
        ))
    }

    /// Shell commands that put the promotion's snapshot back, to be pasted into bash as they are, as
    /// [`Database::restore`] does it. They hold no secret.
    ///
    /// # Idempotency
    /// The snapshot is used up: pasted again they fail and change nothing.
    pub async fn snapshot_instructions(&self, promotion: &str) -> Result<String, DatabaseError> {
        let copy = self.snapshot_name(promotion);
        let kept = derived(self.name(), "replaced", STAMP);
        let version = self.server_version().await?.major;
        Ok(format!(
            r"# Puts the copy made when the old version was stopped in the place of the database {production:?}.
# First stop everything that uses the database. Then paste all of this into bash, on a
# machine that has {needs}.
# Nothing is deleted: the present database is kept under a name that begins with {kept:?}.
# If a command fails, the database stays as it is.
(
set -eu
{way}
{sql}
{open}
{stamped} <<'SQL'
{swap}SQL
)
",
            production = self.name(),
            kept = kept.trim_end_matches(STAMP),
            needs = self.needs(version),
            way = self.way(version),
            sql = SQL,
            open = open(self.name()),
            stamped = stamped(&kept),
            swap = swap(self.name(), &copy),
        ))
    }

    /// What a machine must have to reach the server, for people.
    fn needs(&self, version: u32) -> String {
        match &self.inside {
            None => format!("the PostgreSQL {version} client programs"),
            Some(_) => "the docker command, where the database runs".to_owned(),
        }
    }

    /// Defines `client`, which runs a client program that reaches the server.
    fn way(&self, version: u32) -> String {
        let user = shell(self.config.get_user().unwrap_or("postgres"));
        let Some(inside) = self.inside.as_deref() else {
            let (host, port) = (shell(&hosts(&self.config)), shell(&ports(&self.config)));
            return format!(
                r#"export PGHOST={host} PGPORT={port} PGUSER={user}
export PATH="$PATH":/usr/lib/postgresql/{version}/bin
client() {{ "$@"; }}"#
            );
        };
        let (host, port) = (shell(&inside.host), shell(&inside.port));
        let name = shell(inside.container.name());
        let engine = inside.container.host().map(|it| format!("export DOCKER_HOST={}\n", shell(it)));
        let engine = engine.unwrap_or_default();
        // A program inside has no terminal to ask at.
        format!(
            r#"{engine}if [ -z "${{PGPASSWORD+set}}" ]; then
    read -rsp 'Password of the database user: ' PGPASSWORD < /dev/tty
fi
export PGPASSWORD
client() {{
    docker exec --interactive --env PGPASSWORD --env PGHOST={host} --env PGPORT={port} --env PGUSER={user} {name} "$@"
}}"#
        )
    }

    /// How `pg_restore` gets the archive.
    fn archive(&self, dump: &Dump) -> String {
        let file = shell(&dump.path.to_string_lossy());
        if self.inside.is_some() { format!("< {file}") } else { format!("--jobs=2 {file}") }
    }
}

/// Opens the production database whatever happens.
fn open(production: &str) -> String {
    let production = identifier(production);
    format!(
        "open() {{ sql <<'SQL'
ALTER DATABASE {production} WITH ALLOW_CONNECTIONS true;
SQL
}}
trap open EXIT"
    )
}

/// Runs statements that know under which name, of those like `kept`, the present database is kept.
fn stamped(kept: &str) -> String {
    let kept = shell(kept.trim_end_matches(STAMP));
    format!(r#"sql --set=kept={kept}"$(date --utc +%Y%m%d%H%M%S)" --output=/dev/null"#)
}

/// Sends everybody out and swaps the names.
fn swap(production: &str, earlier: &str) -> String {
    let (text, production, earlier) = (literal(production), identifier(production), identifier(earlier));
    format!(
        r#"ALTER DATABASE {production} WITH ALLOW_CONNECTIONS false;
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = {text} AND backend_type IS DISTINCT FROM 'autovacuum worker';
BEGIN;
ALTER DATABASE {production} RENAME TO :"kept";
ALTER DATABASE {earlier} RENAME TO {production};
COMMIT;
"#
    )
}

/// Quotes a word for the shell.
fn shell(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
