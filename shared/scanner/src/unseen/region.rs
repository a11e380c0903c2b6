//! What in a source file is code, what is comment and what is literal text.

use std::ops::Range;

use crate::change::{Source, ending};

/// What a part of a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Region {
    Code,
    Comment,
    Literal,
}

/// The comments and literals of a file, in order; all else is code.
#[derive(Debug, Default)]
pub(super) struct Regions {
    parts: Vec<(Range<usize>, Region)>,
    is_prose: bool,
}

impl Regions {
    /// A file that nobody runs: all of it is literal.
    pub(super) fn prose() -> Self {
        Self { parts: Vec::new(), is_prose: true }
    }

    pub(super) fn at(&self, place: usize) -> Region {
        if self.is_prose {
            return Region::Literal;
        }
        let next = self.parts.partition_point(|(range, _)| range.end <= place);
        match self.parts.get(next) {
            Some((range, region)) if range.contains(&place) => *region,
            Some(_) | None => Region::Code,
        }
    }

    /// Whether nobody runs any of it.
    pub(super) fn is_prose(&self) -> bool {
        self.is_prose
    }
}

/// How a language marks comments.
struct Marks {
    line: &'static [&'static [u8]],
    block: Option<(&'static [u8], &'static [u8])>,
    /// Whether back quotes begin a literal over many lines.
    has_templates: bool,
}

fn marks(path: &str) -> Marks {
    match ending(path).as_str() {
        "py" | "rb" | "sh" | "bash" | "zsh" | "pl" | "r" | "ex" | "exs" | "ps1" | "tf" | "graphql"
        | "gql" => Marks { line: &[b"#"], block: None, has_templates: false },
        "sql" | "lua" | "hs" => Marks { line: &[b"--"], block: Some((b"/*", b"*/")), has_templates: false },
        "html" | "htm" | "vue" | "svelte" | "astro" => {
            Marks { line: &[b"//"], block: Some((b"<!--", b"-->")), has_templates: true }
        }
        _ => Marks { line: &[b"//"], block: Some((b"/*", b"*/")), has_templates: true },
    }
}

/// Tells apart the parts of a source file, roughly: enough to judge a letter by where it stands. A quote that is not
/// closed ends with its line.
pub(super) fn of(source: Source<'_>) -> Regions {
    let marks = marks(source.path);
    let bytes = source.text.as_bytes();
    let mut parts = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let end = if marks.line.iter().any(|it| rest.starts_with(it)) {
            Some((at + rest.iter().position(|it| *it == b'\n').unwrap_or(rest.len()), Region::Comment))
        } else if let Some((_, close)) = marks.block.filter(|(open, _)| rest.starts_with(open)) {
            let length = rest.windows(close.len()).position(|it| it == close);
            Some((length.map_or(bytes.len(), |it| at + it + close.len()), Region::Comment))
        } else if matches!(rest[0], b'"' | b'\'') || (rest[0] == b'`' && marks.has_templates) {
            Some((closing(bytes, at), Region::Literal))
        } else {
            None
        };
        match end {
            Some((end, region)) => {
                parts.push((at..end, region));
                at = end.max(at + 1);
            }
            None => at += 1,
        }
    }
    Regions { parts, is_prose: false }
}

/// Where a literal ends.
fn closing(bytes: &[u8], start: usize) -> usize {
    let quote = bytes[start];
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'\n' if quote != b'`' => return at,
            byte if byte == quote => return at + 1,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}
