//! A program that is not Slipway's and publishes what it likes, where it likes.

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::AMQPValue;
use lapin::{BasicProperties, Confirmation, Connection, ConnectionProperties};

use crate::servers;
use crate::system::System;

/// Puts a message on a queue of the system: with a type and a trace that steer terminals, without an id.
pub(crate) async fn publish(system: &System, queue: &str, body: &[u8]) {
    let queue = format!("{}.{queue}", system.broker_prefix());
    let connected = Connection::connect(&servers::amqp(), ConnectionProperties::default()).await;
    let connection = connected.unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let mut headers = lapin::types::FieldTable::default();
    headers.insert("traceparent".into(), AMQPValue::LongString("\0\x1b[2J".into()));
    let properties = BasicProperties::default()
        .with_message_id("not a UUID \x1b[2J".into())
        .with_content_type("text/\x1b[2J\0plain".into())
        .with_headers(headers);
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let published = channel.basic_publish("".into(), queue.into(), options, body, properties).await;
    assert_eq!(published.unwrap().await.unwrap(), Confirmation::Ack(None), "it lies on the queue");
    connection.close(200, "done".into()).await.unwrap();
}
