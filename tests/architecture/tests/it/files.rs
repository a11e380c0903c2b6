//! Limits and habits of all files.

use std::fs;
use std::path::Path;

use super::{read, root, tracked_files};

/// A longer file has more than one subject.
const LINES_MAX: usize = 600;

/// Folders of single machines; what is committed must work on all.
const MACHINE_FOLDERS: &[&str] = &["work", "farm", "root", "home/user", "Users"];

/// Rules of others, kept as they are: they tell folders of machines, too.
const OTHERS: &str = "shared/scanner/rules/gitleaks.toml";

#[test]
fn no_source_file_is_longer_than_600_lines() {
    for file in tracked_files().iter().filter(|file| Path::new(file).extension().is_some_and(|it| it == "rs"))
    {
        let lines = read(file).lines().count();
        assert!(lines <= LINES_MAX, "{file} has {lines} lines");
    }
}

#[test]
fn no_file_names_a_folder_of_one_machine() {
    for file in tracked_files().into_iter().filter(|file| file != OTHERS) {
        let bytes = fs::read(root().join(&file)).expect("a tracked file is readable");
        let text = String::from_utf8_lossy(&bytes);
        for folder in MACHINE_FOLDERS {
            let path = format!("/{folder}/");
            assert!(!text.contains(&path), "{file} names {path}");
        }
    }
}
