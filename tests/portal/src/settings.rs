//! `settings.json`: what a source tree says about how it wants to be run.

use serde::Deserialize;

/// The settings of a source tree. Unknown keys are refused, so that a misspelled one is noticed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// The name at the top of every page.
    pub(crate) shop: String,
    /// How long the application answers 503 after its start, in seconds.
    #[serde(default)]
    pub(crate) warmup_seconds: u64,
    /// How long `portal build` takes before it starts to check, in seconds.
    #[serde(default)]
    pub(crate) build_seconds: u64,
    /// Present when customers can pay by card.
    card_payments: Option<CardPayments>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CardPayments {
    merchant: String,
}

impl Settings {
    /// Checks what only matters where the application runs; a build machine need not know the merchant.
    ///
    /// # Errors
    /// A setting that the application cannot start without is missing.
    pub(crate) fn check_for_serving(&self) -> anyhow::Result<()> {
        if self.card_payments.as_ref().is_some_and(|payments| payments.merchant.is_empty()) {
            anyhow::bail!("settings.json switches card payments on but names no card_payments.merchant");
        }
        Ok(())
    }
}
