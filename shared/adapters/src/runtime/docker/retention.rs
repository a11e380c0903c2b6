//! What remains after a release: the predecessor's image and specification, for a few releases.

use std::collections::HashSet;

use anyhow::{Context as _, Result, ensure};
use bollard::query_parameters::ListImagesOptionsBuilder;

use super::build::Untag;
use super::connection::{CALL_LIMIT, within};
use super::record::Record;
use super::{Docker, label};
use crate::runtime::Swap;

impl Docker {
    pub(in crate::runtime) async fn finish(&self, swap: &Swap, keep: usize) -> Result<()> {
        let live = self.named(&self.settings.container).await?;
        let live = live.context("no application is there, so the previous version stays")?;
        ensure!(live.id() != swap.old, "the previous version is in service again, so it stays");
        let was_started = live.instance().started_at.is_some();
        ensure!(was_started, "the new version was never started, so the previous version stays");
        self.end_migration(&swap.promotion).await?;
        // A stopped container with the same Compose labels makes a later `docker compose up`
        // remove the good one and revive this one: only its image and specification remain.
        self.halt(&swap.old).await?;
        self.remove(&swap.old).await?;
        self.close_leftovers(&swap.promotion, &live).await?;
        let records = self.records.of(&self.settings.container).await?;
        // What a later promotion has put there meanwhile is its own affair. Without a record of
        // this swap nobody can tell what is later, so nothing goes.
        let own = records.iter().position(|it| it.promotion == swap.promotion).unwrap_or(records.len());
        let (kept, beyond) = records[own..].split_at(keep.min(records.len() - own));
        for record in beyond {
            self.untag(&self.keep_tag(&record.promotion), Untag::UnlessUsed).await?;
            self.records.remove(&record.promotion).await?;
        }
        let newer = &records[..own];
        self.prune_images(live.image(), swap, newer.iter().chain(kept)).await
    }

    /// Removes the tags of this installation's builds that are neither in service, nor kept by
    /// a record, nor newer than this swap.
    async fn prune_images(&self, live: &str, swap: &Swap, kept: impl Iterator<Item = &Record>) -> Result<()> {
        let mut wanted: HashSet<&str> = kept.map(|it| it.container.image()).collect();
        wanted.extend([live, swap.new_image.as_str()]);
        let client = self.engine.client()?;
        let filter = format!("{}={}", label::INSTALLATION, self.settings.container);
        let options = ListImagesOptionsBuilder::new().filters(&[("label", vec![filter])].into()).build();
        let images = within(CALL_LIMIT, client.list_images(Some(options))).await.context("listing images")?;
        let Some(newest) = images.iter().find(|it| it.id == swap.new_image).map(|it| it.created) else {
            return Ok(());
        };
        for image in images.iter().filter(|it| it.created < newest && !wanted.contains(it.id.as_str())) {
            if let Some(promotion) = image.labels.get(label::PROMOTION) {
                self.untag(&self.built_tag(promotion), Untag::UnlessUsed).await?;
            }
        }
        Ok(())
    }
}
