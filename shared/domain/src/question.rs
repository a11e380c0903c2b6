//! What a ship run may ask a person, and what can be answered.

use crate::named::named;

named!(
    /// What is asked about.
    Topic, "contribution, destructive, secret, pull_request" {
        /// Whether the feature is shared with others.
        Contribution = "contribution",
        /// Whether statements that lose data are meant.
        Destructive = "destructive",
        /// Whether something that looks like a secret may become public.
        Secret = "secret",
        /// What to do about a pull request that cannot be made.
        PullRequest = "pull_request",
    }
);

named!(
    /// What a person can answer.
    Answer, "share, keep, acknowledge, release, retry, skip" {
        /// Share the feature.
        Share = "share",
        /// Keep it to this installation.
        Keep = "keep",
        /// The statements are meant, and what they lose may be lost.
        Acknowledge = "acknowledge",
        /// What looks like a secret is none, or may be read by everybody.
        Release = "release",
        /// Try it again.
        Retry = "retry",
        /// Go on without a pull request.
        Skip = "skip",
    }
);

impl Topic {
    /// What can be answered.
    pub const fn answers(self) -> &'static [Answer] {
        match self {
            Topic::Contribution => &[Answer::Share, Answer::Keep],
            Topic::Destructive => &[Answer::Acknowledge],
            Topic::Secret => &[Answer::Release, Answer::Skip],
            Topic::PullRequest => &[Answer::Retry, Answer::Skip],
        }
    }
}

impl Answer {
    /// Whether whoever answers this takes something upon themselves: they need a right for it, and say why.
    pub const fn is_consent(self) -> bool {
        matches!(self, Answer::Acknowledge | Answer::Release)
    }
}
