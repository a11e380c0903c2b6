//! Crash points: named moments at which a process under test dies as if by `kill -9`.
//!
//! | point | between |
//! |---|---|
//! | `after_lease` | the claim is committed, the handler not begun |
//! | `in_heartbeat` | the handler is at work, the lease about to be renewed |
//! | `after_effect` | the handler is done, its report not sent |
//! | `after_publish_before_mark` | messages are published, their outbox rows not marked as sent |
//! | `after_commit_before_ack` | the report is committed and published, the message not acknowledged |
//!
//! They are compiled in by the feature `failpoints` alone, and even then nothing happens unless the
//! environment says so: with `FAILPOINTS=after_effect=return(/tmp/marks)` the process dies whenever
//! it passes that point under a name for the first time. `/tmp/marks/after_effect.backup.dump` says
//! that it did, so the next one passes. The name is the job's; what is published has the name of the
//! job that it orders, or the last word of its routing key.

pub(crate) use self::point::{names, pass};

#[cfg(feature = "failpoints")]
mod point {
    use std::fmt::Display;
    use std::fs::OpenOptions;
    use std::io::ErrorKind;
    use std::path::{Path, PathBuf};
    use std::sync::Once;

    use rustix::process::{Signal, getpid, kill_process};
    use store::outbox::Outgoing;

    /// Dies here if the point is armed and one of the names passes it for the first time.
    pub(crate) fn pass(point: &str, names: impl IntoIterator<Item: Display>) {
        let Some(folder) = armed(point) else { return };
        let mut is_first = false;
        for name in names {
            // All leave their marks: they are at the point together.
            is_first |= mark(&folder.join(format!("{point}.{name}")));
        }
        if is_first {
            // Nothing is cleaned up, flushed or said: that is what is tested.
            kill_process(getpid(), Signal::KILL).expect("a process may kill itself");
        }
    }

    /// Under what names messages are published.
    pub(crate) fn names(messages: &[Outgoing]) -> Vec<String> {
        messages.iter().map(name).collect()
    }

    fn name(message: &Outgoing) -> String {
        let last_word = || message.routing_key.rsplit('.').next().unwrap_or_default();
        message.body["job"].as_str().unwrap_or_else(last_word).to_owned()
    }

    /// Where the point leaves its marks, if it is armed.
    fn armed(point: &str) -> Option<PathBuf> {
        static READ: Once = Once::new();
        // Forgotten, for the points stay armed until the process ends.
        READ.call_once(|| std::mem::forget(fail::FailScenario::setup()));
        fail::fail_point!(point, |folder| folder.map(PathBuf::from));
        None
    }

    /// Whether the mark was not there yet.
    fn mark(path: &Path) -> bool {
        match OpenOptions::new().write(true).create_new(true).open(path) {
            Ok(_) => true,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => false,
            Err(error) => panic!("cannot leave the mark {}: {error}", path.display()),
        }
    }
}

#[cfg(not(feature = "failpoints"))]
mod point {
    use std::fmt::Display;

    use store::outbox::Outgoing;

    /// Nothing dies here.
    pub(crate) fn pass(_point: &str, _names: impl IntoIterator<Item: Display>) {}

    /// Nobody asks for names.
    pub(crate) fn names(_messages: &[Outgoing]) -> [&'static str; 0] {
        []
    }
}
