//! Without a guard the checker must find what goes wrong; `--nocapture` shows how.

use std::collections::BTreeSet;

use modelcheck::{Guard, Protocol, Start, name};
use stateright::{Checker, Expectation, HasDiscoveries, Model};

const BY_ONE_FAULT: Protocol = Protocol { start: Start::LastTries, faults: 1, missing: &[] };

/// Looks until one fault has broken all of these properties.
fn check_broken(missing: &'static [Guard], expected: &[&'static str]) {
    check_broken_from(BY_ONE_FAULT.start, missing, expected);
}

fn check_broken_from(start: Start, missing: &'static [Guard], expected: &[&'static str]) {
    let expected: BTreeSet<_> = expected.iter().copied().collect();
    let checker = Protocol { start, missing, ..BY_ONE_FAULT }
        .checker()
        .finish_when(HasDiscoveries::AllOf(expected.clone()))
        .target_state_count(1_000_000)
        .spawn_bfs()
        .join();
    println!("Without {missing:?}, after {} states:", checker.unique_state_count());
    let found = checker.discoveries();
    for name in expected {
        let path = found.get(name).unwrap_or_else(|| panic!("without {missing:?} still true: {name}"));
        println!("not true: {name}\n{path}");
    }
}

#[test]
fn without_draining_a_run_is_undone_while_its_job_still_acts() {
    check_broken(&[Guard::Drain], &[name::UNDO_WAITS, name::NOTHING_LEFT]);
}

#[test]
fn without_a_fence_a_slow_worker_acts_in_a_run_that_moved_on() {
    check_broken(&[Guard::LeaseEnd, Guard::Token], &[name::CURRENT_ACTS, name::ONE_SERVES]);
}

#[test]
fn without_an_inbox_a_doubled_message_is_acted_on_twice() {
    check_broken(&[Guard::Inbox], &[name::ONE_HAND, name::NOTHING_LEFT]);
}

#[test]
fn without_durability_a_claim_that_was_forgotten_is_made_twice() {
    check_broken(&[Guard::Durability], &[name::ONE_HAND, name::NOTHING_LEFT]);
}

#[test]
fn without_holding_a_run_outruns_its_rehearsal() {
    let expected = [name::PROVEN_FIRST, name::REHEARSAL_ENDS];
    check_broken_from(Start::Rehearsing, &[Guard::Hold], &expected);
}

/// As long as a try is claimed once and its claim not forgotten, nobody else's token can be spoken with:
/// the number of the try does the same. The token is there for the day when that is not so.
#[test]
fn the_token_is_a_second_line() {
    let protocol = Protocol { missing: &[Guard::Token], ..BY_ONE_FAULT };
    let checker = protocol.checker().finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    for property in protocol.properties().iter().filter(|it| it.expectation != Expectation::Sometimes) {
        checker.assert_no_discovery(property.name);
    }
}
