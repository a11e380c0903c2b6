//! What a promotion would do, as somebody approves it. Its hash is what they say yes to.
//!
//! In it is what would make another deployment of it: the change itself, the steps, the installation's description
//! as far as it says what is done, and when it may start. Not in it is what every day changes without anybody's
//! doing: which version serves now, how long the last outage was, when the next window opens.

mod sentences;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use calendar::{Change as Kind, Day, Profile, Window};
use domain::ChangeType;
use domain::job::PLAN;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::approvals::Subject;

pub use sentences::Circumstances;

/// What the description says of keeping and allowing, not of doing.
const NOT_DONE: [&str; 5] = ["enabled", "four_eyes", "approval_days", "keep_releases", "backups_keep"];

/// What a promotion would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What is brought into production.
    pub change: Change,
    /// standard, normal, emergency.
    pub change_type: String,
    /// low to critical.
    pub risk: String,
    /// The jobs, in order.
    pub jobs: Vec<String>,
    /// The installation's description, as far as it says what is done.
    pub installation: Value,
    /// File of the backup that is put back.
    pub restore_from: Option<String>,
    /// When it may start.
    pub start: Start,
}

/// What is brought into production, as exactly as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// A sealed change set.
    Sealed {
        /// SHA-256 of its manifest, which stands for all of it.
        sha256: String,
    },
    /// Nothing is sealed, so nobody can approve it.
    Unsealed,
    /// A version that was deployed before.
    Version {
        /// The promotion that deployed it.
        promotion: String,
        /// Its image, by id.
        image: Option<String>,
    },
}

/// When a promotion may start, as far as windows are concerned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Start {
    /// There are no windows; blackouts hold it back.
    AtAnyTime,
    /// In one of these windows; none of them where none admits it.
    InWindow(BTreeSet<String>),
    /// Whatever the windows say; blackouts hold it back.
    PastWindows,
    /// Whatever windows and blackouts say.
    Emergency,
}

impl Plan {
    /// What the promotion would do now.
    pub fn new(subject: &Subject, profile: &Profile) -> Self {
        Self {
            change: Change::of(subject),
            change_type: subject.change_type.to_string(),
            risk: subject.risk.to_string(),
            jobs: PLAN.iter().map(ToString::to_string).collect(),
            installation: doing(&subject.description),
            restore_from: subject.restore_from.clone(),
            start: Start::of(subject, profile),
        }
    }

    /// The plan as JSON, from which its hash is made: the same plan gives the same text.
    pub fn to_json(&self) -> String {
        // A plan is made of texts and of a description that was JSON before.
        serde_json::to_value(self).unwrap_or_default().to_string()
    }

    /// A plan that was kept; `None` if an earlier version of Slipway wrote it in another way.
    pub fn from_json(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// What of `present` is not in this plan, each as the end of “because …”. Who says yes to a plan says yes to
    /// whatever is no more than it.
    pub fn exceeded_by(&self, present: &Plan) -> Vec<&'static str> {
        let found = [
            (self.change != present.change, "what is shipped has changed"),
            (
                (&self.change_type, &self.risk) != (&present.change_type, &present.risk),
                "it is now a change of another type or risk",
            ),
            (self.jobs != present.jobs, "Slipway itself was replaced and takes other steps"),
            (self.installation != present.installation, "the description of the installation was changed"),
            (self.restore_from != present.restore_from, "another backup would be put back"),
            (!self.start.covers(&present.start), "it could start at other times than before"),
        ];
        found.into_iter().filter_map(|(differs, what)| differs.then_some(what)).collect()
    }
}

impl Change {
    fn of(subject: &Subject) -> Self {
        if let Some(target) = &subject.rolls_back_to {
            return Change::Version { promotion: target.to_string(), image: subject.image_back.clone() };
        }
        match &subject.change_set {
            Some(sha256) => Change::Sealed { sha256: sha256.clone() },
            None => Change::Unsealed,
        }
    }
}

impl Start {
    fn of(subject: &Subject, profile: &Profile) -> Self {
        let change = Kind { change_type: subject.change_type, risk: subject.risk };
        match subject.change_type {
            ChangeType::Emergency => Start::Emergency,
            ChangeType::Standard | ChangeType::Normal if subject.overrides_windows => Start::PastWindows,
            ChangeType::Standard | ChangeType::Normal if profile.windows.is_empty() => Start::AtAnyTime,
            ChangeType::Standard | ChangeType::Normal => {
                let admitting = profile.windows.iter().filter(|window| window.admits(change));
                Start::InWindow(admitting.map(|it| described(it, profile)).collect())
            }
        }
    }

    /// Whether this lets it start whenever `present` does.
    fn covers(&self, present: &Start) -> bool {
        match (self, present) {
            (Start::InWindow(windows), Start::InWindow(present)) => present.is_subset(windows),
            (Start::InWindow(_), Start::AtAnyTime | Start::PastWindows | Start::Emergency)
            | (Start::AtAnyTime | Start::PastWindows, Start::Emergency) => false,
            (Start::Emergency, _)
            | (
                Start::AtAnyTime | Start::PastWindows,
                Start::AtAnyTime | Start::PastWindows | Start::InWindow(_),
            ) => true,
        }
    }
}

fn described(window: &Window, profile: &Profile) -> String {
    let days: Vec<_> = window.days.iter().map(Day::as_str).collect();
    let Window { name, start, end, .. } = window;
    format!("“{name}” ({} {start}–{end}, {})", days.join(", "), profile.zone)
}

fn doing(description: &Value) -> Value {
    let mut doing = description.clone();
    if let Some(fields) = doing.as_object_mut() {
        fields.retain(|name, _| !NOT_DONE.contains(&name.as_str()));
    }
    doing
}
