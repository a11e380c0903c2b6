//! SQL inside SQL: bodies of functions and `DO` blocks, and text that is run as SQL.

use std::borrow::Cow;
use std::ops::Range;

use super::words::{Kind, Word, words};

/// A text inside a script.
#[derive(Debug)]
pub(super) struct Inner<'a> {
    pub(super) text: Cow<'a, str>,
    /// Where it stands, in the text around it.
    pub(super) place: Range<usize>,
    /// Whether its bytes stand there as they are, so that places in it can be told.
    pub(super) exact: bool,
    pub(super) kind: InnerKind,
}

/// How a text inside a script comes to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InnerKind {
    /// `DO`: at once.
    Block,
    /// A function or procedure: when it is called.
    Function,
    /// Put together while it runs.
    Made,
}

/// Bodies of blocks and functions among these words.
pub(super) fn bodies<'a>(words: &'a [Word<'a>]) -> Vec<Inner<'a>> {
    segments(words, &[]).into_iter().filter_map(body).collect()
}

fn body<'a>(segment: &'a [Word<'a>]) -> Option<Inner<'a>> {
    let (kind, from) = if let Some(at) = segment.iter().position(|it| it.is("do"))
        && segment[..at].iter().all(|it| it.is_one_of(&["begin", "then", "else", "loop"]))
    {
        (InnerKind::Block, at)
    } else if segment.first()?.is("create")
        && segment.iter().take(4).any(|it| it.is_one_of(&["function", "procedure"]))
    {
        (InnerKind::Function, segment.iter().position(|it| it.is("as"))?)
    } else {
        return None;
    };
    let at = (from..segment.len())
        .find(|at| segment[*at].kind == Kind::Text && !segment[at.saturating_sub(1)].is("language"))?;
    let word = &segment[at];
    let exact = matches!(word.text, Cow::Borrowed(_));
    let start = word.place.start + word.quote;
    let place = if exact { start..start + word.text.len() } else { word.place.clone() };
    Some(Inner { text: Cow::Borrowed(word.text.as_ref()), place, exact, kind })
}

/// Pieces between `;` and these words.
fn segments<'a>(words: &'a [Word<'a>], also: &[&str]) -> Vec<&'a [Word<'a>]> {
    words.split(|it| it.is(";") || it.is_one_of(also)).filter(|it| !it.is_empty()).collect()
}

/// Whether text among these words is run as SQL.
pub(super) fn runs_text(words: &[Word<'_>]) -> bool {
    words.iter().enumerate().any(|(at, it)| {
        it.is_one_of(&["execute", "exec", "sp_executesql", "gexec"]) && !is_trigger_call(words, at)
            || it.is("from") && at > 1 && words[at - 2].is("prepare")
    })
}

/// `EXECUTE FUNCTION f()` of a trigger, and `GRANT EXECUTE ON`.
fn is_trigger_call(words: &[Word<'_>], at: usize) -> bool {
    words
        .get(at + 1)
        .is_some_and(|it| it.is_one_of(&["function", "procedure", "on", "privileges", ",", "to", "from"]))
}

/// Text that is run as SQL, with what is not known in it replaced by a name; and the first `EXECUTE` of which
/// nothing can be read.
pub(super) fn made<'a>(words: &'a [Word<'a>]) -> (Vec<Inner<'a>>, Option<Range<usize>>) {
    let everywhere = runs_text(words);
    let mut texts = Vec::new();
    let mut readable = false;
    let mut executes = None;
    for segment in segments(words, &["then", "else", "loop", "begin"]) {
        let first = &segment[0];
        if first.is("execute") && segment.get(1).is_some_and(|it| !it.is_one_of(&["function", "procedure"])) {
            executes.get_or_insert(first.place.start..segment[segment.len() - 1].place.end);
        }
        let carried = everywhere
            && !first.is_one_of(&["raise", "comment", "insert", "update", "perform", "create", "do"]);
        if !carried && !segment.windows(2).any(|it| is_runner(&it[0]) && it[1].is("(")) {
            continue;
        }
        for (text, place) in joined(segment) {
            readable |= begins_as_sql(&text);
            texts.push(Inner { text: Cow::Owned(text), place, exact: false, kind: InnerKind::Made });
        }
    }
    (texts, executes.filter(|_| !readable))
}

/// Functions whose arguments are run as SQL.
const RUNNERS: &[&str] = &[
    "dblink",
    "query_to_",
    "exec_sql",
    "execute_sql",
    "run_sql",
    "run_command_on_",
    "schedule",
    "pg_background_launch",
];

fn is_runner(word: &Word<'_>) -> bool {
    word.kind == Kind::Plain && RUNNERS.iter().any(|it| word.text.starts_with(it))
}

fn begins_as_sql(text: &str) -> bool {
    const VERBS: &[&str] = &[
        "alter", "analyze", "call", "cluster", "comment", "copy", "create", "delete", "drop", "explain",
        "grant", "insert", "lock", "merge", "notify", "reassign", "refresh", "reindex", "revoke", "select",
        "set", "truncate", "update", "vacuum", "with", "do", "import", "security", "reset", "prepare",
    ];
    words(text).0.first().is_some_and(|it| it.is_one_of(VERBS))
}

/// The strings of a statement as the texts that `||`, `format` and `concat` make of them.
fn joined(segment: &[Word<'_>]) -> Vec<(String, Range<usize>)> {
    let has = |name: &str| segment.iter().any(|it| it.is(name));
    // In a list that is no such call, each string is a text of its own.
    let comma = if has("concat") {
        Gap::None
    } else if has("format") || has("concat_ws") {
        Gap::Blank
    } else {
        Gap::End
    };
    let mut texts: Vec<(String, Range<usize>)> = Vec::new();
    let mut gap = Gap::End;
    let mut at = 0;
    while let Some(word) = segment.get(at) {
        at += 1;
        let piece = match word.kind {
            Kind::Text => Cow::Borrowed(word.text.as_ref()),
            _ if word.is("||") => continue,
            _ if word.is(",") => {
                gap = gap.max(comma);
                continue;
            }
            Kind::Plain | Kind::Quoted | Kind::Number | Kind::Sign => {
                let Some(c) = code(word, segment.get(at + 1)) else {
                    gap = gap.max(Gap::Unknown);
                    continue;
                };
                at += 3;
                Cow::Owned(c.to_string())
            }
        };
        match texts.last_mut().filter(|_| gap != Gap::End) {
            Some((text, place)) => {
                text.push_str(gap.text());
                text.push_str(&piece);
                place.end = word.place.end;
            }
            None => texts.push((piece.into_owned(), word.place.clone())),
        }
        gap = Gap::None;
    }
    if let Some((text, _)) = texts.last_mut() {
        text.push_str(gap.text());
    }
    texts.into_iter().map(|(text, place)| (without_places(&text), place)).collect()
}

/// The character that `chr(68)` stands for.
fn code(word: &Word<'_>, number: Option<&Word<'_>>) -> Option<char> {
    let number = number.filter(|it| word.is("chr") && it.kind == Kind::Number)?;
    char::from_u32(number.text.parse().ok()?)
}

/// What stands between two strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    None,
    Blank,
    Unknown,
    /// The next string is another text.
    End,
}

impl Gap {
    fn text(self) -> &'static str {
        match self {
            Gap::None => "",
            Gap::Blank => " ",
            Gap::Unknown | Gap::End => " x ",
        }
    }
}

/// The places of `format` become names: `%I`, `%1$s`.
fn without_places(text: &str) -> String {
    let mut parts = text.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(|it| it.is_ascii_digit() || *it == b'$').count();
        if part[digits..].starts_with(['I', 's', 'L']) {
            out.push('x');
            out.push_str(&part[digits + 1..]);
        } else {
            out.push('%');
            out.push_str(part);
        }
    }
    out
}
