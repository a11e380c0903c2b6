//! What a verdict rests on, in words.

use std::time::Duration;

use domain::{ChangeType, Risk};
use jiff::Timestamp;

use crate::decision::Change;
use crate::sentence::{lasting, list};
use crate::window::Window;
use crate::zone::Zone;

/// One thing that a verdict rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// There is nothing that could hold it back now.
    Unrestricted,
    /// A window that admits it is open.
    InWindow {
        /// The window's.
        name: String,
    },
    /// No window that admits it is open.
    OutsideWindows {
        /// Those of the windows that would admit it.
        names: Vec<String>,
    },
    /// A blackout holds it back.
    InBlackout {
        /// The blackout's.
        reason: String,
        /// Its last instant.
        until: Timestamp,
    },
    /// The time is right, but too little of it is left.
    WouldNotFinish {
        /// When it would have to be done.
        by: Timestamp,
        /// How long it takes.
        needs: Duration,
    },
    /// A warning: what stands before this one does not hold it back.
    OnlyAdvice,
    /// No window admits such a change, at whatever time.
    NotAdmitted {
        /// The change.
        change: Change,
        /// The change types that some window admits.
        change_types: Vec<ChangeType>,
        /// The risks that some window admits.
        risks: Vec<Risk>,
    },
    /// It is an emergency; what stands after this one does not hold it back.
    Emergency,
}

impl Reason {
    pub(crate) fn not_admitted(change: Change, windows: &[Window]) -> Self {
        let admitted = |change_type| windows.iter().any(|it| it.change_types.contains(&change_type));
        let change_types = ChangeType::ALL.iter().copied().filter(|&it| admitted(it)).collect();
        let risks =
            Risk::ALL.iter().copied().filter(|it| windows.iter().any(|window| window.risks.contains(it)));
        Reason::NotAdmitted { change, change_types, risks: risks.collect() }
    }

    /// For people of `zone`: the middle of a sentence, without its capital and full stop.
    pub fn text(&self, zone: &Zone, now: Timestamp) -> String {
        match self {
            Reason::Unrestricted => "nothing holds it back".to_owned(),
            Reason::InWindow { name } => format!("the window “{name}” is open"),
            Reason::OutsideWindows { names } => {
                let names: Vec<_> = names.iter().map(|name| format!("“{name}”")).collect();
                match names.as_slice() {
                    [name] => format!("the window {name} is not open"),
                    _ => format!("none of the windows {} is open", list(&names)),
                }
            }
            Reason::InBlackout { reason, until } => {
                format!("the blackout “{reason}” lasts until {}", zone.moment(*until, now))
            }
            Reason::WouldNotFinish { by, needs } => {
                let left = by.duration_since(now).unsigned_abs();
                format!("it would not finish: it needs {}, but has only {}", lasting(*needs), lasting(left))
            }
            Reason::OnlyAdvice => "its windows are advice only, so it may start all the same".to_owned(),
            Reason::NotAdmitted { change, change_types, risks } => format!(
                "no window admits a {} change of {} risk; admitted are the types {} and the risks {}",
                change.change_type,
                change.risk,
                list(change_types),
                list(risks)
            ),
            Reason::Emergency => "it is an emergency, whose reason goes on record".to_owned(),
        }
    }
}
