//! Samples in the manner of semgrep: a comment `ruleid: NAME` or `ok: NAME` above the line that it is about, and the
//! kind of each rule in the YAML file beside it, by its CWE number.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Mark;

/// Which of our categories a weakness belongs to.
const CATEGORIES: [(&str, &[&str]); 5] = [
    ("sqli", &["89", "943"]),
    ("xss", &["79"]),
    ("cmdi", &["77", "78"]),
    ("eval", &["94", "95", "96", "706"]),
    ("secret", &["259", "321", "798"]),
];

/// The endings of files that hold samples.
const SAMPLES: [&str; 12] =
    ["js", "jsx", "mjs", "cjs", "ts", "tsx", "vue", "html", "svelte", "ejs", "mustache", "pug"];

/// The category of a weakness, as in `CWE-79: …`.
pub(crate) fn category(weakness: &str) -> Option<&'static str> {
    let number: String = weakness.strip_prefix("CWE-")?.chars().take_while(char::is_ascii_digit).collect();
    CATEGORIES.iter().find(|it| it.1.contains(&number.as_str())).map(|it| it.0)
}

/// The files in a folder in their order, without packages of others.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    files.sort();
    Ok(files)
}

/// Every marked line under a folder whose rule has a category of ours.
pub(crate) fn marks(corpus: &Path) -> Result<Vec<Mark>> {
    let files = files(corpus)?;
    let mut kinds = HashMap::new();
    for file in files.iter().filter(|it| has_ending(it, &["yaml", "yml"])) {
        kinds.extend(rules(&read(file)?));
    }
    let mut marks = Vec::new();
    for file in files.iter().filter(|it| has_ending(it, &SAMPLES)) {
        let path = file.strip_prefix(corpus)?.to_string_lossy().replace('\\', "/");
        marks.extend(marks_in(&path, &read(file)?, &kinds));
    }
    Ok(marks)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() && !matches!(entry.file_name().to_str(), Some(".git" | "node_modules")) {
            collect(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

fn has_ending(file: &Path, endings: &[&str]) -> bool {
    file.extension().is_some_and(|it| endings.iter().any(|ending| it == *ending))
}

fn read(file: &Path) -> Result<String> {
    let bytes = fs::read(file).with_context(|| format!("read {}", file.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The category of each rule in a file of rules.
fn rules(text: &str) -> Vec<(String, &'static str)> {
    let mut rules = Vec::new();
    let mut name = None;
    for line in text.lines() {
        let line = line.trim();
        if let Some(id) = line.strip_prefix("- id:") {
            name = Some(id.trim().trim_matches(['"', '\'']).to_owned());
        } else if let Some((_, rest)) = line.split_once("CWE-")
            && let Some(name) = name.take()
        {
            rules.extend(category(&format!("CWE-{rest}")).map(|it| (name, it)));
        }
    }
    rules
}

fn marks_in(path: &str, text: &str, kinds: &HashMap<String, &'static str>) -> Vec<Mark> {
    let lines: Vec<&str> = text.lines().collect();
    let mut marks = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some((is_bad, names)) = annotation(line) else { continue };
        let after = lines[index + 1..].iter().position(|it| !is_comment(it)).unwrap_or(0);
        let Ok(number) = u64::try_from(index + after + 2) else { continue };
        for name in names {
            let name = name.rsplit('.').next().unwrap_or(name);
            if let Some(category) = kinds.get(name) {
                let category = (*category).to_owned();
                marks.push(Mark { file: path.to_owned(), lines: (number, number), category, is_bad });
            }
        }
    }
    marks
}

fn annotation(line: &str) -> Option<(bool, Vec<&str>)> {
    let comment = ["//", "/*", "<!--"].iter().find_map(|it| line.split_once(it)).map(|it| it.1.trim())?;
    let (is_bad, rest) = match comment.strip_prefix("ruleid:") {
        Some(rest) => (true, rest),
        None => (false, comment.strip_prefix("ok:")?),
    };
    let is_name = |it: &char| it.is_alphanumeric() || matches!(it, '-' | '_' | '.');
    let names = rest.split(|it: char| !is_name(&it)).filter(|it| !it.is_empty()).collect();
    Some((is_bad, names))
}

fn is_comment(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || ["//", "/*", "{/*", "<!--"].iter().any(|it| line.starts_with(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_mark_the_line_below_them() {
        let kinds: HashMap<_, _> =
            rules("rules:\n- id: a\n  cwe:\n  - \"CWE-79: x\"\n- id: b\n  cwe: 'CWE-22: y'\n")
                .into_iter()
                .collect();
        let text = "// ruleid: x.a, b\n// more\n\nf(x)\n{/* ok: a */}\ng()\n";
        let marks = marks_in("s.js", text, &kinds);
        let expected =
            |line, is_bad| Mark { file: "s.js".into(), lines: (line, line), category: "xss".into(), is_bad };
        assert_eq!(marks, [expected(4, true), expected(6, false)]);
    }
}
