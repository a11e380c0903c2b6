//! What an engine saw at a place in a file, before anybody asks whether the change brought it.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::ops::Range;

use crate::finding::{Category, Confidence, Gate, Severity, Verdict};
use crate::fingerprint;

/// Something that an engine saw.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Sighting {
    /// The gate that it concerns.
    pub(crate) gate: Gate,
    /// The rule's name, as in `sqli.raw-query`: stable, for policies and suppressions.
    pub(crate) rule: &'static str,
    pub(crate) category: Category,
    pub(crate) verdict: Verdict,
    pub(crate) severity: Severity,
    pub(crate) confidence: Confidence,
    /// Where, in bytes of the file.
    pub(crate) place: Range<usize>,
    /// Further places on the way of the data, such as where it enters; a change of any of them counts.
    pub(crate) via: Vec<Range<usize>>,
    /// What it is and why it matters, in plain words; never a secret.
    pub(crate) message: String,
    /// What to do.
    pub(crate) remedy: String,
    /// What it is recognised by when lines move: its normalised tokens. It is only hashed, never shown.
    pub(crate) identity: String,
}

impl fmt::Debug for Sighting {
    // The identity may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, verdict, place, .. } = self;
        write!(f, "{rule} at {place:?}: {verdict:?}")
    }
}

impl Sighting {
    /// Every place that it is about.
    pub(crate) fn places(&self) -> impl Iterator<Item = &Range<usize>> {
        std::iter::once(&self.place).chain(&self.via)
    }

    /// What it is recognised by in another version of the file.
    pub(crate) fn recognition(&self) -> (&'static str, String) {
        (self.rule, fingerprint::normal(&self.identity))
    }

    fn is_secret(&self) -> bool {
        matches!(self.category, Category::Secret | Category::Token)
    }

    /// How much it weighs beside another one of the same place.
    fn weight(&self) -> (Verdict, Confidence, Severity, bool) {
        (self.verdict, self.confidence, self.severity, self.category == Category::Token)
    }
}

/// One sighting for each place and rule, and one for each secret, however many rules know it: the weightiest.
pub(crate) fn strongest(mut seen: Vec<Sighting>) -> Vec<Sighting> {
    seen.sort_by(|a, b| b.weight().cmp(&a.weight()).then(a.place.start.cmp(&b.place.start)));
    let mut kept: Vec<Sighting> = Vec::new();
    let mut known = HashSet::new();
    // The places of secrets that are kept: none of them overlaps another, so the last one before an end reaches farthest.
    let mut secrets = BTreeSet::new();
    for sighting in seen {
        let Range { start, end } = sighting.place;
        if sighting.is_secret() {
            let before = secrets.range(..(end, 0)).next_back();
            if before.is_some_and(|(_, known_end)| *known_end > start) {
                continue;
            }
        }
        if known.insert((sighting.rule, start, end)) {
            if sighting.is_secret() {
                secrets.insert((start, end));
            }
            kept.push(sighting);
        }
    }
    kept.sort_by_key(|it| (it.place.start, it.place.end, it.rule));
    kept
}
