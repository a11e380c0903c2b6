//! An earlier state takes the production database's place while somebody writes.

use std::path::Path;
use std::time::{Duration, Instant};

use adapters::database::{Dump, Source};
use anyhow::Result;

use super::production::Production;
use super::writer::Writer;

/// What one cut-over took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CutOver {
    /// To make the copy, where there is one: nobody writes meanwhile.
    pub(crate) copied: Option<Duration>,
    /// The whole restore.
    pub(crate) restored: Duration,
    /// The longest time in which the writer could write nothing, its way back into the database included.
    pub(crate) kept_out: Duration,
    /// The same before the restore began.
    pub(crate) usual: Duration,
}

/// Copies the database, then puts the copy in its place.
pub(crate) async fn from_copy(production: &Production, promotion: &str) -> Result<CutOver> {
    production.settle().await?;
    let begun = Instant::now();
    production.database.snapshot(promotion).await?;
    let copied = Some(begun.elapsed());
    Ok(CutOver { copied, ..restore(production, promotion, Source::Snapshot).await? })
}

/// Puts the backup in the database's place.
pub(crate) async fn from_dump(production: &Production, promotion: &str, dump: &Dump) -> Result<CutOver> {
    restore(production, promotion, Source::Dump(dump)).await
}

/// The backup for [`from_dump`].
pub(crate) async fn dump(production: &Production, target: &Path) -> Result<Dump> {
    Ok(production.database.dump(target, |_| {}).await?)
}

async fn restore(production: &Production, promotion: &str, source: Source<'_>) -> Result<CutOver> {
    production.settle().await?;
    let writer = Writer::start(&production.config)?;
    writer.until_steady().await?;
    let usual = writer.longest_pause();
    let begun = Instant::now();
    production.database.restore(promotion, source).await?;
    let restored = begun.elapsed();
    writer.until_steady().await?;
    let kept_out = writer.longest_pause();
    writer.finish().await?;
    production.database.drop_failed(promotion).await?;
    Ok(CutOver { copied: None, restored, kept_out, usual })
}
