//! What `cargo xtask test` starts and builds for the tests.

use std::path::PathBuf;

/// The program under test.
pub(crate) fn slipway() -> PathBuf {
    variable("SLIPWAY_TEST_BINARY").into()
}

/// The sample application, linked statically.
pub(crate) fn portal() -> PathBuf {
    variable("SLIPWAY_TEST_PORTAL").into()
}

/// The superuser's way into a scratch cluster.
pub(crate) fn postgres() -> String {
    variable("SLIPWAY_TEST_POSTGRES_URL")
}

/// A message broker, for who may do everything.
pub(crate) fn amqp() -> String {
    variable("SLIPWAY_TEST_AMQP_URL")
}

/// The message broker as one of its users reaches it: a process of Slipway's, or Build Studio.
pub(crate) fn amqp_of(user: &str) -> String {
    let urls = variable("SLIPWAY_TEST_AMQP_USERS");
    let url = urls.split(',').find(|url| url.starts_with(&format!("amqp://{user}:")));
    url.unwrap_or_else(|| panic!("the broker has no user {user}")).to_owned()
}

/// A Docker engine.
pub(crate) fn docker() -> String {
    variable("SLIPWAY_TEST_DOCKER_HOST")
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: run `cargo xtask test`, which starts and builds what is needed")
    })
}
