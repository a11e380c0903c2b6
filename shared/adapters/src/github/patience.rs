//! How long GitHub is waited for, and what its refusals ask for. Pure.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;

use super::GitHubError;

/// How long and how often GitHub is asked within one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patience {
    /// How often the same is asked.
    pub tries_max: u32,
    /// The pause after the first try; it doubles with each.
    pub pause: Duration,
    /// The longest pause: where GitHub wants a longer one, the operation ends with [`GitHubError::Limited`].
    pub pause_max: Duration,
    /// How long one answer may take.
    pub answer_max: Duration,
}

impl Default for Patience {
    /// Four tries within about a quarter of a minute, and two minutes for an answer: GitHub itself gives up after ten
    /// seconds, the rest is for large contents on slow lines.
    fn default() -> Self {
        Self {
            tries_max: 4,
            pause: Duration::from_secs(2),
            pause_max: Duration::from_secs(20),
            answer_max: Duration::from_mins(2),
        }
    }
}

impl Patience {
    /// How long to wait before the next try, after this many; `None` if there is none.
    pub(super) fn pause(&self, error: &GitHubError, tries: u32) -> Option<Duration> {
        let growing = self.pause.saturating_mul(2_u32.saturating_pow(tries - 1));
        let pause = match error {
            GitHubError::Unavailable(_) => Some(growing.min(self.pause_max)),
            GitHubError::Limited { after } => Some(*after).filter(|after| *after <= self.pause_max),
            GitHubError::Token { .. }
            | GitHubError::Rights { .. }
            | GitHubError::Missing { .. }
            | GitHubError::Moved { .. }
            | GitHubError::Rejected { .. }
            | GitHubError::Refused(_)
            | GitHubError::Branch(_)
            | GitHubError::Failed(_) => None,
        };
        pause.filter(|_| tries < self.tries_max)
    }
}

/// What an answer that is no success says.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Refused<'a> {
    pub(super) status: u16,
    pub(super) message: &'a str,
    pub(super) retry_after: Option<&'a str>,
    pub(super) remaining: Option<&'a str>,
    pub(super) reset: Option<&'a str>,
    pub(super) date: Option<&'a str>,
}

/// The pause that GitHub asks for where it says nothing of how long, by its documentation.
const LIMIT_PAUSE: Duration = Duration::from_mins(1);

impl Refused<'_> {
    /// How long GitHub wants to be left alone; `None` if that is not what it says.
    ///
    /// The moment at which a limit ends is compared with the answer's own date: no clock of this machine counts.
    pub(super) fn limit(&self) -> Option<Duration> {
        let is_spent = self.remaining == Some("0");
        let is_named = self.message.to_ascii_lowercase().contains("rate limit");
        let is_limit = match self.status {
            429 => true,
            403 => is_spent || is_named || self.retry_after.is_some(),
            _ => false,
        };
        if !is_limit {
            return None;
        }
        if let Some(seconds) = self.retry_after.and_then(|text| text.parse().ok()) {
            return Some(Duration::from_secs(seconds));
        }
        Some(if is_spent { self.until_reset().unwrap_or(LIMIT_PAUSE) } else { LIMIT_PAUSE })
    }

    fn until_reset(&self) -> Option<Duration> {
        let reset: i64 = self.reset?.parse().ok()?;
        let now: Timestamp = rfc2822::parse(self.date?).ok()?.timestamp();
        // A second more: both are cut to whole seconds.
        let seconds = reset.saturating_sub(now.as_second()).saturating_add(1);
        Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
    }

    /// Whether the server is at fault, and not the question.
    pub(super) fn is_server_fault(&self) -> bool {
        self.status >= 500 || self.status == 408
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_how_long_to_wait() {
        let date = Some("Mon, 23 Nov 2026 14:00:00 GMT");
        let at = |seconds: i64| (1_795_442_400 + seconds).to_string();
        let (soon, past) = (at(90), at(-5));
        let base = Refused { status: 403, message: "no", date, ..Refused::default() };
        let table = [
            ("a right is missing", Refused { remaining: Some("12"), ..base }, None),
            ("limit of an hour", Refused { remaining: Some("0"), reset: Some(&soon), ..base }, Some(91)),
            ("its end is over", Refused { remaining: Some("0"), reset: Some(&past), ..base }, Some(0)),
            ("no end", Refused { remaining: Some("0"), ..base }, Some(60)),
            ("no date", Refused { remaining: Some("0"), reset: Some(&soon), date: None, ..base }, Some(60)),
            ("told how long", Refused { retry_after: Some("7"), ..base }, Some(7)),
            (
                "told how long before the hour's end",
                Refused { retry_after: Some("7"), remaining: Some("0"), reset: Some(&soon), ..base },
                Some(7),
            ),
            (
                "only words",
                Refused {
                    message: "You have exceeded a secondary rate limit.",
                    remaining: Some("12"),
                    ..base
                },
                Some(60),
            ),
            ("too many", Refused { status: 429, ..base }, Some(60)),
            ("something else", Refused { status: 422, retry_after: Some("7"), ..base }, None),
        ];
        for (name, refused, expected) in table {
            assert_eq!(refused.limit(), expected.map(Duration::from_secs), "{name}");
        }
    }

    #[test]
    fn pauses_grow_up_to_a_bound_and_tries_end() {
        let patience = Patience {
            tries_max: 4,
            pause: Duration::from_secs(2),
            pause_max: Duration::from_secs(5),
            answer_max: Duration::from_secs(1),
        };
        let broken = GitHubError::Unavailable(anyhow::anyhow!("gone"));
        let limited = |seconds| GitHubError::Limited { after: Duration::from_secs(seconds) };
        let table = [
            (&broken, 1, Some(2)),
            (&broken, 2, Some(4)),
            (&broken, 3, Some(5)),
            (&broken, 4, None),
            (&limited(0), 1, Some(0)),
            (&limited(5), 3, Some(5)),
            (&limited(6), 1, None),
            (&GitHubError::Branch("x".to_owned()), 1, None),
        ];
        for (error, tries, expected) in table {
            assert_eq!(patience.pause(error, tries), expected.map(Duration::from_secs), "{error} {tries}");
        }
    }
}
