//! How well the gates find what they look for: `slipway scan` over a folder of annotated samples, counted per
//! category; over a folder without annotations, what it has to say at all, and how long it takes. Other scanners that
//! are installed here stand beside it. The samples stay outside of this repository.

mod changes;
mod index;
mod scanners;
mod semgrep;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::{machine, report};
use scanners::{Answer, Finding};

/// The programs that are compared.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Programs {
    /// The program under test; it must understand `scan --format json FOLDER`.
    #[arg(long, default_value = "target/release/slipway")]
    program: PathBuf,
    /// semgrep, to stand beside it.
    #[arg(long, requires = "semgrep_rules")]
    semgrep: Option<PathBuf>,
    /// The folder of rules that semgrep takes; none that were written for the samples.
    #[arg(long)]
    semgrep_rules: Option<PathBuf>,
    /// detect-secrets, to stand beside it.
    #[arg(long)]
    detect_secrets: Option<PathBuf>,
}

impl Programs {
    /// The program under test alone.
    fn alone(&self) -> Self {
        Self { program: self.program.clone(), semgrep: None, semgrep_rules: None, detect_secrets: None }
    }
}

/// A line of a sample, and whether something is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    /// From the corpus's folder, with `/`.
    pub(crate) file: String,
    pub(crate) lines: (u64, u64),
    pub(crate) category: String,
    pub(crate) is_bad: bool,
}

/// How often each answer was given.
#[derive(Debug, Default, PartialEq, Eq)]
struct Score {
    found: usize,
    missed: usize,
    wrong: usize,
    silent: usize,
}

/// Has each program look at the corpus once, and counts, and then at so many changes made of its files; gives a section
/// of the report.
///
/// # Errors
/// A program cannot be started, or does not answer as it should.
pub(crate) fn run(corpus: &Path, programs: &Programs, changes: usize) -> Result<String> {
    let marks = marks(corpus)?;
    // Whoever is asked first must not be the only one to wait for the disk.
    for file in semgrep::files(corpus)? {
        fs::read(&file).with_context(|| format!("read {}", file.display()))?;
    }
    let load = machine::load();
    let answers = scanners::answers(corpus, programs)?;
    let times = times(&load, &answers);
    let name = corpus.file_name().map_or_else(|| "corpus".into(), |it| it.to_string_lossy().into_owned());
    let section = if marks.is_empty() {
        plain_section(&name, semgrep::files(corpus)?.len(), &times, &answers)
    } else {
        marked_section(&name, &marks, &times, &answers)
    };
    if changes == 0 {
        return Ok(section);
    }
    Ok(format!("{}\n\n{}", section.trim_end(), changes::part(corpus, programs, changes)?))
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

fn marked_section(name: &str, marks: &[Mark], times: &str, answers: &[(&str, Answer)]) -> String {
    let head = report::cells([
        "program",
        "category",
        "found",
        "recall",
        "wrongly found",
        "false-positive rate",
        "precision",
    ]);
    let mut rows = Vec::new();
    for (program, answer) in answers {
        let scores = scores(marks, &answer.findings);
        let looked_for = scores.iter().filter(|(category, _)| answer.only.is_none_or(|it| it == *category));
        rows.extend(looked_for.map(|(category, score)| {
            let bad = score.found + score.missed;
            let good = score.wrong + score.silent;
            vec![
                (*program).to_owned(),
                category.clone(),
                format!("{} of {bad}", score.found),
                share(score.found, bad),
                format!("{} of {good}", score.wrong),
                share(score.wrong, good),
                share(score.found, score.found + score.wrong),
            ]
        }));
    }
    format!("## {name}\n\n{} marked lines. {times}\n\n{}", marks.len(), report::table(&head, &rows))
}

/// What is said of a folder in which nobody has marked anything.
fn plain_section(name: &str, files: usize, times: &str, answers: &[(&str, Answer)]) -> String {
    let head = report::cells(["program", "findings that ask somebody to look", "per 1,000 files"]);
    let rows: Vec<_> = answers
        .iter()
        .map(|(program, answer)| {
            let count = answer.findings.len();
            vec![(*program).to_owned(), count.to_string(), share(count * 1_000, files)]
        })
        .collect();
    format!("## {name}\n\n{files} files. {times}\n\n{}", report::table(&head, &rows))
}

fn times(load: &str, answers: &[(&str, Answer)]) -> String {
    let times = answers.iter().map(|(program, answer)| format!("{program} {} ms", answer.took.as_millis()));
    let times = times.collect::<Vec<_>>().join(", ");
    format!("Commit {}, on one core, start of the program included, with {load}: {times}.", machine::commit())
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
        let scores = scores(&marks, &scanners::of_slipway(&answer).unwrap());
        assert_eq!(scores["xss"], Score { found: 1, missed: 1, wrong: 1, silent: 1 });
        assert_eq!(share(1, 3), "0.33");
        assert_eq!(share(0, 0), "–");
    }
}
