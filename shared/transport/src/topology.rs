//! The whole broker topology, as plain data: what exists, how it is named, and the limits that hold.
//!
//! ```text
//! slipway.ship    (topic,  #)        ─▶ slipway.intake         ┐ dead letters   slipway.dead    ┌▶ slipway.dead.intake
//! slipway.jobs    (direct, <worker>) ─▶ slipway.jobs.<worker>  ├──────────────▶ (direct, <queue>)├▶ slipway.dead.jobs.<worker>
//! slipway.undo    (direct, <worker>) ─▶ slipway.undo.<worker>  ┘                                └▶ slipway.dead.undo.<worker>
//! slipway.events  (topic) ─▶ one private queue per subscription
//! slipway.control (topic) ─▶ one private queue per subscription
//! ```
//!
//! Everything stands in queue arguments, not in policies, so that a plain broker without management access
//! holds it too. Arguments never change on an existing queue: changing one here needs a new queue.
//! Both brokers are built from this page, and nothing else knows a name.

use std::fmt;

use crate::Exchange;

/// The workers that have a job queue and an undo queue each.
pub const WORKERS: [&str; 7] = ["scheduler", "ship", "backup", "build", "swap", "health", "cleanup"];

/// Deliveries that may fail before a message becomes a dead letter. A last resort against poison: a worker's
/// restart and a lost connection count too, so it is well above what ordinary trouble needs.
pub const DELIVERY_LIMIT: u32 = 10;

/// A dead letter may be looked at as often as people like. `RabbitMQ` 4 would drop it after 20 times if nothing were said.
const DEAD_DELIVERY_LIMIT: u32 = 1_000_000;

/// Messages a queue holds before it refuses more; the outbox keeps the rest.
pub const QUEUE_LENGTH_MAX: u32 = 100_000;

/// Messages a subscription may lag behind before the oldest are dropped.
pub const SUBSCRIPTION_LENGTH_MAX: u16 = 1000;

/// A durable queue that messages are consumed from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Queue {
    /// Ship messages for the scheduler.
    Intake,
    /// Forward jobs of a worker.
    Jobs(String),
    /// Rollback jobs of a worker: a queue of their own, so that they never wait behind builds.
    Undo(String),
}

impl Queue {
    /// Every queue of the topology.
    pub fn all() -> Vec<Self> {
        let jobs = WORKERS.map(|worker| Self::Jobs(worker.to_owned()));
        let undo = WORKERS.map(|worker| Self::Undo(worker.to_owned()));
        [Self::Intake].into_iter().chain(jobs).chain(undo).collect()
    }

    /// The exchange and routing key that lead to this queue.
    pub fn address(&self) -> (Exchange, &str) {
        match self {
            Self::Intake => (Exchange::Ship, "ship"),
            Self::Jobs(worker) => (Exchange::Jobs, worker),
            Self::Undo(worker) => (Exchange::Undo, worker),
        }
    }

    /// The key it is bound with. Ship messages come from outside, so whatever key they carry is taken.
    fn binding_key(&self) -> &str {
        match self {
            Self::Intake => "#",
            Self::Jobs(worker) | Self::Undo(worker) => worker,
        }
    }

    /// The name without the prefix; also the routing key of its dead letters.
    fn suffix(&self) -> String {
        match self {
            Self::Intake => "intake".to_owned(),
            Self::Jobs(worker) => format!("jobs.{worker}"),
            Self::Undo(worker) => format!("undo.{worker}"),
        }
    }
}

impl fmt::Display for Queue {
    /// The name without the prefix: `intake`, `jobs.build`, `undo.swap`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.suffix())
    }
}

/// Turns our names into the broker's. Environments that share a virtual host differ by prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    prefix: String,
}

impl Names {
    /// Names that start with `prefix` and a dot.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into() }
    }

    /// The broker's name of an exchange.
    pub fn exchange(&self, exchange: Exchange) -> String {
        self.name(exchange.as_str())
    }

    /// The exchange that dead letters go through.
    pub fn dead_exchange(&self) -> String {
        self.name("dead")
    }

    /// The broker's name of a queue.
    pub fn queue(&self, queue: &Queue) -> String {
        self.name(&queue.suffix())
    }

    /// The queue that holds the dead letters of `queue`.
    pub fn dead_queue(&self, queue: &Queue) -> String {
        self.name(&format!("dead.{}", queue.suffix()))
    }

    /// The routing key of the dead letters of `queue`.
    pub(crate) fn dead_key(queue: &Queue) -> String {
        queue.suffix()
    }

    fn name(&self, suffix: &str) -> String {
        format!("{}.{suffix}", self.prefix)
    }
}

impl Default for Names {
    /// The `slipway` names that outside programs rely on.
    fn default() -> Self {
        Self::new("slipway")
    }
}

/// How an exchange chooses queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routing {
    /// By the exact key.
    Direct,
    /// By a pattern of dot-separated words: `*` is one word, `#` any number of them.
    Topic,
}

impl Routing {
    /// Whether a message with `key` goes to a queue bound with `binding`.
    pub(crate) fn admits(self, binding: &str, key: &str) -> bool {
        match self {
            Self::Direct => binding == key,
            Self::Topic => topic_admits(&words(binding), &words(key)),
        }
    }
}

/// The words of a key; the empty key has none.
fn words(key: &str) -> Vec<&str> {
    key.split('.').filter(|_| !key.is_empty()).collect()
}

fn topic_admits(binding: &[&str], key: &[&str]) -> bool {
    match (binding.split_first(), key.split_first()) {
        (None, _) => key.is_empty(),
        (Some((&"#", rest)), None) => topic_admits(rest, key),
        (Some((&"#", rest)), Some((_, key_rest))) => {
            topic_admits(rest, key) || topic_admits(binding, key_rest)
        }
        (Some((&word, rest)), Some((&key_word, key_rest))) => {
            (word == "*" || word == key_word) && topic_admits(rest, key_rest)
        }
        (Some(_), None) => false,
    }
}

/// How an exchange matches its bindings.
pub(crate) fn routing(exchange: Exchange) -> Routing {
    match exchange {
        Exchange::Jobs | Exchange::Undo => Routing::Direct,
        Exchange::Ship | Exchange::Events | Exchange::Control => Routing::Topic,
    }
}

/// A durable exchange to declare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangePlan {
    /// The broker's name.
    pub name: String,
    /// How it routes.
    pub routing: Routing,
}

/// A durable quorum queue to declare, with its one binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuePlan {
    /// The broker's name.
    pub name: String,
    /// The exchange it is bound to.
    pub exchange: String,
    /// The key it is bound with.
    pub binding_key: String,
    /// How many deliveries may fail.
    pub delivery_limit: u32,
    /// How many messages it holds at most, if that is limited.
    pub length_max: Option<u32>,
    /// Exchange and routing key of its dead letters; a dead-letter queue has none.
    pub dead_letters: Option<(String, String)>,
}

/// Everything that `slipway topology apply` declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// The exchanges, before the queues that are bound to them.
    pub exchanges: Vec<ExchangePlan>,
    /// The queues; each dead-letter queue stands before the queue that needs it.
    pub queues: Vec<QueuePlan>,
}

impl Topology {
    /// The topology under these names.
    pub fn new(names: &Names) -> Self {
        let dead = ExchangePlan { name: names.dead_exchange(), routing: Routing::Direct };
        let exchanges = Exchange::ALL
            .map(|exchange| ExchangePlan { name: names.exchange(exchange), routing: routing(exchange) });
        Self {
            exchanges: [dead].into_iter().chain(exchanges).collect(),
            queues: Queue::all()
                .iter()
                .flat_map(|queue| [dead_plan(names, queue), live_plan(names, queue)])
                .collect(),
        }
    }
}

fn live_plan(names: &Names, queue: &Queue) -> QueuePlan {
    QueuePlan {
        name: names.queue(queue),
        exchange: names.exchange(queue.address().0),
        binding_key: queue.binding_key().to_owned(),
        delivery_limit: DELIVERY_LIMIT,
        length_max: Some(QUEUE_LENGTH_MAX),
        dead_letters: Some((names.dead_exchange(), queue.suffix())),
    }
}

fn dead_plan(names: &Names, queue: &Queue) -> QueuePlan {
    QueuePlan {
        name: names.dead_queue(queue),
        exchange: names.dead_exchange(),
        binding_key: queue.suffix(),
        delivery_limit: DEAD_DELIVERY_LIMIT,
        length_max: None,
        dead_letters: None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Names, Queue, Routing};
    use crate::Exchange;

    /// Programs outside rely on the first three; operators and their dashboards on all.
    #[test]
    fn the_names_stay_as_they_are() {
        let names = Names::default();
        let jobs = Queue::Jobs("build".to_owned());
        let undo = Queue::Undo("swap".to_owned());
        for (name, expected) in [
            (names.exchange(Exchange::Ship), "slipway.ship"),
            (names.exchange(Exchange::Events), "slipway.events"),
            (names.queue(&Queue::Intake), "slipway.intake"),
            (names.exchange(Exchange::Jobs), "slipway.jobs"),
            (names.exchange(Exchange::Undo), "slipway.undo"),
            (names.exchange(Exchange::Control), "slipway.control"),
            (names.dead_exchange(), "slipway.dead"),
            (names.queue(&jobs), "slipway.jobs.build"),
            (names.queue(&undo), "slipway.undo.swap"),
            (names.dead_queue(&Queue::Intake), "slipway.dead.intake"),
            (names.dead_queue(&jobs), "slipway.dead.jobs.build"),
            (names.dead_queue(&undo), "slipway.dead.undo.swap"),
            (undo.to_string(), "undo.swap"),
        ] {
            assert_eq!(name, expected);
        }
    }

    #[test]
    fn a_topic_pattern_admits_the_keys_that_amqp_says_it_admits() {
        for (binding, key, admitted) in [
            ("#", "", true),
            ("#", "ship.FB-1.started", true),
            ("ship.#", "ship", true),
            ("ship.#", "ship.FB-1.started", true),
            ("ship.#", "shipping.FB-1", false),
            ("ship.*.started", "ship.FB-1.started", true),
            ("ship.*.started", "ship.started", false),
            ("ship.*.started", "ship.FB-1.FB-2.started", false),
            ("#.started", "ship.FB-1.started", true),
            ("#.FB-1.#", "ship.FB-1.started", true),
            ("*", "", false),
            ("", "", true),
            ("*.*", "ship", false),
            ("ship", "ship", true),
            ("", "ship", false),
        ] {
            assert_eq!(Routing::Topic.admits(binding, key), admitted, "{binding} {key}");
        }
    }
}
