//! No finding shows what another one calls a secret: names of packages and the like are quoted as they were written.

use std::collections::BTreeSet;
use std::fmt;

use aho_corasick::AhoCorasick;

use crate::finding::{Category, Finding};
use crate::sighting::Sighting;

/// How much of a secret tells it, in bytes. Whoever quotes may have cut the rest.
const START: usize = 8;

/// What ends a word in a sentence.
const WORD_ENDS: [char; 5] = [' ', '`', '"', '\'', '\n'];

/// What stands in place of a secret.
const HIDDEN: &str = "…";

/// How the secrets begin that files hold. Each beginning once: there may be very many.
#[derive(Default)]
pub(crate) struct Secrets(BTreeSet<String>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}

impl Secrets {
    /// Those among what was seen in a text. Short ones and plain words are none that a sentence could give away.
    pub(crate) fn of(seen: &[Sighting], text: &str) -> Self {
        let secrets = seen.iter().filter(|it| matches!(it.category, Category::Secret | Category::Token));
        let values = secrets.filter_map(|it| text.get(it.place.clone()));
        Self(values.filter_map(start).map(str::to_owned).collect())
    }

    /// Takes in those of another file.
    pub(crate) fn add(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Hides them wherever a finding says them.
    pub(crate) fn hide(&self, findings: &mut [Finding]) {
        if self.0.is_empty() {
            return;
        }
        let starts = AhoCorasick::new(&self.0).expect("files are bounded, and so are their secrets");
        for finding in findings {
            for text in [&mut finding.message, &mut finding.remedy] {
                if starts.is_match(text.as_str()) {
                    *text = hidden(&starts, text);
                }
            }
        }
    }
}

/// How a secret begins, as far as it is no plain word.
fn start(secret: &str) -> Option<&str> {
    let sign = secret.find(|it: char| !it.is_alphabetic())?;
    secret.get(..secret.ceil_char_boundary(START.max(sign + 1))).filter(|it| it.len() >= START)
}

/// A sentence in which words end where a secret begins.
fn hidden(starts: &AhoCorasick, text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(found) = starts.find(rest) {
        shown.push_str(&rest[..found.start()]);
        shown.push_str(HIDDEN);
        let after = &rest[found.end()..];
        rest = &after[after.find(WORD_ENDS).unwrap_or(after.len())..];
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_end_where_a_secret_begins_and_plain_words_stay() {
        let table = [
            ("q7Vd2mZp9xLw", "the package `@a/q7Vd2mZp9xLw4` is new", "the package `@a/…` is new"),
            ("q7Vd2mZp9xLw", "cut: q7Vd2mZp", "cut: …"),
            ("password-2026!", "A password stands here, `password-2026!`", "A password stands here, `…`"),
            ("password", "A password stands here", "A password stands here"),
            ("a1b2", "a1b2 is short", "a1b2 is short"),
            ("äöüäöüä1", "ÄÖÜ äöüäöüä1ß ende", "ÄÖÜ … ende"),
        ];
        for (secret, said, expected) in table {
            let starts = AhoCorasick::new(start(secret)).unwrap();
            assert_eq!(hidden(&starts, said), expected, "{secret}");
        }
    }
}
