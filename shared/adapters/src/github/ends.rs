//! Where a feature goes, and where its branch is made.

use super::client::Client;
use super::fork;
use super::wire::RepositoryAnswer;
use super::{GitHubError, Refusal, Sharing};

/// The repository that a feature is proposed to, and the fork that it is proposed from, if any.
#[derive(Debug)]
pub(super) struct Ends<'a> {
    /// It has the base branch and the pull request.
    pub(super) upstream: &'a Client,
    /// It belongs to the token's owner, and stands in where the token may not write to the other.
    pub(super) fork: Option<Client>,
}

impl<'a> Ends<'a> {
    /// Decides by what the repository says of itself, and makes the fork if one is needed; or says why nothing may
    /// be sent. Without the right to write, a private installation gets no fork: GitHub's refusal tells it.
    pub(super) async fn choose(
        upstream: &'a Client,
        sharing: Sharing,
        repository: &RepositoryAnswer,
        secret_open: bool,
    ) -> Result<Result<Self, Refusal>, GitHubError> {
        if let Err(refusal) = sharing.check(repository.visibility(), secret_open) {
            return Ok(Err(refusal));
        }
        if repository.archived {
            let said = "it is archived, and takes nothing any more. Take it out of the archive first.";
            return Err(upstream.rejected(403, said));
        }
        if repository.may_push() || sharing == Sharing::Private {
            return Ok(Ok(Self { upstream, fork: None }));
        }
        let (client, fork) = fork::ready(upstream, repository).await?;
        Ok(sharing.check(fork.visibility(), secret_open).map(|()| Self { upstream, fork: Some(client) }))
    }

    /// The repository that has the branch and all that is made for it.
    pub(super) fn home(&self) -> &Client {
        self.fork.as_ref().unwrap_or(self.upstream)
    }

    /// The branch as the repository of the pull request calls it.
    pub(super) fn head(&self, branch: &str) -> String {
        match &self.fork {
            Some(fork) => format!("{}:{branch}", fork.owner()),
            None => branch.to_owned(),
        }
    }
}
