//! What was measured again and again, in the order in which it was measured.

use std::time::Duration;

/// Spans of time of one kind.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures(Vec<Duration>);

impl Figures {
    /// As they were measured.
    pub(crate) fn all(&self) -> &[Duration] {
        &self.0
    }

    /// The middle one; of an even number the mean of the two in the middle; zero of none.
    pub(crate) fn median(&self) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let upper = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
        let lower = sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or_default();
        (lower + upper) / 2
    }

    /// The shortest that so many of a hundred do not exceed; zero of none.
    pub(crate) fn percentile(&self, hundredths: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * hundredths).div_ceil(100);
        sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }

    /// The longest; zero of none.
    pub(crate) fn max(&self) -> Duration {
        self.0.iter().max().copied().unwrap_or_default()
    }
}

impl FromIterator<Duration> for Figures {
    fn from_iter<I: IntoIterator<Item = Duration>>(spans: I) -> Self {
        Self(spans.into_iter().collect())
    }
}

/// In whole milliseconds, for tables that say so.
pub(crate) fn millis(span: Duration) -> String {
    format!("{:.0}", span.as_secs_f64() * 1_000.0)
}

/// In microseconds, for tables that say so.
pub(crate) fn micros(span: Duration) -> String {
    format!("{:.1}", span.as_secs_f64() * 1_000_000.0)
}

/// In seconds, for tables that say so.
pub(crate) fn seconds(span: Duration) -> String {
    format!("{:.2}", span.as_secs_f64())
}

/// In megabytes of 1024 × 1024 bytes.
pub(crate) fn megabytes(bytes: u64) -> String {
    let tenths = bytes * 10 / (1 << 20);
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let cases: [(&[u64], u64, u64); 4] =
            [(&[], 0, 0), (&[7], 7, 7), (&[9, 1, 5], 5, 9), (&[8, 2, 4, 6], 5, 8)];
        for (spans, median, max) in cases {
            let figures: Figures = spans.iter().map(|it| Duration::from_millis(*it)).collect();
            let found = (figures.median(), figures.max());
            assert_eq!(found, (Duration::from_millis(median), Duration::from_millis(max)), "{spans:?}");
        }
    }

    #[test]
    fn a_percentile_is_one_of_the_spans() {
        let figures: Figures = (1..=40).rev().map(Duration::from_millis).collect();
        for (hundredths, expected) in [(95, 38), (100, 40), (50, 20), (1, 1)] {
            assert_eq!(figures.percentile(hundredths), Duration::from_millis(expected), "{hundredths}");
        }
        assert_eq!(Figures::default().percentile(95), Duration::ZERO);
    }

    #[test]
    fn sizes_have_one_decimal() {
        let cases = [(0, "0.0"), (1 << 20, "1.0"), ((1 << 20) + (1 << 19), "1.5"), (600 << 20, "600.0")];
        for (bytes, expected) in cases {
            assert_eq!(megabytes(bytes), expected);
        }
    }
}
