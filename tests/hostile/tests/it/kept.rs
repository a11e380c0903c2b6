//! What is kept for each target: texts to begin with, and words of its language in the form that libFuzzer reads.

use std::fs;
use std::path::{Path, PathBuf};

use hostile::Target;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The texts of a target, by the names of their files.
pub(crate) fn seeds(target: Target) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder("seeds").join(target.name())).expect("every target has seeds");
    let mut paths: Vec<_> = entries.map(|it| it.expect("the folder is readable").path()).collect();
    paths.sort();
    paths.iter().map(|it| fs::read(it).expect("a seed is readable")).collect()
}

/// The words of a target.
pub(crate) fn words(target: Target) -> Vec<Vec<u8>> {
    let path = folder("words").join(format!("{}.dict", target.name()));
    let text = fs::read_to_string(path).expect("every target has words");
    text.lines().map(word).collect()
}

/// A word as libFuzzer writes it: `"a\"\\\x00"`.
fn word(line: &str) -> Vec<u8> {
    let inner = line.strip_prefix('"').and_then(|it| it.strip_suffix('"')).expect("a word stands in quotes");
    let mut bytes = inner.bytes();
    let mut word = Vec::new();
    while let Some(byte) = bytes.next() {
        let escaped = if byte == b'\\' { bytes.next() } else { None };
        word.push(match escaped {
            None => byte,
            Some(b'x') => {
                let digits: String = bytes.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&digits, 16).expect("two digits follow")
            }
            Some(byte) => byte,
        });
    }
    word
}

#[test]
fn words_are_read_as_libfuzzer_reads_them() {
    assert_eq!(word(r#""a\"\\\x00\xff b""#), b"a\"\\\x00\xff b");
    for target in Target::ALL {
        assert!(words(target).len() > 40, "{}", target.name());
    }
}

#[test]
fn every_seed_keeps_the_promises() {
    for target in Target::ALL {
        let seeds = seeds(target);
        for seed in &seeds {
            target.look(seed);
        }
        let read = seeds.iter().filter_map(|it| target.read(it)).map(|it| it.files.len());
        assert!(read.sum::<usize>() >= seeds.len(), "the seeds of {} are read", target.name());
    }
}
