//! What is said about a place where a rule applies.

use super::facts::Facts;
use super::rules::{RULES, Rule};
use super::tree::Id;
use super::value::{ARGUMENTS, CONSTANT, Level, PARAMETER, Value};
use super::words;
use crate::finding::{Category, Confidence, Gate, Verdict};
use crate::sighting::Sighting;

/// The longest text that recognises a place, in bytes.
const IDENTITY_MAX: usize = 400;

/// Nobody reads more than this about one file.
const SIGHTINGS_MAX: usize = 1_000;

/// What was seen so far, and the text that it was seen in.
pub(crate) struct Report<'r> {
    pub(crate) text: &'r str,
    /// Where the text begins in its file.
    pub(crate) offset: usize,
    pub(crate) sightings: Vec<Sighting>,
    /// How many there were of each verdict.
    pub(crate) counts: [usize; 3],
}

impl Report<'_> {
    /// Follows the value that reaches a place: nothing if it is harmless.
    pub(crate) fn judge(&mut self, facts: &Facts<'_, '_>, rule: &'static Rule, at: Id, value: Value) {
        let value = value.used_for(rule.purpose());
        match value.level {
            Level::Constant | Level::Safe => {}
            Level::Unknown => {
                // Whoever starts this program can start others without it.
                let is_operators = rule.category() == Category::Cmdi && value.has(ARGUMENTS);
                let seen = rule.unseen(value.has(PARAMETER));
                if let Some(verdict) = seen.map(|it| if is_operators { Verdict::Note } else { it }) {
                    self.say(facts, rule, at, value, verdict, "");
                }
            }
            Level::Tainted => self.say(facts, rule, at, value, rule.tainted(), ""),
        }
    }

    /// Reports a place by the name of its rule.
    pub(crate) fn found(&mut self, facts: &Facts<'_, '_>, id: &str, at: Id, verdict: Verdict, detail: &str) {
        if let Some(rule) = RULES.get(id) {
            self.say(facts, rule, at, CONSTANT, verdict, detail);
        }
    }

    pub(crate) fn say(
        &mut self,
        facts: &Facts<'_, '_>,
        rule: &'static Rule,
        at: Id,
        value: Value,
        verdict: Verdict,
        detail: &str,
    ) {
        let place = facts.tree.place(at);
        let is_known = |it: &Sighting| {
            it.rule == rule.id && it.place == (place.start + self.offset..place.end + self.offset)
        };
        if self.sightings.iter().rev().take(8).any(is_known) {
            return;
        }
        // Nobody outside reaches a test; what may be wrong in one is only worth knowing.
        let is_doubtful = value.level == Level::Unknown || rule.category() == Category::Network;
        let is_test = verdict == Verdict::Review && is_doubtful && words::is_test_file(facts.path);
        let verdict = if is_test { Verdict::Note } else { verdict };
        // Each verdict has a number of its own, so that notes cannot crowd out what must be seen.
        let count = &mut self.counts[verdict as usize];
        *count += 1;
        if *count > SIGHTINGS_MAX {
            return;
        }
        let origin = match value.level {
            Level::Tainted => " What somebody outside sends gets there.",
            Level::Unknown if value.has(ARGUMENTS) => " What is given on the command line gets there.",
            Level::Unknown if value.has(PARAMETER) => " Other files may choose a part of it.",
            Level::Unknown => " Where a part of it comes from cannot be seen here.",
            Level::Constant | Level::Safe => "",
        };
        let detail = if detail.is_empty() { String::new() } else { format!(" {detail}.") };
        let via = value.entry.map(|it| facts.tree.place(it)).filter(|it| *it != place);
        self.sightings.push(Sighting {
            gate: Gate::Security,
            rule: &rule.id,
            category: rule.category(),
            verdict,
            severity: rule.severity(),
            confidence: match (verdict, value.level) {
                (_, Level::Unknown) => Confidence::Medium,
                (Verdict::Note, _) => Confidence::Low,
                _ => Confidence::High,
            },
            identity: self.identity(&place),
            via: via.into_iter().map(|it| it.start + self.offset..it.end + self.offset).collect(),
            place: place.start + self.offset..place.end + self.offset,
            message: format!("{}{detail}{origin} {}", rule.what, rule.why),
            remedy: rule.remedy.clone(),
        });
    }

    /// A secret: it is recognised by what it is called, never by what it says.
    pub(crate) fn secret(&mut self, facts: &Facts<'_, '_>, id: &str, at: Id, name: &str, verdict: Verdict) {
        let before = self.sightings.len();
        self.found(facts, id, at, verdict, "");
        if let Some(sighting) = self.sightings.get_mut(before) {
            sighting.identity = format!("{name} of {} bytes", sighting.place.len());
        }
    }

    fn identity(&self, place: &std::ops::Range<usize>) -> String {
        let written = self.text.get(place.clone()).unwrap_or_default();
        let mut identity = String::new();
        for word in written.split_whitespace() {
            if identity.len() > IDENTITY_MAX {
                break;
            }
            identity.push_str(word);
        }
        identity
    }
}
