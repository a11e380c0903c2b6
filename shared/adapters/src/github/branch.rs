//! The branch of a proposal: one commit on the base branch, and nothing else.

use super::client::Client;
use super::ends::Ends;
use super::fork;
use super::tree::{Laid, lay};
use super::wire::{CommitAnswer, ComparisonAnswer, Id, NewCommit, NewRef, RefAnswer, Signature};
use super::{GitHubError, Proposal};

/// What came of making the branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Made {
    /// It ends with this commit.
    Branch(String),
    /// The base branch holds the feature already.
    Contained,
    /// The base branch has something else at these paths than what the feature was built on.
    Conflict(Vec<String>),
    /// The branch is there and holds something else.
    Taken,
}

/// Makes the branch, or finds it made.
pub(super) async fn make(
    ends: &Ends<'_>,
    proposal: &Proposal<'_>,
    base: &str,
    message: &str,
) -> Result<Made, GitHubError> {
    let made = find_or_make(ends, proposal, base, message).await;
    match (made, &ends.fork) {
        // A fork may lack what the upstream has since; GitHub has no word of its own for that.
        (Err(error), Some(fork)) if error.status().is_some() => {
            fork::catch_up(ends.upstream, fork, base, error).await?;
            find_or_make(ends, proposal, base, message).await
        }
        (made, _) => made,
    }
}

async fn find_or_make(
    ends: &Ends<'_>,
    proposal: &Proposal<'_>,
    base: &str,
    message: &str,
) -> Result<Made, GitHubError> {
    let mut tries = 0;
    loop {
        tries += 1;
        if let Some(head) = find(ends.home(), &proposal.branch).await? {
            let is_ours = is_ours(ends, ends.home(), proposal, base, &head).await?;
            return Ok(if is_ours { Made::Branch(head) } else { Made::Taken });
        }
        let head = match commit(ends, proposal, base, message).await? {
            Ok(head) => head,
            Err(other) => return Ok(other),
        };
        let new = NewRef { name: format!("refs/heads/{}", proposal.branch), sha: &head };
        match ends.home().post::<RefAnswer>("/git/refs", &new).await {
            Ok(made) => return Ok(Made::Branch(made.object.sha)),
            // Made meanwhile, perhaps by this very request, whose first answer was lost.
            Err(error) if error.status() == Some(422) && tries == 1 => {}
            Err(error) => return Err(error),
        }
    }
}

/// The commit that a branch ends with.
pub(super) async fn find(client: &Client, branch: &str) -> Result<Option<String>, GitHubError> {
    let found: Option<RefAnswer> = client.find(&format!("/git/ref/heads/{}", escape(branch))).await?;
    Ok(found.map(|it| it.object.sha))
}

/// Whether the commit, which that repository has, is the base branch, as it is or once was, with the change set and
/// nothing else.
pub(super) async fn is_ours(
    ends: &Ends<'_>,
    holder: &Client,
    proposal: &Proposal<'_>,
    base: &str,
    head: &str,
) -> Result<bool, GitHubError> {
    let Some(commit) = holder.find::<CommitAnswer>(&format!("/git/commits/{head}")).await? else {
        return Ok(false);
    };
    let [Id { sha: parent }] = commit.parents.as_slice() else {
        return Ok(false);
    };
    if !is_in(ends.upstream, parent, base).await? {
        return Ok(false);
    }
    let parent = read(ends.upstream, parent).await?;
    Ok(lay(ends, proposal.changes, &parent.tree.sha).await? == Laid::Tree(commit.tree.sha))
}

/// Whether the repository's branch has the commit.
pub(super) async fn is_in(client: &Client, commit: &str, branch: &str) -> Result<bool, GitHubError> {
    let comparison = format!("/compare/{commit}...{}?per_page=1", escape(branch));
    let comparison: Option<ComparisonAnswer> = client.find(&comparison).await?;
    Ok(comparison.is_some_and(|it| matches!(it.status.as_str(), "ahead" | "identical")))
}

/// Makes the commit. With the same base it is the same each time, as all of it is given.
async fn commit(
    ends: &Ends<'_>,
    proposal: &Proposal<'_>,
    base: &str,
    message: &str,
) -> Result<Result<String, Made>, GitHubError> {
    let Some(parent) = find(ends.upstream, base).await? else {
        let said = format!("there is no branch {base:?} to propose anything to.");
        return Err(ends.upstream.rejected(404, &said));
    };
    let parent = read(ends.upstream, &parent).await?;
    let tree = match lay(ends, proposal.changes, &parent.tree.sha).await? {
        Laid::Tree(tree) => tree,
        Laid::Contained => return Ok(Err(Made::Contained)),
        Laid::Conflict(paths) => return Ok(Err(Made::Conflict(paths))),
    };
    let date = proposal.sealed_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let signature = Signature { name: proposal.author.name(), email: proposal.author.email(), date: &date };
    let new =
        NewCommit { message, tree: &tree, parents: [&parent.sha], author: signature, committer: signature };
    let made: CommitAnswer = ends.home().post("/git/commits", &new).await?;
    Ok(Ok(made.sha))
}

async fn read(client: &Client, commit: &str) -> Result<CommitAnswer, GitHubError> {
    client.get(&format!("/git/commits/{commit}")).await
}

/// The name as it stands in an address.
fn escape(branch: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let letter = |byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    branch.bytes().map(letter).collect()
}

/// Whether the name is one that a proposal's branch may have.
pub(super) fn is_branch(name: &str) -> bool {
    let is_part = |part: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        !part.is_empty()
            && part.bytes().all(plain)
            && !part.starts_with(['.', '-'])
            && !part.ends_with('.')
            && !part.contains("..")
            && part.strip_suffix(".lock").is_none()
    };
    name.len() <= 200 && name.split('/').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_have_names_that_mean_only_themselves() {
        let table = [
            ("slipway/FB-0123ABCD", true),
            ("a", true),
            ("a/b.c_d-e", true),
            ("", false),
            ("/a", false),
            ("a/", false),
            ("a//b", false),
            ("a/../b", false),
            ("a/.b", false),
            ("a b", false),
            ("ä", false),
            ("-a", false),
            ("a.lock", false),
            ("a?b", false),
        ];
        for (name, expected) in table {
            assert_eq!(is_branch(name), expected, "{name}");
        }
        assert_eq!(escape("rel/ü #1"), "rel/%C3%BC%20%231");
    }
}
