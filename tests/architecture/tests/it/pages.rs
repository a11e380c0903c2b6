//! What the pages say is so.

use std::collections::BTreeSet;

use super::{packages, read, root, tracked_files};

/// What stands in backticks on a page, outside of blocks of code.
fn quoted(page: &str) -> Vec<String> {
    let mut is_block = false;
    let mut quoted = Vec::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            is_block = !is_block;
        } else if !is_block {
            quoted.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    quoted
}

#[test]
fn the_readme_says_why_each_dependency_is_here() {
    let readme = read("README.md");
    let explained: BTreeSet<String> = readme
        .lines()
        .filter(|line| line.starts_with('|'))
        .filter_map(|line| line.split('|').nth(1))
        .flat_map(quoted)
        .collect();
    let used: BTreeSet<String> = packages()
        .iter()
        .flat_map(|package| &package.dependencies)
        .filter(|dependency| dependency.path.is_none())
        .map(|dependency| dependency.name.clone())
        .collect();
    let missing: Vec<_> = used.difference(&explained).collect();
    assert!(missing.is_empty(), "README.md's table of dependencies has no row for {missing:?}");
}

#[test]
fn every_path_on_the_architecture_page_exists() {
    let folders: BTreeSet<String> = tracked_files()
        .iter()
        .filter_map(|file| file.split_once('/'))
        .map(|(folder, _)| folder.to_owned())
        .collect();
    for text in quoted(&read("ARCHITECTURE.md")) {
        let is_path = text.split_once('/').is_some_and(|(first, _)| folders.contains(first));
        let is_pattern = text.contains(['*', '{', '<', '…', ' ']);
        if is_path && !is_pattern {
            assert!(root().join(&text).exists(), "ARCHITECTURE.md names {text}, which does not exist");
        }
    }
}
