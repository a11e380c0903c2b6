//! Servers that are taken away and come back, on real servers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

use std::process::Command;
use std::thread;

use servers::docker::{self, Engine};
use servers::interrupt::Interrupt;
use servers::packages::{self, Need};
use servers::postgres::{Postgres, Purpose};
use servers::rabbitmq::RabbitMq;

const NOT_DURABLE: Purpose = Purpose { is_durable: false, also_on: None };

/// Starts a server on a thread that is gone afterwards.
fn on_a_thread_that_ends<T: Send + 'static>(start: impl FnOnce() -> T + Send + 'static) -> T {
    thread::spawn(start).join().unwrap()
}

#[test]
fn postgres_outlives_the_thread_that_started_it_and_keeps_its_data_when_killed() {
    packages::ensure(&[Need::Postgres]).unwrap();
    let mut postgres = on_a_thread_that_ends(|| Postgres::start(&NOT_DURABLE).unwrap());
    let never = Interrupt::never();
    postgres.wait_until_ready(&never).unwrap();
    postgres.create_database("kept").unwrap();
    let url = postgres.url("kept");

    for end in [Postgres::kill, Postgres::stop] {
        end(&mut postgres).unwrap();
        assert!(postgres.create_database("refused").is_err(), "it is away");
        assert_eq!(postgres.daemon().ended().unwrap(), None, "ended on purpose");
        on_a_thread_that_ends(|| ());
        postgres.start_again().unwrap();
        postgres.wait_until_ready(&never).unwrap();
    }

    assert_eq!(postgres.url("kept"), url);
    assert!(postgres.create_database("kept").is_err(), "the database is there already");
    postgres.create_database("refused").unwrap();
}

#[test]
fn rabbitmq_comes_back_on_the_same_port_and_takes_orders() {
    packages::ensure(&[Need::RabbitMq]).unwrap();
    let mut rabbitmq = on_a_thread_that_ends(|| RabbitMq::start().unwrap());
    let never = Interrupt::never();
    rabbitmq.wait_until_ready(&never).unwrap();
    let url = rabbitmq.url();

    for end in [RabbitMq::kill, RabbitMq::stop] {
        end(&mut rabbitmq).unwrap();
        rabbitmq.start_again().unwrap();
        rabbitmq.wait_until_ready(&never).unwrap();
    }

    assert_eq!(rabbitmq.url(), url);
    assert!(rabbitmq.control(&["list_users", "--silent"]).unwrap().contains("slipway-console"));
    assert!(rabbitmq.control(&["no_such_order"]).is_err());
}

#[test]
fn a_docker_engine_keeps_its_data_when_killed() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("left out: only root can start a Docker engine");
        return;
    }
    packages::ensure(&[Need::DockerEngine, Need::DockerCommand, Need::Iptables, Need::Ip]).unwrap();
    let mut engine = on_a_thread_that_ends(|| Engine::start().unwrap());
    let never = Interrupt::never();
    engine.wait_until_ready(&never).unwrap();
    let host = engine.host().to_owned();
    let docker = |arguments: &[&str]| {
        let output = docker::command(&host).args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(docker(&["volume", "create", "kept"]), "kept");

    for end in [Engine::kill, Engine::stop] {
        end(&mut engine).unwrap();
        assert_eq!(docker(&["volume", "ls", "--quiet"]), "", "it is away");
        engine.start_again().unwrap();
        engine.wait_until_ready(&never).unwrap();
        assert_eq!(docker(&["volume", "ls", "--quiet"]), "kept");
    }
    // Left away: clearing up starts it once more and leaves nothing.
    engine.kill().unwrap();
    drop(engine);
    let bridges = Command::new("ip").args(["-brief", "link"]).output().unwrap();
    let own = format!("slip{}-", std::process::id());
    assert!(!String::from_utf8(bridges.stdout).unwrap().contains(&own));
}
