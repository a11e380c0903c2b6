//! The features that are shipped: what each does, and the message that asks to ship it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::shop::{Model, Shop, copy};
use scratch::Random;

/// How long a promotion may take in a shop that is in a hurry.
pub(crate) const SHORT_LIMIT_SECONDS: u64 = 15;

/// The number of the first migration that a feature may have.
const FIRST_MIGRATION: usize = 1000;

/// Makes every order's total wrong, so that the application is not healthy any more.
const RUIN: &str = "update orders set total_cents = total_cents + 1;\nupdate customers set phone = null;\n";

/// What becomes of a feature where nothing interferes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// It is deployed.
    Good,
    /// A person stops it at some moment.
    Cancelled,
    /// It changes data and then ends at its start: data and old version come back.
    FailsAtStart,
    /// A setting is missing: it ends at its start and has changed nothing.
    MissesSetting,
    /// Its migration ruins data, so that it is not healthy: data and old version come back.
    BreaksData,
    /// Its build does not end before the time limit.
    Hangs,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Cancelled => "cancelled by a person",
            Self::FailsAtStart => "fails at its start, data changed",
            Self::MissesSetting => "fails at its start",
            Self::BreaksData => "ruins data",
            Self::Hangs => "hangs until the deadline",
        }
    }

    /// Whether it can be deployed at all.
    pub(crate) const fn may_be_deployed(self) -> bool {
        matches!(self, Self::Good | Self::Cancelled)
    }
}

/// A finished feature in its sandbox.
pub(crate) struct Feature {
    pub(crate) build: String,
    pub(crate) kind: Kind,
    /// The ship message's id.
    pub(crate) message_id: Uuid,
    pub(crate) message: Value,
    pub(crate) sandbox: PathBuf,
}

impl Feature {
    /// Makes the feature of this number for a shop. All that is random about it comes from `random`.
    pub(crate) fn develop(number: usize, shop: &Shop, model: &Model, random: &mut Random) -> Result<Self> {
        let kind = choose(shop, random);
        let build = build_of(number);
        let sandbox = shop.folder.join("sandboxes").join(&build);
        copy(&model.sandbox, &sandbox)?;
        write(&sandbox, kind, number, &build)?;
        let message_id = Uuid::new_v4();
        let message = json!({
            "specversion": "1.0",
            "type": "slipway.ship.requested.v1",
            "id": message_id,
            "source": "/build-studio",
            "data": {
                "build": build,
                "title": kind.name(),
                "installation": shop.name,
                "sandbox": { "directory": sandbox },
                "requested_by": "chaos",
            },
        });
        Ok(Self { build, kind, message_id, message, sandbox })
    }
}

/// What stands in no feature that was sealed in time.
pub(crate) const SPOILED: &str = "pages/spoiled.html";

impl Feature {
    /// Changes what was built, when it is sealed: nobody may see that.
    pub(crate) fn spoil(&self) -> Result<()> {
        fs::write(self.sandbox.join(SPOILED), "{{title: Spoiled}}").context("spoil a sandbox")?;
        fs::write(self.sandbox.join("settings.json"), "spoiled").context("spoil a sandbox")
    }
}

/// The id of the build with this number.
pub(crate) fn build_of(number: usize) -> String {
    format!("FB-C4A0{number:04X}")
}

/// The name of the migration that leaves the feature's row.
pub(crate) fn migration_of(number: usize) -> String {
    format!("{:04}_feature", FIRST_MIGRATION + number)
}

fn choose(shop: &Shop, random: &mut Random) -> Kind {
    let chance = random.below(100);
    match chance {
        0..12 if shop.is_in_a_hurry => Kind::Hangs,
        0..55 => Kind::Good,
        55..67 => Kind::Cancelled,
        67..77 => Kind::FailsAtStart,
        77..84 => Kind::MissesSetting,
        _ => Kind::BreaksData,
    }
}

fn write(sandbox: &Path, kind: Kind, number: usize, build: &str) -> Result<()> {
    let effect = format!("insert into effects (feature) values ('{build}');\n");
    let settings = |changes: &Value| -> Result<()> {
        let path = sandbox.join("settings.json");
        let mut settings: Value = serde_json::from_str(&fs::read_to_string(&path)?)?;
        for (key, value) in changes.as_object().into_iter().flatten() {
            settings[key] = value.clone();
        }
        fs::write(path, settings.to_string()).context("write a feature's settings")
    };
    let migration = |name: &str, sql: &str| {
        fs::write(sandbox.join("migrations").join(format!("{name}.sql")), sql).context("write a migration")
    };
    let own = migration_of(number);
    match kind {
        Kind::Good | Kind::Cancelled => migration(&own, &effect),
        Kind::FailsAtStart => {
            migration(&own, &format!("{effect}{RUIN}"))?;
            // In a transaction of its own, after the first one is committed.
            migration(&format!("{own}_then_fails"), "select 1 / 0;\n")
        }
        Kind::MissesSetting => {
            migration(&own, &effect)?;
            settings(&json!({ "card_payments": { "merchant": "" } }))
        }
        Kind::BreaksData => migration(&own, &format!("{effect}{RUIN}")),
        Kind::Hangs => {
            migration(&own, &effect)?;
            settings(&json!({ "build_seconds": 3600 }))
        }
    }
}
