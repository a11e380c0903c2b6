//! How far a long move has come, told every few seconds.

use std::time::{Duration, Instant};

use adapters::database::Bytes;

/// Often enough to see that it goes on, seldom enough to read.
const EVERY: Duration = Duration::from_secs(5);

/// What has been told so far.
pub(crate) struct Progress {
    begun: Instant,
    told: Instant,
    bytes: u64,
}

impl Progress {
    pub(crate) fn begin(now: Instant) -> Self {
        Self { begun: now, told: now, bytes: 0 }
    }

    /// Takes the bytes written so far; returns what to tell, when it is time.
    pub(crate) fn at(&mut self, bytes: u64, now: Instant) -> Option<String> {
        self.bytes = bytes;
        if now.duration_since(self.told) < EVERY {
            return None;
        }
        self.told = now;
        Some(self.line(now))
    }

    /// What to tell at the end, if there was anything to do.
    pub(crate) fn end(&self, now: Instant) -> Option<String> {
        (self.bytes > 0).then(|| self.line(now))
    }

    fn line(&self, now: Instant) -> String {
        let seconds = now.duration_since(self.begun).as_millis().max(1);
        let rate = u128::from(self.bytes).saturating_mul(1000) / seconds;
        let rate = u64::try_from(rate).unwrap_or(u64::MAX);
        format!("{} written, {} per second", Bytes(self.bytes), Bytes(rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_every_few_seconds_and_at_the_end() {
        let begun = Instant::now();
        let mut progress = Progress::begin(begun);
        let cases = [
            (1, 1_000, None),
            (4_999, 90_000_000, None),
            (5_000, 100_000_000, Some("100.0 MB written, 20.0 MB per second")),
            (9_999, 110_000_000, None),
            (10_000, 120_000_000, Some("120.0 MB written, 12.0 MB per second")),
        ];
        for (at_ms, bytes, expected) in cases {
            let told = progress.at(bytes, begun + Duration::from_millis(at_ms));
            assert_eq!(told.as_deref(), expected, "{at_ms} ms");
        }
        let end = progress.end(begun + Duration::from_secs(20));
        assert_eq!(end.as_deref(), Some("120.0 MB written, 6.0 MB per second"));
        assert_eq!(Progress::begin(begun).end(begun), None);
    }
}
