//! How well the gates find what they look for: `slipway scan` over a folder of annotated samples, counted per
//! category. The samples stay outside of this repository.

mod index;
mod semgrep;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::report;

/// A line of a sample, and whether something is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    /// From the corpus's folder, with `/`.
    pub(crate) file: String,
    pub(crate) lines: (u64, u64),
    pub(crate) category: String,
    pub(crate) is_bad: bool,
}

/// What the program under test says about a place.
#[derive(Debug)]
struct Finding {
    file: String,
    lines: (u64, u64),
    category: String,
}

/// How often each answer was given.
#[derive(Debug, Default, PartialEq, Eq)]
struct Score {
    found: usize,
    missed: usize,
    wrong: usize,
    silent: usize,
}

/// Scans the corpus once and counts; gives a section of the report.
///
/// # Errors
/// The corpus holds no marks, or the program does not answer as `slipway scan --format json` does.
pub(crate) fn run(corpus: &Path, program: Option<&Path>) -> Result<String> {
    let marks = marks(corpus)?;
    if marks.is_empty() {
        bail!(
            "{} holds neither `ruleid:` comments nor an index of positions (index.jsonl)",
            corpus.display()
        );
    }
    let slipway = PathBuf::from("target/release/slipway");
    let program = program.unwrap_or(&slipway);
    let started = Instant::now();
    let findings = scan(program, corpus)?;
    let took = started.elapsed();
    let name = corpus.file_name().map_or_else(|| "corpus".into(), |it| it.to_string_lossy().into_owned());
    Ok(section(&name, &scores(&marks, &findings), marks.len(), took.as_millis()))
}

fn marks(corpus: &Path) -> Result<Vec<Mark>> {
    let listed = corpus.join("index.jsonl");
    if listed.exists() {
        return index::marks(
            &fs::read_to_string(&listed).with_context(|| format!("read {}", listed.display()))?,
        );
    }
    semgrep::marks(corpus)
}

fn scan(program: &Path, corpus: &Path) -> Result<Vec<Finding>> {
    let answer =
        Command::new(program).args(["scan", "--format", "json"]).arg(corpus).output().with_context(|| {
            format!("start {}; build it first (cargo build --release)", program.display())
        })?;
    if !matches!(answer.status.code(), Some(0 | 1)) {
        bail!("{} says: {}", program.display(), String::from_utf8_lossy(&answer.stderr));
    }
    findings(&serde_json::from_slice(&answer.stdout).context("read the findings")?)
}

fn findings(answer: &Value) -> Result<Vec<Finding>> {
    let list = answer.as_array().context("the findings are no list")?;
    // A note asks nobody to do anything.
    let counts = |it: &&Value| it["verdict"].as_str() != Some("note");
    list.iter()
        .filter(counts)
        .map(|it| {
            let line = it["line"].as_u64().context("a finding without a line")?;
            Ok(Finding {
                file: it["file"].as_str().context("a finding without a file")?.to_owned(),
                lines: (line, it["end_line"].as_u64().unwrap_or(line)),
                category: it["category"].as_str().context("a finding without a category")?.to_owned(),
            })
        })
        .collect()
}

fn scores(marks: &[Mark], findings: &[Finding]) -> BTreeMap<String, Score> {
    let mut by_file: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        by_file.entry(finding.file.as_str()).or_default().push(finding);
    }
    let mut scores: BTreeMap<String, Score> = BTreeMap::new();
    for mark in marks {
        let is_hit = by_file.get(mark.file.as_str()).is_some_and(|it| {
            it.iter().any(|finding| {
                finding.category == mark.category
                    && finding.lines.0 <= mark.lines.1
                    && mark.lines.0 <= finding.lines.1
            })
        });
        let score = scores.entry(mark.category.clone()).or_default();
        match (mark.is_bad, is_hit) {
            (true, true) => score.found += 1,
            (true, false) => score.missed += 1,
            (false, true) => score.wrong += 1,
            (false, false) => score.silent += 1,
        }
    }
    scores
}

fn section(name: &str, scores: &BTreeMap<String, Score>, marks: usize, milliseconds: u128) -> String {
    let head =
        report::cells(["category", "found", "recall", "wrongly found", "false-positive rate", "precision"]);
    let rows: Vec<Vec<String>> = scores
        .iter()
        .map(|(category, score)| {
            let bad = score.found + score.missed;
            let good = score.wrong + score.silent;
            vec![
                category.clone(),
                format!("{} of {bad}", score.found),
                share(score.found, bad),
                format!("{} of {good}", score.wrong),
                share(score.wrong, good),
                share(score.found, score.found + score.wrong),
            ]
        })
        .collect();
    format!(
        "## {name}\n\n{marks} marked lines, scanned in {milliseconds} ms.\n\n{}",
        report::table(&head, &rows)
    )
}

/// In hundredths, rounded; a dash when there is nothing to count.
fn share(part: usize, whole: usize) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let hundredths = (part * 200 + whole) / (whole * 2);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_counts_where_it_covers_a_marked_line_of_its_category() {
        let mark =
            |line, is_bad| Mark { file: "a.js".into(), lines: (line, line), category: "xss".into(), is_bad };
        let answer = serde_json::json!([
            { "file": "a.js", "line": 2, "end_line": 4, "category": "xss" },
            { "file": "a.js", "line": 9, "end_line": 9, "category": "xss", "verdict": "note" },
            { "file": "a.js", "line": 11, "end_line": 11, "category": "sqli" },
        ]);
        let marks = [mark(3, true), mark(9, true), mark(4, false), mark(11, false)];
        let scores = scores(&marks, &findings(&answer).unwrap());
        assert_eq!(scores["xss"], Score { found: 1, missed: 1, wrong: 1, silent: 1 });
        assert_eq!(share(1, 3), "0.33");
        assert_eq!(share(0, 0), "–");
    }
}
