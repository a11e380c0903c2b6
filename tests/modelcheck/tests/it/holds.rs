//! With all guards in place.

use std::io::Write;

use modelcheck::{Protocol, Start};
use stateright::{Checker, Expectation, HasDiscoveries, Model};

/// Looks at every state, unless one is found that must not be. Generating more than `most` would mean
/// that the search has no end.
fn check(start: Start, faults: u8, most: usize) -> impl Checker<Protocol> {
    let protocol = Protocol { start, faults, missing: &[] };
    let checker = protocol
        .checker()
        .finish_when(HasDiscoveries::AnyFailures)
        .target_state_count(most)
        .spawn_bfs()
        .join();
    // Past the capture of test output: the figures are worth seeing when all is well.
    writeln!(
        std::io::stderr(),
        "{start:?}, at most {faults} faults: {} states, up to {} steps",
        checker.unique_state_count(),
        checker.max_depth(),
    )
    .expect("standard error takes text");
    for property in protocol.properties() {
        if property.expectation != Expectation::Sometimes {
            checker.assert_no_discovery(property.name);
        }
    }
    assert!(checker.state_count() < most, "the search was cut short");
    checker
}

#[test]
fn two_faults_anywhere_in_a_run_do_no_harm() {
    check(Start::First, 2, 15_000_000);
}

#[test]
fn a_fault_anywhere_in_a_run_that_waits_for_a_rehearsal_does_no_harm() {
    check(Start::Rehearsing, 1, 5_000_000);
}

#[test]
fn a_fault_on_the_last_try_does_no_harm_and_every_end_is_reached() {
    check(Start::LastTries, 1, 1_000_000).assert_properties();
}
