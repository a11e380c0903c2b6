//! From what an engine saw in a text to what people are told of a file.

use std::collections::BTreeMap;

use crate::change::ChangedFile;
use crate::finding::Finding;
use crate::fingerprint;
use crate::lines::{Lines, Position};
use crate::policy::Policy;
use crate::sighting::Sighting;

/// The findings of one file; without a text they stand at its beginning.
pub(crate) fn findings(
    file: &ChangedFile,
    text: Option<&str>,
    sightings: Vec<Sighting>,
    policy: &Policy,
) -> Vec<Finding> {
    let text = text.unwrap_or_default();
    let lines = Lines::of(text);
    let mut ordinals = BTreeMap::new();
    let findings = sightings.into_iter().map(|sighting| {
        let ordinal = ordinals.entry(sighting.recognition()).or_insert(0_usize);
        let start = lines.position(text, sighting.place.start);
        // The end is exclusive: a place that ends with its line's end does not reach the next line.
        let last = sighting.place.end.saturating_sub(1).max(sighting.place.start);
        let end = lines.position(text, last);
        let found = finding(&sighting, &file.path, (start, end), *ordinal, policy);
        *ordinal += 1;
        found
    });
    findings.collect()
}

/// A finding about the change as a whole.
pub(crate) fn of_change(sighting: &Sighting, policy: &Policy) -> Finding {
    let top = Position { line: 1, column: 1 };
    finding(sighting, "", (top, top), 0, policy)
}

fn finding(
    sighting: &Sighting,
    path: &str,
    (start, end): (Position, Position),
    ordinal: usize,
    policy: &Policy,
) -> Finding {
    Finding {
        gate: sighting.gate,
        rule: sighting.rule.to_owned(),
        category: sighting.category,
        severity: sighting.severity,
        confidence: sighting.confidence,
        file: path.to_owned(),
        line: start.line,
        end_line: end.line,
        column: start.column,
        message: sighting.message.clone(),
        remedy: sighting.remedy.clone(),
        fingerprint: fingerprint::of(
            &policy.fingerprint_key,
            sighting.rule,
            path,
            &sighting.identity,
            ordinal,
        ),
        verdict: sighting.verdict,
        accepted: None,
    }
}
