//! The programs that look for the same things, each on one core, and what their answers mean.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Programs;
use super::semgrep::category;

/// What a program says about a place.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) file: String,
    pub(crate) lines: (u64, u64),
    pub(crate) category: String,
}

/// What a program says about a folder, and how long it took.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) findings: Vec<Finding>,
    pub(crate) took: Duration,
    /// The only category that it looks for, if it is one.
    pub(crate) only: Option<&'static str>,
}

/// What every program says that is given, each with how long it took.
pub(crate) fn answers(corpus: &Path, programs: &Programs) -> Result<Vec<(&'static str, Answer)>> {
    let mut answers = vec![("slipway", slipway(&programs.program, corpus)?)];
    if let (Some(program), Some(rules)) = (&programs.semgrep, &programs.semgrep_rules) {
        answers.push(("semgrep", semgrep(program, rules, corpus)?));
    }
    if let Some(program) = &programs.detect_secrets {
        answers.push(("detect-secrets", detect_secrets(program, corpus)?));
    }
    Ok(answers)
}

/// What `slipway scan` says.
pub(crate) fn slipway(program: &Path, corpus: &Path) -> Result<Answer> {
    let (answer, took) = ask(program, &["scan", "--format", "json", written(corpus)?])?;
    Ok(Answer { findings: of_slipway(&answer)?, took, only: None })
}

/// What semgrep says with the rules of a folder; findings of other categories than ours do not count.
pub(crate) fn semgrep(program: &Path, rules: &Path, corpus: &Path) -> Result<Answer> {
    let quiet = ["--json", "--quiet", "--metrics=off", "--disable-version-check", "--no-git-ignore"];
    let mut arguments = vec!["scan", "--jobs=1", "--config", written(rules)?, written(corpus)?];
    arguments.extend(quiet);
    let (answer, took) = ask(program, &arguments)?;
    Ok(Answer { findings: of_semgrep(&answer, corpus)?, took, only: None })
}

/// What detect-secrets says.
pub(crate) fn detect_secrets(program: &Path, corpus: &Path) -> Result<Answer> {
    // It passes over files outside of the folder that it runs in.
    let (answer, took) = ask(program, &["-C", written(corpus)?, "scan", "--all-files", "."])?;
    Ok(Answer { findings: of_detect_secrets(&answer, corpus)?, took, only: Some("secret") })
}

fn written(folder: &Path) -> Result<&str> {
    folder.to_str().with_context(|| format!("{} has no readable name", folder.display()))
}

/// Runs a program on one core, so that the times may be compared.
fn ask(program: &Path, arguments: &[&str]) -> Result<(Value, Duration)> {
    let started = Instant::now();
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", "0"]).arg(program).args(arguments);
    let answer =
        command.output().with_context(|| format!("start {}; is it installed?", program.display()))?;
    let took = started.elapsed();
    if !matches!(answer.status.code(), Some(0 | 1)) {
        bail!("{} says: {}", program.display(), String::from_utf8_lossy(&answer.stderr));
    }
    let read = || format!("read the findings of {}", program.display());
    Ok((serde_json::from_slice(&answer.stdout).with_context(read)?, took))
}

pub(crate) fn of_slipway(answer: &Value) -> Result<Vec<Finding>> {
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
                category: kind(it["category"].as_str().context("a finding without a category")?),
            })
        })
        .collect()
}

/// Tokens are secrets to whoever annotates samples.
pub(crate) fn kind(category: &str) -> String {
    if category == "token" { "secret".to_owned() } else { category.to_owned() }
}

fn of_semgrep(answer: &Value, corpus: &Path) -> Result<Vec<Finding>> {
    let list = answer["results"].as_array().context("semgrep gives no results")?;
    let mut findings = Vec::new();
    for it in list {
        let weakness = &it["extra"]["metadata"]["cwe"];
        let weakness = weakness[0].as_str().or(weakness.as_str()).unwrap_or_default();
        let Some(category) = category(weakness) else { continue };
        let line = it["start"]["line"].as_u64().context("a result without a line")?;
        findings.push(Finding {
            file: inside(it["path"].as_str().context("a result without a path")?, corpus),
            lines: (line, it["end"]["line"].as_u64().unwrap_or(line)),
            category: category.to_owned(),
        });
    }
    Ok(findings)
}

fn of_detect_secrets(answer: &Value, corpus: &Path) -> Result<Vec<Finding>> {
    let files = answer["results"].as_object().context("detect-secrets gives no results")?;
    let mut findings = Vec::new();
    for it in files.values().filter_map(Value::as_array).flatten() {
        let line = it["line_number"].as_u64().context("a secret without a line")?;
        let file = it["filename"].as_str().context("a secret without a file")?;
        findings.push(Finding {
            file: inside(file, corpus),
            lines: (line, line),
            category: "secret".to_owned(),
        });
    }
    Ok(findings)
}

/// The path of a file from the corpus's folder.
fn inside(file: &str, corpus: &Path) -> String {
    let file = Path::new(file);
    file.strip_prefix(corpus).unwrap_or(file).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_scanners_are_understood() {
        let corpus = Path::new("/c");
        let answer = serde_json::json!({ "results": [
            { "path": "/c/a.js", "start": { "line": 2 }, "end": { "line": 3 }, "extra": { "metadata": { "cwe": ["CWE-79: x"] } } },
            { "path": "/c/a.js", "start": { "line": 5 }, "end": { "line": 5 }, "extra": { "metadata": { "cwe": "CWE-22: y" } } },
        ] });
        let found = of_semgrep(&answer, corpus).unwrap();
        assert_eq!((found.len(), found[0].file.as_str(), found[0].lines), (1, "a.js", (2, 3)));
        assert_eq!(found[0].category, "xss");
        let answer = serde_json::json!({ "results": { "/c/b.js": [
            { "type": "Secret Keyword", "filename": "/c/b.js", "line_number": 7 },
        ] } });
        let found = of_detect_secrets(&answer, corpus).unwrap();
        assert_eq!((found[0].file.as_str(), found[0].lines), ("b.js", (7, 7)));
    }
}
