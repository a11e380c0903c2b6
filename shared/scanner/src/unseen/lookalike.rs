//! Names with letters of another alphabet that look like Latin ones.

use std::collections::HashSet;

use unicode_security::confusable_detection::skeleton;

use super::Trick;
use super::region::{Region, Regions};
use crate::change::Source;
use crate::finding::Verdict;
use crate::sighting::Sighting;

const REMEDY: &str = "Write the name with plain Latin letters.";

const TWIN: Trick = Trick {
    rule: "text.lookalike-name",
    verdict: Verdict::Block,
    message: "Two different names in this file look the same: one of them has letters of another alphabet. This is a \
              known way to make a check call something other than it seems to.",
    remedy: REMEDY,
};
const MIXED: Trick = Trick {
    rule: "text.mixed-name",
    verdict: Verdict::Block,
    message: "This name mixes Latin letters with letters of another alphabet that look the same. Nobody can tell it \
              from the name that it imitates.",
    remedy: REMEDY,
};

/// Greek letters that formulas use beside Latin ones.
const OF_FORMULAS: &str = "αβγδεζηθικλμνξπρστφχψωΓΔΘΛΞΠΣΦΨΩµ";

/// How many names with foreign letters are looked at; more of them are somebody's language.
const NAMES_MAX: usize = 10_000;

pub(super) fn look(source: Source<'_>, regions: &Regions) -> Vec<Sighting> {
    let of_code = |it: &(usize, &str)| regions.at(it.0) == Region::Code;
    let foreign = names(source.text).filter(|(_, name)| !name.is_ascii()).filter(of_code).take(NAMES_MAX);
    let foreign: Vec<_> = foreign.collect();
    if foreign.is_empty() {
        return Vec::new();
    }
    let plain = names(source.text).filter(|(_, name)| name.is_ascii()).filter(of_code);
    let plain: HashSet<&str> = plain.map(|(_, name)| name).collect();
    let judged = foreign.iter().filter_map(|(at, name)| {
        let twin: String = skeleton(name).collect();
        let trick = if plain.contains(twin.as_str()) || plain.iter().any(|it| is_twin(it, &twin)) {
            &TWIN
        } else if is_mixed(name, &twin) {
            &MIXED
        } else {
            return None;
        };
        Some(trick.at(*at..at + name.len(), (*name).to_owned()))
    });
    judged.collect()
}

/// Plain letters have twins among themselves (`I` and `l`), so both sides are compared in their plainest form.
fn is_twin(plain: &str, twin: &str) -> bool {
    plain.len() == twin.len() && skeleton(plain).eq(twin.chars())
}

/// Whether Latin letters stand beside foreign ones that look like Latin ones.
fn is_mixed(name: &str, twin: &str) -> bool {
    let foreign = name.chars().filter(|it| !it.is_ascii());
    let is_formula = foreign.clone().all(|it| OF_FORMULAS.contains(it));
    // `é` and the like are Latin; their twin keeps the accent and is not plain.
    name.chars().any(|it| it.is_ascii_alphabetic())
        && twin.is_ascii()
        && !is_formula
        && foreign.clone().any(char::is_alphabetic)
}

/// The names of a text: runs of letters, digits and the like.
fn names(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '$';
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].find(is_part)?;
        let rest = &text[start..];
        let length = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
        at = start + length;
        Some((start, &rest[..length]))
    })
}
