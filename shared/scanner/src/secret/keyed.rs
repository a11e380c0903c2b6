//! Literals beside a name that promises a secret: `password = "…"`, `API_KEY: …`, `<password>…</password>`.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::name::{self, Promise};
use super::samples::Samples;
use super::{Kind, Secret, value};
use crate::change::{Source, ending, is_code};
use crate::finding::Confidence;

/// Parts of names that may promise something.
static HINTS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let hints = ["pass", "pwd", "psw", "secret", "token", "key", "credential", "senha"];
    AhoCorasick::builder().ascii_case_insensitive(true).build(hints).expect("a test builds it")
});

/// How long a name may be, to each side of the hint.
const NAME_MAX: usize = 60;
/// How long a value may be.
const VALUE_MAX: usize = 600;

/// Calls that take a name and its value.
const SETTERS: &[&str] = &[
    "put",
    "set",
    "add",
    "append",
    "header",
    "setheader",
    "setproperty",
    "addheader",
    "setitem",
    "with",
    "define",
    "putstring",
];

/// Whether a literal with this name beside it is a secret, and how sure that is.
pub(super) fn judge(name: &str, literal: &str, is_fixture: bool) -> Option<(Kind, Confidence)> {
    let promise = name::promise(name)?;
    // A name beside its own name: `password: "password"`, `tokenKey = "token_key"`.
    if name::words(literal).concat() == name::words(name).concat() {
        return None;
    }
    match promise {
        Promise::Password => value::password(literal, is_fixture).map(|sure| (Kind::Password, sure)),
        Promise::Key => value::key(literal, is_fixture).map(|sure| (Kind::Key, sure)),
    }
}

/// How a kind of file writes its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// In quotes only.
    Code,
    /// Also bare, to the end of the line: `.env`, properties, INI, shell.
    Bare,
    /// Also bare after `name: `.
    Yaml,
    /// Also between tags.
    Markup,
}

fn form(path: &str) -> Form {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_env = name.starts_with(".env") || (name.starts_with("env.") && !is_code(path));
    if is_env
        || name.starts_with("Dockerfile")
        || matches!(name, ".npmrc" | ".netrc" | ".pgpass" | "credentials" | "config")
    {
        return Form::Bare;
    }
    match ending(path).as_str() {
        "properties" | "ini" | "conf" | "cfg" | "cnf" | "sh" | "bash" | "zsh" | "env" | "tfvars"
        | "config" | "dockerfile" => Form::Bare,
        "yml" | "yaml" => Form::Yaml,
        "xml" | "plist" | "xaml" | "csproj" | "pom" => Form::Markup,
        _ => Form::Code,
    }
}

/// The secrets beside their names in a text.
pub(super) fn look(source: Source<'_>) -> Vec<Secret> {
    let Source { path, text } = source;
    let form = form(path);
    let is_fixture = value::is_fixture(path);
    let samples = Samples::of(text);
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut seen_until = 0;
    for hint in HINTS.find_iter(text) {
        if hint.start() < seen_until {
            continue;
        }
        let name = name_around(bytes, hint.range());
        seen_until = name.end;
        // Few names have a literal beside them; only those are taken apart into words.
        let Some(place) = value_after(bytes, &name, form) else { continue };
        let Some(literal) = text.get(place.clone()) else { continue };
        // Names are plain letters, so these are whole characters.
        let in_sample = || is_fixture || samples.hold(place.start);
        if let Some((kind, _)) = judge(&text[name.clone()], literal, false)
            && let Some((_, confidence)) = judge(&text[name], literal, in_sample())
        {
            found.push(Secret { kind, confidence, place });
        }
    }
    found
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'$')
}

fn name_around(bytes: &[u8], hint: Range<usize>) -> Range<usize> {
    let least = hint.start.saturating_sub(NAME_MAX);
    let most = (hint.end + NAME_MAX).min(bytes.len());
    let start =
        bytes[least..hint.start].iter().rposition(|it| !is_name_byte(*it)).map_or(least, |it| least + it + 1);
    let end = bytes[hint.end..most].iter().position(|it| !is_name_byte(*it)).map_or(most, |it| hint.end + it);
    start..end
}

/// The place of the value that stands beside the name, if one does.
fn value_after(bytes: &[u8], name: &Range<usize>, form: Form) -> Option<Range<usize>> {
    let before = name.start.checked_sub(1).map(|at| bytes[at]);
    // What stands in `${NAME:-…}` is what the environment falls back to.
    if bytes[..name.start].ends_with(b"${") {
        return None;
    }
    let mut at = name.end;
    let closer = bytes.get(at).copied().filter(|it| matches!(it, b'"' | b'\'' | b'`'));
    let is_quoted = closer.is_some() && before == closer;
    at += usize::from(is_quoted);
    while bytes.get(at).is_some_and(|it| matches!(it, b']' | b'?' | b'!')) {
        at += 1;
    }
    if form == Form::Markup && bytes.get(at) == Some(&b'>') {
        return between_tags(bytes, at + 1);
    }
    at = past_blanks(bytes, at);
    let operator = operator(bytes, at)?;
    at = past_blanks(bytes, at + operator.len());
    match operator {
        "," if !(is_quoted && is_set(bytes, name.start - 1)) => return None,
        "(" if is_quoted || reads(&bytes[name.clone()]) => return None,
        ":" => at = past_type(bytes, at),
        _ => {}
    }
    if let Some(quoted) = quoted(bytes, at) {
        return Some(quoted);
    }
    let is_bare = match form {
        Form::Bare => operator == "=" || operator == ":",
        Form::Yaml => operator == ":" || operator == "=",
        Form::Code | Form::Markup => false,
    };
    if is_bare && !is_quoted { bare(bytes, at) } else { None }
}

/// Whether a function of this name is asked for a secret by what it is called, and is not given one.
fn reads(name: &[u8]) -> bool {
    const VERBS: &[&str] = &[
        "get", "retrieve", "find", "fetch", "load", "read", "lookup", "delete", "remove", "revoke",
        "complete", "cancel", "create", "generate", "make", "list", "use",
    ];
    let last = name.rsplit(|it| *it == b'.').next().unwrap_or_default();
    let words = name::words(&String::from_utf8_lossy(last));
    words.len() > 1 && VERBS.contains(&words[0].as_str())
}

fn past_blanks(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(|it| matches!(it, b' ' | b'\t')) {
        at += 1;
    }
    at
}

/// What joins a name and its value.
fn operator(bytes: &[u8], at: usize) -> Option<&'static str> {
    const OPERATORS: &[&str] =
        &["===", "!==", "==", "!=", "=>", ":=", "?=", "||=", "??=", "+=", "=", ":", ",", "("];
    let rest = &bytes[at.min(bytes.len())..];
    OPERATORS.iter().copied().find(|it| rest.starts_with(it.as_bytes()))
}

/// Past a type between the name and its value: `password: string = "…"`.
fn past_type(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..(at + 40).min(bytes.len())];
    let is_type = |byte: u8| byte.is_ascii_alphanumeric() || b"&<>[]|._ '?".contains(&byte);
    let length = rest.iter().take_while(|it| is_type(**it)).count();
    let is_given = length > 0 && rest.first() != Some(&b'\'') && rest.get(length) == Some(&b'=');
    if is_given { past_blanks(bytes, at + length + 1) } else { at }
}

/// Whether the quote is the first argument of a call that sets something.
fn is_set(bytes: &[u8], quote: usize) -> bool {
    let Some(open) = bytes[..quote].iter().rposition(|it| !matches!(it, b' ' | b'\n' | b'\t')) else {
        return false;
    };
    if bytes[open] != b'(' {
        return false;
    }
    let least = open.saturating_sub(30);
    let start = bytes[least..open]
        .iter()
        .rposition(|it| !it.is_ascii_alphanumeric())
        .map_or(least, |it| least + it + 1);
    let callee = String::from_utf8_lossy(&bytes[start..open]).to_ascii_lowercase();
    SETTERS.contains(&callee.as_str())
}

/// A text in quotes, and nothing but it.
fn quoted(bytes: &[u8], mut at: usize) -> Option<Range<usize>> {
    let is_prefix = |at: usize| {
        bytes.get(at).is_some_and(|it| b"bruLN@".contains(it))
            && bytes.get(at + 1).is_some_and(|it| b"\"'".contains(it))
    };
    if is_prefix(at) {
        at += 1;
    }
    // Code in code has its quotes escaped.
    if bytes.get(at) == Some(&b'\\') {
        at += 1;
    }
    let quote = bytes.get(at).copied().filter(|it| matches!(it, b'"' | b'\'' | b'`'))?;
    let start = at + 1;
    let most = (start + VALUE_MAX).min(bytes.len());
    let mut end = start;
    while end < most && bytes[end] != quote {
        match bytes[end] {
            b'\n' => return None,
            b'\\' if bytes.get(end + 1) == Some(&quote) && bytes[at.saturating_sub(1)] == b'\\' => break,
            b'\\' => end += 2,
            _ => end += 1,
        }
    }
    let after = bytes.get(end + 1).copied().unwrap_or(b'\n');
    let next = bytes.get(past_blanks(bytes, end + 1)).copied().unwrap_or(b'\n');
    // A part of a longer expression is not a value: `"Bearer " + token`, `"%s" % x`, `"a".b`.
    let is_part = matches!(next, b'+' | b'%') || after == b'.';
    (end < most && end > start && !is_part).then_some(start..end)
}

/// A value without quotes, up to a blank, a comment or the line's end.
fn bare(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let first = bytes.get(at).copied()?;
    if matches!(
        first,
        b'$' | b'{'
            | b'['
            | b'<'
            | b'&'
            | b'*'
            | b'!'
            | b'|'
            | b'>'
            | b'%'
            | b'@'
            | b'#'
            | b'('
            | b'\n'
            | b'\r'
    ) {
        return None;
    }
    let most = (at + VALUE_MAX).min(bytes.len());
    let length = bytes[at..most]
        .iter()
        .take_while(|it| !it.is_ascii_whitespace() && !matches!(it, b'"' | b'\'' | b'`' | b';'))
        .count();
    let end = at + length;
    // More words after it make it a sentence.
    let next = bytes.get(past_blanks(bytes, end)).copied().unwrap_or(b'\n');
    let is_whole = matches!(next, b'\n' | b'\r' | b'#' | b';' | b'\\' | b'&' | b'|' | b'-');
    (length > 0 && at + length <= most && is_whole).then_some(at..end)
}

fn between_tags(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let most = (at + VALUE_MAX).min(bytes.len());
    let end = at + bytes[at..most].iter().position(|it| *it == b'<')?;
    let is_closing = bytes.get(end + 1) == Some(&b'/');
    (is_closing && end > at).then_some(at..end)
}
