//! How a text can be read although parsers of nested text recurse: what a hostile text must not use up is known before
//! it is parsed.
//!
//! - Every level of a tree has a sign or word of its own, so that a stack in proportion to their number is large enough
//!   for any text, whatever it means.
//! - What is plainly nested as nobody writes is not read at all. That is judged by looks, and a text can be made to look
//!   harmless; then it takes that stack, but nothing breaks.
//! - What a parser would read again and again is not read either.

use super::guesses;

/// The stack on which a text can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// The one that callers give.
    Callers,
    /// One of its own of so many bytes; only what is used of it takes memory.
    Own(usize),
    /// None: nobody writes this, and it is not read.
    None,
}

/// What a sign or word can take of the stack, in bytes: of 113 ways to nest programs the worst, types in brackets, took
/// 1,786 for each sign, and 3,817 where nothing is optimised.
const SIGN_BYTES: usize = if cfg!(debug_assertions) { 5 * 1024 } else { 2_560 };

/// How much of the stack that callers give is for this.
const CALLERS_MAX: usize = crate::STACK_BYTES / 4;

/// The largest stack, in bytes: enough for any program of 800,000 signs, as the largest have that people keep.
const OWN_MAX: usize = 2 << 30;

/// A level of which a parser makes several calls; one of a sum of numbers takes a tenth of that.
const LEVEL: usize = 10;

/// How deep a text may look.
const DEPTH_MAX: usize = 20_000 * LEVEL;

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

/// What it takes to read a text.
pub(crate) fn room(text: &str) -> Room {
    if guesses::are_too_many(text) {
        return Room::None;
    }
    let scan = scan(text);
    match scan.count * SIGN_BYTES {
        _ if scan.is_hostile() => Room::None,
        ..=CALLERS_MAX => Room::Callers,
        stack @ ..=OWN_MAX => Room::Own(stack),
        _ => Room::None,
    }
}

fn scan(text: &str) -> Scan {
    let mut scan = Scan::default();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() && !scan.is_hostile() {
        let byte = bytes[at];
        let start = at;
        if is_word(byte) {
            at = word_end(bytes, at);
            scan.word(&text[start..at]);
        } else if begins_number(&bytes[at..]) {
            at = word_end(bytes, at + 1);
            // The part behind the point belongs to the number before it.
            scan.count += usize::from(byte != b'.' || start == 0 || !is_word(bytes[start - 1]));
            scan.number(byte);
        } else {
            at += 1;
            scan.sign(byte);
        }
    }
    scan
}

fn word_end(bytes: &[u8], start: usize) -> usize {
    bytes[start..].iter().position(|it| !is_word(*it)).map_or(bytes.len(), |length| start + length)
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
    /// How many signs and words there are.
    count: usize,
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
    fn is_hostile(&self) -> bool {
        self.most > DEPTH_MAX
    }

    /// A sign or point with its number.
    fn number(&mut self, byte: u8) {
        if byte != b'.' {
            self.add(1);
        }
    }

    fn word(&mut self, word: &str) {
        // Some of what is not ASCII is a blank between words.
        self.count += 1 + word.bytes().filter(|it| *it >= 0xc0).count();
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
        self.count += usize::from(!byte.is_ascii_whitespace());
        match byte {
            b'\n' => self.is_new_line = true,
            b' ' | b'\t' | b'\r' => {}
            b'(' | b'[' | b'{' => {
                let here = Level { bracket: LEVEL, ..Level::default() };
                self.outer.push(std::mem::replace(&mut self.here, here));
                self.sum += LEVEL;
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
