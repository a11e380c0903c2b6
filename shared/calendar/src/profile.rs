//! The business profile: one organisation's zone, windows and blackouts.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::blackout::Blackout;
use crate::window::{ClockTime, Window};
use crate::zone::Zone;

/// How many windows a profile may have.
pub const WINDOWS_MAX: usize = 200;

/// How many blackouts a profile may have, those from feeds included.
pub const BLACKOUTS_MAX: usize = 10_000;

/// When an organisation lets changes into production. As JSON it is what `schemas/profile.v1.json` describes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The zone of its windows, and of the sentences that its people read.
    pub zone: Zone,
    /// When changes may start; always where there is none.
    #[serde(default)]
    pub windows: Vec<Window>,
    /// When they may not, whatever the windows say.
    #[serde(default)]
    pub blackouts: Vec<Blackout>,
}

/// What is wrong with a profile, and where. Nothing of it is to be saved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct Invalid {
    /// The field, as a path: `windows[0].start`.
    pub field: String,
    /// What it must be, for people.
    pub problem: String,
}

impl Invalid {
    fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Invalid { field: field.into(), problem: problem.into() }
    }

    /// What is missing is named itself, not what it is missing in.
    fn unreadable(path: &str, problem: &str) -> Self {
        let missing = problem.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
        match (path, missing) {
            (".", Some(field)) => Invalid::new(field, "is missing"),
            (_, Some(field)) => Invalid::new(format!("{path}.{field}"), "is missing"),
            (".", None) => Invalid::new("profile", problem),
            (_, None) => Invalid::new(path, problem),
        }
    }

    fn inside(self, parent: &str) -> Self {
        Invalid { field: format!("{parent}.{}", self.field), ..self }
    }
}

impl Profile {
    /// Takes a profile from JSON, checked.
    ///
    /// # Errors
    /// What is unknown, missing, of the wrong kind or contradicts itself, by its field.
    pub fn parse(value: &Value) -> Result<Self, Invalid> {
        let profile: Self = serde_path_to_error::deserialize(value)
            .map_err(|error| Invalid::unreadable(&error.path().to_string(), &error.inner().to_string()))?;
        profile.check()?;
        Ok(profile)
    }

    /// Whether every window and blackout makes sense by itself, and there are not too many.
    ///
    /// # Errors
    /// The first field that does not.
    pub fn check(&self) -> Result<(), Invalid> {
        if self.windows.len() > WINDOWS_MAX {
            return Err(Invalid::new("windows", format!("there may be {WINDOWS_MAX} at most")));
        }
        if self.blackouts.len() > BLACKOUTS_MAX {
            return Err(Invalid::new("blackouts", format!("there may be {BLACKOUTS_MAX} at most")));
        }
        for (index, window) in self.windows.iter().enumerate() {
            window.check().map_err(|wrong| wrong.inside(&format!("windows[{index}]")))?;
        }
        for (index, blackout) in self.blackouts.iter().enumerate() {
            blackout.check().map_err(|wrong| wrong.inside(&format!("blackouts[{index}]")))?;
        }
        Ok(())
    }

    /// Whether no two windows are open to the same change at the same time, and no two have one name: asked before
    /// a profile is saved. [`Profile::decide`] bears overlapping windows, but people would not know which one counts.
    ///
    /// # Errors
    /// The later one of the first two that do.
    pub fn check_overlaps(&self) -> Result<(), Invalid> {
        for (index, later) in self.windows.iter().enumerate() {
            for earlier in &self.windows[..index] {
                if earlier.name == later.name {
                    return Err(Invalid::new(
                        format!("windows[{index}].name"),
                        "another window has this name",
                    ));
                }
                if earlier.shares_changes(later) && earlier.overlaps(later) {
                    let problem =
                        format!("overlaps the window “{}”, which admits the same changes", earlier.name);
                    return Err(Invalid::new(format!("windows[{index}].start"), problem));
                }
            }
        }
        Ok(())
    }
}

impl Window {
    /// Whether it makes sense by itself. The fields of the answer are its own: `start`, not `windows[0].start`.
    ///
    /// # Errors
    /// The first field that does not.
    pub fn check(&self) -> Result<(), Invalid> {
        let wrong = |field, problem| Err(Invalid::new(field, problem));
        if !is_title(&self.name) {
            return wrong("name", TITLE);
        }
        if self.days.is_empty() {
            return wrong("days", "must name at least one day");
        }
        if self.start == ClockTime::MIDNIGHT {
            return wrong("start", "must be before 24:00; a window that starts at midnight starts at 00:00");
        }
        if self.start == self.end {
            return wrong("end", "must not be the start; a whole day is 00:00 to 24:00");
        }
        if self.change_types.is_empty() {
            return wrong("change_types", "must name at least one");
        }
        if self.risks.is_empty() {
            return wrong("risks", "must name at least one");
        }
        if self.max_concurrent == Some(0) {
            return wrong("max_concurrent", "must be at least 1; leave it out for no limit");
        }
        Ok(())
    }
}

impl Blackout {
    /// Whether it makes sense by itself. The fields of the answer are its own.
    ///
    /// # Errors
    /// The first field that does not.
    pub fn check(&self) -> Result<(), Invalid> {
        if !is_title(&self.reason) {
            return Err(Invalid::new("reason", TITLE));
        }
        if self.end < self.start {
            return Err(Invalid::new("end", "must not be before the start"));
        }
        Ok(())
    }
}

const TITLE: &str = "must be a text of 1 to 200 characters on one line";

/// Whether people can be told it within a sentence.
fn is_title(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= 200 && !text.chars().any(char::is_control)
}
