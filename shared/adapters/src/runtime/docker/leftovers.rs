//! What earlier promotions have left beside the application, because its removal failed or a person took over.

use anyhow::{Context as _, Result};
use bollard::query_parameters::ListContainersOptionsBuilder;

use super::connection::{CALL_LIMIT, within};
use super::container::Container;
use super::{Docker, label};

impl Docker {
    /// Removes containers of earlier promotions that no rollback needs any more; volumes stay. Only one promotion at a
    /// time is under way, so all others are over. What runs, and what cannot be shown to be Slipway's, is left alone
    /// and named.
    pub(super) async fn remove_leftovers(&self, promotion: &str, live: &Container) -> Result<()> {
        let client = self.engine.client()?;
        let beside = format!("/{}--", self.settings.container);
        let options = ListContainersOptionsBuilder::new().all(true).build();
        let all =
            within(CALL_LIMIT, client.list_containers(Some(options))).await.context("listing containers")?;
        let names = all.into_iter().flat_map(|it| it.names.unwrap_or_default());
        for name in names.filter(|it| it.starts_with(&beside)) {
            let Some(found) = self.named(name.trim_start_matches('/')).await? else { continue };
            if found.id() != live.id() && !self.is_of(promotion, &found) {
                self.remove_leftover(&found).await?;
            }
        }
        Ok(())
    }

    async fn remove_leftover(&self, found: &Container) -> Result<()> {
        let name = found.name();
        if self.is_throw_away(found) {
            return self.discard(found).await;
        }
        if found.is_up() || !self.is_expendable(found).await? {
            self.notes.tell(format!("{name} stands beside the application and is left alone"));
            return Ok(());
        }
        self.notes.tell(format!("{name}, left by an earlier promotion, is removed"));
        if self.is_successor(found) { self.discard(found).await } else { self.remove(found.id()).await }
    }

    /// Made by Slipway and never in service; or an old version that could be made anew from its record.
    async fn is_expendable(&self, found: &Container) -> Result<bool> {
        if self.is_successor(found) {
            return Ok(true);
        }
        let records = self.records.of(&self.settings.container).await?;
        Ok(records.iter().any(|it| it.container.id() == found.id()))
    }

    fn is_successor(&self, found: &Container) -> bool {
        self.is_named(found, &["--next-", "--migrate-"])
    }

    /// Made to try something out; running or not, nobody needs it after that.
    fn is_throw_away(&self, found: &Container) -> bool {
        self.is_named(found, &["--control-", "--trial-"])
    }

    /// Made by Slipway for this installation, under a name that goes on like one of these.
    fn is_named(&self, found: &Container, beginnings: &[&str]) -> bool {
        let name = found.name().strip_prefix(self.settings.container.as_str()).unwrap_or_default();
        let is_ours = found.label(label::INSTALLATION) == Some(&self.settings.container);
        is_ours && beginnings.iter().any(|it| name.starts_with(it))
    }

    /// Whether the container belongs to this promotion, whose moves look after it.
    fn is_of(&self, promotion: &str, found: &Container) -> bool {
        let own = [self.next_name(promotion), self.old_name(promotion), self.migrate_name(promotion)];
        own.iter().any(|it| it == found.name())
    }
}
