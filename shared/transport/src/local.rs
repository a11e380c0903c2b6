//! The broker inside one process: the same topology, routing, limits and redelivery, in memory.

mod faults;
mod inbox;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::faults::Faults;
pub use self::faults::{Fault, FaultPlan, SingledOut};
pub(crate) use self::inbox::{Inbox, Receipt};
use crate::topology::{QueuePlan, Routing, SUBSCRIPTION_LENGTH_MAX, Topology, routing};
use crate::{Exchange, Health, Message, Names, Outage, PublishError, Queue};

/// The in-process broker behind [`Broker::local`](crate::Broker::local).
#[derive(Clone, Debug)]
pub struct Local {
    names: Arc<Names>,
    queues: Arc<Mutex<BTreeMap<String, Line>>>,
    faults: Arc<Mutex<Faults>>,
    closing: CancellationToken,
}

/// A queue: what it is for, and what waits in it.
#[derive(Debug)]
struct Line {
    plan: QueuePlan,
    routing: Routing,
    overflow: Overflow,
    ready: VecDeque<Letter>,
    changed: Arc<Notify>,
}

/// What happens to a message for a full queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Overflow {
    RejectNew,
    DropOldest,
}

/// Where a message enters a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Back,
    Front,
}

/// A message that waits or is out for delivery.
#[derive(Clone, Debug)]
struct Letter {
    message: Arc<Message>,
    delivery_count: u32,
    dead_reason: Option<String>,
    died_after: Option<u32>,
}

impl Local {
    pub(crate) fn new(names: Names, plan: FaultPlan) -> Self {
        let topology = Topology::new(&names);
        let queues = topology.queues.into_iter().map(|plan| {
            let exchange = topology.exchanges.iter().find(|e| e.name == plan.exchange);
            let routing = exchange.map_or(Routing::Direct, |exchange| exchange.routing);
            (plan.name.clone(), Line::new(plan, routing, Overflow::RejectNew))
        });
        Self {
            queues: Arc::new(Mutex::new(queues.collect())),
            names: Arc::new(names),
            faults: Arc::new(Mutex::new(Faults::new(plan))),
            closing: CancellationToken::new(),
        }
    }

    pub(crate) fn publish(&self, message: Message) -> Result<(), PublishError> {
        message.check()?;
        if self.closing.is_cancelled() {
            return Err(PublishError::Unavailable(Outage::Disconnected));
        }
        let fault = self.faults.lock().unwrap_or_else(PoisonError::into_inner).meet(&message);
        match fault {
            None => self.queue(message, Place::Back),
            Some(Fault::Drop) => Ok(()),
            Some(Fault::Duplicate) => {
                self.queue(message.clone(), Place::Back)?;
                self.queue(message, Place::Back)
            }
            Some(Fault::Delay(delay)) => {
                self.queue_later(message, delay);
                Ok(())
            }
            Some(Fault::Overtake) => self.queue(message, Place::Front),
        }
    }

    fn queue(&self, message: Message, place: Place) -> Result<(), PublishError> {
        let (exchange, key) = (message.exchange, message.routing_key.clone());
        let letter =
            Letter { message: Arc::new(message), delivery_count: 0, dead_reason: None, died_after: None };
        let queued = route(&mut self.lock(), &self.names.exchange(exchange), &key, &letter, place)?;
        if queued == 0 && exchange.is_mandatory() {
            return Err(PublishError::Unroutable { exchange: exchange.as_str(), routing_key: key });
        }
        Ok(())
    }

    fn queue_later(&self, message: Message, delay: Duration) {
        let broker = self.clone();
        tokio::spawn(async move {
            if broker.closing.run_until_cancelled(sleep(delay)).await.is_some()
                && let Err(error) = broker.queue(message, Place::Back)
            {
                tracing::debug!(%error, "a delayed message was lost");
            }
        });
    }

    pub(crate) fn consume(&self, queue: &Queue, prefetch: u16, stop: CancellationToken) -> Inbox {
        Inbox::new(self.clone(), self.names.queue(queue), prefetch, stop)
    }

    pub(crate) fn consume_dead(&self, queue: &Queue, prefetch: u16, stop: CancellationToken) -> Inbox {
        Inbox::new(self.clone(), self.names.dead_queue(queue), prefetch, stop)
    }

    pub(crate) fn subscribe(&self, exchange: Exchange, pattern: &str, stop: CancellationToken) -> Inbox {
        let name = Uuid::new_v4().to_string();
        let plan = QueuePlan {
            name: name.clone(),
            exchange: self.names.exchange(exchange),
            binding_key: pattern.to_owned(),
            delivery_limit: u32::MAX,
            length_max: Some(SUBSCRIPTION_LENGTH_MAX.into()),
            dead_letters: None,
        };
        let line = Line::new(plan, routing(exchange), Overflow::DropOldest);
        self.lock().insert(name.clone(), line);
        Inbox::temporary(self.clone(), name, stop)
    }

    pub(crate) fn health(&self) -> Health {
        Health { connected: !self.closing.is_cancelled(), blocked_since: None, unattended: Vec::new() }
    }

    pub(crate) fn close(&self) {
        self.closing.cancel();
    }

    fn take(&self, queue: &str) -> Option<Letter> {
        self.lock().get_mut(queue)?.ready.pop_front()
    }

    /// Puts a letter whose delivery failed back to the front, or to the dead letters if that happened too often.
    fn give_back(&self, queue: &str, letter: Letter) {
        let mut queues = self.lock();
        let Some(line) = queues.get_mut(queue) else {
            return;
        };
        let delivery_count = letter.delivery_count + 1;
        if delivery_count > line.plan.delivery_limit {
            drop(queues);
            let reason = crate::delivery::worn_out_reason(delivery_count);
            self.bury(queue, &letter, reason);
            return;
        }
        line.ready.push_front(Letter { delivery_count, ..letter });
        line.changed.notify_waiters();
    }

    /// Moves a letter to the dead letters of `queue`; what is dead already goes back to where it lay.
    fn bury(&self, queue: &str, letter: &Letter, reason: String) {
        let mut queues = self.lock();
        let Some(line) = queues.get(queue) else {
            return;
        };
        let plan = &line.plan;
        let (exchange, key) =
            plan.dead_letters.clone().unwrap_or_else(|| (plan.exchange.clone(), plan.binding_key.clone()));
        let dead = Letter {
            message: Arc::clone(&letter.message),
            delivery_count: 0,
            dead_reason: Some(reason),
            died_after: letter.died_after.or(Some(letter.delivery_count + 1)),
        };
        if let Err(error) = route(&mut queues, &exchange, &key, &dead, Place::Back) {
            tracing::error!(%error, queue, "lost a dead letter");
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Line>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn new(plan: QueuePlan, routing: Routing, overflow: Overflow) -> Self {
        Self { plan, routing, overflow, ready: VecDeque::new(), changed: Arc::new(Notify::new()) }
    }

    fn is_full(&self) -> bool {
        let length_max = self.plan.length_max.map(|max| max as usize);
        length_max.is_some_and(|max| self.ready.len() >= max)
    }
}

/// Queues the letter wherever it belongs and says in how many places; in none if one of them is full.
fn route(
    queues: &mut BTreeMap<String, Line>,
    exchange: &str,
    key: &str,
    letter: &Letter,
    place: Place,
) -> Result<usize, PublishError> {
    let admits =
        |line: &Line| line.plan.exchange == exchange && line.routing.admits(&line.plan.binding_key, key);
    let mut lines: Vec<_> = queues.values_mut().filter(|line| admits(line)).collect();
    let refuses = |line: &Line| line.overflow == Overflow::RejectNew && line.is_full();
    if lines.iter().any(|line| refuses(line)) {
        return Err(PublishError::Rejected);
    }
    for line in &mut lines {
        if line.is_full() {
            line.ready.pop_front();
        }
        match place {
            Place::Back => line.ready.push_back(letter.clone()),
            Place::Front => line.ready.push_front(letter.clone()),
        }
        line.changed.notify_waiters();
    }
    Ok(lines.len())
}
