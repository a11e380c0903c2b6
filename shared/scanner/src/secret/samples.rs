//! Parts of a program that say of themselves that they hold samples: `export const samples = [ … ];`.

use std::cell::OnceCell;
use std::ops::Range;

use super::name;

/// Words of names for what somebody made up.
const WORDS: &[&str] = &[
    "sample", "samples", "example", "examples", "fixture", "fixtures", "mock", "mocks", "mocked", "dummy",
    "stub", "stubs", "fake", "fakes",
];

/// The samples of a text; it is searched when they are asked for first.
pub(crate) struct Samples<'t> {
    text: &'t str,
    places: OnceCell<Vec<Range<usize>>>,
}

impl<'t> Samples<'t> {
    pub(crate) fn of(text: &'t str) -> Self {
        Self { text, places: OnceCell::new() }
    }

    /// Whether this place lies in one.
    pub(crate) fn hold(&self, at: usize) -> bool {
        self.places.get_or_init(|| places(self.text)).iter().any(|it| it.contains(&at))
    }
}

/// Each goes from its declaration at the beginning of a line to the next line that is not indented.
fn places(text: &str) -> Vec<Range<usize>> {
    let mut places: Vec<Range<usize>> = Vec::new();
    let mut open: Option<usize> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let is_outside = line.starts_with(|it: char| !it.is_whitespace());
        if let Some(start) = open.filter(|_| is_outside) {
            places.push(start..at);
            open = None;
        }
        if is_outside && is_declared(line) {
            open = Some(at);
        }
        at += line.len();
    }
    places.extend(open.map(|start| start..at));
    places
}

fn is_declared(line: &str) -> bool {
    let mut words = line.split_whitespace().skip_while(|it| matches!(*it, "export" | "declare"));
    let declares = matches!(words.next(), Some("const" | "let" | "var"));
    let name = words.next().unwrap_or_default().split([':', '=', '<']).next().unwrap_or_default();
    declares && name::words(name).iter().any(|it| WORDS.contains(&it.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_go_as_far_as_their_declaration() {
        let text = "const a = 1;\nexport const samples: Sample[] = [\n  { b: 2 },\n\n  c,\n];\nconst d = 3;\n\
                    let mockUser = { e: 4 };\nconst examined = { f: 5 };\n";
        let samples = Samples::of(text);
        for (part, expected) in
            [("1", false), ("2", true), ("c,", true), ("3", false), ("4", true), ("5", false)]
        {
            assert_eq!(samples.hold(text.find(part).unwrap()), expected, "{part}");
        }
    }
}
