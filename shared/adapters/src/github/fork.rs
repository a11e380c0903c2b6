//! The fork that a feature is proposed from, where the token may not write to the repository itself.
//!
//! It is the repository of the same name that belongs to the token's owner. Where that is none, or another one,
//! GitHub is asked for a fork: it answers with the one that there is, whatever its name, or makes one. A fork is made
//! in the background; it is there once it has its default branch.
//!
//! A fork's own branches do not matter: commits are made on what the upstream has now. GitHub mostly lets them,
//! as a fork sees what its upstream has, but not always: the latest commits come late, and a fork that was left alone
//! for long does not get them at all. Only then the fork's copy of the base branch is brought forward
//! ([`catch_up`]), and never where it holds anything of its own.

use anyhow::anyhow;

use super::GitHubError;
use super::branch;
use super::client::Client;
use super::wire::{Ignored, NewFork, NewSync, RepositoryAnswer, UserAnswer};

/// Finds the fork of the token's owner, or has it made, and waits until it can be used.
///
/// A repeat finds what an earlier try had made.
pub(super) async fn ready(
    upstream: &Client,
    repository: &RepositoryAnswer,
) -> Result<(Client, RepositoryAnswer), GitHubError> {
    let user: UserAnswer = upstream.user().await?;
    let usual = upstream.at(&format!("{}/{}", user.login, upstream.name()))?;
    let name = match look(&usual).await? {
        Some(found) if found.is_fork_of(repository) => found.full_name,
        Some(_) | None => make(upstream, repository).await?,
    };
    let fork = upstream.at(&name)?;
    let mut tries = 0;
    loop {
        tries += 1;
        match look(&fork).await? {
            Some(found) if !found.is_fork_of(repository) => {
                let said = format!("{name} belongs to the access token's owner, but is no fork of it.");
                return Err(upstream.rejected(409, &said));
            }
            Some(found) if is_filled(&fork, &found).await? => return Ok((fork, found)),
            Some(_) | None => {
                let late = GitHubError::Unavailable(anyhow!("the fork {name} is not there yet"));
                upstream.pause(late, tries).await?;
            }
        }
    }
}

/// What is there under that name; nothing where it has gone to another one.
async fn look(client: &Client) -> Result<Option<RepositoryAnswer>, GitHubError> {
    match client.find("").await {
        Err(GitHubError::Moved { .. }) => Ok(None),
        other => other,
    }
}

/// Asks for a fork, and tells its name.
async fn make(upstream: &Client, repository: &RepositoryAnswer) -> Result<String, GitHubError> {
    let no_fork = |why: &str| GitHubError::Rights {
        repository: upstream.repository(),
        said: format!("It may not write there, and a fork of it could not be made: {why}"),
    };
    if repository.allow_forking == Some(false) {
        return Err(no_fork("forks of it are not allowed."));
    }
    // Of all branches: any of them may be the base.
    let made: Result<RepositoryAnswer, _> =
        upstream.post("/forks", &NewFork { default_branch_only: false }).await;
    match made {
        Ok(made) => Ok(made.full_name),
        Err(GitHubError::Rights { said, .. } | GitHubError::Rejected { said, .. }) => Err(no_fork(&said)),
        Err(error) => Err(error),
    }
}

/// Whether GitHub has copied what belongs in it.
async fn is_filled(client: &Client, fork: &RepositoryAnswer) -> Result<bool, GitHubError> {
    match branch::find(client, &fork.default_branch).await {
        Ok(found) => Ok(found.is_some()),
        // "Git Repository is empty."
        Err(error) if error.status() == Some(409) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Brings the fork's copy of the base branch forward to the upstream's, if nothing is lost by it.
///
/// # Errors
/// Why it was asked for, if that cannot help.
pub(super) async fn catch_up(
    upstream: &Client,
    fork: &Client,
    base: &str,
    because: GitHubError,
) -> Result<(), GitHubError> {
    let (tip, newest) = (branch::find(fork, base).await?, branch::find(upstream, base).await?);
    let (Some(tip), Some(_)) = (tip, newest) else {
        return Err(because);
    };
    if !branch::is_in(upstream, &tip, base).await? {
        let said = because.said().unwrap_or_default();
        let said = format!(
            "{said} Perhaps it is too old: its branch {base:?} has commits of its own; bring it up to date there by hand."
        );
        return Err(fork.rejected(409, &said));
    }
    let _: Ignored = fork.post("/merge-upstream", &NewSync { branch: base }).await?;
    Ok(())
}
