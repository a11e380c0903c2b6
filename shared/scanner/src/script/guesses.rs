//! Brackets of which a parser has to guess what they mean: it reads on, and goes back where it guessed wrong. In each
//! guess it guesses about the brackets in it, so that time and memory grow with the square of their number.
//!
//! They are counted wherever they stand, also in texts and comments: nothing that surrounds one can hide it.

/// How many a program may have. One that consists of so many takes two seconds and a gigabyte; of 12,500 programs
/// that people wrote the one with most has 1,016.
const GUESSES_MAX: usize = 2_000;

/// Words after which a value begins.
const BEFORE_VALUES: [&str; 14] = [
    "typeof",
    "void",
    "delete",
    "await",
    "new",
    "in",
    "instanceof",
    "yield",
    "return",
    "case",
    "async",
    "else",
    "throw",
    "default",
];

/// Whether it would take too long to read this.
pub(crate) fn are_too_many(text: &str) -> bool {
    let signs = text.bytes().enumerate().filter(|(_, byte)| matches!(byte, b'(' | b'<'));
    let guessed = signs.filter(|(at, sign)| match sign {
        b'<' => may_take_types(text, *at),
        _ => may_hold_parameters(text, *at),
    });
    guessed.take(GUESSES_MAX + 1).count() > GUESSES_MAX
}

/// `a < b` may be `a<b>`.
fn may_take_types(text: &str, at: usize) -> bool {
    let before = text[..at].trim_ascii_end();
    let after = text.as_bytes().get(at + 1);
    before.ends_with(|it| is_word(it) || matches!(it, ')' | ']' | '/'))
        && !matches!(after, Some(b'/' | b'=' | b'<'))
}

/// `(a = b)` may be `(a = b) => c`.
fn may_hold_parameters(text: &str, at: usize) -> bool {
    let after = text[at + 1..].trim_ascii_start();
    let name = after.find(|it| !is_word(it)).unwrap_or(after.len());
    let behind = after[name..].trim_ascii_start();
    let begins = if name == 0 { ['{', '[', '.', '/'].as_slice() } else { &[',', '=', ')', ':', '?', '/'] };
    behind.starts_with(begins) && !is_called(text[..at].trim_ascii_end())
}

/// Whether a text ends in what can be called, so that the bracket behind it holds arguments.
fn is_called(text: &str) -> bool {
    let start = text
        .rfind(|it| !is_word(it))
        .map_or(0, |it| it + text[it..].chars().next().map_or(1, char::len_utf8));
    let word = &text[start..];
    // Some of what is not ASCII is a blank.
    if word.is_empty() {
        text.ends_with([')', ']'])
    } else {
        word.is_ascii() && !BEFORE_VALUES.contains(&word)
    }
}

fn is_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '$') || !letter.is_ascii()
}
