//! The protocol holds; without any of its guards it does not.

use modelcheck::{Guard, Protocol};
use stateright::{Checker, Model};

#[test]
fn it_holds() {
    let f = std::env::var("F").map(|f| f.parse().unwrap()).unwrap_or(1);
    let begin = std::time::Instant::now();
    let checker = Protocol { faults: f, missing: &[] }.checker().finish_when(stateright::HasDiscoveries::AllFailures).spawn_bfs().join();
    println!("{} unique, {} total, depth {} {:?}", checker.unique_state_count(), checker.state_count(), checker.max_depth(), begin.elapsed());
    for (name, path) in checker.discoveries() {
        println!("{name}: {}", path.clone().into_actions().len());
        if checker.model().property(name).expectation.clone() as u8 != 2 && !format!("{:?}", checker.model().property(name).expectation).contains("Some") { println!("{path}\n{:?}", path.last_state()); }
    }
}

#[test]
fn controls() {
    for missing in [&[Guard::Drain][..], &[Guard::LeaseEnd], &[Guard::Token], &[Guard::LeaseEnd, Guard::Token], &[Guard::Inbox]] {
        let f = std::env::var("F").map(|f| f.parse().unwrap()).unwrap_or(1);
        let checker = Protocol { faults: f, missing }.checker().spawn_bfs().join();
        println!("=== {missing:?} {} unique, {} total, depth {}", checker.unique_state_count(), checker.state_count(), checker.max_depth());
        for (name, path) in checker.discoveries() {
            if !format!("{:?}", checker.model().property(name).expectation).contains("Some") { println!("{name}: {path}\n"); }
        }
    }
}
