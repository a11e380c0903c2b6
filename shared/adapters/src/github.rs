//! Pull requests on GitHub, or on a GitHub Enterprise server.
//!
//! A feature becomes one branch with one commit, made from its sealed change set through GitHub's data interface:
//! no copy of the repository is needed, and nothing is read that was not sealed. In this order:
//!
//! 1. the repository's visibility and what is known of the feature decide whether anything may be sent ([`Sharing`]);
//!    where the token may not write to it, a contributing installation takes a fork of its own, of which the same is asked;
//! 2. the base branch is compared with what the feature was built on: where they differ, people are told;
//! 3. contents, tree, commit, branch, pull request, labels.
//!
//! Every operation looks first and then does what is missing, so a repeat changes nothing, whatever an earlier try
//! got done. No branch is ever moved, but for a fork's copy of the base branch, and that only forward: one that holds
//! something else than the feature is left alone. The commit carries a [`Pseudonym`] as author and committer; every
//! text for people goes through [`Redaction`]. The access token goes to the one server that it is for, and into no
//! message or log.

mod access;
mod address;
mod branch;
mod client;
mod comment;
mod ends;
mod error;
mod fork;
mod merge;
mod open;
mod overlay;
mod patience;
mod pseudonym;
mod redact;
mod report;
mod tree;
mod wire;

pub use access::{Refusal, Sharing, Token, Tokens, Visibility};
pub use address::{Address, AddressFlaw};
pub use error::GitHubError;
pub use merge::{Closing, Merging};
pub use open::Opening;
pub use patience::Patience;
pub use pseudonym::Pseudonym;
pub use redact::Redaction;
pub use report::{Review, Verdict, VerdictState};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::change_set::ChangeSet;
use client::Client;

/// A repository that features are proposed to.
#[derive(Debug)]
pub struct Repository {
    client: Client,
    sharing: Sharing,
    redaction: Redaction,
}

/// A feature as it is to be proposed.
#[derive(Debug, Clone)]
pub struct Proposal<'a> {
    /// What is proposed; nothing else is sent.
    pub changes: &'a ChangeSet,
    /// The branch that it is to become part of; the repository's default branch if absent.
    pub base: Option<String>,
    /// The branch to make: letters, digits, `.`, `_`, `-` and `/`; another one for other content.
    pub branch: String,
    /// One line.
    pub title: String,
    /// What it is about, for people, in Markdown.
    pub body: String,
    /// Names of labels.
    pub labels: Vec<String>,
    /// Who stands as author and committer.
    pub author: Pseudonym,
    /// When it was sealed: the commit's date, the same at each try.
    pub sealed_at: Timestamp,
    /// Whether a gate found a secret that no person has released.
    pub secret_open: bool,
}

/// An open pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRequest {
    /// Its number in the repository.
    pub number: u64,
    /// Where people look at it.
    pub url: String,
    /// The commit that holds exactly the sealed change set; only this one is ever merged.
    pub head: String,
}

/// The one commit that a pull request becomes in its base branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Squash {
    /// Its first line.
    pub title: String,
    /// The rest.
    pub body: String,
    /// Who is named as having made it.
    pub author: Pseudonym,
}

impl Repository {
    /// Gets ready to work on the repository, with the token that belongs to this way of sharing and no other.
    /// Asks nothing yet. Must be called inside of the async runtime.
    ///
    /// # Errors
    /// [`GitHubError::Refused`] if that token is missing.
    pub fn new(
        address: &Address,
        sharing: Sharing,
        tokens: &Tokens,
        redaction: Redaction,
        patience: Patience,
    ) -> Result<Self, GitHubError> {
        let token = tokens.choose(sharing).map_err(GitHubError::Refused)?;
        Ok(Self { client: Client::new(address, token, patience)?, sharing, redaction })
    }

    /// Proposes the feature as a pull request; from a fork, if a contributing installation may not write to the
    /// repository.
    ///
    /// # Errors
    /// [`GitHubError::is_worth_another_try`] tells which are; what a person has to decide is an [`Opening`].
    ///
    /// # Idempotency
    /// A pull request that is there is returned; of one that was begun, what is missing is added.
    pub async fn open(&self, proposal: &Proposal<'_>) -> Result<Opening, GitHubError> {
        open::open(&self.client, self.sharing, &self.redaction, proposal).await
    }

    /// Shows at the pull request's commit what each gate said, and tells the findings in one comment. GitHub takes the
    /// first only where the token may write: if that is a fork, they stand there and in the comment.
    ///
    /// # Idempotency
    /// A verdict that stands there already is not sent again; the comment is found again and updated.
    pub async fn report(&self, pull: &PullRequest, review: &Review) -> Result<(), GitHubError> {
        report::report(&self.client, &self.redaction, pull, review).await
    }

    /// Merges the pull request as one commit, if its branch still ends with the commit that was made for it. One from
    /// a fork mostly has to be merged by somebody else: [`Merging::NotAllowed`].
    ///
    /// GitHub names whoever the token belongs to as that commit's author; the pseudonym stands in it as co-author,
    /// in place of the list that GitHub would write.
    ///
    /// # Errors
    /// Only what keeps it from being known; that it cannot be merged is a [`Merging`].
    ///
    /// # Idempotency
    /// One that is merged already says so, with its commit.
    pub async fn merge(&self, pull: &PullRequest, squash: &Squash) -> Result<Merging, GitHubError> {
        merge::merge(&self.client, &self.redaction, pull, squash).await
    }

    /// Closes the pull request without merging it. Its branch stays.
    ///
    /// # Idempotency
    /// One that is closed or merged already says so.
    pub async fn close(&self, pull: &PullRequest) -> Result<Closing, GitHubError> {
        merge::close(&self.client, pull).await
    }
}
