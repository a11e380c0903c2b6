//! The audit trail: who decided what, when, from where, and what it changed.
//!
//! The database writes it, by triggers, in the transaction of the change itself: nothing that people change
//! stays off it, and nothing stands on it that was not done. Each entry holds the hash of the one before, so
//! that none can be changed or removed without being found out by [`Store::verify_audit`].
//!
//! The triggers write it with the rights of the tables' owner; no process has any to it but to read. Who did
//! something and from where is what the process says that made the change; as which user of the database it came
//! is what the database knows.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::{Result, Store, Tx, sha256};

/// How many entries are read at once.
const PAGE: i64 = 500;

/// In whose name something is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The person's name.
    pub name: String,
    /// Where the call came from.
    pub from: String,
}

/// One entry as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place, from 1.
    pub number: i64,
    /// The JSON that is hashed.
    pub entry: String,
    /// SHA-256 of that JSON.
    pub hash: String,
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Said {
    /// Its place, from 1.
    pub number: i64,
    /// When, by the database's clock.
    pub at: Timestamp,
    /// Who.
    pub who: String,
    /// From where.
    pub from: String,
    /// As which user of the database the process came that wrote it; `None` in entries of before it was written.
    pub login: Option<String>,
    /// What was done: a table and `insert`, `update` or `delete`.
    pub action: String,
    /// What it was done to.
    pub subject: Option<String>,
    /// What was there before, of what changed.
    pub before: Option<Value>,
    /// What is there now, of what changed.
    pub after: Option<Value>,
    /// Hash of the entry before.
    pub previous: String,
}

/// What became of the trail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// How many entries there are.
    pub entries: i64,
    /// Hash of the last one. Whoever keeps it elsewhere can prove later that nothing before it was changed.
    pub head: String,
    /// What is wrong, one sentence each; none where nobody touched the trail.
    pub problems: Vec<String>,
}

impl Entry {
    /// What it says; `None` where it cannot be read, which only happens when somebody changed it.
    pub fn said(&self) -> Option<Said> {
        serde_json::from_str(&self.entry).ok()
    }
}

/// Follows the chain from its first entry on.
struct Chain {
    number: i64,
    hash: String,
    problems: Vec<String>,
}

impl Chain {
    fn new() -> Self {
        Self { number: 0, hash: "0".repeat(64), problems: Vec::new() }
    }

    fn follow(&mut self, entry: &Entry) {
        let number = entry.number;
        let is_whole = sha256(&entry.entry) == entry.hash;
        let said = entry.said();
        if self.number + 1 < number {
            self.problems.push(missing(self.number + 1, number - 1));
        } else if said.as_ref().is_some_and(|said| said.previous != self.hash) && is_whole {
            self.problems.push(format!("entry {} or entry {number} was replaced", self.number));
        }
        if !is_whole || said.is_none_or(|said| said.number != number) {
            self.problems.push(format!("entry {number} was changed"));
        }
        self.number = number;
        self.hash.clone_from(&entry.hash);
    }

    /// Compares the end with what is on record of it.
    fn end(mut self, head: Option<(i64, String)>) -> Verdict {
        let problem = match head {
            None => Some("the record of the last entry is missing".to_owned()),
            Some((number, _)) if self.number < number => Some(missing(self.number + 1, number)),
            Some((number, _)) if self.number > number => {
                Some(format!("entries after entry {number} were not written by Slipway"))
            }
            Some((_, hash)) if self.hash != hash => Some(format!("entry {} was replaced", self.number)),
            Some(_) => None,
        };
        self.problems.extend(problem);
        Verdict { entries: self.number, head: self.hash, problems: self.problems }
    }
}

fn missing(from: i64, to: i64) -> String {
    if from == to {
        format!("entry {from} is missing")
    } else {
        format!("entries {from} to {to} are missing")
    }
}

impl Store {
    /// Opens a transaction in somebody's name: what it changes stands on the audit trail as theirs.
    pub async fn begin_as(&self, actor: &Actor) -> Result<Tx> {
        let mut tx = self.begin().await?;
        sqlx::query!(
            "select set_config('slipway.who', $1, true) as who, set_config('slipway.from', $2, true) as origin",
            actor.name,
            actor.from,
        )
        .fetch_one(&mut *tx.0)
        .await?;
        Ok(tx)
    }

    /// The latest 500 entries before this one, newest first.
    pub async fn audit_before(&self, number: Option<i64>) -> Result<Vec<Entry>> {
        Ok(sqlx::query_as!(
            Entry,
            "select number, entry, hash from audit where $1::bigint is null or number < $1
             order by number desc limit $2",
            number,
            PAGE,
        )
        .fetch_all(&self.pool)
        .await?)
    }

    /// The next 500 entries after this one, oldest first.
    pub async fn audit_after(&self, number: i64) -> Result<Vec<Entry>> {
        Ok(sqlx::query_as!(
            Entry,
            "select number, entry, hash from audit where number > $1 order by number limit $2",
            number,
            PAGE,
        )
        .fetch_all(&self.pool)
        .await?)
    }

    /// Reads the whole trail and compares each entry with its hash and with the entry before it.
    pub async fn verify_audit(&self) -> Result<Verdict> {
        // Both as they are at one moment: what is added from then on is left for the next time.
        let now = sqlx::query!(
            r#"select (select max(number) from audit) as last, h.number as "number?", h.hash as "hash?"
               from (values (1)) one left join audit_head h on true"#
        )
        .fetch_one(&self.pool)
        .await?;
        let last = now.last.unwrap_or_default();
        let mut chain = Chain::new();
        while chain.number < last {
            let page = self.audit_after(chain.number).await?;
            if page.is_empty() {
                break;
            }
            page.iter().filter(|entry| entry.number <= last).for_each(|entry| chain.follow(entry));
        }
        Ok(chain.end(now.number.zip(now.hash)))
    }
}
