//! Access tokens: who may come in, and as what. Only their hashes are here.

use std::time::Duration;

use domain::Role;
use jiff::Timestamp;

use crate::audit::Actor;
use crate::error::known;
use crate::{Result, Store, StoreError, sha256};

/// A token to be given out.
#[derive(Debug, Clone)]
pub struct New {
    /// The name that its holder's decisions are recorded under.
    pub holder: String,
    /// What the holder is.
    pub role: Role,
    /// The secret's [`fingerprint`].
    pub sha256: String,
    /// How long it may be used.
    pub lifetime: Duration,
}

/// A token on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What people call it.
    pub id: i64,
    /// The name that its holder's decisions are recorded under.
    pub holder: String,
    /// What the holder is.
    pub role: Role,
    /// Who gave it out.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// Who took it back before that.
    pub revoked_by: Option<String>,
    /// Whether it lets its holder in now.
    pub is_valid: bool,
}

/// Who shows a valid token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The name that decisions are recorded under.
    pub name: String,
    /// What the holder is.
    pub role: Role,
}

struct Row {
    id: i64,
    holder: String,
    role: String,
    created_by: String,
    created_at: jiff_sqlx::Timestamp,
    expires_at: jiff_sqlx::Timestamp,
    revoked_by: Option<String>,
    is_valid: bool,
}

impl TryFrom<Row> for Token {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Token {
            id: row.id,
            holder: row.holder,
            role: known("api_tokens.role", &row.role)?,
            created_by: row.created_by,
            created_at: row.created_at.to_jiff(),
            expires_at: row.expires_at.to_jiff(),
            revoked_by: row.revoked_by,
            is_valid: row.is_valid,
        })
    }
}

/// What is on record of a secret: whoever reads the records cannot get in with that.
pub fn fingerprint(secret: &str) -> String {
    sha256(secret)
}

impl Store {
    /// Puts a token on record and answers its id.
    ///
    /// # Errors
    /// A conflict if the same secret was given out before; then nothing is changed.
    pub async fn create_token(&self, new: &New, by: &Actor) -> Result<i64> {
        let mut tx = self.begin_as(by).await?;
        let id = sqlx::query_scalar!(
            "insert into api_tokens (holder, role, sha256, created_by, expires_at)
             values ($1, $2, $3, $4, now() + make_interval(secs => $5)) returning id",
            new.holder,
            new.role.as_str(),
            new.sha256,
            by.name,
            new.lifetime.as_secs_f64(),
        )
        .fetch_one(&mut *tx.0)
        .await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Every token, the newest first.
    pub async fn tokens(&self) -> Result<Vec<Token>> {
        let rows = sqlx::query_as!(
            Row,
            r#"select id, holder, role, created_by, created_at as "created_at: jiff_sqlx::Timestamp",
                      expires_at as "expires_at: jiff_sqlx::Timestamp", revoked_by,
                      revoked_at is null and expires_at > slipway_now() as "is_valid!"
               from api_tokens order by id desc"#
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(Token::try_from).collect()
    }

    /// The token of this number.
    pub async fn token(&self, id: i64) -> Result<Option<Token>> {
        Ok(self.tokens().await?.into_iter().find(|token| token.id == id))
    }

    /// Takes a token back; whether there is one of that number.
    ///
    /// # Idempotency
    /// One that was taken back stays as it is.
    pub async fn revoke_token(&self, id: i64, by: &Actor) -> Result<bool> {
        let mut tx = self.begin_as(by).await?;
        let revoked = sqlx::query!(
            "update api_tokens set revoked_by = coalesce(revoked_by, $2), revoked_at = coalesce(revoked_at, now())
             where id = $1",
            id,
            by.name,
        )
        .execute(&mut *tx.0)
        .await?;
        tx.commit().await?;
        Ok(revoked.rows_affected() == 1)
    }

    /// Whose token has this hash; `None` unless it is valid now.
    pub async fn token_holder(&self, sha256: &str) -> Result<Option<Holder>> {
        let row = sqlx::query!(
            "select holder, role from api_tokens
             where sha256 = $1 and revoked_at is null and expires_at > slipway_now()",
            sha256,
        )
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| Ok(Holder { role: known("api_tokens.role", &row.role)?, name: row.holder })).transpose()
    }
}
