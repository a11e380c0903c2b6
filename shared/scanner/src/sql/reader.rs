//! Reading a statement word by word.

use super::assigned::Assigned;
use super::deed::{Act, Deed};
use super::words::{Kind, Word};

/// The longest normalised statement that is kept: what differs only behind it counts as the same.
const NORMAL_MAX: usize = 16 * 1024;

/// A place in a statement's words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    words: &'a [&'a Word<'a>],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(words: &'a [&'a Word<'a>]) -> Self {
        Self { words, at: 0 }
    }

    pub(super) fn rest(&self) -> &'a [&'a Word<'a>] {
        self.words.get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<&'a Word<'a>> {
        self.words.get(self.at).copied()
    }

    pub(super) fn peek_is(&self, expected: &str) -> bool {
        self.peek().is_some_and(|it| it.is(expected))
    }

    pub(super) fn second_is(&self, expected: &str) -> bool {
        self.words.get(self.at + 1).is_some_and(|it| it.is(expected))
    }

    /// The next word if it is a keyword, else nothing.
    pub(super) fn plain(&self) -> &'a str {
        self.peek().filter(|it| it.kind == Kind::Plain).map_or("", |it| it.text.as_ref())
    }

    pub(super) fn next(&mut self) -> Option<&'a Word<'a>> {
        let word = self.peek()?;
        self.at += 1;
        Some(word)
    }

    pub(super) fn eat(&mut self, expected: &str) -> bool {
        let found = self.peek_is(expected);
        self.at += usize::from(found);
        found
    }

    /// Takes all of these words, or none.
    pub(super) fn eat_all(&mut self, expected: &[&str]) -> bool {
        let found = starts_with(self.rest(), expected);
        self.at += if found { expected.len() } else { 0 };
        found
    }

    /// Whether these words follow each other somewhere ahead.
    pub(super) fn has_in_row(&self, expected: &[&str]) -> bool {
        self.rest().windows(expected.len()).any(|it| starts_with(it, expected))
    }

    pub(super) fn ends_with(&self, expected: &str) -> bool {
        self.words.iter().rev().find(|it| !it.is(";")).is_some_and(|it| it.is(expected))
    }

    /// Goes to the next of these words outside brackets; stays where it is if there is none.
    pub(super) fn skip_to_top(&mut self, expected: &[&str]) -> bool {
        let found = top_level(self.rest()).find(|(_, word)| word.is_one_of(expected)).map(|(at, _)| at);
        self.at += found.unwrap_or(0);
        found.is_some()
    }

    /// `[IF [NOT] EXISTS] [ONLY] a.b [*]`, without the schema that everybody means.
    pub(super) fn relation(&mut self) -> String {
        let _ = self.eat_all(&["if", "exists"]) || self.eat_all(&["if", "not", "exists"]);
        self.eat("only");
        let bracket = self.eat("(");
        let mut name = self.name();
        while self.eat(".") {
            let part = self.name();
            name = if name == "public" { part } else { format!("{name}.{part}") };
        }
        self.eat("*");
        if bracket {
            self.eat(")");
        }
        name
    }

    pub(super) fn name(&mut self) -> String {
        match self.peek() {
            Some(word) if word.is_name() => {
                self.at += 1;
                word.text.to_string()
            }
            _ => String::new(),
        }
    }

    /// A list of names; arguments of functions are passed over.
    pub(super) fn names(&mut self) -> Vec<String> {
        let mut names = vec![self.relation()];
        loop {
            if self.peek_is("(") {
                self.at += inside(self.rest()).len() + 2;
            }
            if !self.eat(",") {
                return names;
            }
            names.push(self.relation());
        }
    }

    /// What stands after the statement's own WHERE.
    pub(super) fn condition(&self) -> Option<&'a [&'a Word<'a>]> {
        let rest = self.rest();
        let start = top_level(rest).find(|(_, word)| word.is("where"))?.0 + 1;
        let length = top_level(&rest[start..])
            .find(|(_, word)| word.is_one_of(&["returning", ";", "limit", "order"]))
            .map_or(rest.len() - start, |(at, _)| at);
        Some(&rest[start..start + length])
    }

    /// What `SET a = 1, (b, c) = …` puts where.
    pub(super) fn assigned(&mut self) -> Vec<Assigned<'a>> {
        self.eat("set");
        let rest = self.rest();
        let end = top_level(rest).find(|(_, word)| word.is_one_of(&["from", "where", "returning"]));
        let all = Reader::new(end.map_or(rest, |(at, _)| &rest[..at])).items();
        all.into_iter().map(Assigned::new).collect()
    }

    /// What is ahead, split at the commas outside brackets, up to the statement's end.
    pub(super) fn items(&self) -> Vec<&'a [&'a Word<'a>]> {
        let rest = self.rest();
        let end = top_level(rest).find(|(_, word)| word.is(";")).map_or(rest.len(), |(at, _)| at);
        let rest = &rest[..end];
        let mut from = 0;
        let mut items = Vec::new();
        for (at, _) in top_level(rest).filter(|(_, word)| word.is(",")) {
            items.push(&rest[from..at]);
            from = at + 1;
        }
        items.push(&rest[from..]);
        items
    }

    pub(super) fn deed(&self, act: Act, on: String, part: Option<String>) -> Vec<Deed> {
        deed(self.words, "", act, on, part).into_iter().collect()
    }

    /// One deed on several things; that something has several names is no reason to say it several times.
    pub(super) fn deed_on_all(&self, act: Act, on: &[String]) -> Vec<Deed> {
        self.deed(act, on.join(", "), None)
    }
}

/// A deed of these words, if there are any; `before` makes the same words of different tables differ.
pub(super) fn deed(
    words: &[&Word<'_>],
    before: &str,
    act: Act,
    on: String,
    part: Option<String>,
) -> Option<Deed> {
    let words = match words.split_last() {
        Some((last, rest)) if last.is(";") => rest,
        _ => words,
    };
    let place = words.first()?.place.start..words.last()?.place.end;
    let mut normal = before.to_owned();
    for word in words {
        if normal.len() > NORMAL_MAX {
            break;
        }
        let mark = match word.kind {
            Kind::Quoted => "\"",
            Kind::Text => "'",
            Kind::Plain | Kind::Number | Kind::Sign => "",
        };
        normal.extend([" ", mark, word.text.as_ref(), mark]);
    }
    Some(Deed { act, on, part, place, normal })
}

pub(super) fn starts_with(words: &[&Word<'_>], expected: &[&str]) -> bool {
    words.len() >= expected.len() && words.iter().zip(expected).all(|(word, it)| word.is(it))
}

/// The words outside brackets, with their numbers.
pub(super) fn top_level<'a>(
    words: &'a [&'a Word<'a>],
) -> impl Iterator<Item = (usize, &'a Word<'a>)> + Clone + 'a {
    let mut depth = 0_usize;
    words.iter().enumerate().filter_map(move |(at, word)| {
        if word.is(")") {
            depth = depth.saturating_sub(1);
        }
        let outside = depth == 0;
        if word.is("(") {
            depth += 1;
        }
        outside.then_some((at, *word))
    })
}

/// What stands inside the brackets with which these words begin.
pub(super) fn inside<'a>(words: &'a [&'a Word<'a>]) -> &'a [&'a Word<'a>] {
    let end = top_level(words).find(|(at, word)| *at > 0 && word.is(")")).map_or(words.len(), |(at, _)| at);
    words.get(1..end).unwrap_or_default()
}
