//! What can go wrong, and how often it does.

use std::fmt;

use crate::shop::Place;
use scratch::Random;

/// The stream of random numbers that decides about faults.
pub(super) const STREAM: u64 = 1;

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

/// So many faults in the order of the seed; each kind comes at least once.
pub(crate) fn plan(place: Place, seed: u64, count: usize) -> Vec<Fault> {
    let mut random = Random::stream(seed, STREAM);
    let mut shares = SHARES.to_vec();
    match place {
        Place::Processes => {}
        Place::Docker => shares.extend(ENGINE_SHARES),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_of_the_place_is_planned_and_no_other() {
        for place in [Place::Processes, Place::Docker] {
            let faults = plan(place, 1, 64);
            assert_eq!(faults.len(), 64);
            assert!(SHARES.iter().all(|(fault, _)| faults.contains(fault)), "{faults:?}");
            let strikes_engine = ENGINE_SHARES.map(|(fault, _)| faults.contains(&fault));
            assert_eq!(strikes_engine, [place == Place::Docker; 2]);
        }
    }
}
