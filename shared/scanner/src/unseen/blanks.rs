//! Code far to the right, out of sight.

use super::Trick;
use crate::change::{Source, is_code};
use crate::finding::Verdict;
use crate::sighting::Sighting;

/// How many blanks in a row push what follows out of sight.
const BLANKS_MIN: usize = 200;

const FAR_RIGHT: Trick = Trick {
    rule: "text.far-right",
    verdict: Verdict::Block,
    message: "Code stands so far to the right here that nobody sees it without scrolling. This is a known way to \
              hide a program in a harmless file.",
    remedy: "Move the code to a line of its own, or remove it.",
};

pub(super) fn look(source: Source<'_>) -> Vec<Sighting> {
    let Source { path, text } = source;
    if !is_code(path) && !path.ends_with("package.json") {
        return Vec::new();
    }
    let bytes = text.as_bytes();
    let mut seen = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if !is_blank(bytes[at]) {
            at += 1;
            continue;
        }
        let start = at;
        while at < bytes.len() && is_blank(bytes[at]) {
            at += 1;
        }
        if at - start >= BLANKS_MIN {
            let end = bytes[at..].iter().position(|it| *it == b'\n').map_or(bytes.len(), |it| at + it);
            let hidden = text.get(at..end).unwrap_or_default().trim_end();
            if is_program(hidden) {
                seen.push(FAR_RIGHT.at(at..at + hidden.len(), hidden.to_owned()));
            }
        }
    }
    seen
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Whether it does something; closing brackets, comments and columns of tables do not.
fn is_program(text: &str) -> bool {
    let is_comment = ["//", "/*", "*", "#", "--", "<!--", "|"].iter().any(|it| text.starts_with(it));
    !is_comment && text.contains(['(', '=', '`']) && text.chars().filter(|it| it.is_alphabetic()).count() >= 4
}
