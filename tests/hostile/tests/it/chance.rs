//! Seeds that are changed by chance. The same every time: what fails here fails everywhere.

use hostile::Target;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{RngSeed, TestRunner};

use super::kept;

/// How many texts are made for each target.
const CASES: u32 = 100;

/// How long a text may get, in bytes.
const LENGTH_MAX: usize = 8 * 1024;

/// One change of a text. Places are shares of its length.
#[derive(Debug, Clone)]
enum Edit {
    /// A word of the language.
    Word(Index, Vec<u8>),
    /// A few lines of another seed.
    Lines(Index, Vec<u8>, Index, usize),
    /// A part is said again, some times.
    Again(Index, usize, usize),
    /// A part goes.
    Cut(Index, usize),
    /// All from here goes.
    End(Index),
    /// One byte is another.
    Byte(Index, u8),
}

impl Edit {
    fn of(target: Target) -> impl Strategy<Value = Self> {
        let word = (any::<Index>(), select(kept::words(target)));
        let lines = (any::<Index>(), select(kept::seeds(target)), any::<Index>(), 1..6_usize);
        prop_oneof![
            6 => word.prop_map(|(at, word)| Self::Word(at, word)),
            3 => lines.prop_map(|(at, other, from, count)| Self::Lines(at, other, from, count)),
            2 => (any::<Index>(), 1..40_usize, 1..40_usize).prop_map(|(at, length, times)| Self::Again(at, length, times)),
            3 => (any::<Index>(), 1..40_usize).prop_map(|(at, length)| Self::Cut(at, length)),
            1 => any::<Index>().prop_map(Self::End),
            2 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Self::Byte(at, byte)),
        ]
    }

    fn apply(&self, text: &mut Vec<u8>) {
        let length = text.len();
        let place = |at: &Index| at.index(length + 1);
        match self {
            Self::Word(at, word) => {
                let at = place(at);
                text.splice(at..at, word.iter().copied());
            }
            Self::Lines(at, other, from, count) => {
                let lines: Vec<_> = other.split_inclusive(|it| *it == b'\n').collect();
                let from = from.index(lines.len());
                let some = lines[from..].iter().take(*count).copied().flatten().copied();
                let at = text[..place(at)].iter().rposition(|it| *it == b'\n').map_or(0, |it| it + 1);
                text.splice(at..at, some);
            }
            Self::Again(at, part, times) => {
                let at = place(at);
                let part = text[at..(at + part).min(length)].repeat(*times);
                text.splice(at..at, part);
            }
            Self::Cut(at, part) => {
                let at = place(at);
                text.drain(at..(at + part).min(length));
            }
            Self::End(at) => text.truncate(place(at)),
            Self::Byte(at, byte) => {
                if let Some(it) = text.get_mut(place(at)) {
                    *it = *byte;
                }
            }
        }
        text.truncate(LENGTH_MAX);
    }
}

/// A seed after some changes.
fn text(target: Target) -> impl Strategy<Value = Vec<u8>> {
    let edits = prop::collection::vec(Edit::of(target), 1..12);
    (select(kept::seeds(target)), edits).prop_map(|(mut text, edits)| {
        for edit in &edits {
            edit.apply(&mut text);
        }
        text
    })
}

fn check(target: Target) {
    let config = ProptestConfig {
        cases: CASES,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let kept = TestRunner::new(config).run(&text(target), |text| {
        target.look(&text);
        Ok(())
    });
    // The text that is left when all that does not matter is taken away is told as bytes: it need not be characters.
    kept.unwrap_or_else(|broken| panic!("{}: {broken}", target.name()));
}

#[test]
fn diffs_may_be_changed_by_chance() {
    check(Target::Diff);
}

#[test]
fn programs_may_be_changed_by_chance() {
    check(Target::Script);
}

#[test]
fn migrations_may_be_changed_by_chance() {
    check(Target::Sql);
}

#[test]
fn manifests_and_lock_files_may_be_changed_by_chance() {
    check(Target::Packages);
}

#[test]
fn changes_may_be_changed_by_chance() {
    check(Target::Change);
}

#[test]
fn a_text_may_end_anywhere() {
    for target in Target::ALL {
        for seed in kept::seeds(target) {
            let step = seed.len() / 8 + 1;
            (0..seed.len()).step_by(step).for_each(|end| target.look(&seed[..end]));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn bytes_may_be_anything(target in select(Target::ALL.to_vec()), bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        target.look(&bytes);
    }
}
