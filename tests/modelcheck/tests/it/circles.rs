//! No sequence of steps leads back to where it began; with what always holds, every run ends.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, RandomState};

use modelcheck::{Protocol, Start, State, Step};
use stateright::Model;

/// Far more than a run takes: a way that gets there does not end.
const STEPS_MAX: usize = 10_000;

/// A state on the way, by its hash, and what may follow.
struct Stop {
    hash: u64,
    steps: std::vec::IntoIter<(Step, State)>,
}

/// The step that closes a circle, if there is one: depth first, looking for a state that is still on the
/// way.
fn circle(protocol: Protocol) -> Option<Step> {
    let hasher = RandomState::new();
    let look =
        |state: &State| Stop { hash: hasher.hash_one(state), steps: protocol.next_steps(state).into_iter() };
    let mut is_on_the_way = HashMap::new();
    for first in protocol.init_states() {
        let mut way = vec![look(&first)];
        is_on_the_way.insert(way[0].hash, true);
        while let Some(last) = way.last_mut() {
            let Some((step, state)) = last.steps.next() else {
                is_on_the_way.insert(last.hash, false);
                way.pop();
                continue;
            };
            match is_on_the_way.entry(hasher.hash_one(&state)) {
                Entry::Occupied(seen) if *seen.get() => return Some(step),
                Entry::Occupied(_) => {}
                Entry::Vacant(new) => {
                    new.insert(true);
                    way.push(look(&state));
                    assert!(way.len() < STEPS_MAX, "a way without end");
                }
            }
        }
    }
    None
}

#[test]
fn steps_do_not_go_round_in_circles() {
    for start in [Start::First, Start::Rehearsing, Start::LastTries] {
        assert_eq!(circle(Protocol { start, faults: 1, missing: &[] }), None, "{start:?}");
    }
}
