//! The imports of a TypeScript or JavaScript file, found without a parser, so that they are also found in files
//! that are not finished, and in scripts inside of pages.

use std::ops::Range;

/// How far back the keyword of an import is looked for, in tokens.
const BACK_MAX: usize = 512;

/// How many tokens the directives at the head of a file may take.
const FIRST_MAX: usize = 16;

/// One import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Import<'a> {
    /// What is imported, as written.
    pub(super) name: &'a str,
    /// Where that stands.
    pub(super) place: Range<usize>,
    /// Whether it is gone once types are.
    pub(super) only_types: bool,
}

/// The imports of a file, and whether it says that it runs in the browser.
#[derive(Debug, Default)]
pub(super) struct Imports<'a> {
    pub(super) all: Vec<Import<'a>>,
    pub(super) client: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Text(&'a str, usize),
    Sign(u8),
}

/// Reads a file.
pub(super) fn read(text: &str) -> Imports<'_> {
    let tokens = Lexer { text, at: 0, templates: Vec::new(), barren: [0; 3], tokens: Vec::new() }.tokens();
    let mut imports = Imports::default();
    for (at, token) in tokens.iter().enumerate() {
        let Token::Text(name, start) = *token else { continue };
        let first =
            at < FIRST_MAX && tokens[..at].iter().all(|it| matches!(it, Token::Text(..) | Token::Sign(b';')));
        imports.client |= first && name == "use client";
        if let Some(only_types) = imported(&tokens[..at]) {
            imports.all.push(Import { name, place: start..start + name.len(), only_types });
        }
    }
    imports
}

/// Whether what stands before a string makes it the name of a module; and if so, whether only types come from it.
fn imported(before: &[Token<'_>]) -> Option<bool> {
    match before {
        [.., Token::Sign(b'.'), Token::Word("require"), Token::Sign(b'(')] => None,
        [.., Token::Word("import")] | [.., Token::Word("require" | "import"), Token::Sign(b'(')] => {
            Some(false)
        }
        [rest @ .., Token::Word("from")] => {
            matches!(rest.last()?, Token::Word(_) | Token::Sign(b'}' | b'*')).then(|| only_types(rest))
        }
        _ => None,
    }
}

fn only_types(before: &[Token<'_>]) -> bool {
    let recent = &before[before.len().saturating_sub(BACK_MAX)..];
    let Some(at) = recent.iter().rposition(|it| matches!(it, Token::Word("import" | "export"))) else {
        return false;
    };
    match &recent[at + 1..] {
        [Token::Word("type"), Token::Word(_) | Token::Sign(b'{' | b'*'), ..] => true,
        [Token::Sign(b'{'), names @ .., Token::Sign(b'}')] => {
            !names.is_empty()
                && names
                    .split(|it| *it == Token::Sign(b','))
                    .all(|it| it.is_empty() || matches!(it, [Token::Word("type"), Token::Word(_), ..]))
        }
        _ => false,
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// For each template that is open: how many braces are open in its `${…}`.
    templates: Vec<usize>,
    /// How far it is known that no `"`, `'` or `/` ends what began with one, so that nothing is read twice.
    barren: [usize; 3],
    tokens: Vec<Token<'a>>,
}

impl<'a> Lexer<'a> {
    fn tokens(mut self) -> Vec<Token<'a>> {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at).copied() {
            match byte {
                b'/' if bytes.get(self.at + 1) == Some(&b'/') => self.skip_past("\n"),
                b'/' if bytes.get(self.at + 1) == Some(&b'*') => self.skip_past("*/"),
                b'/' if self.may_be_pattern() => self.pattern(),
                b'"' | b'\'' => self.string(byte),
                b'`' => self.template(),
                b'}' if self.templates.last() == Some(&0) => {
                    self.templates.pop();
                    self.template();
                }
                _ if byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'$') || byte >= 0x80 => self.word(),
                _ => self.sign(byte),
            }
        }
        self.tokens
    }

    fn skip_past(&mut self, end: &str) {
        let rest = &self.text[self.at..];
        self.at += rest[2.min(rest.len())..].find(end).map_or(rest.len(), |it| it + 2 + end.len());
    }

    fn word(&mut self) {
        let rest = &self.text[self.at..];
        let end = rest
            .bytes()
            .position(|it| !(it.is_ascii_alphanumeric() || matches!(it, b'_' | b'$') || it >= 0x80));
        let length = end.unwrap_or(rest.len());
        self.tokens.push(Token::Word(&rest[..length]));
        self.at += length;
    }

    fn sign(&mut self, byte: u8) {
        if let Some(open) = self.templates.last_mut() {
            *open += usize::from(byte == b'{');
            *open -= usize::from(byte == b'}');
        }
        if !byte.is_ascii_whitespace() {
            self.tokens.push(Token::Sign(byte));
        }
        self.at += 1;
    }

    /// A string ends on its line; a quote without an end is an apostrophe in a text.
    fn string(&mut self, quote: u8) {
        let start = self.at + 1;
        let Some(end) = self.line_end(quote, usize::from(quote == b'\'')) else {
            self.at = start;
            return;
        };
        if let Some(text) = self.text.get(start..end) {
            self.tokens.push(Token::Text(text, start));
        }
        self.at = end + 1;
    }

    /// Where on this line the next such sign stands that ends what begins here.
    fn line_end(&mut self, sign: u8, kind: usize) -> Option<usize> {
        if self.at < self.barren[kind] {
            return None;
        }
        let bytes = self.text.as_bytes();
        let mut class = false;
        let mut at = self.at + 1;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'\\' => at += 1,
                b'\n' => break,
                b'[' if sign == b'/' => class = true,
                b']' if sign == b'/' => class = false,
                _ if *byte == sign && !class => return Some(at),
                _ => {}
            }
            at += 1;
        }
        self.barren[kind] = at;
        None
    }

    /// The text of a template up to its end, or to the next `${`.
    fn template(&mut self) {
        let bytes = self.text.as_bytes();
        let start = self.at + 1;
        self.at = start;
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b'\\' => self.at += 1,
                b'`' => {
                    if let Some(text) = self.text.get(start..self.at) {
                        self.tokens.push(Token::Text(text, start));
                    }
                    self.at += 1;
                    return;
                }
                b'$' if bytes.get(self.at + 1) == Some(&b'{') => {
                    self.at += 2;
                    self.templates.push(0);
                    self.tokens.push(Token::Sign(b'`'));
                    return;
                }
                _ => {}
            }
            self.at += 1;
        }
        self.at = self.at.min(bytes.len());
    }

    /// Whether a slash begins a pattern rather than divides.
    fn may_be_pattern(&self) -> bool {
        match self.tokens.last() {
            Some(Token::Word(word)) => {
                matches!(*word, "return" | "typeof" | "case" | "in" | "of" | "await" | "void")
            }
            Some(Token::Text(..)) => false,
            Some(Token::Sign(sign)) => !sign.is_ascii_digit() && !matches!(sign, b')' | b']' | b'}' | b'<'),
            None => true,
        }
    }

    fn pattern(&mut self) {
        match self.line_end(b'/', 2) {
            Some(end) => {
                self.tokens.push(Token::Sign(b')'));
                self.at = end + 1;
            }
            None => self.sign(b'/'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let imports = read(text);
        let names: Vec<_> = imports
            .all
            .iter()
            .map(|it| format!("{}{}", it.name, if it.only_types { "?" } else { "" }))
            .collect();
        assert_eq!(names, expected, "{text}");
        for it in &imports.all {
            assert_eq!(&text[it.place.clone()], it.name);
        }
    }

    #[test]
    fn every_form_of_import_is_found() {
        check(
            "import a from 'a'; import * as b from \"b\"; import 'c'; export { d } from 'd'; export * from 'e'",
            &["a", "b", "c", "d", "e"],
        );
        check(
            "const f = require('f'); await import('g'); import h = require(\"h\"); import(`i`)",
            &["f", "g", "h", "i"],
        );
        check(
            "import type { A } from 'a'; import { type B } from 'b'; import { type C, d } from 'c'; import type from 'e'",
            &["a?", "b?", "c", "e"],
        );
    }

    #[test]
    fn what_only_looks_like_an_import_is_none() {
        check(
            "// import 'a'\n/* import 'b' */ const s = \"import 'c'\"; `import 'd' ${x}`; /import 'e'/.test(x)",
            &[],
        );
        check("Array.from('a'); load.require('b'); const from = 'c'", &[]);
    }

    #[test]
    fn odd_places_do_not_lead_astray() {
        check("const t = `${a ? `x${'}'}` : {b: 1}}`; import 'a'", &["a"]);
        check("<p>Don't</p>\nconst x = a / b; import 'a'; const y = /['\"]/; import 'b'", &["a", "b"]);
    }

    #[test]
    fn only_the_first_statement_makes_a_client() {
        assert!(read("'use strict';\n\"use client\"\nimport 'a'").client);
        assert!(read("// note\n'use client';").client);
        assert!(!read("import 'a'; 'use client'").client);
    }
}
