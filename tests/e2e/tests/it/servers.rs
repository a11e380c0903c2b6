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

/// A message broker.
pub(crate) fn amqp() -> String {
    variable("SLIPWAY_TEST_AMQP_URL")
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
