//! What speaks for sharing a feature with others, and what in it looks private. Pure; the same files give the same.
//!
//! It advises, a person decides. What is private to a business is not to be had from a text with certainty, so a line
//! that is named here may be harmless, and one that is not may be private.

use std::collections::BTreeMap;

use adapters::github::Redaction;

/// Above so many lines that look private the advice is to keep a feature.
const PRIVATE_LINES_KEEP: usize = 5;

/// How many places are named of each kind.
const PLACES_NAMED: usize = 3;

/// What was found so far.
#[derive(Debug, Default)]
pub(crate) struct Assessment {
    parts: BTreeMap<Part, usize>,
    private: BTreeMap<Private, Vec<String>>,
}

/// What is advised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Advice {
    /// Nothing speaks against it.
    Share,
    /// A person should look at some lines first.
    LookFirst,
    /// It is of little use to others, or too much in it looks private.
    Keep,
}

/// What part of an application a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Code,
    Tests,
    Documentation,
    Database,
    Settings,
    Media,
}

/// Why a line looks private.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Private {
    Confidential,
    Prices,
    Customers,
    People,
}

impl Advice {
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Advice::Share => "It could help them, and nothing in it looks private.",
            Advice::LookFirst => "It could help them, but look first at what seems to be private in it.",
            Advice::Keep => {
                "It had better stay here: it is of little use to others, or much in it looks private."
            }
        }
    }
}

impl Assessment {
    /// Takes a file into account, as it was and as it would be; both are empty where there is none.
    pub(crate) fn add(&mut self, path: &str, before: &str, after: &str) {
        *self.parts.entry(Part::of(path)).or_default() += 1;
        let known: std::collections::BTreeSet<&str> = before.lines().collect();
        let plain = Redaction::new([]);
        for (line, number) in after.lines().zip(1usize..).filter(|(line, _)| !known.contains(line)) {
            if let Some(private) = Private::of(line, &plain) {
                self.private.entry(private).or_default().push(format!("{path}, line {number}"));
            }
        }
    }

    pub(crate) fn advice(&self) -> Advice {
        let private: usize = self.private.values().map(Vec::len).sum();
        let is_useful = [Part::Code, Part::Tests, Part::Documentation, Part::Database]
            .iter()
            .any(|part| self.parts.contains_key(part));
        match private {
            _ if !is_useful => Advice::Keep,
            0 => Advice::Share,
            private if private <= PRIVATE_LINES_KEEP => Advice::LookFirst,
            _ => Advice::Keep,
        }
    }

    /// Why, a sentence each.
    pub(crate) fn reasons(&self) -> Vec<String> {
        let parts: Vec<_> = self.parts.iter().map(|(part, count)| part.counted(*count)).collect();
        let mut reasons = vec![format!("It touches {}.", parts.join(", "))];
        if self.parts.contains_key(&Part::Tests) {
            reasons.push("It brings tests, which makes it easier for others to take.".to_owned());
        }
        if self.parts.contains_key(&Part::Database) {
            reasons.push("It changes the database, so others have to change theirs with it.".to_owned());
        }
        for (private, places) in &self.private {
            let named: Vec<_> = places.iter().take(PLACES_NAMED).map(String::as_str).collect();
            let more = places.len() - named.len();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            reasons.push(format!("{}: {}{more}.", private.what(), named.join("; ")));
        }
        reasons
    }
}

impl Part {
    fn of(path: &str) -> Self {
        let path = path.to_ascii_lowercase();
        let name = path.rsplit('/').next().unwrap_or(&path);
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        let is_in = |folder: &str| path.split('/').any(|part| part == folder);
        if name.contains(".test.") || name.contains(".spec.") || is_in("tests") || is_in("__tests__") {
            return Part::Tests;
        }
        match ending {
            "sql" | "prisma" => Part::Database,
            "md" | "mdx" | "txt" | "rst" => Part::Documentation,
            "png" | "jpg" | "jpeg" | "gif" | "svg" | "webp" | "ico" | "woff" | "woff2" | "pdf" => Part::Media,
            "json" | "yml" | "yaml" | "toml" | "env" | "ini" | "lock" => Part::Settings,
            _ => Part::Code,
        }
    }

    fn counted(self, count: usize) -> String {
        let (one, many) = match self {
            Part::Code => ("file of code", "files of code"),
            Part::Tests => ("test file", "test files"),
            Part::Documentation => ("page of documentation", "pages of documentation"),
            Part::Database => ("file of the database's structure", "files of the database's structure"),
            Part::Settings => ("file of settings", "files of settings"),
            Part::Media => ("picture or other media", "pictures or other media"),
        };
        format!("{count} {}", if count == 1 { one } else { many })
    }
}

impl Private {
    fn of(line: &str, plain: &Redaction) -> Option<Self> {
        let lower = line.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        if says(&["confidential", "internal use only", "our company", "trade secret", "do not distribute"]) {
            return Some(Private::Confidential);
        }
        if says(&["rate card", "price list", "our margin", "profit margin", "discount for customer"]) {
            return Some(Private::Prices);
        }
        if says(&["customer name:", "client id:", "account number:", "customer number:", "iban:"]) {
            return Some(Private::Customers);
        }
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        (plain.line(&line, usize::MAX) != line).then_some(Private::People)
    }

    fn what(self) -> &'static str {
        match self {
            Private::Confidential => "It says that something is confidential",
            Private::Prices => "It speaks of prices or margins",
            Private::Customers => "It seems to name customers or their accounts",
            Private::People => {
                "It holds what looks like an e-mail address, the name of a machine, or a secret"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assessed(files: &[(&str, &str, &str)]) -> Assessment {
        let mut assessment = Assessment::default();
        for (path, before, after) in files {
            assessment.add(path, before, after);
        }
        assessment
    }

    #[test]
    fn what_is_useful_and_harmless_is_to_be_shared() {
        let code = "export const total = (a: number, b: number) => a + b;\n";
        let table = [
            ("code", vec![("src/total.ts", "", code)], Advice::Share),
            (
                "code with tests",
                vec![("src/total.ts", "", code), ("src/total.test.ts", "", code)],
                Advice::Share,
            ),
            ("a picture alone", vec![("public/logo.png", "", "")], Advice::Keep),
            ("settings alone", vec![("settings.json", "", "{}")], Advice::Keep),
            ("one private line", vec![("src/a.ts", "", "// confidential\nf();\n")], Advice::LookFirst),
            (
                "it was there before",
                vec![("src/a.ts", "// confidential\n", "// confidential\nf();\n")],
                Advice::Share,
            ),
            (
                "an address",
                vec![("src/a.ts", "", "const to = 'mara@shop.example.com';\n")],
                Advice::LookFirst,
            ),
            (
                "many private lines",
                vec![(
                    "src/a.ts",
                    "",
                    "// our company\n// rate card\n// IBAN: x\n// confidential\n// our margin\n// client id: 7\n",
                )],
                Advice::Keep,
            ),
        ];
        for (name, files, expected) in table {
            assert_eq!(assessed(&files).advice(), expected, "{name}");
        }
    }

    #[test]
    fn the_reasons_name_places_and_repeat_no_content() {
        let text = "// mara@shop.example.com\n".repeat(5);
        let found = assessed(&[("src/a.ts", "", &text), ("migrations/1.sql", "", "select 1;\n")]);
        assert_eq!(
            found.reasons(),
            [
                "It touches 1 file of code, 1 file of the database's structure.",
                "It changes the database, so others have to change theirs with it.",
                "It holds what looks like an e-mail address, the name of a machine, or a secret: src/a.ts, line 1; \
                 src/a.ts, line 2; src/a.ts, line 3 and 2 more.",
            ]
        );
    }
}
