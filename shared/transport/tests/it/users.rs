//! The users of `deploy/rabbitmq/definitions.json`: each may do on the broker what its process needs, and no more.

use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions,
    ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ErrorKind, ExchangeKind};
use tokio_util::sync::CancellationToken;
use transport::topology::WORKERS;
use transport::{Exchange, Queue, Topology};

use crate::messages::{message, to};
use crate::world::{amqp_url, connect, next, publish, with_names};

/// Every process that comes to the broker, and who stands outside.
const USERS: [&str; 10] = [
    "build-studio",
    "slipway-scheduler",
    "slipway-supervisor",
    "slipway-ship",
    "slipway-backup",
    "slipway-build",
    "slipway-swap",
    "slipway-health",
    "slipway-cleanup",
    "slipway-console",
];

/// AMQP's codes for what is not allowed, and for a message in somebody else's name.
const ACCESS_REFUSED: u16 = 403;
const PRECONDITION_FAILED: u16 = 406;

/// What whoever speaks of runs publishes to; the last one takes dead letters and proves that messages are taken.
const TALK: [&str; 5] = ["jobs", "undo", "events", "control", "dead"];

/// Exchanges that the user may publish to, queues that it may take from, and exchanges that it may listen to; all
/// without the prefix.
fn rights(user: &str) -> (Vec<String>, Vec<String>, Vec<String>) {
    let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let of_worker = |worker: &str| vec![format!("jobs.{worker}"), format!("undo.{worker}")];
    let ship_and_talk = texts(&[&["ship"][..], &TALK].concat());
    match user.strip_prefix("slipway-") {
        None => (texts(&["ship"]), vec![], texts(&["events"])),
        Some("console") => (ship_and_talk, vec![], vec![]),
        Some("supervisor") => {
            let dead = Queue::all().into_iter().map(|queue| format!("dead.{queue}"));
            (texts(&TALK), dead.collect(), vec![])
        }
        Some("scheduler") => {
            let queues = [texts(&["intake"]), of_worker("scheduler")].concat();
            (ship_and_talk, queues, texts(&["control"]))
        }
        Some(worker) => {
            assert!(WORKERS.contains(&worker), "{worker}");
            (texts(&TALK), of_worker(worker), texts(&["control"]))
        }
    }
}

/// The user's address, which `cargo xtask test` tells.
fn url_of(user: &str) -> String {
    let urls = std::env::var("SLIPWAY_TEST_AMQP_USERS");
    let urls = urls.expect("SLIPWAY_TEST_AMQP_USERS is not set; run this test with `cargo xtask test`");
    let url = urls.split(',').find(|url| url.starts_with(&format!("amqp://{user}:")));
    url.unwrap_or_else(|| panic!("there is no user {user}")).to_owned()
}

/// A way to the broker past the transport.
async fn connection_of(user: &str) -> Connection {
    Connection::connect(&url_of(user), ConnectionProperties::default()).await.unwrap()
}

/// Whether the broker lets somebody do it, on a channel that may end by it.
async fn is_allowed(
    connection: &Connection,
    deed: impl AsyncFnOnce(&Channel) -> Result<(), lapin::Error>,
) -> bool {
    let channel = connection.create_channel().await.unwrap();
    let Err(error) = deed(&channel).await else {
        channel.close(200, "done".into()).await.unwrap();
        return true;
    };
    assert_eq!(code(&error), Some(ACCESS_REFUSED), "{error}");
    false
}

fn code(error: &lapin::Error) -> Option<u16> {
    if let ErrorKind::ProtocolError(refusal) = error.kind() { Some(refusal.get_id()) } else { None }
}

async fn send(channel: &Channel, exchange: &str, properties: BasicProperties) -> Result<(), lapin::Error> {
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let options = BasicPublishOptions::default();
    let sent = channel.basic_publish(exchange.into(), "nowhere".into(), options, b"{}", properties);
    sent.await?.await?;
    Ok(())
}

/// Takes a private queue that hears of everything at an exchange.
async fn listen(channel: &Channel, exchange: &str) -> Result<(), lapin::Error> {
    let options =
        QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
    let queue = channel.queue_declare("".into(), options, FieldTable::default()).await?.name().clone();
    let bound = channel.queue_bind(
        queue.clone(),
        exchange.into(),
        "#".into(),
        QueueBindOptions::default(),
        FieldTable::default(),
    );
    bound.await?;
    channel.basic_get(queue, BasicGetOptions::default()).await?;
    Ok(())
}

#[tokio::test]
async fn each_user_may_publish_take_and_hear_what_it_needs_and_no_more() {
    with_names(async |names| {
        let admin = connect(&amqp_url(), names.clone()).await;
        admin.topology_apply().await.unwrap();
        let topology = Topology::new(&names);
        let prefix = names.exchange(Exchange::Ship).trim_end_matches("ship").to_owned();
        for user in USERS {
            let (publishes, takes, hears) = rights(user);
            let connection = connection_of(user).await;
            for exchange in &topology.exchanges {
                let name = exchange.name.as_str();
                let short = name.strip_prefix(&prefix).unwrap().to_owned();
                let publish = is_allowed(&connection, async |channel| {
                    send(channel, name, BasicProperties::default()).await
                });
                assert_eq!(publish.await, publishes.contains(&short), "{user} publishes to {short}");
                let listen = is_allowed(&connection, async |channel| listen(channel, name).await);
                assert_eq!(listen.await, hears.contains(&short), "{user} listens to {short}");
            }
            for queue in &topology.queues {
                let name = queue.name.as_str();
                let short = name.strip_prefix(&prefix).unwrap().to_owned();
                let take = is_allowed(&connection, async |channel| {
                    channel.basic_get(name.into(), BasicGetOptions::default()).await.map(|_| ())
                });
                assert_eq!(take.await, takes.contains(&short), "{user} takes from {short}");
            }
            connection.close(200, "done".into()).await.unwrap();
        }
        admin.close().await;
    })
    .await;
}

#[tokio::test]
async fn no_user_may_change_the_topology_or_go_round_it() {
    with_names(async |names| {
        let admin = connect(&amqp_url(), names.clone()).await;
        admin.topology_apply().await.unwrap();
        let exchange = names.exchange(Exchange::Jobs);
        let queue = names.queue(&Queue::Jobs("build".to_owned()));
        for user in USERS {
            let connection = connection_of(user).await;
            assert_eq!(ways_round(&connection, &exchange, &queue).await, [false; 6], "{user}");
            let empties = is_allowed(&connection, async |channel| {
                channel.queue_purge(queue.as_str().into(), QueuePurgeOptions::default()).await.map(|_| ())
            });
            assert_eq!(empties.await, user == "slipway-build", "{user} may take all that is its own");
            connection.close(200, "done".into()).await.unwrap();
        }
        admin.close().await;
    })
    .await;
}

/// Which of these the broker allows: to make a queue or an exchange, to remove one, to bind a queue anew, and to
/// publish into a queue past all exchanges.
async fn ways_round(connection: &Connection, exchange: &str, queue: &str) -> [bool; 6] {
    let other = format!("{queue}.mine");
    let makes_queue = async |channel: &Channel| {
        let options = QueueDeclareOptions::default();
        channel.queue_declare(other.as_str().into(), options, FieldTable::default()).await.map(|_| ())
    };
    let makes_exchange = async |channel: &Channel| {
        let (options, none) = (ExchangeDeclareOptions::default(), FieldTable::default());
        channel.exchange_declare(other.as_str().into(), ExchangeKind::Topic, options, none).await
    };
    let removes_queue = async |channel: &Channel| {
        channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.map(|_| ())
    };
    let removes_exchange = async |channel: &Channel| {
        channel.exchange_delete(exchange.into(), ExchangeDeleteOptions::default()).await
    };
    let binds = async |channel: &Channel| {
        let (options, none) = (QueueBindOptions::default(), FieldTable::default());
        channel.queue_bind(queue.into(), exchange.into(), "#".into(), options, none).await
    };
    let goes_past = async |channel: &Channel| send(channel, "", BasicProperties::default()).await;
    [
        is_allowed(connection, makes_queue).await,
        is_allowed(connection, makes_exchange).await,
        is_allowed(connection, removes_queue).await,
        is_allowed(connection, removes_exchange).await,
        is_allowed(connection, binds).await,
        is_allowed(connection, goes_past).await,
    ]
}

#[tokio::test]
async fn the_broker_vouches_for_who_published() {
    with_names(async |names| {
        let admin = connect(&amqp_url(), names.clone()).await;
        admin.topology_apply().await.unwrap();
        let ship = names.exchange(Exchange::Ship);
        let scheduler = connect(&url_of("slipway-scheduler"), names.clone()).await;
        let mut intake = scheduler.consume(&Queue::Intake, 3, CancellationToken::new());

        let console = connect(&url_of("slipway-console"), names.clone()).await;
        publish(&console, &[to(&Queue::Intake)]).await;
        let delivery = next(&mut intake).await;
        assert_eq!(delivery.user_id.as_deref(), Some("slipway-console"));
        assert!(delivery.ack().await);

        let studio = connection_of("build-studio").await;
        let channel = studio.create_channel().await.unwrap();
        let somebody_else = BasicProperties::default().with_user_id("slipway-console".into());
        let refused = send(&channel, &ship, somebody_else).await.unwrap_err();
        assert_eq!(code(&refused), Some(PRECONDITION_FAILED), "{refused}");

        let channel = studio.create_channel().await.unwrap();
        send(&channel, &ship, BasicProperties::default().with_user_id("build-studio".into())).await.unwrap();
        send(&channel, &ship, BasicProperties::default()).await.unwrap();
        for user in [Some("build-studio"), None] {
            let delivery = next(&mut intake).await;
            assert_eq!(delivery.user_id.as_deref(), user);
            assert!(delivery.ack().await);
        }
        for broker in [console, scheduler, admin] {
            broker.close().await;
        }
    })
    .await;
}

#[tokio::test]
async fn every_process_finds_the_topology_and_tells_events() {
    with_names(async |names| {
        let admin = connect(&amqp_url(), names.clone()).await;
        admin.topology_apply().await.unwrap();
        for user in USERS.into_iter().filter(|user| user.starts_with("slipway-")) {
            let broker = connect(&url_of(user), names.clone()).await;
            assert_eq!(broker.topology_check().await, Ok(Vec::new()), "{user}");
            publish(&broker, &[message(Exchange::Events, "nothing")]).await;
            broker.close().await;
        }
        admin.close().await;
    })
    .await;
}
