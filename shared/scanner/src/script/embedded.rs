//! Programs inside other files: script elements of HTML, Vue, Svelte and Astro.

use std::ops::Range;

use super::lower::Language;

/// A program in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) place: Range<usize>,
    pub(crate) language: Language,
}

/// The programs of a file, by its name; none if it holds none.
pub(crate) fn parts(path: &str, text: &str) -> Vec<Part> {
    let extension =
        path.rsplit('/').next().and_then(|it| it.rsplit_once('.')).map_or("", |it| it.1).to_ascii_lowercase();
    let whole = |language| vec![Part { place: 0..text.len(), language }];
    match extension.as_str() {
        "ts" | "mts" | "cts" => whole(Language::Typed),
        "tsx" => whole(Language::TypedWithMarkup),
        "js" | "jsx" | "mjs" | "cjs" => whole(Language::Script),
        "vue" | "svelte" | "html" | "htm" | "astro" => elements(text),
        _ => Vec::new(),
    }
}

/// Everything between `<script …>` and `</script>` that is a program.
pub(super) fn elements(text: &str) -> Vec<Part> {
    let lower = text.to_ascii_lowercase();
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(found) = lower[at..].find("<script") {
        let open = at + found;
        let Some(end) = lower[open..].find('>').map(|it| open + it) else { break };
        let attributes = &lower[open + "<script".len()..end];
        let Some(close) = lower[end..].find("</script").map(|it| end + it) else { break };
        at = close + 1;
        let is_name =
            attributes.is_empty() || attributes.starts_with(|it: char| it.is_whitespace() || it == '/');
        let is_program = !attributes.contains("type=")
            || ["module", "javascript", "ecmascript", "babel", "typescript"]
                .iter()
                .any(|it| attributes.contains(it));
        if is_name && is_program && !attributes.ends_with('/') && !text[end + 1..close].trim().is_empty() {
            let language = if attributes.contains("tsx") {
                Language::TypedWithMarkup
            } else if attributes.contains("lang=\"ts\"")
                || attributes.contains("lang='ts'")
                || attributes.contains("typescript")
            {
                Language::Typed
            } else {
                Language::Script
            };
            parts.push(Part { place: end + 1..close, language });
        }
    }
    parts
}
