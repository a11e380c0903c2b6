//! SQL as a flat row of words: what stands outside comments, with strings, quoted names and plain words told apart.
//!
//! It never fails and never recurses, whatever the text; it reads Postgres, and the quotes of its neighbours.

use std::borrow::Cow;
use std::ops::Range;

/// What a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A keyword or plain name, in lower case.
    Plain,
    /// A name in quotes, as written.
    Quoted,
    /// The content of a string.
    Text,
    /// A number or a parameter such as `$1`.
    Number,
    /// An operator or a bracket.
    Sign,
}

/// One word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word<'a> {
    pub(super) kind: Kind,
    /// Its content, without quotes.
    pub(super) text: Cow<'a, str>,
    /// Where it stands, quotes included.
    pub(super) place: Range<usize>,
    /// How many bytes its quotes take at its start.
    pub(super) quote: usize,
}

impl Word<'_> {
    /// Whether it is this keyword or sign; quoted names and strings never are.
    pub(super) fn is(&self, expected: &str) -> bool {
        matches!(self.kind, Kind::Plain | Kind::Sign) && self.text == expected
    }

    pub(super) fn is_one_of(&self, expected: &[&str]) -> bool {
        expected.iter().any(|it| self.is(it))
    }

    /// Whether it can name a table or column.
    pub(super) fn is_name(&self) -> bool {
        matches!(self.kind, Kind::Plain | Kind::Quoted)
    }
}

/// All words of a text, and whether every quote and comment in it is closed.
pub(super) fn words(text: &str) -> (Vec<Word<'_>>, bool) {
    let mut lexer = Lexer { text, at: 0, closed: true };
    let mut words = Vec::new();
    while let Some(word) = lexer.word() {
        words.push(word);
    }
    (words, lexer.closed)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    closed: bool,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn word(&mut self) -> Option<Word<'a>> {
        self.skip_blanks();
        let start = self.at;
        let rest = self.rest();
        let first = rest.chars().next()?;
        let lower = first.to_ascii_lowercase();
        let second = rest.as_bytes().get(1).copied();
        let word = match first {
            '\'' => self.quoted('\'', 0, false, Kind::Text),
            '"' | '`' => self.quoted(first, 0, false, Kind::Quoted),
            '$' => self.dollar(),
            _ if matches!(lower, 'e' | 'b' | 'x' | 'n') && second == Some(b'\'') => {
                self.quoted('\'', 1, lower == 'e', Kind::Text)
            }
            _ if lower == 'u' && rest[1..].starts_with("&'") => self.quoted('\'', 2, false, Kind::Text),
            _ if lower == 'u' && rest[1..].starts_with("&\"") => self.quoted('"', 2, false, Kind::Quoted),
            _ if first.is_ascii_digit() => self.run(Kind::Number, |c| c.is_ascii_alphanumeric() || c == '.'),
            _ if first == '_' || first.is_alphabetic() || !first.is_ascii() => {
                self.run(Kind::Plain, |c| c == '_' || c == '$' || c.is_alphanumeric() || !c.is_ascii())
            }
            _ => self.sign(first),
        };
        debug_assert!(self.at > start, "every word takes some of the text");
        Some(word)
    }

    /// Blanks and comments; `/*!` is none, for neighbours of Postgres run what follows it.
    fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest();
            let blank =
                rest.len() - rest.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}').len();
            self.at += blank;
            let rest = self.rest();
            if rest.starts_with("--") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if let Some(rest) = rest.strip_prefix("/*!") {
                self.at += 3 + rest.bytes().take_while(u8::is_ascii_digit).count();
            } else if rest.starts_with("*/") {
                self.at += 2;
            } else if rest.starts_with("/*") {
                self.skip_comment();
            } else if blank == 0 {
                return;
            }
        }
    }

    fn skip_comment(&mut self) {
        let bytes = self.text.as_bytes();
        let mut depth = 0_usize;
        while self.at < bytes.len() {
            match &bytes[self.at..(self.at + 2).min(bytes.len())] {
                b"/*" => (depth, self.at) = (depth + 1, self.at + 2),
                b"*/" => (depth, self.at) = (depth - 1, self.at + 2),
                _ => self.at += 1,
            }
            if depth == 0 {
                return;
            }
        }
        self.closed = false;
    }

    /// A string or quoted name; the quote doubled stands for itself.
    fn quoted(&mut self, quote: char, prefix: usize, escapes: bool, kind: Kind) -> Word<'a> {
        let start = self.at;
        let from = start + prefix + 1;
        let mut chars = self.text[from..].char_indices().peekable();
        let mut end = None;
        let mut plain = true;
        while let Some((at, c)) = chars.next() {
            if escapes && c == '\\' {
                plain = false;
                chars.next();
            } else if c == quote {
                if chars.peek().is_some_and(|(_, next)| *next == quote) {
                    plain = false;
                    chars.next();
                } else {
                    end = Some(from + at);
                    break;
                }
            }
        }
        self.closed &= end.is_some();
        let to = end.unwrap_or(self.text.len());
        self.at = end.map_or(self.text.len(), |end| end + 1);
        let inner = &self.text[from..to];
        let text = if plain && prefix < 2 {
            Cow::Borrowed(inner)
        } else {
            Cow::Owned(decoded(inner, quote, escapes, prefix == 2))
        };
        Word { kind, text, place: start..self.at, quote: prefix + 1 }
    }

    /// `$tag$ … $tag$`, or a parameter.
    fn dollar(&mut self) -> Word<'a> {
        let start = self.at;
        let rest = self.rest();
        let tag = rest[1..].find('$').map(|at| &rest[..at + 2]).filter(|tag| {
            let name = &tag[1..tag.len() - 1];
            name.chars().all(|c| c == '_' || c.is_alphanumeric())
                && !name.starts_with(|c: char| c.is_ascii_digit())
        });
        let Some(tag) = tag else {
            self.at += 1;
            return self.run_from(start, Kind::Number, |c| c.is_ascii_alphanumeric());
        };
        let from = start + tag.len();
        let end = self.text[from..].find(tag).map(|at| from + at);
        self.closed &= end.is_some();
        let to = end.unwrap_or(self.text.len());
        self.at = end.map_or(self.text.len(), |end| end + tag.len());
        Word {
            kind: Kind::Text,
            text: Cow::Borrowed(&self.text[from..to]),
            place: start..self.at,
            quote: tag.len(),
        }
    }

    fn run(&mut self, kind: Kind, belongs: impl Fn(char) -> bool) -> Word<'a> {
        self.run_from(self.at, kind, belongs)
    }

    fn run_from(&mut self, start: usize, kind: Kind, belongs: impl Fn(char) -> bool) -> Word<'a> {
        let rest = self.rest();
        self.at += rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        let text = &self.text[start..self.at];
        let text = if text.bytes().any(|b| b.is_ascii_uppercase()) {
            Cow::Owned(text.to_ascii_lowercase())
        } else {
            Cow::Borrowed(text)
        };
        Word { kind, text, place: start..self.at, quote: 0 }
    }

    fn sign(&mut self, first: char) -> Word<'a> {
        const LONG: &[&str] = &["||", "::", ":=", "<>", "!=", ">=", "<=", "=>"];
        let start = self.at;
        let rest = self.rest();
        let length = LONG.iter().find(|it| rest.starts_with(**it)).map_or(first.len_utf8(), |it| it.len());
        self.at += length;
        Word { kind: Kind::Sign, text: Cow::Borrowed(&rest[..length]), place: start..self.at, quote: 0 }
    }
}

/// A quoted content as Postgres understands it.
fn decoded(inner: &str, quote: char, escapes: bool, unicode: bool) -> String {
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c == quote {
            chars.next();
            text.push(c);
        } else if c == '\\' && (escapes || unicode) {
            text.extend(escaped(&mut chars, unicode));
        } else {
            text.push(c);
        }
    }
    text
}

/// The character that an escape stands for; the backslash has been read.
fn escaped(chars: &mut std::str::Chars<'_>, unicode: bool) -> Option<char> {
    let rest = chars.as_str();
    let (skip, digits, radix) = match rest.chars().next()? {
        '+' if unicode => (1, 6, 16),
        c if unicode && c.is_ascii_hexdigit() => (0, 4, 16),
        'x' => (1, 2, 16),
        'u' => (1, 4, 16),
        'U' => (1, 8, 16),
        '0'..='7' => (0, 3, 8),
        _ => {
            return chars.next().map(|c| match c {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                other => other,
            });
        }
    };
    let number: String = rest[skip..].chars().take(digits).take_while(|c| c.is_digit(radix)).collect();
    for _ in 0..skip + number.len() {
        chars.next();
    }
    u32::from_str_radix(&number, radix).ok().and_then(char::from_u32)
}

/// How many parts a name has at most, with the fields of what it stands for.
const NAMES_MAX: usize = 8;

/// How deep a parser could have to go for these words at most: a bound, not a measure.
pub(super) fn nesting(words: &[Word<'_>]) -> usize {
    let mut levels = vec![0_usize];
    let mut sum = 0_usize;
    let mut blocks = 0_usize;
    let mut deepest = 0;
    let mut before = "";
    let mut dots = 0_usize;
    for word in words {
        let last = levels.len() - 1;
        match (word.text.as_ref(), before) {
            (".", _) => dots += 1,
            (_, ".") => {}
            _ => dots = 0,
        }
        match word.text.as_ref() {
            _ if !matches!(word.kind, Kind::Plain | Kind::Sign) => {}
            "(" | "[" => levels.push(0),
            ")" | "]" if last > 0 => sum -= levels.pop().unwrap_or(0),
            "," | ";" => sum -= std::mem::take(&mut levels[last]),
            "commit" | "rollback" => blocks = 0,
            "end" => blocks = blocks.saturating_sub(1),
            "begin" | "case" | "loop" | "atomic" if before != "end" => blocks += 1,
            // Everything else may go one level deeper than what stands before it.
            "." if dots <= NAMES_MAX => {}
            ")" | "]" => {}
            text if word.kind == Kind::Sign || DEEPENS.contains(&text) => {
                levels[last] += 1;
                sum += 1;
            }
            _ => {}
        }
        before = word.text.as_ref();
        deepest = deepest.max(levels.len() + sum + blocks);
    }
    deepest
}

/// Keywords after which an expression, a query or a join can nest.
const DEEPENS: &[&str] = &[
    "not",
    "and",
    "or",
    "is",
    "in",
    "like",
    "ilike",
    "similar",
    "between",
    "any",
    "all",
    "some",
    "array",
    "select",
    "values",
    "union",
    "except",
    "intersect",
    "join",
    "with",
    "from",
    "explain",
    "analyze",
    "prepare",
    "create",
    "schema",
    "grant",
    "table",
    "set",
    "collate",
    "at",
    "interval",
    "row",
    "over",
    "filter",
    "as",
    "then",
    "else",
    "when",
    "on",
    "using",
    "if",
    "return",
    "do",
    "declare",
    "execute",
    "exists",
    "operator",
    "isnull",
    "notnull",
    "of",
    "setof",
    "default",
    "check",
    "escape",
    "copy",
    "where",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sql: &str, expected: &[&str]) {
        let (words, closed) = words(sql);
        assert!(closed, "{sql}");
        assert_eq!(words.iter().map(|it| it.text.as_ref()).collect::<Vec<_>>(), expected, "{sql}");
    }

    #[test]
    fn comments_are_no_words() {
        check("DROP/**/TABLE -- all of it\n \"Customer\";", &["drop", "table", "Customer", ";"]);
        check("/* a /* b */ c */ x", &["x"]);
        check("/*!50000 drop */ x", &["drop", "x"]);
    }

    #[test]
    fn strings_are_read_as_postgres_reads_them() {
        check(
            "'it''s' E'a\\'b\\x41' $x$ '$$' $x$ U&\"d\\0061t\\+000061\" `odd`",
            &["it's", "a'bA", " '$$' ", "data", "odd"],
        );
        check("a.b $1 || x::int", &["a", ".", "b", "$1", "||", "x", "::", "int"]);
    }

    #[test]
    fn open_quotes_are_told() {
        for sql in ["'a", "\"a", "/* a", "$x$ a $y$", "E'a\\'"] {
            assert!(!words(sql).1, "{sql}");
        }
    }

    #[test]
    fn nesting_is_bounded_by_lists_and_seen_in_chains() {
        assert!(nesting(&words(&"(1, 'a' || 'b'), ".repeat(1000)).0) < 10);
        assert!(nesting(&words(&"drop table if exists a; ".repeat(1000)).0) < 10);
        for piece in ["(", "not ", "- ", "1 + ", "case when ", "begin ", "a and ", "array["] {
            assert!(nesting(&words(&piece.repeat(1000)).0) >= 1000, "{piece}");
        }
        assert!(nesting(&words(&".a".repeat(1000 + NAMES_MAX)).0) >= 1000, "the parts of a name");
    }
}
