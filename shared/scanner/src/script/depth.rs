//! How deep a program may be nested, seen before it is parsed: parsers of nested text recurse, and a hostile text must
//! not use up the stack.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// What follows from the depth of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// As people write.
    Usual,
    /// It needs a stack of its own.
    Deep,
    /// Nobody writes this, and it is not read.
    Hostile,
}

/// What fits on any thread's stack.
const USUAL_MAX: usize = 200 * LEVEL;

/// A level of which a parser makes several calls; one of a sum of numbers takes a tenth of that.
const LEVEL: usize = 10;

/// What fits on a stack of [`STACK`] bytes.
const DEEP_MAX: usize = 20_000 * LEVEL;

/// The stack for deep texts, in bytes; only the part that is used takes memory.
pub(crate) const STACK: usize = 1 << 30;

/// Words after which an expression or statement goes on.
const GOES_ON: [&str; 27] = [
    "typeof",
    "void",
    "delete",
    "await",
    "new",
    "in",
    "of",
    "instanceof",
    "yield",
    "else",
    "if",
    "for",
    "while",
    "do",
    "with",
    "return",
    "case",
    "extends",
    "keyof",
    "infer",
    "readonly",
    "is",
    "as",
    "satisfies",
    "unique",
    "async",
    "try",
];

/// What holds brackets that are none: texts, comments and patterns. Templates are not among them: their holes are code.
static TEXTS: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = concat!(
        r#""(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|//[^\n]*|/\*(?s:.*?)\*/"#,
        r"|[=(,:;!&|?{}\[\n]\s*/(?:[^/*\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.)*\])(?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.)*\])*/"
    );
    Regex::new(pattern).expect("the pattern is constant")
});

/// How many brackets the stack that callers give has room for, if none of them is ever closed.
const OPENED_MAX: usize = 2_000;

/// Never less than how deep the parser's tree of this text is, for the purpose of choosing a stack.
///
/// Texts and comments are read like code: what opens in them adds to the depth. Where there is much of it, what closes
/// in them must not take from it.
pub(crate) fn depth(text: &str) -> Depth {
    let scan = scan(text);
    if scan.most > DEEP_MAX || scan.opened <= OPENED_MAX {
        return scan.depth();
    }
    let open = TEXTS.replace_all(text, |found: &Captures<'_>| found[0].replace([')', ']', '}'], " "));
    Scan { most: scan.most.max(self::scan(&open).most), ..scan }.depth()
}

fn scan(text: &str) -> Scan {
    let mut scan = Scan::default();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() && scan.most <= DEEP_MAX {
        let byte = bytes[at];
        if is_word(byte) {
            let start = at;
            while at < bytes.len() && is_word(bytes[at]) {
                at += 1;
            }
            scan.word(&text[start..at]);
            continue;
        }
        if !begins_number(&bytes[at..]) {
            scan.sign(byte);
        } else if byte != b'.' {
            scan.add(1);
        }
        at += 1;
    }
    scan
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

/// A sign before a number, or the point in one, as they stand by the thousand in drawings.
fn begins_number(rest: &[u8]) -> bool {
    match rest {
        [b'.' | b'-' | b'+', digit, ..] if digit.is_ascii_digit() => true,
        [b'-' | b'+', b'.', digit, ..] => digit.is_ascii_digit(),
        _ => false,
    }
}

/// What is open at a place of the text.
#[derive(Default)]
struct Scan {
    /// The levels around the innermost open bracket.
    outer: Vec<Level>,
    here: Level,
    /// What all levels have together.
    sum: usize,
    /// Whether what came last cannot end a statement.
    goes_on: bool,
    is_new_line: bool,
    /// Whether a block or the like was closed last.
    is_closed: bool,
    most: usize,
    /// How many brackets were opened.
    opened: usize,
}

/// What stands between an open bracket and a place.
#[derive(Default, Clone, Copy)]
struct Level {
    /// What the bracket around it adds, until it is closed.
    bracket: usize,
    /// Signs and words since the last end of an expression.
    signs: usize,
    /// Statements that stand in one another without brackets.
    statements: usize,
}

impl Scan {
    fn depth(&self) -> Depth {
        if self.most > DEEP_MAX {
            Depth::Hostile
        } else if self.most > USUAL_MAX {
            Depth::Deep
        } else {
            Depth::Usual
        }
    }

    fn word(&mut self, word: &str) {
        let goes_on = GOES_ON.contains(&word);
        if (self.is_closed || self.is_new_line) && !self.goes_on && !goes_on {
            self.end();
        }
        if self.is_closed && !matches!(word, "else" | "while" | "catch" | "finally") {
            self.sum -= self.here.statements;
            self.here.statements = 0;
        }
        (self.is_new_line, self.is_closed, self.goes_on) = (false, false, goes_on);
        if matches!(word, "if" | "for" | "while" | "else" | "do" | "with") {
            self.here.statements += LEVEL;
            self.sum += LEVEL;
        }
        if goes_on {
            self.add(LEVEL);
        }
    }

    fn sign(&mut self, byte: u8) {
        match byte {
            b'\n' => self.is_new_line = true,
            b' ' | b'\t' | b'\r' => {}
            b'(' | b'[' | b'{' => {
                let here = Level { bracket: LEVEL, ..Level::default() };
                self.outer.push(std::mem::replace(&mut self.here, here));
                self.sum += LEVEL;
                self.opened += 1;
                self.most = self.most.max(self.sum);
                self.after(false);
            }
            b')' | b']' | b'}' => {
                self.sum -= self.here.bracket + self.here.signs + self.here.statements;
                self.here = self.outer.pop().unwrap_or_default();
                self.add(LEVEL);
                self.after(false);
                self.is_closed = byte == b'}';
            }
            b';' => {
                self.end();
                self.sum -= self.here.statements;
                self.here.statements = 0;
                self.after(false);
            }
            b',' => {
                self.end();
                self.after(false);
            }
            _ => {
                self.add(LEVEL);
                self.after(!matches!(byte, b'"' | b'\'' | b'`'));
            }
        }
    }

    fn add(&mut self, weight: usize) {
        self.here.signs += weight;
        self.sum += weight;
        self.most = self.most.max(self.sum);
    }

    /// The expression before this is whole.
    fn end(&mut self) {
        self.sum -= self.here.signs;
        self.here.signs = 0;
    }

    fn after(&mut self, goes_on: bool) {
        (self.is_new_line, self.is_closed, self.goes_on) = (false, false, goes_on);
    }
}
