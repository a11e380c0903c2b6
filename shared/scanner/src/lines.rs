//! The lines of a text, and which of them a change brings.

use std::ops::Range;

use imara_diff::{Algorithm, Diff, InternedInput};

/// Where the lines of a text begin.
pub(crate) struct Lines {
    starts: Vec<usize>,
    /// The bytes that only go on with a character: a line may be as long as the file, and full of places.
    continued: Vec<usize>,
}

/// A place as editors show it: both count from 1, columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Lines {
    pub(crate) fn of(text: &str) -> Self {
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        let is_continued = |(_, byte): &(usize, u8)| byte & 0b1100_0000 == 0b1000_0000;
        let continued = if text.is_ascii() {
            Vec::new()
        } else {
            text.bytes().enumerate().filter(is_continued).map(|(at, _)| at).collect()
        };
        Self { starts: std::iter::once(0).chain(breaks).collect(), continued }
    }

    /// How many lines there are; a last one without characters does not count.
    pub(crate) fn count(&self, text: &str) -> usize {
        if text.is_empty() || text.ends_with('\n') { self.starts.len() - 1 } else { self.starts.len() }
    }

    /// The position of a byte; of one past the end, the end's.
    pub(crate) fn position(&self, text: &str, at: usize) -> Position {
        let at = text.floor_char_boundary(at.min(text.len()));
        let line = self.starts.partition_point(|start| *start <= at);
        let start = self.starts[line - 1];
        let continued = |before: usize| self.continued.partition_point(|it| *it < before);
        let column = at - start - (continued(at) - continued(start)) + 1;
        Position { line, column }
    }

    /// The bytes of a line, counted from 0, without its end.
    pub(crate) fn range(&self, text: &str, line: usize) -> Range<usize> {
        let start = self.starts.get(line).copied().unwrap_or(text.len());
        let end = self.starts.get(line + 1).copied().unwrap_or(text.len());
        start..start + text[start..end].trim_end_matches(['\n', '\r']).len()
    }
}

/// The parts of a text that a change brings, in order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Added(Vec<Range<usize>>);

impl Added {
    /// All of it is new.
    pub(crate) fn all(after: &str) -> Self {
        Self(std::iter::once(0..after.len() + 1).collect())
    }

    /// The lines of `after` that `before` does not have; how lines end is no difference.
    pub(crate) fn between(before: &str, after: &str) -> Self {
        let mut input = InternedInput::default();
        input.update_before(before.split_inclusive('\n').map(without_end));
        input.update_after(after.split_inclusive('\n').map(without_end));
        let diff = Diff::compute(Algorithm::Histogram, &input);
        let lines = Lines::of(after);
        let start = |line: u32| lines.starts.get(line as usize).copied().unwrap_or(after.len() + 1);
        let ranges = diff.hunks().filter(|hunk| !hunk.after.is_empty());
        Self(ranges.map(|hunk| start(hunk.after.start)..start(hunk.after.end)).collect())
    }

    /// Whether any of the place is new; an empty place counts where it lies.
    pub(crate) fn touches(&self, place: &Range<usize>) -> bool {
        let end = place.end.max(place.start + 1);
        let first = self.0.partition_point(|range| range.end <= place.start);
        self.0.get(first).is_some_and(|range| range.start < end)
    }
}

fn without_end(line: &str) -> &str {
    line.trim_end_matches(['\n', '\r'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn added_lines_are_those_that_were_not_there() {
        let table: &[(&str, &str, &str, Option<Range<usize>>)] = &[
            ("nothing", "a\nb\n", "a\nb\n", None),
            ("line endings", "a\nb\n", "a\r\nb\r\n", None),
            ("no last line end", "a\nb\n", "a\nb", None),
            ("one in between", "a\nc\n", "a\nb\nc\n", Some(2..4)),
            ("one changed", "a\nb\nc\n", "a\nX\nc\n", Some(2..4)),
            ("one gone", "a\nb\nc\n", "a\nc\n", None),
            ("from nothing", "", "a\n", Some(0..2)),
        ];
        for (name, before, after, expected) in table {
            let Added(ranges) = Added::between(before, after);
            let cut: Vec<_> = ranges.iter().map(|it| it.start..it.end.min(after.len())).collect();
            assert_eq!(cut, expected.iter().cloned().collect::<Vec<_>>(), "{name}");
        }
    }

    #[test]
    fn a_place_counts_where_it_lies() {
        let added = Added::between("a\nc\n", "a\nb\nc\n");
        assert!(!added.touches(&(0..1)), "before");
        assert!(added.touches(&(0..3)), "reaching in");
        assert!(added.touches(&(2..2)), "empty, inside");
        assert!(!added.touches(&(4..5)), "after");
    }

    #[test]
    fn positions_count_characters_from_one() {
        let text = "a\nßx\n";
        let lines = Lines::of(text);
        assert_eq!(lines.position(text, 4), Position { line: 2, column: 2 });
        assert_eq!(lines.position(text, 99), Position { line: 3, column: 1 });
        assert_eq!(lines.count(text), 2);
        assert_eq!(lines.range(text, 1), 2..5);
    }
}
