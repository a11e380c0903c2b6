//! What belongs to a database as a whole and is in no copy of its contents: owner, locale,
//! settings, grants, limits.
//!
//! Applications keep secrets in settings of their own (`app.token`), so that none of this can be
//! printed and it is stored only beside the backup file, which holds as much.

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tokio_postgres::Client;

use super::DatabaseError;
use super::name::{identifier, literal};

/// Settings whose value is a list of names; the server stores them already quoted.
const LISTS: [&str; 6] = [
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
];

/// Everything needed to make an equal, empty database, except its name.
#[derive(Serialize, Deserialize)]
pub(super) struct Properties {
    owner: String,
    /// Where it is not the server's usual one, which nobody but a superuser may name.
    tablespace: Option<String>,
    encoding: String,
    collate: String,
    ctype: String,
    /// `libc`, `icu` or `builtin`; servers before 15 know only the first and do not say so.
    provider: Option<String>,
    /// Locale of the provider, where it is not `libc`.
    locale: Option<String>,
    icu_rules: Option<String>,
    connection_limit: i32,
    comment: Option<String>,
    settings: Vec<Setting>,
    grants: Vec<Grant>,
}

/// For one role in this database, or for all.
#[derive(Serialize, Deserialize)]
struct Setting {
    role: Option<String>,
    name: String,
    value: String,
}

/// One privilege on the database; `role` is `None` for everybody.
#[derive(Serialize, Deserialize)]
struct Grant {
    role: Option<String>,
    privilege: String,
    grantable: bool,
}

impl Properties {
    /// Reads them from a connection to any database of the server.
    pub(super) async fn read(client: &Client, database: &str) -> Result<Self, DatabaseError> {
        // Columns that only some versions have are read by way of JSON.
        let row = client
            .query_opt(
                "SELECT d.oid, pg_get_userbyid(d.datdba),
                        CASE WHEN t.oid <> usual.dattablespace THEN t.spcname END, pg_encoding_to_char(d.encoding)::text,
                        d.datcollate::text, d.datctype::text,
                        CASE j->>'datlocprovider' WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' WHEN 'c' THEN 'libc' END,
                        coalesce(j->>'datlocale', j->>'daticulocale'), j->>'daticurules',
                        d.datconnlimit, shobj_description(d.oid, 'pg_database')
                 FROM pg_database d
                 JOIN pg_tablespace t ON t.oid = d.dattablespace
                 JOIN pg_database usual ON usual.datname = 'template0'
                 CROSS JOIN to_jsonb(d) j
                 WHERE d.datname = $1",
                &[&database],
            )
            .await
            .context("read the properties of a database")?
            .ok_or_else(|| DatabaseError::Missing { database: database.to_owned() })?;
        let oid = row.get(0);
        Ok(Self {
            owner: row.get(1),
            tablespace: row.get(2),
            encoding: row.get(3),
            collate: row.get(4),
            ctype: row.get(5),
            provider: row.get(6),
            locale: row.get(7),
            icu_rules: row.get(8),
            connection_limit: row.get(9),
            comment: row.get(10),
            settings: settings(client, oid).await?,
            grants: grants(client, oid).await?,
        })
    }

    /// The statement that makes an empty database of this kind.
    pub(super) fn create_statement(&self, name: &str) -> String {
        let mut sql = format!(
            "CREATE DATABASE {} WITH TEMPLATE template0 OWNER {} ENCODING {} LC_COLLATE {} LC_CTYPE {}",
            identifier(name),
            identifier(&self.owner),
            literal(&self.encoding),
            literal(&self.collate),
            literal(&self.ctype),
        );
        let mut option = |keyword: &str, value: &str| {
            sql.push(' ');
            sql.push_str(keyword);
            sql.push(' ');
            sql.push_str(value);
        };
        if let Some(tablespace) = &self.tablespace {
            option("TABLESPACE", &identifier(tablespace));
        }
        if let Some(provider) = &self.provider {
            option("LOCALE_PROVIDER", provider);
            if let Some(locale) = &self.locale {
                let keyword = if provider == "icu" { "ICU_LOCALE" } else { "BUILTIN_LOCALE" };
                option(keyword, &literal(locale));
            }
        }
        if let Some(rules) = &self.icu_rules {
            option("ICU_RULES", &literal(rules));
        }
        sql
    }

    /// The statements that give the database `name` everything beyond its creation. They can be
    /// run again, and together form one transaction.
    pub(super) fn apply_statements(&self, name: &str) -> String {
        self.statements(name, |_| true)
    }

    /// As [`Properties::apply_statements`], without what the application set for itself.
    pub(super) fn public_statements(&self, name: &str) -> String {
        self.statements(name, |setting| !setting.name.contains('.'))
    }

    fn statements(&self, name: &str, wanted: impl Fn(&Setting) -> bool) -> String {
        let database = identifier(name);
        let owner = identifier(&self.owner);
        let comment = self.comment.as_deref().map_or("NULL".to_owned(), literal);
        let limit = self.connection_limit;
        let mut statements = vec![
            format!("ALTER DATABASE {database} OWNER TO {owner}"),
            format!("ALTER DATABASE {database} CONNECTION LIMIT {limit}"),
            format!("COMMENT ON DATABASE {database} IS {comment}"),
            format!("ALTER DATABASE {database} RESET ALL"),
            format!("REVOKE ALL ON DATABASE {database} FROM PUBLIC, {owner}"),
        ];
        let settings = self.settings.iter().filter(|it| wanted(it));
        statements.extend(settings.map(|it| it.statement(&database)));
        statements.extend(self.grants.iter().map(|it| it.statement(&database)));
        statements.iter().fold(String::new(), |mut sql, statement| {
            sql.push_str(statement);
            sql.push_str(";\n");
            sql
        })
    }
}

impl Setting {
    fn statement(&self, database: &str) -> String {
        let name: Vec<_> = self.name.split('.').map(identifier).collect();
        let value = if LISTS.contains(&self.name.as_str()) {
            let elements: Vec<_> = elements(&self.value).iter().map(|it| literal(it)).collect();
            elements.join(", ")
        } else {
            literal(&self.value)
        };
        let target = match &self.role {
            Some(role) => format!("ROLE {} IN DATABASE {database}", identifier(role)),
            None => format!("DATABASE {database}"),
        };
        format!("ALTER {target} SET {} TO {value}", name.join("."))
    }
}

impl Grant {
    fn statement(&self, database: &str) -> String {
        let role = self.role.as_deref().map_or("PUBLIC".to_owned(), identifier);
        let mut sql = format!("GRANT {} ON DATABASE {database} TO {role}", self.privilege);
        if self.grantable {
            sql.push_str(" WITH GRANT OPTION");
        }
        sql
    }
}

/// Takes a stored list of names apart: `"$user", public` is `$user` and `public`.
fn elements(list: &str) -> Vec<String> {
    let mut finished = Vec::new();
    let mut current = String::new();
    let mut quoted = false;
    let mut characters = list.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.next_if_eq(&'"').is_some() => current.push('"'),
            '"' => quoted = !quoted,
            ',' if !quoted => finished.push(std::mem::take(&mut current)),
            blank if !quoted && blank.is_whitespace() => {}
            other => current.push(other),
        }
    }
    finished.push(current);
    finished
}

async fn settings(client: &Client, oid: u32) -> Result<Vec<Setting>, DatabaseError> {
    let rows = client
        .query(
            "SELECT r.rolname, split_part(assignment, '=', 1), substr(assignment, strpos(assignment, '=') + 1)
             FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) assignment
             LEFT JOIN pg_roles r ON r.oid = s.setrole
             WHERE s.setdatabase = $1 AND (s.setrole = 0 OR r.oid IS NOT NULL)
             ORDER BY 1 NULLS FIRST, 2",
            &[&oid],
        )
        .await
        .context("read the settings of a database")?;
    let setting =
        |row: &tokio_postgres::Row| Setting { role: row.get(0), name: row.get(1), value: row.get(2) };
    Ok(rows.iter().map(setting).collect())
}

async fn grants(client: &Client, oid: u32) -> Result<Vec<Grant>, DatabaseError> {
    let rows = client
        .query(
            "SELECT r.rolname, a.privilege_type, a.is_grantable
             FROM pg_database d
             CROSS JOIN aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
             LEFT JOIN pg_roles r ON r.oid = a.grantee
             WHERE d.oid = $1 AND (a.grantee = 0 OR r.oid IS NOT NULL)
             ORDER BY 1 NULLS FIRST, 2, 3",
            &[&oid],
        )
        .await
        .context("read the grants of a database")?;
    let grant =
        |row: &tokio_postgres::Row| Grant { role: row.get(0), privilege: row.get(1), grantable: row.get(2) };
    Ok(rows.iter().map(grant).collect())
}
