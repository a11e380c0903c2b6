//! Text that reads otherwise than it runs, in files of every kind.
//!
//! - `invisible`: letters that nobody sees, and those that turn the direction of writing;
//! - `lookalike`: names with letters of another alphabet that look like Latin ones;
//! - `blanks`: code far to the right, out of sight;
//! - `scrambled`: what obfuscators write.

mod blanks;
mod invisible;
mod lookalike;
mod region;
mod scrambled;

use std::ops::Range;

use crate::change::{Source, is_code};
use crate::finding::{Category, Confidence, Gate, Severity, Verdict};
use crate::sighting::Sighting;

/// Everything of this kind in the file.
pub(crate) fn look(source: Source<'_>) -> Vec<Sighting> {
    let mut seen = Vec::new();
    if !source.text.is_ascii() {
        let regions = if is_code(source.path) { region::of(source) } else { region::Regions::prose() };
        seen.extend(invisible::look(source, &regions));
        if is_code(source.path) {
            seen.extend(lookalike::look(source, &regions));
        }
    }
    seen.extend(blanks::look(source));
    seen.extend(scrambled::look(source));
    seen
}

/// What is said of such text: how it hides, and what it is recognised by.
struct Trick {
    rule: &'static str,
    verdict: Verdict,
    message: &'static str,
    remedy: &'static str,
}

impl Trick {
    fn at(&self, place: Range<usize>, identity: String) -> Sighting {
        let (severity, confidence) = match self.verdict {
            Verdict::Block => (Severity::High, Confidence::High),
            Verdict::Review => (Severity::Medium, Confidence::Medium),
            Verdict::Note => (Severity::Low, Confidence::Low),
        };
        Sighting {
            gate: Gate::Security,
            rule: self.rule,
            category: Category::Obfuscated,
            verdict: self.verdict,
            severity,
            confidence,
            place,
            via: Vec::new(),
            message: self.message.to_owned(),
            remedy: self.remedy.to_owned(),
            identity,
        }
    }
}

#[cfg(test)]
mod tests;
