//! Addresses with a user's password in them: `postgres://user:password@host/`.

use std::ops::Range;

use super::{Kind, Secret, value};
use crate::change::Source;
use crate::finding::Confidence;

/// How long the part with the user may be.
const USER_MAX: usize = 300;

/// Hosts that are on the developer's own machine or in its compose file, or stand for any.
const OWN_HOSTS: &[&str] = &[
    "localhost",
    "127.0.0.1",
    "0.0.0.0",
    "[::1]",
    "host.docker.internal",
    "db",
    "postgres",
    "database",
    "mysql",
    "mongo",
    "mongodb",
    "redis",
    "rabbitmq",
    "host",
    "hostname",
    "server",
    "proxy",
    "minio",
    "mariadb",
    "pgbouncer",
    "clickhouse",
];

/// Words that stand for a password.
const STAND_INS: &[&str] = &[
    "password",
    "pass",
    "passwd",
    "pwd",
    "secret",
    "pw",
    "postgres",
    "root",
    "admin",
    "user",
    "guest",
    "test",
    "mysql",
    "changeme",
    "token",
    "p",
    "x",
    "xxx",
    "abc",
    "key",
    "username",
    "redis",
    "foo",
    "bar",
    "mypassword",
    "hunter2",
    "pswd",
    "prisma",
];

/// The passwords inside of addresses in a text.
pub(super) fn look(source: Source<'_>) -> Vec<Secret> {
    let text = source.text;
    let is_fixture = value::is_fixture(source.path);
    let mut found = Vec::new();
    for (at, _) in text.match_indices("://") {
        let Some(place) = password(text, at + 3) else { continue };
        let host = &text[place.end + 1..];
        let end =
            host.find(|c: char| !c.is_ascii_alphanumeric() && !"-._[]".contains(c)).unwrap_or(host.len());
        if let Some(confidence) = judge(&text[place.clone()], &host[..end.min(200)], is_fixture) {
            found.push(Secret { kind: Kind::Link, confidence, place });
        }
    }
    found
}

/// The place of the password in what follows `://`, if one stands there.
fn password(text: &str, start: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let most = (start + USER_MAX).min(bytes.len());
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b"/?#\"'`<>,;()\\@".contains(byte);
    let stop = start + bytes[start..most].iter().position(ends)?;
    if bytes[stop] != b'@' {
        return None;
    }
    let colon = start + bytes[start..stop].iter().position(|it| *it == b':')?;
    (colon + 1 < stop).then_some(colon + 1..stop)
}

fn judge(password: &str, host: &str, is_fixture: bool) -> Option<Confidence> {
    let small = password.to_ascii_lowercase();
    let host = host.to_ascii_lowercase();
    // A host without a dot is known only where the application itself runs.
    let is_own = OWN_HOSTS.contains(&host.as_str()) || !host.contains('.');
    let is_sample = host.is_empty()
        || host.starts_with("example.")
        || host.contains(".example")
        || host.split('.').next_back() == Some("test")
        || host.contains("your");
    let is_formed = password.bytes().all(|byte| byte.is_ascii_graphic())
        && !password.contains(['{', '}', '$', '*', '[', ']']);
    if !is_formed
        || STAND_INS.contains(&small.as_str())
        || value::is_stand_in(password)
        || password.len() < 4
        || is_sample
    {
        return None;
    }
    let is_weak = password.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte == b'-');
    match (is_own || is_fixture, is_weak) {
        (true, _) if value::entropy(password) < 3.5 || password.len() < 12 => None,
        (true, _) | (false, true) => Some(Confidence::Medium),
        (false, false) => Some(Confidence::High),
    }
}
