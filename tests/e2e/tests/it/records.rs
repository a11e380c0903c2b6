//! Slipway's own database goes away, comes back, or takes no writes: work waits, then goes on.

use std::time::Duration;

use ::servers::interrupt::Interrupt;
use ::servers::postgres::{Postgres, Purpose};
use protocol::http::ShipAnswer;
use serde_json::json;
use tokio::task::block_in_place;
use tokio::time::sleep;
use tokio_postgres::NoTls;
use transport::{Exchange, Message};
use uuid::Uuid;

use crate::faults::{Shipment, random};
use crate::feature::Feature;
use crate::listener::Listener;
use crate::patience::eventually;
use crate::shop::{Place, Shop};
use crate::system::System;

/// Longer than a lease.
const ABSENCE: Duration = Duration::from_secs(30);

/// Events that a good and a bad promotion together tell before the last steps.
const EVENTS: u64 = 44;

/// The database of Slipway's records.
const NAME: &str = "records";

/// What happens to Slipway's database.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    /// Every connection is ended, again and again.
    Disconnected,
    /// It is restarted, some times.
    Restarted,
    /// It is down for longer than a lease.
    Away,
    /// It takes no writes for as long, as after a failover to a standby.
    ReadOnly,
}

// Tests of their own: starting and stopping a server blocks the test that does it. A connection that another
// part of that test was just opening would hold up its server for a minute, and with it all other tests.

#[tokio::test(flavor = "multi_thread")]
async fn work_goes_on_when_its_connections_to_the_records_end_again_and_again() {
    endure(Trouble::Disconnected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn work_goes_on_when_the_records_are_restarted() {
    endure(Trouble::Restarted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn work_waits_for_the_records_and_goes_on() {
    endure(Trouble::Away).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn work_waits_for_records_that_take_no_writes_and_goes_on() {
    endure(Trouble::ReadOnly).await;
}

/// A good and a bad promotion while the trouble comes, for the first time at a random moment.
async fn endure(trouble: Trouble) {
    ::servers::packages::ensure(&[::servers::packages::Need::Postgres]).unwrap();
    let moment = usize::try_from(random().below(EVENTS)).unwrap() + 1;
    println!("{trouble:?} after event {moment}");
    let mut records = Records::start();
    let open = || Shop::open(Place::Processes, json!({}));
    let (good, bad, late) = tokio::join!(open(), open(), open());
    let url = records.postgres.url(NAME);
    let system = System::distributed(&[("SLIPWAY_DATABASE_URL", url.as_str())]).await;
    system.apply(&late).await;
    let late = Feature::develop(&late, "good").await;
    let good = Shipment::start(&system, &good, "good").await;
    let bad = Shipment::start(&system, &bad, "breaks-data").await;
    let mut listener = Listener::new(&system).await;
    system.approve(&good.promotion).await;
    system.approve(&bad.promotion).await;

    match trouble {
        Trouble::Disconnected => {
            for event in 1..=usize::try_from(EVENTS).unwrap() {
                listener.until("one more event", event, |_| true).await;
                records.end_connections().await;
            }
        }
        Trouble::Restarted => {
            for event in [moment, 20, 40] {
                listener.until("more events", event, |_| true).await;
                records.stop();
                records.start_again();
            }
        }
        Trouble::Away => {
            listener.until("more events", moment, |_| true).await;
            records.stop();
            be_without(&system, &late).await;
            records.start_again();
        }
        Trouble::ReadOnly => {
            listener.until("more events", moment, |_| true).await;
            records.set_read_only("on").await;
            be_without(&system, &late).await;
            records.set_read_only("off").await;
        }
    }
    tokio::join!(good.assert_ends_as_it_must(&system), bad.assert_ends_as_it_must(&system));
    if matches!(trouble, Trouble::Away | Trouble::ReadOnly) {
        eventually("a feature that was shipped meanwhile has its promotion", async || {
            let answer = system.ask(&format!("/ships/{}", late.message_id())).await?.json().await.ok()?;
            matches!(answer, ShipAnswer::Accepted { .. }).then_some(())
        })
        .await;
    }
    for id in [&good.promotion, &bad.promotion] {
        for entry in system.promotion(id).await.timeline {
            println!("{trouble:?}: {} {} {} {:?}", entry.job, entry.attempt, entry.state, entry.reason);
        }
    }
}

/// Lets the time pass; somebody ships a feature and looks meanwhile.
async fn be_without(system: &System, feature: &Feature) {
    let message = Message {
        id: Uuid::now_v7(),
        exchange: Exchange::Ship,
        routing_key: "ship".to_owned(),
        body: feature.message.to_string().into_bytes(),
        content_type: "application/cloudevents+json".to_owned(),
        traceparent: None,
    };
    assert_eq!(system.broker().publish(vec![message]).await, [Ok(())]);
    let ready = reqwest::Client::new().get(system.address("/readyz")).timeout(ABSENCE).send();
    let (ready, ()) = tokio::join!(ready, sleep(ABSENCE));
    assert_eq!(ready.unwrap().status(), 503);
}

/// A server of the test's own.
struct Records {
    postgres: Postgres,
}

impl Records {
    fn start() -> Self {
        let mut postgres =
            block_in_place(|| Postgres::start(&Purpose { is_durable: false, also_on: None })).unwrap();
        block_in_place(|| {
            postgres.wait_until_ready(&Interrupt::never()).unwrap();
            postgres.create_database(NAME).unwrap();
        });
        Self { postgres }
    }

    fn stop(&mut self) {
        block_in_place(|| self.postgres.stop()).unwrap();
    }

    fn start_again(&mut self) {
        block_in_place(|| {
            self.postgres.start_again().unwrap();
            self.postgres.wait_until_ready(&Interrupt::never()).unwrap();
        });
    }

    async fn end_connections(&self) {
        let all = format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{NAME}'");
        self.run(&all).await;
    }

    async fn set_read_only(&self, to: &str) {
        self.run(&format!("alter system set default_transaction_read_only = {to}")).await;
        self.run("select pg_reload_conf()").await;
    }

    async fn run(&self, statement: &str) {
        let (client, connection) =
            tokio_postgres::connect(&self.postgres.url("postgres"), NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        // The administrator's own statements are not bound to what he says for others.
        client.batch_execute("set default_transaction_read_only = off").await.unwrap();
        client.batch_execute(statement).await.unwrap();
        drop(client);
        connection.await.unwrap().unwrap();
    }
}
