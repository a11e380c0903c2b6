//! Messages to publish in tests.

use transport::{Exchange, Message, Queue};
use uuid::Uuid;

pub(crate) const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A message to any exchange, with a body that tells it from others.
pub(crate) fn message(exchange: Exchange, routing_key: &str) -> Message {
    let id = Uuid::new_v4();
    Message {
        id,
        exchange,
        routing_key: routing_key.to_owned(),
        body: format!("body of {id}").into_bytes(),
        content_type: "application/json".to_owned(),
        traceparent: Some(TRACEPARENT.to_owned()),
    }
}

/// A message for a queue.
pub(crate) fn to(queue: &Queue) -> Message {
    let (exchange, routing_key) = queue.address();
    message(exchange, routing_key)
}

pub(crate) fn several(n: usize, queue: &Queue) -> Vec<Message> {
    (0..n).map(|_| to(queue)).collect()
}

pub(crate) fn jobs(worker: &str) -> Queue {
    Queue::Jobs(worker.to_owned())
}

pub(crate) fn undo(worker: &str) -> Queue {
    Queue::Undo(worker.to_owned())
}
