//! What is kept of the database at the stop.

use adapters::installation::SnapshotPolicy;
use adapters::runtime::Swap;
use domain::Job;
use engine::{JobContext, StepError};
use protocol::output::Extracted;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where a description names the command that changes the database's structure for the new version.
const HOOKS: [&str; 2] = ["/application/docker/migrate", "/application/process/migrate"];

/// What is kept of the database at the stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// All of it.
    Copy,
    /// Enough to tell whether it was changed; a rollback goes back to the backup then.
    Fingerprint,
    /// Nothing, as a rollback leaves the data as they are.
    Nothing(Skip),
}

/// Why nothing is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Skip {
    /// The new version brings no change to the structure of the database.
    NoMigration,
    /// The old version serves until the new one does.
    Warm,
}

/// What the decision depends on.
#[derive(Debug, Clone, Copy)]
struct Situation {
    policy: SnapshotPolicy,
    /// The new version may change the structure of the database, by itself or by a command.
    migrates: bool,
    warm: bool,
}

impl Skip {
    /// For people.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Skip::NoMigration => {
                "The new version does not change the structure of the database, so no copy of the data was kept \
                 at the switch."
            }
            Skip::Warm => {
                "The old version served until the new one did, so there was no moment to keep a copy of the data."
            }
        }
    }
}

impl Situation {
    fn keep(self) -> Keep {
        if self.warm {
            return Keep::Nothing(Skip::Warm);
        }
        match self.policy {
            SnapshotPolicy::Always => Keep::Copy,
            SnapshotPolicy::WithMigrations if self.migrates => Keep::Copy,
            SnapshotPolicy::Never if self.migrates => Keep::Fingerprint,
            SnapshotPolicy::WithMigrations | SnapshotPolicy::Never => Keep::Nothing(Skip::NoMigration),
        }
    }
}

/// What this promotion keeps.
pub(crate) async fn decide(cx: &JobContext, policy: SnapshotPolicy) -> Result<Keep, StepError> {
    let warm = cx.earlier::<Swap>(Job::Prepare).await?.is_some_and(|swap| swap.warm);
    let extracted: Option<Extracted> = cx.earlier(Job::Extract).await?;
    // A version that comes back may bring anything; and what nobody looked at counts as yes.
    let told = extracted.and_then(|it| it.changes_schema).filter(|_| cx.order.rolls_back_to.is_none());
    let migrates = may_migrate(&cx.order.installation, told);
    Ok(Situation { policy, migrates, warm }.keep())
}

fn may_migrate(description: &Value, changes_schema: Option<bool>) -> bool {
    has_hook(description) || changes_schema.unwrap_or(true)
}

fn has_hook(description: &Value) -> bool {
    let mut commands = HOOKS.iter().filter_map(|hook| description.pointer(hook)?.as_array());
    commands.any(|command| !command.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_copy_is_left_out_only_where_nothing_needs_it() {
        use SnapshotPolicy::{Always, Never, WithMigrations};
        let none = Keep::Nothing(Skip::NoMigration);
        let cases = [
            (Always, false, false, Keep::Copy),
            (Always, true, false, Keep::Copy),
            (WithMigrations, false, false, none),
            (WithMigrations, true, false, Keep::Copy),
            (Never, false, false, none),
            (Never, true, false, Keep::Fingerprint),
            (Always, false, true, Keep::Nothing(Skip::Warm)),
            (Never, true, true, Keep::Nothing(Skip::Warm)),
        ];
        for (policy, migrates, warm, expected) in cases {
            let situation = Situation { policy, migrates, warm };
            assert_eq!(situation.keep(), expected, "{situation:?}");
        }
    }

    #[test]
    fn a_command_for_the_structure_is_seen_wherever_the_application_runs() {
        let cases = [
            (json!({ "application": { "docker": { "migrate": ["./migrate"] } } }), true),
            (json!({ "application": { "process": { "migrate": ["./migrate"] } } }), true),
            (json!({ "application": { "docker": { "migrate": null } } }), false),
            (json!({ "application": { "process": { "migrate": [] } } }), false),
            (json!({ "application": { "docker": {} } }), false),
        ];
        for (description, expected) in cases {
            assert_eq!(has_hook(&description), expected, "{description}");
        }
    }

    #[test]
    fn what_cannot_be_told_counts_as_yes() {
        let plain = json!({ "application": { "docker": {} } });
        for (told, expected) in [(None, true), (Some(true), true), (Some(false), false)] {
            assert_eq!(may_migrate(&plain, told), expected, "{told:?}");
        }
    }
}
