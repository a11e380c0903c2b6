//! Conditions that keep nothing.

use super::reader::{inside, starts_with, top_level};
use super::words::{Kind, Word};

/// Brackets deeper than this are not looked into: then a condition counts as one.
const DEPTH_MAX: usize = 16;

/// Whether every row meets the condition, as far as its text alone says so.
pub(super) fn always_true(condition: &[&Word<'_>]) -> bool {
    holds(condition, DEPTH_MAX) == Some(true)
}

/// Whether it always holds, never does, or depends.
fn holds(words: &[&Word<'_>], depth: usize) -> Option<bool> {
    let depth = depth.checked_sub(1)?;
    let parts = split(words, "or");
    if parts.len() > 1 {
        return any(parts, depth, true);
    }
    let parts = if has_between(words) { vec![words] } else { split(words, "and") };
    if parts.len() > 1 {
        return any(parts, depth, false);
    }
    match words {
        [first, rest @ ..] if first.is("not") => holds(rest, depth).map(|it| !it),
        [first, .., last] if first.is("(") && last.is(")") && inside(words).len() + 2 == words.len() => {
            holds(inside(words), depth)
        }
        _ => leaf(words),
    }
}

/// The one value that decides, if a part has it; the other if all have that.
fn any(parts: Vec<&[&Word<'_>]>, depth: usize, decides: bool) -> Option<bool> {
    let mut all_other = true;
    for part in parts {
        match holds(part, depth) {
            Some(it) if it == decides => return Some(decides),
            Some(_) => {}
            None => all_other = false,
        }
    }
    all_other.then_some(!decides)
}

fn split<'a>(words: &'a [&'a Word<'a>], at: &str) -> Vec<&'a [&'a Word<'a>]> {
    let mut from = 0;
    let mut parts = Vec::new();
    for (here, _) in top_level(words).filter(|(_, word)| word.is(at)) {
        parts.push(&words[from..here]);
        from = here + 1;
    }
    parts.push(&words[from..]);
    parts
}

fn has_between(words: &[&Word<'_>]) -> bool {
    top_level(words).any(|(_, word)| word.is("between"))
}

fn leaf(words: &[&Word<'_>]) -> Option<bool> {
    // A type told with the value changes nothing: `1::int`, `true::boolean`.
    let words = match words {
        [rest @ .., sign, _] if sign.is("::") => rest,
        _ => words,
    };
    match words {
        [word] if word.is("true") => Some(true),
        [word] if word.is("false") || word.is("null") => Some(false),
        [word] if word.kind == Kind::Number => Some(!word.text.trim_matches(['0', '.']).is_empty()),
        [word] if word.kind == Kind::Text => {
            Some(matches!(word.text.to_ascii_lowercase().as_str(), "t" | "true" | "y" | "yes" | "on" | "1"))
        }
        [_, rest @ ..] if starts_with(rest, &["is", "true"]) => leaf(&words[..1]),
        [first, ..] if first.is("exists") => constant_query(inside(&words[1..])).then_some(true),
        _ => compared(words),
    }
}

/// `SELECT 1` has a row, always.
fn constant_query(words: &[&Word<'_>]) -> bool {
    words.first().is_some_and(|it| it.is("select"))
        && !words.iter().any(|it| it.is_one_of(&["from", "where"]))
}

fn compared(words: &[&Word<'_>]) -> Option<bool> {
    let (at, sign) = top_level(words)
        .find(|(_, word)| word.is_one_of(&["=", "<>", "!=", "<", ">", "<=", ">=", "like", "ilike"]))?;
    let (left, right) = (&words[..at], &words[at + 1..]);
    let same = !left.is_empty()
        && left.len() == right.len()
        && left.iter().zip(right).all(|(a, b)| (a.kind, &a.text) == (b.kind, &b.text))
        && !left.iter().any(|it| it.is("("));
    match sign.text.as_ref() {
        "=" | "<=" | ">=" if same => Some(true),
        "like" | "ilike" => {
            matches!(right, [word] if word.kind == Kind::Text && word.text.chars().all(|c| c == '%') && !word.text.is_empty())
                .then_some(true)
        }
        sign => numbers(left, right).map(|(a, b)| match sign {
            "=" => a.eq(&b),
            "<" => a < b,
            ">" => a > b,
            "<=" => a <= b,
            ">=" => a >= b,
            _ => a.ne(&b),
        }),
    }
}

fn numbers(left: &[&Word<'_>], right: &[&Word<'_>]) -> Option<(f64, f64)> {
    match (left, right) {
        ([a], [b]) if a.kind == Kind::Number && b.kind == Kind::Number => {
            Some((a.text.parse().ok()?, b.text.parse().ok()?))
        }
        _ => None,
    }
}
