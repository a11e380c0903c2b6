//! The health check: whether this version can work with the data as it is now.

use anyhow::Context;
use axum::http::StatusCode;
use serde::Serialize;
use tokio_postgres::Transaction;

use crate::database::{self, Database};
use crate::migration;
use crate::tree::Tree;

/// The answer to `GET /api/health`.
#[derive(Serialize)]
pub(crate) struct Report<'a> {
    status: Status,
    build: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

#[derive(Clone, Copy, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Status {
    Ok,
    WarmingUp,
    Broken,
}

/// What must be true of the data, whichever version wrote it: a query that counts exceptions, and what they are.
const RULES: [(&str, &str); 2] = [
    (
        "select count(*) from orders where total_cents is distinct from quantity * unit_price_cents",
        "orders have a total that is not quantity times unit price",
    ),
    (
        "select count(*) from orders left join customers on customers.id = customer_id where customers.id is null",
        "orders belong to no customer",
    ),
];

impl<'a> Report<'a> {
    /// Runs every check against the database.
    pub(crate) async fn of(tree: &'a Tree, database: &Database) -> Self {
        match database::bounded(check(tree, database)).await {
            Ok(()) => Self { status: Status::Ok, build: &tree.build, problem: None },
            Err(error) => {
                Self { status: Status::Broken, build: &tree.build, problem: Some(format!("{error:#}")) }
            }
        }
    }

    /// The answer of an application that is not ready for anything yet.
    pub(crate) fn warming_up(tree: &'a Tree) -> Self {
        Self { status: Status::WarmingUp, build: &tree.build, problem: Some("still warming up".to_owned()) }
    }

    /// 200 if all is well, else 503.
    pub(crate) fn code(&self) -> StatusCode {
        match self.status {
            Status::Ok => StatusCode::OK,
            Status::WarmingUp | Status::Broken => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

async fn check(tree: &Tree, database: &Database) -> anyhow::Result<()> {
    let mut client = database.client().await?;
    let transaction = database::read(&mut client).await.context("start to read")?;
    if let Some(migration) = migration::pending(&transaction, &tree.migrations).await?.first() {
        anyhow::bail!("the migration {} has not run", migration.name);
    }
    for page in &tree.pages {
        page.render(&transaction).await?;
    }
    check_rules(&transaction).await
}

async fn check_rules(transaction: &Transaction<'_>) -> anyhow::Result<()> {
    for (query, exceptions) in RULES {
        let n_exceptions: i64 = transaction.query_one(query, &[]).await.context("check the data")?.get(0);
        if n_exceptions > 0 {
            anyhow::bail!("{n_exceptions} {exceptions}");
        }
    }
    Ok(())
}
