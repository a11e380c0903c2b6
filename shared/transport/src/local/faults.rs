//! What a broker inside one process does wrong on purpose, as data.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use crate::{Exchange, Message};

/// Which published messages meet which fault, for [`Broker::local_with`](crate::Broker::local_with).
///
/// What happens to a message depends on the plan, its exchange, its routing key and its number among the messages
/// with both, and on nothing else: the same plan does the same again. An empty plan does nothing.
/// Dead letters on their way to their queue meet no faults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultPlan {
    /// Chooses the messages that the shares speak of.
    pub seed: u64,
    /// Faults that meet any message, with the share of messages that each meets, in percent; 100 together
    /// at most.
    pub shares: Vec<(u8, Fault)>,
    /// Faults of single messages, which go before the shares.
    pub singled_out: Vec<SingledOut>,
}

/// One message and its fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SingledOut {
    /// Where it is published.
    pub exchange: Exchange,
    /// The key it is published with.
    pub routing_key: String,
    /// Its number among the messages with the same exchange and key, from 1.
    pub nth: u64,
    /// What happens to it.
    pub fault: Fault,
}

/// What happens to a published message. Its publisher is told that all is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It reaches no queue.
    Drop,
    /// It arrives twice.
    Duplicate,
    /// It arrives after this time, behind what was published meanwhile.
    Delay(Duration),
    /// It overtakes everything that waits in its queue.
    Overtake,
}

/// A plan under way: how many messages it has seen.
#[derive(Debug, Default)]
pub(super) struct Faults {
    plan: FaultPlan,
    seen: HashMap<(Exchange, String), u64>,
}

impl Faults {
    pub(super) fn new(plan: FaultPlan) -> Self {
        Self { plan, seen: HashMap::new() }
    }

    /// Counts the message and says what happens to it.
    pub(super) fn meet(&mut self, message: &Message) -> Option<Fault> {
        if self.plan == FaultPlan::default() {
            return None;
        }
        let nth = self.seen.entry((message.exchange, message.routing_key.clone())).or_default();
        *nth += 1;
        self.plan.fault(message.exchange, &message.routing_key, *nth)
    }
}

impl FaultPlan {
    fn fault(&self, exchange: Exchange, routing_key: &str, nth: u64) -> Option<Fault> {
        let is_meant =
            |it: &&SingledOut| (it.exchange, it.routing_key.as_str(), it.nth) == (exchange, routing_key, nth);
        if let Some(meant) = self.singled_out.iter().find(is_meant) {
            return Some(meant.fault);
        }
        let mut hasher = DefaultHasher::new();
        (self.seed, exchange.as_str(), routing_key, nth).hash(&mut hasher);
        let percent = hasher.finish() % 100;
        let mut end = 0;
        let mut shares = self.shares.iter().map(|(share, fault)| {
            end += u64::from(*share);
            (end, *fault)
        });
        shares.find(|(end, _)| percent < *end).map(|(_, fault)| fault)
    }
}
