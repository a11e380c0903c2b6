//! Passwords, keys and tokens, in text of every kind.
//!
//! ```text
//! text ─┬─ rules    tokens by their provider's form (rules/*.toml)      ─┐
//!       ├─ shape    tokens that only their shape tells                  │
//!       ├─ keyed    literals beside a name such as `password`            ├─▶ place, kind, value ─▶ Sighting
//!       ├─ link     connection strings with a password in them           │   (the value is only hashed)
//!       └─ decoded  base64, hex and escapes, looked at again (depth 3)  ─┘
//! ```
//!
//! What is found never leaves as it is: a sighting tells the kind, the place and the length.

mod decoded;
mod keyed;
mod link;
mod name;
mod near;
mod rules;
mod samples;
mod shape;
mod value;

use std::ops::Range;

pub(crate) use samples::Samples;

use crate::change::Source;
use crate::finding::{Category, Confidence, Gate, Severity, Verdict};
use crate::sighting::Sighting;

/// How often text may be wrapped in encodings and still be looked into.
const DEPTH_MAX: usize = 3;

/// Something that must not be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A provider's token, recognised by its form; the rule's name.
    Token(&'static str),
    /// A key that others prove themselves with.
    PrivateKey,
    /// A password beside its name.
    Password,
    /// A key or token beside its name.
    Key,
    /// A password inside of an address.
    Link,
}

/// A secret in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Secret {
    pub(crate) kind: Kind,
    pub(crate) confidence: Confidence,
    pub(crate) place: Range<usize>,
}

/// Everything of this kind in the file.
pub(crate) fn look(source: Source<'_>) -> Vec<Sighting> {
    if rules::is_passed_over(source.path) {
        return Vec::new();
    }
    let mut seen: Vec<_> =
        secrets(source).into_iter().map(|it| sighting(&it, &source.text[it.place.clone()])).collect();
    let mut budget = source.text.len() * DEPTH_MAX;
    seen.extend(decoded::look(source, DEPTH_MAX, &mut budget));
    seen.extend(rules::file_alone(source.path));
    seen
}

/// The secrets of one text as it stands, without what is encoded in it.
fn secrets(source: Source<'_>) -> Vec<Secret> {
    let mut found = rules::look(source);
    found.extend(shape::look(source));
    found.extend(keyed::look(source));
    found.extend(link::look(source));
    found
}

/// Whether a name promises that what stands beside it must not be known, as `dbPassword` and `API_KEY` do.
pub(crate) fn is_secret_name(name: &str) -> bool {
    name::promise(name).is_some()
}

/// How sure it is that a literal with this name beside it is a secret.
pub(crate) fn of_name(name: &str, literal: &str, is_sample: bool) -> Option<Confidence> {
    keyed::judge(name, literal, is_sample).map(|(_, confidence)| confidence)
}

/// The words of a name, in small letters.
pub(crate) fn words(name: &str) -> Vec<String> {
    name::words(name)
}

/// What is said of a secret; its value is only for recognising it.
pub(crate) fn sighting(secret: &Secret, value: &str) -> Sighting {
    let length = value.chars().count();
    let (rule, category, what) = match secret.kind {
        Kind::Token(rule) => (
            rule,
            Category::Token,
            format!("An access token stands here in clear ({rule}, {length} characters)"),
        ),
        Kind::PrivateKey => {
            ("private-key", Category::Secret, "A private key stands here in clear".to_owned())
        }
        Kind::Password => (
            "hardcoded-password",
            Category::Secret,
            format!("A password stands here in clear ({length} characters)"),
        ),
        Kind::Key => (
            "hardcoded-secret",
            Category::Secret,
            format!("A secret key or token stands here in clear ({length} characters)"),
        ),
        Kind::Link => {
            ("password-in-address", Category::Secret, "This address has a user's password in it".to_owned())
        }
    };
    let (verdict, severity) = match secret.confidence {
        Confidence::High => (Verdict::Block, Severity::Critical),
        Confidence::Medium => (Verdict::Review, Severity::High),
        Confidence::Low => (Verdict::Note, Severity::Low),
    };
    Sighting {
        gate: Gate::Security,
        rule,
        category,
        verdict,
        severity,
        confidence: secret.confidence,
        place: secret.place.clone(),
        via: Vec::new(),
        message: format!(
            "{what}. Everybody who can read this code can use it, and it stays in the code's history for ever."
        ),
        remedy: "Make it worthless where it is used (withdraw or change it), and let the application read a new one \
                 from its settings or a secret store when it starts."
            .to_owned(),
        identity: value.to_owned(),
    }
}

#[cfg(test)]
mod tests;
