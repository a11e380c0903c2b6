//! When deployments may happen: the organization's time zone, windows and blackouts.
//!
//! There is one organization, so there is one profile. What is written here was checked before; the schema
//! refuses what cannot be true at all.

use domain::{ChangeType, Risk};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;

use crate::error::known;
use crate::{Result, Store, StoreError, Tx};

/// All of it at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The organization's time zone, an IANA name.
    pub zone: String,
    /// Its windows, the first made first.
    pub windows: Vec<Window>,
    /// Its blackouts, the first to begin first.
    pub blackouts: Vec<Blackout>,
    /// The database's clock when this was read.
    pub now: Timestamp,
}

/// A weekly time at which changes may be deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// What people call it beside its name.
    pub id: i64,
    /// What it says.
    pub rule: WindowRule,
    /// Who made it.
    pub created_by: String,
}

/// What a window says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowRule {
    /// Its name; no other window has it.
    pub name: String,
    /// The days on which it opens: mon to sun.
    pub days: Vec<String>,
    /// When it opens, HH:MM.
    pub opens: String,
    /// When it closes, HH:MM up to 24:00; before `opens` it is the next day.
    pub closes: String,
    /// Types of changes that it admits.
    pub change_types: Vec<ChangeType>,
    /// Risks that it admits.
    pub risks: Vec<Risk>,
    /// How many promotions may be under way at once in it.
    pub max_concurrent: Option<i32>,
    /// enforced or advisory.
    pub enforcement: String,
    /// Whether a promotion may start that might not end before it closes.
    pub allow_overrun: bool,
}

/// A time at which nothing is deployed but emergencies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blackout {
    /// What people call it beside its name.
    pub id: i64,
    /// What it says.
    pub rule: BlackoutRule,
    /// Who made it.
    pub created_by: String,
}

/// What a blackout says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlackoutRule {
    /// Why nothing is deployed meanwhile.
    pub name: String,
    /// Its first moment.
    pub starts_at: Timestamp,
    /// Its last moment.
    pub ends_at: Timestamp,
    /// Types of changes that it does not hold up.
    pub exempt: Vec<ChangeType>,
}

/// Keeps the windows as they are, and everybody else from starting a promotion, until the transaction ends.
pub async fn lock(tx: &mut Tx) -> Result<()> {
    sqlx::query!("select zone from profiles for update").fetch_one(&mut *tx.0).await?;
    Ok(())
}

/// All that is on record.
pub async fn read(tx: &mut Tx) -> Result<Profile> {
    let row = sqlx::query!(r#"select zone, slipway_now() as "now!: jiff_sqlx::Timestamp" from profiles"#)
        .fetch_one(&mut *tx.0)
        .await?;
    Ok(Profile {
        zone: row.zone,
        windows: read_windows(tx).await?,
        blackouts: read_blackouts(tx).await?,
        now: row.now.to_jiff(),
    })
}

async fn read_windows(tx: &mut Tx) -> Result<Vec<Window>> {
    let rows = sqlx::query!(
        "select id, name, days, opens, closes, change_types, risks, max_concurrent, enforcement, allow_overrun,
                created_by
         from windows order by id"
    )
    .fetch_all(&mut *tx.0)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Window {
                id: row.id,
                rule: WindowRule {
                    name: row.name,
                    days: row.days,
                    opens: row.opens,
                    closes: row.closes,
                    change_types: words("windows.change_types", &row.change_types)?,
                    risks: words("windows.risks", &row.risks)?,
                    max_concurrent: row.max_concurrent,
                    enforcement: row.enforcement,
                    allow_overrun: row.allow_overrun,
                },
                created_by: row.created_by,
            })
        })
        .collect()
}

async fn read_blackouts(tx: &mut Tx) -> Result<Vec<Blackout>> {
    let rows = sqlx::query!(
        r#"select id, name, starts_at as "starts_at: jiff_sqlx::Timestamp",
                  ends_at as "ends_at: jiff_sqlx::Timestamp", exempt, created_by
           from blackouts order by starts_at, id"#
    )
    .fetch_all(&mut *tx.0)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Blackout {
                id: row.id,
                rule: BlackoutRule {
                    name: row.name,
                    starts_at: row.starts_at.to_jiff(),
                    ends_at: row.ends_at.to_jiff(),
                    exempt: words("blackouts.exempt", &row.exempt)?,
                },
                created_by: row.created_by,
            })
        })
        .collect()
}

/// Writes the organization's time zone.
pub async fn set_zone(tx: &mut Tx, zone: &str) -> Result<()> {
    sqlx::query!("update profiles set zone = $1", zone).execute(&mut *tx.0).await?;
    Ok(())
}

/// Writes a window; answers its id.
///
/// # Errors
/// [`StoreError::Conflict`] on `windows_name_key`: there is one of this name.
pub async fn insert(tx: &mut Tx, rule: &WindowRule, by: &str) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        "insert into windows (name, days, opens, closes, change_types, risks, max_concurrent, enforcement,
                              allow_overrun, created_by)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning id",
        rule.name,
        &rule.days,
        rule.opens,
        rule.closes,
        &rule.change_types.iter().map(|it| it.as_str().to_owned()).collect::<Vec<_>>(),
        &rule.risks.iter().map(|it| it.as_str().to_owned()).collect::<Vec<_>>(),
        rule.max_concurrent,
        rule.enforcement,
        rule.allow_overrun,
        by,
    )
    .fetch_one(&mut *tx.0)
    .await?)
}

/// Removes a window; whether there was one.
pub async fn remove(tx: &mut Tx, id: i64) -> Result<bool> {
    let removed = sqlx::query!("delete from windows where id = $1", id).execute(&mut *tx.0).await?;
    Ok(removed.rows_affected() > 0)
}

/// Writes a blackout, unless the same one stands there already; whether it was written.
pub async fn insert_blackout(tx: &mut Tx, rule: &BlackoutRule, by: &str) -> Result<bool> {
    let written = sqlx::query!(
        "insert into blackouts (name, starts_at, ends_at, exempt, created_by) values ($1, $2, $3, $4, $5)
         on conflict on constraint blackouts_once do nothing",
        rule.name,
        rule.starts_at.to_sqlx() as jiff_sqlx::Timestamp,
        rule.ends_at.to_sqlx() as jiff_sqlx::Timestamp,
        &rule.exempt.iter().map(|it| it.as_str().to_owned()).collect::<Vec<_>>(),
        by,
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(written.rows_affected() > 0)
}

/// Removes a blackout; whether there was one.
pub async fn remove_blackout(tx: &mut Tx, id: i64) -> Result<bool> {
    let removed = sqlx::query!("delete from blackouts where id = $1", id).execute(&mut *tx.0).await?;
    Ok(removed.rows_affected() > 0)
}

impl Store {
    /// All that is on record.
    pub async fn profile(&self) -> Result<Profile> {
        let mut tx = self.begin().await?;
        read(&mut tx).await
    }
}

fn words<T: std::str::FromStr>(column: &'static str, texts: &[String]) -> Result<Vec<T>, StoreError> {
    texts.iter().map(|text| known(column, text)).collect()
}
