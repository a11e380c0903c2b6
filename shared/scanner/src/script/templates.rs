//! Templates, which are no programs: where they show text as markup.

use std::ops::Range;

use super::{embedded, sources};

/// Where a template of Vue, Svelte, Angular, EJS, Handlebars or Pug shows a value as markup, unless it is cleaned there,
/// or puts one into a program, where escaping for markup does not help.
pub(crate) fn raw_markup(path: &str, text: &str) -> Vec<Range<usize>> {
    let ending = path.rsplit_once('.').map_or("", |it| it.1);
    let (opens, close) = match ending {
        "vue" => (&["v-html=\"", ":innerHTML=\""][..], '"'),
        "svelte" => (&["{@html "][..], '}'),
        "ejs" => (&["<%-"][..], '%'),
        "hbs" | "handlebars" | "mustache" => (&["{{{", "{{&"][..], '}'),
        "pug" | "jade" => (&["!{"][..], '}'),
        "html" | "htm" => (&["[innerHTML]=\"", "ng-bind-html-unsafe=\"", "v-html=\""][..], '"'),
        _ => return Vec::new(),
    };
    let mut places: Vec<_> = opens.iter().flat_map(|open| shown(text, open, close)).collect();
    places.retain(|it| !is_clean(&text[it.clone()], opens));
    match ending {
        "ejs" => places.extend(in_programs(text, "<%=", '%')),
        "hbs" | "handlebars" | "mustache" => places.extend(in_programs(text, "{{", '}')),
        "pug" | "jade" => places.extend(unescaped(text)),
        _ => {}
    }
    places
}

/// Every place from such a sign to the end of what it opens.
fn shown<'t>(text: &'t str, open: &'t str, close: char) -> impl Iterator<Item = Range<usize>> + 't {
    text.match_indices(open).filter_map(move |(start, _)| {
        let length = text[start + open.len()..].find(close)?;
        Some(start..start + open.len() + length + close.len_utf8())
    })
}

fn is_clean(written: &str, opens: &[&str]) -> bool {
    let value = opens.iter().find_map(|it| written.strip_prefix(it)).unwrap_or(written);
    let value = value[..value.len().saturating_sub(1)].trim();
    // Parts of the page that are kept in other files.
    let parts = ["include(", "include ", "body", "content", "yield", "partial("];
    sources::cleans(value).is_some()
        || value.starts_with('\'') && !value.contains('+')
        || value.is_empty()
        || value.starts_with("$t(")
        || parts.iter().any(|it| value.starts_with(it))
}

/// Values inside of script elements.
fn in_programs(text: &str, open: &str, close: char) -> Vec<Range<usize>> {
    let parts = embedded::elements(text).into_iter().map(|it| it.place);
    parts
        .flat_map(|part| {
            let found: Vec<_> = shown(&text[part.clone()], open, close).collect();
            found.into_iter().map(move |it| it.start + part.start..it.end + part.start)
        })
        .filter(|it| !text[it.clone()].contains("JSON.stringify") && !text[it.clone()].starts_with("{{{"))
        .collect()
}

/// What Pug shows as markup, `p!= text` and `a(href!=address)`, and what it puts into programs, `script= text`.
fn unescaped(text: &str) -> Vec<Range<usize>> {
    // Conditions compare with the same sign.
    let joined = text.match_indices("!=").filter(|(at, _)| {
        let before = text[..*at].chars().next_back();
        let line = text[..*at].rsplit('\n').next().unwrap_or_default().trim_start();
        before.is_some_and(|it| it.is_alphanumeric() || it == ')')
            && !["if ", "else if ", "unless ", "while ", "-"].iter().any(|it| line.starts_with(it))
    });
    let mut places: Vec<_> = joined.map(|(at, sign)| at..at + sign.len()).collect();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let inner = line.trim_start().strip_prefix("script").unwrap_or_default();
        let after = if inner.starts_with('(') { inner.split_once(')').map_or("", |it| it.1) } else { inner };
        if after.trim_start().starts_with('=') {
            places.push(start..start + line.trim_end().len());
        }
        start += line.len();
    }
    places
}
