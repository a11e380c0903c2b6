//! What can go wrong between Slipway and GitHub, in words for people.

use std::time::Duration;

use super::Refusal;

/// Why an operation on a repository failed.
#[derive(Debug, thiserror::Error)]
pub enum GitHubError {
    /// No good answer, or none in time.
    #[error("GitHub did not answer as it should; trying again may help.")]
    Unavailable(#[source] anyhow::Error),
    /// GitHub wants to be left alone for a while.
    #[error("GitHub takes no more requests for the next {} seconds; try again after that.", .after.as_secs())]
    Limited {
        /// How long.
        after: Duration,
    },
    /// The token is wrong, or no longer good.
    #[error(
        "GitHub did not accept the access token for {repository}. Make a new one there and put it in the old one's place."
    )]
    Token {
        /// The repository, `owner/name`.
        repository: String,
    },
    /// The token may not do this.
    #[error(
        "The access token may not do this in {repository}: {said} Give it the rights to read and write contents, pull requests, issues and commit statuses there, and look whether the repository's rules allow it."
    )]
    Rights {
        /// The repository, `owner/name`.
        repository: String,
        /// What GitHub said, a sentence.
        said: String,
    },
    /// The repository is not there, or may not be seen.
    #[error(
        "There is no repository {repository}, or the access token may not see it. Correct its name, or give the token the right to it."
    )]
    Missing {
        /// The repository, `owner/name`.
        repository: String,
    },
    /// The repository has another name now.
    #[error("The repository {repository} has moved. Enter its new name.")]
    Moved {
        /// The repository, `owner/name`.
        repository: String,
    },
    /// GitHub will not do this, however often it is asked.
    #[error("GitHub refused this for {repository}: {said}")]
    Rejected {
        /// The repository, `owner/name`.
        repository: String,
        /// The HTTP status.
        status: u16,
        /// What GitHub said, a sentence.
        said: String,
    },
    /// Nothing may be sent.
    #[error(transparent)]
    Refused(Refusal),
    /// A name that cannot be a branch.
    #[error("{0:?} cannot be the name of a branch; use letters, digits, dots, dashes and slashes.")]
    Branch(String),
    /// What was sealed cannot be read on this machine; trying again may help.
    #[error("The sealed feature could not be read; nothing was changed at GitHub.")]
    Failed(#[from] anyhow::Error),
}

impl GitHubError {
    /// Whether the same may work later with nothing else changed; after [`GitHubError::Limited`]'s pause, if it is one.
    pub fn is_worth_another_try(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Limited { .. } | Self::Failed(_) => true,
            Self::Token { .. }
            | Self::Rights { .. }
            | Self::Missing { .. }
            | Self::Moved { .. }
            | Self::Rejected { .. }
            | Self::Refused(_)
            | Self::Branch(_) => false,
        }
    }

    /// What GitHub said with a final refusal.
    pub(super) fn said(&self) -> Option<&str> {
        match self {
            Self::Rejected { said, .. } | Self::Rights { said, .. } => Some(said),
            Self::Unavailable(_)
            | Self::Limited { .. }
            | Self::Token { .. }
            | Self::Missing { .. }
            | Self::Moved { .. }
            | Self::Refused(_)
            | Self::Branch(_)
            | Self::Failed(_) => None,
        }
    }

    /// The status of a final refusal.
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Rejected { status, .. } => Some(*status),
            Self::Rights { .. } => Some(403),
            Self::Unavailable(_)
            | Self::Limited { .. }
            | Self::Token { .. }
            | Self::Missing { .. }
            | Self::Moved { .. }
            | Self::Refused(_)
            | Self::Branch(_)
            | Self::Failed(_) => None,
        }
    }
}
