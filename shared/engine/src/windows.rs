//! When deployments may happen: the organization's windows and blackouts at one moment of the database's clock.
//!
//! What they mean is decided by the crate `calendar`; here its profile is made of the records.

mod edit;

use std::collections::HashMap;
use std::time::Duration;

use calendar::{Answer, Change, ChangeType, Decision, Profile, Risk};
use jiff::Timestamp;
use serde_json::{Value, json};
use store::queue::Waiting;
use store::windows::{self as records, BlackoutRule, WindowRule};
use store::{Result, Store, StoreError, Tx};

pub use calendar;
pub use edit::{Imported, add, add_blackout, import, remove, remove_blackout, set_zone};

/// The windows and blackouts, and what they say at one moment.
#[derive(Debug, Clone)]
pub struct Windows {
    profile: Profile,
    now: Timestamp,
    /// Many promotions are changes of one kind.
    decided: HashMap<(ChangeType, Risk, Duration), Decision>,
}

impl Windows {
    /// As they are on record, at this moment.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when this program does not understand them. Then nothing is open: they were
    /// written by a newer one.
    pub async fn read(store: &Store) -> Result<Self> {
        let mut tx = store.begin().await?;
        Self::read_within(&mut tx).await
    }

    pub(crate) async fn read_within(tx: &mut Tx) -> Result<Self> {
        let known = records::read(tx).await?;
        let profile = Profile::parse(&to_json(&known))
            .map_err(|wrong| StoreError::Unknown { column: "profiles", value: wrong.to_string() })?;
        Ok(Self { profile, now: known.now, decided: HashMap::new() })
    }

    /// The same at another moment.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        Self { now, decided: HashMap::new(), ..self }
    }

    /// The windows themselves.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The moment, by the database's clock.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Whether nobody has configured any.
    pub fn are_none(&self) -> bool {
        self.profile.windows.is_empty() && self.profile.blackouts.is_empty()
    }

    /// What they say about a change that takes this long; zero asks for the present moment alone.
    pub fn decide(&mut self, change: Change, estimate: Duration) -> &Decision {
        self.decided
            .entry((change.change_type, change.risk, estimate))
            .or_insert_with(|| self.profile.decide(self.now, change, estimate))
    }

    /// What they say, in whole sentences for people of the organization.
    pub fn sentence(&self, decision: &Decision) -> String {
        decision.sentence(&self.profile.zone, self.now)
    }

    /// What they say, as it crosses process boundaries.
    pub fn answer(&self, decision: &Decision) -> Answer {
        decision.answer(&self.profile.zone, self.now)
    }

    /// An instant as people of the organization say it: `Tuesday 24 November 2026, 22:00 (Europe/Berlin)`.
    pub fn tell(&self, at: Timestamp) -> String {
        let there = at.to_zoned(self.profile.zone.rules().clone());
        format!("{} ({})", there.strftime("%A %-d %B %Y, %H:%M"), self.profile.zone)
    }

    /// What the blackouts alone say about a change that somebody lets go past the windows.
    pub fn decide_past_windows(&self, change: Change, estimate: Duration) -> Decision {
        let blackouts = Profile { windows: Vec::new(), ..self.profile.clone() };
        blackouts.decide(self.now, change, estimate)
    }

    /// What they say about a promotion that would start now.
    pub(crate) fn decide_start(&mut self, waiting: &Waiting) -> Decision {
        let change = Change { change_type: waiting.change_type, risk: waiting.risk };
        let limit = Duration::from_secs(waiting.time_limit_seconds.unsigned_abs().into());
        let decision = self.decide(change, limit);
        if waiting.overrides_windows && !decision.may_start() {
            return self.decide_past_windows(change, limit);
        }
        decision.clone()
    }
}

/// The records as the calendar reads a profile.
fn to_json(known: &records::Profile) -> Value {
    let windows: Vec<_> = known.windows.iter().map(|it| window_to_json(&it.rule)).collect();
    let blackouts: Vec<_> = known.blackouts.iter().map(|it| blackout_to_json(&it.rule)).collect();
    json!({ "zone": known.zone, "windows": windows, "blackouts": blackouts })
}

fn window_to_json(rule: &WindowRule) -> Value {
    json!({
        "name": rule.name,
        "days": rule.days,
        "start": rule.opens,
        "end": rule.closes,
        "change_types": names(&rule.change_types),
        "risks": names(&rule.risks),
        "max_concurrent": rule.max_concurrent,
        "enforcement": rule.enforcement,
        "allow_overrun": rule.allow_overrun,
    })
}

fn blackout_to_json(rule: &BlackoutRule) -> Value {
    json!({
        "reason": rule.name,
        "start": rule.starts_at,
        "end": rule.ends_at,
        "exempt": names(&rule.exempt),
    })
}

fn names<T: ToString>(values: &[T]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}
