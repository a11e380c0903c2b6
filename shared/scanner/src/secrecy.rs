//! No finding shows what another one calls a secret: names of packages and the like are quoted as they were written.

use std::fmt;

use aho_corasick::AhoCorasick;

use crate::finding::{Category, Finding};
use crate::sighting::Sighting;

/// How much of a secret nobody is shown, in bytes. Whoever quotes may have cut the rest.
const START: usize = 8;

/// What stands in place of a secret.
const HIDDEN: &str = "…";

/// Secrets that a file holds.
#[derive(Default)]
pub(crate) struct Secrets(Vec<String>);

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
        let is_telling = |it: &&str| it.len() >= START && it.bytes().any(|it| !it.is_ascii_alphabetic());
        Self(values.filter(is_telling).map(str::to_owned).collect())
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
        let starts = self.0.iter().map(|it| &it[..it.ceil_char_boundary(START)]);
        let starts = AhoCorasick::new(starts).expect("files are bounded, and so are their secrets");
        for finding in findings {
            for text in [&mut finding.message, &mut finding.remedy] {
                if starts.is_match(text.as_str()) {
                    *text = self.hidden(&starts, text);
                }
            }
        }
    }

    fn hidden(&self, starts: &AhoCorasick, text: &str) -> String {
        let mut shown = String::new();
        let mut rest = text;
        while let Some(found) = starts.find(rest) {
            let secret = self.0[found.pattern()].chars();
            let said = &rest[found.start()..];
            let length: usize =
                said.chars().zip(secret).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
            shown.push_str(&rest[..found.start()]);
            shown.push_str(HIDDEN);
            rest = &said[length..];
        }
        shown + rest
    }
}
