//! The end of a pull request.

use anyhow::anyhow;

use super::client::Client;
use super::wire::{MergeAnswer, NewMerge, NewState, PullAnswer};
use super::{GitHubError, PullRequest, Redaction, Squash};

/// Longest first line, in characters.
const TITLE_MAX: usize = 256;

/// What came of merging.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merging {
    /// What was scanned is in the base branch, and nothing else of the pull request.
    Merged {
        /// The commit there.
        commit: String,
    },
    /// It was merged by somebody else, with another commit than the one that was scanned.
    MergedUnseen {
        /// The commit in the base branch.
        commit: String,
        /// The last commit of the branch, as it was merged.
        head: String,
    },
    /// Somebody changed the branch; what it holds now was not scanned, and was not merged.
    HeadMoved {
        /// The branch's last commit now.
        head: String,
    },
    /// The base branch has changed at the same places; a person has to bring the two together.
    Conflict,
    /// The repository's rules do not let it be merged yet.
    NotAllowed {
        /// A sentence for people.
        reason: String,
    },
    /// Somebody closed it.
    Closed,
}

/// What came of closing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closing {
    /// It is closed.
    Closed,
    /// It was merged before.
    Merged {
        /// The commit in the base branch.
        commit: String,
    },
}

/// Merges the pull request, if its branch ends with the commit that was scanned.
pub(super) async fn merge(
    client: &Client,
    redaction: &Redaction,
    pull: &PullRequest,
    squash: &Squash,
) -> Result<Merging, GitHubError> {
    let found = read(client, pull).await?;
    if let Some(over) = over(&found, &pull.head) {
        return Ok(over);
    }
    let (name, email) = (squash.author.name(), squash.author.email());
    let body = redaction.text(&squash.body);
    let new = NewMerge {
        commit_title: &redaction.line(&squash.title, TITLE_MAX),
        commit_message: &format!("{}\n\nCo-authored-by: {name} <{email}>\n", body.trim()),
        sha: &pull.head,
        merge_method: "squash",
    };
    match client.put::<MergeAnswer>(&format!("/pulls/{}/merge", pull.number), &new).await {
        Ok(MergeAnswer { sha: commit }) => Ok(Merging::Merged { commit }),
        Err(GitHubError::Rejected { status: 405 | 409, said, .. }) => {
            judge(&read(client, pull).await?, &pull.head, said)
        }
        // Who proposes from a fork need not be allowed to merge.
        Err(GitHubError::Rights { .. }) if found.is_from_fork() => Ok(Merging::NotAllowed {
            reason: format!(
                "The access token may propose to {} but not merge there; somebody who may has to merge it.",
                client.repository()
            ),
        }),
        Err(error) => Err(error),
    }
}

/// Closes it.
pub(super) async fn close(client: &Client, pull: &PullRequest) -> Result<Closing, GitHubError> {
    let mut found = read(client, pull).await?;
    if found.state == "open" {
        let path = format!("/pulls/{}", pull.number);
        found = client.patch(&path, &NewState { state: "closed" }).await?;
    }
    Ok(match (found.merged_at, found.merge_commit_sha) {
        (Some(_), commit) => Closing::Merged { commit: commit.unwrap_or_default() },
        (None, _) => Closing::Closed,
    })
}

pub(super) async fn read(client: &Client, pull: &PullRequest) -> Result<PullAnswer, GitHubError> {
    client.get(&format!("/pulls/{}", pull.number)).await
}

/// What there is to say without asking to merge.
fn over(found: &PullAnswer, head: &str) -> Option<Merging> {
    let is_moved = found.head.sha != head;
    if found.merged_at.is_some() {
        let commit = found.merge_commit_sha.clone().unwrap_or_default();
        return Some(if is_moved {
            Merging::MergedUnseen { commit, head: found.head.sha.clone() }
        } else {
            Merging::Merged { commit }
        });
    }
    if found.state != "open" {
        return Some(Merging::Closed);
    }
    is_moved.then(|| Merging::HeadMoved { head: found.head.sha.clone() })
}

/// Why GitHub would not merge: what it said is the same for several reasons, so the pull request tells.
fn judge(found: &PullAnswer, head: &str, said: String) -> Result<Merging, GitHubError> {
    if let Some(over) = over(found, head) {
        return Ok(over);
    }
    match (found.mergeable, found.mergeable_state.as_deref()) {
        (Some(false), _) | (_, Some("dirty")) => Ok(Merging::Conflict),
        // GitHub works it out in the background; or the branch moved and is back, or the base branch moved.
        (None, _) | (_, Some("unknown")) => Err(GitHubError::Unavailable(anyhow!(
            "GitHub does not know yet whether it can be merged: {said}"
        ))),
        (Some(true), Some("clean" | "unstable" | "has_hooks")) if said.contains("was modified") => {
            Err(GitHubError::Unavailable(anyhow!("the base branch moved meanwhile: {said}")))
        }
        (Some(true), state) => Ok(Merging::NotAllowed { reason: reason(state, said) }),
    }
}

fn reason(state: Option<&str>, said: String) -> String {
    match state {
        Some("blocked") => format!(
            "The repository's rules ask for more before this may be merged, such as a review or a check: {said}"
        ),
        Some("behind") => {
            format!("The repository's rules ask for the base branch's latest state first: {said}")
        }
        Some("draft") => "The pull request is a draft; somebody has to mark it as ready.".to_owned(),
        Some(_) | None => said,
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::Side;
    use super::*;

    fn pull(state: &str, merged: bool, head: &str, mergeable: Option<bool>, why: &str) -> PullAnswer {
        PullAnswer {
            number: 1,
            html_url: String::new(),
            state: state.to_owned(),
            merged_at: merged.then(|| "2026-11-23T14:00:00Z".to_owned()),
            merge_commit_sha: Some("merge".to_owned()),
            head: Side { branch: "feature".to_owned(), sha: head.to_owned(), repo: None },
            base: Side { branch: "main".to_owned(), sha: "base".to_owned(), repo: None },
            mergeable,
            mergeable_state: Some(why.to_owned()),
        }
    }

    #[test]
    fn a_refused_merge_is_told_apart_by_what_the_pull_request_is_now() {
        let modified = "Base branch was modified.";
        let commit = || "merge".to_owned();
        let table = [
            (pull("closed", true, "seen", None, "unknown"), "", Some(Merging::Merged { commit: commit() })),
            (
                pull("closed", true, "other", None, "unknown"),
                "",
                Some(Merging::MergedUnseen { commit: commit(), head: "other".to_owned() }),
            ),
            (pull("closed", false, "seen", None, "unknown"), "", Some(Merging::Closed)),
            (
                pull("open", false, "other", Some(true), "clean"),
                "",
                Some(Merging::HeadMoved { head: "other".to_owned() }),
            ),
            (pull("open", false, "seen", Some(false), "dirty"), "", Some(Merging::Conflict)),
            (pull("open", false, "seen", None, "unknown"), "", None),
            (pull("open", false, "seen", Some(true), "clean"), modified, None),
            (
                pull("open", false, "seen", Some(true), "draft"),
                "",
                Some(Merging::NotAllowed { reason: reason(Some("draft"), String::new()) }),
            ),
            (
                pull("open", false, "seen", Some(true), "blocked"),
                "No review.",
                Some(Merging::NotAllowed { reason: reason(Some("blocked"), "No review.".to_owned()) }),
            ),
            (
                pull("open", false, "seen", Some(true), "clean"),
                "Squash merges are not allowed.",
                Some(Merging::NotAllowed { reason: "Squash merges are not allowed.".to_owned() }),
            ),
        ];
        for (found, said, expected) in table {
            let judged = judge(&found, "seen", said.to_owned()).ok();
            assert_eq!(judged, expected, "{found:?} {said}");
        }
    }
}
