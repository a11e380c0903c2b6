//! What can go wrong, and how often it does.

use std::fmt;

use clap::ValueEnum;
use scratch::Random;

use crate::shop::Place;

/// The stream of random numbers that decides about faults.
pub(super) const STREAM: u64 = 1;

/// What goes wrong in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Selection {
    /// Everything, all the time.
    All,
    /// Now and then a process dies that holds a job: how long it takes until somebody goes on.
    Kills,
    /// Nothing, for comparison.
    None,
}

impl Selection {
    /// Faults for every promotion, on average.
    pub(crate) const fn per_promotion(self) -> f64 {
        match self {
            Self::All => 3.2,
            Self::Kills => 0.3,
            Self::None => 0.0,
        }
    }
}

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    KillAny,
    KillHolder,
    Restart,
    CutBroker,
    CutRecords,
    SilenceBroker,
    SilenceRecords,
    DuplicateOrders,
    StealOrder,
    Garbage,
    CloseBrokerConnections,
    MemoryAlarm,
    RestartBroker,
    KillBroker,
    TerminateBackends,
    RestartRecords,
    KillRecords,
    RestartEngine,
    KillEngine,
}

/// Every kind of fault and how often it comes, in a thousand.
const SHARES: [(Fault, u64); 17] = [
    (Fault::KillAny, 240),
    (Fault::KillHolder, 240),
    (Fault::Restart, 80),
    (Fault::CutBroker, 80),
    (Fault::CutRecords, 80),
    (Fault::SilenceBroker, 25),
    (Fault::SilenceRecords, 25),
    (Fault::DuplicateOrders, 110),
    (Fault::StealOrder, 45),
    (Fault::Garbage, 30),
    (Fault::CloseBrokerConnections, 3),
    (Fault::MemoryAlarm, 3),
    (Fault::RestartBroker, 1),
    (Fault::KillBroker, 1),
    (Fault::TerminateBackends, 19),
    (Fault::RestartRecords, 9),
    (Fault::KillRecords, 9),
];

/// The same for faults that only a run on Docker has; they come on top.
const ENGINE_SHARES: [(Fault, u64); 2] = [(Fault::RestartEngine, 70), (Fault::KillEngine, 70)];

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KillAny => "kill -9 of any process",
            Self::KillHolder => "kill -9 of a process that holds a job",
            Self::Restart => "process restarted in order (SIGTERM)",
            Self::CutBroker => "connections of a process to RabbitMQ cut",
            Self::CutRecords => "connections of a process to Slipway's database cut",
            Self::SilenceBroker => "nothing passes between a process and RabbitMQ for 1 to 7 s",
            Self::SilenceRecords => "nothing passes between a process and Slipway's database for 1 to 7 s",
            Self::DuplicateOrders => "job messages published again, open and finished ones",
            Self::StealOrder => "job message taken from its queue and dropped",
            Self::Garbage => "messages that make no sense",
            Self::CloseBrokerConnections => "RabbitMQ closes all connections",
            Self::MemoryAlarm => "RabbitMQ short of memory for some seconds",
            Self::RestartBroker => "RabbitMQ restarted in order",
            Self::KillBroker => "RabbitMQ killed and started again",
            Self::TerminateBackends => "all connections to Slipway's database ended by the server",
            Self::RestartRecords => "Slipway's database server restarted in order",
            Self::KillRecords => "Slipway's database server crashed and started again",
            Self::RestartEngine => "Docker engine restarted in order, its containers with it",
            Self::KillEngine => "kill -9 of the Docker engine, which is started again",
        })
    }
}

/// Faults for so many promotions, in the order of the seed; each kind comes at least once.
pub(crate) fn plan(selection: Selection, place: Place, seed: u64, promotions: usize) -> Vec<Fault> {
    let count = planned(selection, promotions);
    let mut random = Random::stream(seed, STREAM);
    let shares = match (selection, place) {
        (Selection::None, _) => return Vec::new(),
        (Selection::Kills, _) => return vec![Fault::KillHolder; count],
        (Selection::All, Place::Processes) => SHARES.to_vec(),
        (Selection::All, Place::Docker) => [&SHARES[..], &ENGINE_SHARES].concat(),
    };
    let mut faults: Vec<_> = shares.iter().map(|(fault, _)| *fault).collect();
    let all: u64 = shares.iter().map(|(_, share)| share).sum();
    while faults.len() < count {
        let mut left = random.below(all);
        let chosen = shares.iter().find(|(_, share)| {
            let is_it = left < *share;
            left = left.saturating_sub(*share);
            is_it
        });
        faults.extend(chosen.map(|(fault, _)| *fault));
    }
    random.shuffle(&mut faults);
    faults
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "thousands"
)]
fn planned(selection: Selection, promotions: usize) -> usize {
    // Some find nobody to strike and do not count.
    (promotions as f64 * selection.per_promotion() * 1.4).ceil() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_of_the_place_is_planned_and_no_other() {
        for place in [Place::Processes, Place::Docker] {
            let faults = plan(Selection::All, place, 1, 15);
            assert_eq!(faults.len(), 68);
            assert!(SHARES.iter().all(|(fault, _)| faults.contains(fault)), "{faults:?}");
            let strikes_engine = ENGINE_SHARES.map(|(fault, _)| faults.contains(&fault));
            assert_eq!(strikes_engine, [place == Place::Docker; 2]);
        }
    }
}
