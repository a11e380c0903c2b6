//! Tokens by their provider's form: the rules of gitleaks and our own, in gitleaks' form.
//!
//! A rule is tried only near one of its keywords, and its expression is compiled when that happens first.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{LazyLock, OnceLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;

use super::near::{self, Near};
use super::{Kind, Secret, value};
use crate::change::Source;
use crate::finding::Confidence;
use crate::sighting::Sighting;

/// How far around a keyword an expression may reach, in bytes.
const BEFORE: usize = 300;
const AFTER: usize = 1_200;
/// The same for expressions that go over many lines.
const AFTER_LINES: usize = 16 * 1024;

/// Rules that `keyed` and `link` do the work of, with fewer false alarms.
const DONE_ELSEWHERE: &[&str] = &["generic-api-key", "hashicorp-tf-password", "nuget-config-password"];

/// Rules whose form many harmless texts have, too.
const UNSURE: &[&str] = &[
    "jwt",
    "jwt-base64",
    "curl-auth-header",
    "curl-auth-user",
    "bearer-token",
    "basic-login",
    "kubernetes-secret-yaml",
    "sourcegraph-access-token",
];

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    allowlist: Option<Allowlist>,
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: String,
    #[serde(default)]
    regex: Option<Pattern>,
    #[serde(default)]
    path: Option<Pattern>,
    #[serde(default)]
    entropy: f64,
    #[serde(default)]
    keywords: Vec<String>,
    #[serde(default)]
    secret_group: usize,
    #[serde(default)]
    allowlists: Vec<Allowlist>,
    #[cfg(test)]
    #[serde(default)]
    bad: Vec<Vec<String>>,
    #[cfg(test)]
    #[serde(default)]
    good: Vec<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Allowlist {
    #[serde(default)]
    condition: String,
    #[serde(default)]
    paths: Vec<Pattern>,
    #[serde(default)]
    regexes: Vec<Pattern>,
    #[serde(default)]
    regex_target: String,
    #[serde(default)]
    stopwords: Vec<String>,
}

/// An expression that is compiled when it is needed first.
#[derive(Deserialize)]
#[serde(from = "String")]
struct Pattern {
    text: String,
    compiled: OnceLock<Option<Regex>>,
}

impl From<String> for Pattern {
    fn from(text: String) -> Self {
        Self { text, compiled: OnceLock::new() }
    }
}

impl Pattern {
    /// The expression; a test makes sure that all of them compile.
    fn regex(&self) -> Option<&Regex> {
        let compile = |text: &str| RegexBuilder::new(text).unicode(false).size_limit(1 << 26).build().ok();
        // Go, which gitleaks is written in, takes braces that count nothing for themselves.
        let plain_braces = || compile(&plain_braces(&self.text));
        self.compiled.get_or_init(|| compile(&self.text).or_else(plain_braces)).as_ref()
    }

    fn is_match(&self, text: &[u8]) -> bool {
        self.regex().is_some_and(|it| it.is_match(text))
    }

    fn goes_over_lines(&self) -> bool {
        self.text.contains(r"[\s\S") || self.text.contains("(?s")
    }
}

/// The expression with a backslash before every brace that counts nothing.
fn plain_braces(text: &str) -> String {
    let mut plain = String::with_capacity(text.len() + 8);
    let mut last = ' ';
    for (at, letter) in text.char_indices() {
        let inner = text[at + letter.len_utf8()..].split('}').next().unwrap_or_default();
        let counts = !inner.is_empty() && inner.bytes().all(|it| it.is_ascii_digit() || it == b',');
        if letter == '{' && !counts && last != '\\' {
            plain.push('\\');
        }
        plain.push(letter);
        last = letter;
    }
    plain
}

struct Rules {
    /// What no rule looks at.
    passed_over: Option<Allowlist>,
    all: Vec<Rule>,
    keywords: AhoCorasick,
    /// Which rules a keyword belongs to, and what must stand beside it.
    owners: Vec<Vec<(usize, Near)>>,
}

static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let known: File = toml::from_str(include_str!("../../rules/gitleaks.toml")).expect("a test reads it");
    let own: File = toml::from_str(include_str!("../../rules/providers.toml")).expect("a test reads it");
    let mut rules = known.rules;
    rules.retain(|rule| !DONE_ELSEWHERE.contains(&rule.id.as_str()));
    rules.extend(own.rules);
    let mut numbers: HashMap<String, usize> = HashMap::new();
    let mut owners: Vec<Vec<(usize, Near)>> = Vec::new();
    let mut words = Vec::new();
    for (at, rule) in rules.iter().enumerate() {
        for word in &rule.keywords {
            let number = *numbers.entry(word.to_ascii_lowercase()).or_insert_with(|| {
                owners.push(Vec::new());
                words.push(word.clone());
                words.len() - 1
            });
            owners[number].push((at, Near::of(&rule.id, rule.written(), word)));
        }
    }
    // Every byte of every file goes through it; its size does not matter.
    let kind = Some(AhoCorasickKind::DFA);
    let keywords = AhoCorasick::builder().ascii_case_insensitive(true).kind(kind).build(&words);
    Rules { passed_over: known.allowlist, all: rules, keywords: keywords.expect("a test builds it"), owners }
});

/// Whether nobody looks for secrets in files of this path: images, lock files, packages of others.
pub(super) fn is_passed_over(path: &str) -> bool {
    let list = RULES.passed_over.as_ref();
    list.is_some_and(|it| it.paths.iter().any(|pattern| pattern.is_match(path.as_bytes())))
}

/// What the path alone says: files that only hold keys.
pub(super) fn file_alone(path: &str) -> Option<Sighting> {
    let holds = |rule: &&Rule| {
        rule.regex.is_none() && rule.path.as_ref().is_some_and(|it| it.is_match(path.as_bytes()))
    };
    RULES.all.iter().find(holds)?;
    let secret = Secret { kind: Kind::PrivateKey, confidence: Confidence::Medium, place: 0..0 };
    Some(super::sighting(&secret, path))
}

/// The tokens in a text.
pub(super) fn look(source: Source<'_>) -> Vec<Secret> {
    let Source { path, text } = source;
    let is_fixture = value::is_fixture(path);
    let mut found = Vec::new();
    for (at, windows) in windows(text) {
        let rule = &RULES.all[at];
        if rule.path.as_ref().is_some_and(|it| !it.is_match(path.as_bytes())) {
            continue;
        }
        for window in windows {
            found.extend(rule.find(source, window).into_iter().map(|place| Secret {
                kind: rule.kind(),
                confidence: rule.confidence(is_fixture),
                place,
            }));
        }
    }
    found
}

/// Where each rule must look: around its keywords, as far as whole lines go.
fn windows(text: &str) -> Vec<(usize, Vec<Range<usize>>)> {
    let rules = &*RULES;
    let bytes = text.as_bytes();
    let mut windows: BTreeMap<usize, Vec<Range<usize>>> = BTreeMap::new();
    let mut line = 0..0;
    for hit in rules.keywords.find_overlapping_iter(text) {
        for (at, near) in &rules.owners[hit.pattern().as_usize()] {
            if !near.holds(bytes, hit.range()) {
                continue;
            }
            if !line.contains(&hit.start()) {
                line = around(bytes, hit.start());
            }
            let rule = &rules.all[*at];
            let from = line.start.max(hit.start().saturating_sub(BEFORE));
            let reach = rule.regex.as_ref().is_some_and(Pattern::goes_over_lines);
            let to = if reach { (hit.end() + AFTER_LINES).min(bytes.len()) } else { line.end };
            let own = windows.entry(*at).or_default();
            match own.last_mut() {
                Some(last) if from <= last.end => last.end = last.end.max(to),
                _ => own.push(from..to),
            }
        }
    }
    windows.into_iter().collect()
}

/// The line of a place and the next one, where values often stand; of a long line a part.
fn around(bytes: &[u8], at: usize) -> Range<usize> {
    let least = at.saturating_sub(BEFORE);
    let most = (at + AFTER).min(bytes.len());
    let start = bytes[least..at].iter().rposition(|it| *it == b'\n').map_or(least, |it| least + it + 1);
    let mut ends =
        bytes[at..most].iter().enumerate().filter(|(_, it)| **it == b'\n').map(|(end, _)| at + end + 1);
    let end = ends.next().map_or(most, |first| ends.next().unwrap_or(first));
    start..end
}

impl Rule {
    /// The places in the window where the rule's form stands, and nothing says that it is harmless.
    fn find(&'static self, source: Source<'_>, window: Range<usize>) -> Vec<Range<usize>> {
        let Some(regex) = self.regex.as_ref().and_then(Pattern::regex) else { return Vec::new() };
        let bytes = &source.text.as_bytes()[..window.end];
        let mut found = Vec::new();
        let mut from = window.start;
        while let Some(whole) = regex.find_at(bytes, from) {
            let Some(groups) = regex.captures_at(bytes, whole.start()) else { break };
            let filled = || groups.iter().skip(1).flatten().find(|it| !it.is_empty());
            let group = if self.secret_group > 0 { groups.get(self.secret_group) } else { filled() };
            let place = group.map_or(whole.range(), |it| it.range());
            from = whole.end().max(whole.start() + 1);
            // An expression on bytes could cut a character in two.
            if let Some(secret) = source.text.get(place.clone())
                && self.counts(source, secret, &bytes[whole.range()], place.start)
            {
                found.push(place);
            }
        }
        found
    }

    fn counts(&'static self, source: Source<'_>, secret: &str, whole: &[u8], at: usize) -> bool {
        let is_block = self.kind() == Kind::PrivateKey;
        if self.entropy > 0.0 && value::entropy(secret) <= self.entropy
            || !is_block && value::is_stand_in(secret)
        {
            return false;
        }
        if self.id == "jwt" && !is_web_token(secret) || self.goes_on(source.text, at + secret.len()) {
            return false;
        }
        let line = around(source.text.as_bytes(), at);
        let line = source.text.as_bytes()[line].split(|it| *it == b'\n').next().unwrap_or_default();
        let lists = self.allowlists.iter().chain(&RULES.passed_over);
        !lists.into_iter().any(|it| it.allows(source.path, secret, whole, line))
    }

    /// Whether a form of fixed length stands in something longer, which is then another thing.
    fn goes_on(&self, text: &str, end: usize) -> bool {
        let inner = self.written().trim_end_matches(')').strip_suffix('}').and_then(|it| it.rsplit_once('{'));
        let is_fixed = inner.is_some_and(|(_, count)| count.bytes().all(|it| it.is_ascii_digit()));
        let next = text.as_bytes().get(end);
        is_fixed && next.is_some_and(|it| it.is_ascii_alphanumeric() || *it == b'_')
    }

    fn kind(&'static self) -> Kind {
        match self.id.as_str() {
            "private-key" | "age-secret-key" | "pkcs12-file" => Kind::PrivateKey,
            id => Kind::Token(id),
        }
    }

    fn written(&self) -> &str {
        self.regex.as_ref().map_or("", |it| it.text.as_str())
    }

    /// A form that nothing else has is sure; one that only stands beside a provider's name is not.
    fn confidence(&self, is_fixture: bool) -> Confidence {
        let is_unsure = near::is_beside_name(self.written()) || UNSURE.contains(&self.id.as_str());
        match (is_unsure, is_fixture) {
            (false, false) => Confidence::High,
            (false, true) | (true, false) => Confidence::Medium,
            (true, true) => Confidence::Low,
        }
    }
}

/// Whether the head of a web token is what it must be: a JSON object.
fn is_web_token(secret: &str) -> bool {
    let head = secret.split('.').next().unwrap_or_default();
    let json = data_encoding::BASE64URL_NOPAD.decode(head.as_bytes());
    json.is_ok_and(|it| serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&it).is_ok())
}

impl Allowlist {
    fn allows(&self, path: &str, secret: &str, whole: &[u8], line: &[u8]) -> bool {
        let target = match self.regex_target.as_str() {
            "match" => whole,
            "line" => line,
            _ => secret.as_bytes(),
        };
        let small = secret.to_ascii_lowercase();
        let checks = [
            (!self.paths.is_empty(), self.paths.iter().any(|it| it.is_match(path.as_bytes()))),
            (!self.regexes.is_empty(), self.regexes.iter().any(|it| it.is_match(target))),
            (
                !self.stopwords.is_empty(),
                self.stopwords.iter().any(|it| small.contains(&it.to_ascii_lowercase())),
            ),
        ];
        let mut given = checks.iter().filter(|(is_given, _)| *is_given).map(|(_, holds)| *holds).peekable();
        if self.condition.eq_ignore_ascii_case("and") {
            given.peek().is_some() && given.all(|holds| holds)
        } else {
            given.any(|holds| holds)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_expression_compiles() {
        let rules = &*RULES;
        let own = rules.all.iter().flat_map(|rule| rule.regex.iter().chain(&rule.path));
        let lists = rules.all.iter().flat_map(|rule| &rule.allowlists).chain(&rules.passed_over);
        let lists = lists.flat_map(|it| it.paths.iter().chain(&it.regexes));
        for pattern in own.chain(lists) {
            assert!(pattern.regex().is_some(), "{}", pattern.text);
        }
    }

    #[test]
    fn every_rule_of_ours_finds_its_samples() {
        for rule in RULES.all.iter().filter(|rule| !rule.bad.is_empty() || !rule.good.is_empty()) {
            let look = |sample: &[String]| {
                let text = sample.concat();
                let found = look(Source { path: "src/a.ts", text: &text });
                found.iter().any(|it| it.kind == Kind::Token(&rule.id))
            };
            assert!(rule.bad.iter().all(|it| look(it)), "{} misses its sample", rule.id);
            assert!(!rule.good.iter().any(|it| look(it)), "{} finds what it must not", rule.id);
        }
    }
}
