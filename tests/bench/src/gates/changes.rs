//! Changes of the size that hardly any real one exceeds, and how long each program takes for one.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{Programs, scanners, semgrep};
use crate::figures::{Figures, millis};
use crate::report;

/// How many files a change has; 99 of 100 real ones have fewer.
const FILES: usize = 60;

/// How many of the changes the other programs are asked about: they take many times as long for each.
const OTHERS_MAX: usize = 5;

/// Has each program look at changes made of the corpus's files, in turns, and gives a part of the report's section.
///
/// # Errors
/// The corpus has too few files, or a program cannot be started or does not answer as it should.
pub(crate) fn part(corpus: &Path, programs: &Programs, count: usize) -> Result<String> {
    let files = semgrep::files(corpus)?;
    if files.len() < FILES {
        bail!("{} has {} files; a change takes {FILES}", corpus.display(), files.len());
    }
    let mut measured: Vec<(&'static str, Vec<Duration>)> = Vec::new();
    for number in 0..count {
        let change = Change::new(corpus, &files, number)?;
        let only = if number < OTHERS_MAX { programs.clone() } else { programs.alone() };
        for (program, answer) in scanners::answers(&change.folder, &only)? {
            match measured.iter_mut().find(|(name, _)| *name == program) {
                Some((_, spans)) => spans.push(answer.took),
                None => measured.push((program, vec![answer.took])),
            }
        }
    }
    let head = report::cells(["program", "changes", "median ms", "95th of 100 ms", "longest ms"]);
    let rows: Vec<_> = measured.into_iter().map(|(program, spans)| row(program, spans)).collect();
    let what = format!("Changes of {FILES} new files each, taken evenly from the folder, in turns");
    Ok(format!("{what}:\n\n{}", report::table(&head, &rows)))
}

fn row(program: &str, spans: Vec<Duration>) -> Vec<String> {
    let count = spans.len();
    let figures: Figures = spans.into_iter().collect();
    let spans = [figures.median(), figures.percentile(95), figures.max()];
    [program.to_owned(), count.to_string()].into_iter().chain(spans.map(millis)).collect()
}

/// A folder that holds one change, until it is dropped.
struct Change {
    folder: PathBuf,
}

impl Change {
    /// The files of the change with this number, at their own paths.
    fn new(corpus: &Path, files: &[PathBuf], number: usize) -> Result<Self> {
        let name = format!("slipway-bench-change-{}-{number}", std::process::id());
        let change = Self { folder: std::env::temp_dir().join(name) };
        for at in chosen(files.len(), number) {
            let file = &files[at];
            let to = change.folder.join(file.strip_prefix(corpus)?);
            fs::create_dir_all(to.parent().unwrap_or(&change.folder))?;
            fs::copy(file, &to).with_context(|| format!("copy {}", file.display()))?;
        }
        Ok(change)
    }
}

impl Drop for Change {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("{} stays behind: {error}", self.folder.display());
        }
    }
}

/// Which of so many files are in the change with this number: every so many, each change from another beginning.
fn chosen(count: usize, number: usize) -> impl Iterator<Item = usize> {
    (0..FILES).map(move |at| (at * count / FILES + number) % count)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_change_has_as_many_different_files_as_it_says() {
        for (count, number) in [(60, 0), (61, 7), (2_462, 0), (2_462, 99)] {
            let files: BTreeSet<_> = chosen(count, number).collect();
            assert_eq!(files.len(), FILES, "{count}, {number}");
            assert!(files.iter().all(|it| *it < count));
        }
    }
}
