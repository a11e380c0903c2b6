//! An index of positions: one JSON object a line, `{"file": …, "line": …, "end_line": …, "category": …, "bad": …}`.

use anyhow::{Context, Result};
use serde_json::Value;

use super::Mark;
use super::scanners::kind;

/// Every mark of the index; `end_line` is `line` and `bad` is true unless they are given.
pub(crate) fn marks(text: &str) -> Result<Vec<Mark>> {
    text.lines().filter(|it| !it.trim().is_empty()).map(mark).collect()
}

fn mark(line: &str) -> Result<Mark> {
    let read = || {
        let mark: Value = serde_json::from_str(line).ok()?;
        let first = mark["line"].as_u64()?;
        Some(Mark {
            file: mark["file"].as_str()?.to_owned(),
            lines: (first, mark["end_line"].as_u64().unwrap_or(first)),
            category: kind(mark["category"].as_str()?),
            is_bad: mark["bad"].as_bool().unwrap_or(true),
        })
    };
    read().with_context(|| format!("this line of the index names no file, line and category: {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_says_where_what_is() {
        let text = "{\"file\":\"a.ts\",\"line\":3,\"category\":\"sqli\"}\n\n{\"file\":\"b.ts\",\"line\":1,\"end_line\":2,\"category\":\"xss\",\"bad\":false}\n";
        let marks = marks(text).unwrap();
        assert_eq!(
            marks[0],
            Mark { file: "a.ts".into(), lines: (3, 3), category: "sqli".into(), is_bad: true }
        );
        assert_eq!(
            marks[1],
            Mark { file: "b.ts".into(), lines: (1, 2), category: "xss".into(), is_bad: false }
        );
        assert!(super::marks("{}").is_err());
    }
}
