//! The report: one page, whose sections are replaced one by one.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};

/// What stands above all sections.
const BEGINNING: &str = "# What was measured\n\n\
    Made by `cargo xtask bench`; each benchmark replaces its own section. Only figures of one\n\
    section, taken side by side in one run, may be compared. Medians are of the figures that stand below them.\n";

/// Writes a section, whose first line is its heading, into the report at `path`.
///
/// # Idempotency
/// A section of the same heading is replaced; a report that is not there is begun.
pub(crate) fn write(path: &Path, section: &str) -> Result<()> {
    let report = match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        read => read,
    };
    let report = report.with_context(|| format!("read {}", path.display()))?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    }
    fs::write(path, with_section(&report, section)).with_context(|| format!("write {}", path.display()))
}

fn with_section(report: &str, section: &str) -> String {
    let heading = section.lines().next().unwrap_or_default();
    let mut sections: Vec<String> = Vec::new();
    for line in report.lines() {
        if line.starts_with("## ") {
            sections.push(line.to_owned());
        } else if let Some(last) = sections.last_mut() {
            last.push('\n');
            last.push_str(line);
        }
        // What stands above the first section is written anew.
    }
    match sections.iter_mut().find(|it| it.lines().next() == Some(heading)) {
        Some(same) => section.clone_into(same),
        None => sections.push(section.to_owned()),
    }
    let mut text = BEGINNING.to_owned();
    for section in sections {
        text.push('\n');
        text.push_str(section.trim_end());
        text.push('\n');
    }
    text
}

/// A table in Markdown.
pub(crate) fn table(head: &[String], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut text = line(head);
    text.push_str(&"|---".repeat(head.len()));
    text.push_str("|\n");
    for row in rows {
        text.push_str(&line(row));
    }
    text
}

/// The cells of a table's row that is known beforehand.
pub(crate) fn cells<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_takes_the_place_of_the_one_with_its_heading() {
        let first = with_section("", "## Swap\n\none\n");
        assert_eq!(first, format!("{BEGINNING}\n## Swap\n\none\n"));
        let both = with_section(&first, "## Backup\n\ntwo");
        assert_eq!(both, format!("{BEGINNING}\n## Swap\n\none\n\n## Backup\n\ntwo\n"));
        let again = with_section(&both, "## Swap\n\n### Boot\n\nthree\n\n");
        assert_eq!(again, format!("{BEGINNING}\n## Swap\n\n### Boot\n\nthree\n\n## Backup\n\ntwo\n"));
        assert_eq!(with_section(&again, "## Swap\n\n### Boot\n\nthree\n"), again);
    }

    #[test]
    fn a_table_has_a_line_below_its_head() {
        let text = table(&cells(["a", "b"]), &[cells(["1", "2"])]);
        assert_eq!(text, "| a | b |\n|---|---|\n| 1 | 2 |\n");
    }
}
