//! What the scanner promises of every change.

use std::fmt::Write;

use scanner::change::{ChangeSet, ChangedFile};
use scanner::finding::{Category, Finding};
use scanner::policy::{Edge, Policy};
use scanner::{Report, scan};

/// Panics unless the report about the change is complete, the same every time, true to the text, and silent about
/// secrets.
pub(crate) fn hold(change: &ChangeSet) {
    let policy = policy();
    let report = scan(change, &policy);
    let output = output(&report);
    assert_eq!(output, self::output(&scan(change, &policy)), "the same change gives the same report");
    assert_eq!(report.files, change.files.len(), "every file is read");
    assert_eq!(report.self_check.found, report.self_check.of, "the self-check finds its samples");
    for finding in &report.findings {
        assert_ne!(finding.rule, "change.not-checked", "nothing fails");
        let files: Vec<_> = change.files.iter().filter(|it| it.path == finding.file).collect();
        let texts: Vec<_> = files.iter().map(|it| text(it)).collect();
        let is_true = texts.iter().any(|text| is_inside(finding, text));
        assert!(is_true || finding.file.is_empty(), "{} stands in its text: {finding:?}", finding.rule);
        // Names of files are told as they are.
        let secrets = texts.iter().filter_map(|text| secret_at(finding, text));
        for secret in secrets.filter(|it| !change.files.iter().any(|file| shows(&file.path, it))) {
            assert!(!shows(&output, secret), "the secret of {} is shown: {output}", finding.rule);
        }
    }
}

/// A policy that asks for everything that one can ask for.
fn policy() -> Policy {
    let mut policy = Policy::default();
    policy.network.hosts.push("api.example.com".to_owned());
    policy.layout.places.push("src".to_owned());
    policy.layout.forbidden.push(Edge {
        from: "src/**".to_owned(),
        to: "tests/**".to_owned(),
        reason: "tests are not shipped".to_owned(),
    });
    policy
}

/// Everything that anybody is told.
fn output(report: &Report) -> String {
    let mut all = report.text();
    for part in [report.json(), report.sarif()] {
        write!(all, "\n{part}").expect("a string takes everything");
    }
    write!(all, "\n{report:?}").expect("a string takes everything");
    all
}

/// The text of a file as the scanner reads it: a byte that belongs to no character is one `?`.
fn text(file: &ChangedFile) -> String {
    let bytes = file.after.as_ref().or(file.before.as_ref()).map_or(&[][..], |it| &it.bytes);
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '?'));
    }
    text
}

fn is_inside(finding: &Finding, text: &str) -> bool {
    let length = |line: usize| text.split('\n').nth(line.checked_sub(1)?).map(|it| it.chars().count());
    let holds_start = length(finding.line).is_some_and(|it| (1..=it + 1).contains(&finding.column));
    holds_start && finding.line <= finding.end_line && length(finding.end_line).is_some()
}

/// What begins where a secret was found, as far as it is one word.
fn secret_at<'a>(finding: &Finding, text: &'a str) -> Option<&'a str> {
    if !matches!(finding.category, Category::Secret | Category::Token) {
        return None;
    }
    let line = text.split('\n').nth(finding.line.checked_sub(1)?)?;
    let (start, _) = line.char_indices().nth(finding.column.checked_sub(1)?)?;
    let word = &line[start..];
    let end = word.find(|it: char| !it.is_ascii_alphanumeric() && it != '_').unwrap_or(word.len());
    Some(&word[..end])
}

/// How much of a secret nobody may be shown, in bytes. Less, or what stands in its middle, may be there by chance.
const START: usize = 12;

/// Whether the secret stands in the text; who quoted it may have cut its end. Ordinary words are no secret.
fn shows(text: &str, secret: &str) -> bool {
    let start = secret.get(..START).filter(|it| it.bytes().any(|it| it.is_ascii_digit()));
    start.is_some_and(|it| text.contains(it))
}
