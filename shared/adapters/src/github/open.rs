//! Proposing a feature.

use super::branch::{self, Made};
use super::client::Client;
use super::ends::Ends;
use super::wire::{NewLabels, NewPull, PullAnswer, RepositoryAnswer};
use super::{GitHubError, Proposal, PullRequest, Redaction, Refusal, Sharing};

/// Longest title, in characters; GitHub takes no longer one.
const TITLE_MAX: usize = 256;

/// What came of proposing a feature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// There is an open pull request with exactly the sealed change set.
    Open {
        /// The pull request.
        pull: PullRequest,
        /// Sentences for people about what is not as it was wanted, and does no harm.
        notes: Vec<String>,
    },
    /// It was merged before, with exactly the sealed change set.
    Merged {
        /// The pull request's number.
        number: u64,
        /// The commit of the base branch.
        commit: String,
    },
    /// It was merged before, by somebody else and with something else in it.
    MergedUnseen {
        /// The pull request's number.
        number: u64,
        /// The commit of the base branch.
        commit: String,
        /// The last commit of its branch, as it was merged.
        head: String,
    },
    /// Somebody closed its pull request; none is opened in its place.
    Closed {
        /// The pull request's number.
        number: u64,
    },
    /// The base branch holds the feature already: nothing is left to propose.
    Contained,
    /// At these paths the base branch has something else than what the feature was built on. A person has to bring the
    /// sandbox up to date and ship the feature again.
    Conflict {
        /// The paths.
        paths: Vec<String>,
    },
    /// The branch is there and holds something else; it was left alone.
    BranchTaken {
        /// Its name.
        branch: String,
    },
    /// Nothing may be sent, and nothing was.
    Refused(Refusal),
}

/// Proposes the feature.
pub(super) async fn open(
    client: &Client,
    sharing: Sharing,
    redaction: &Redaction,
    proposal: &Proposal<'_>,
) -> Result<Opening, GitHubError> {
    if !branch::is_branch(&proposal.branch) {
        return Err(GitHubError::Branch(proposal.branch.clone()));
    }
    let repository: RepositoryAnswer = client.get("").await.map_err(|error| missing(client, error))?;
    let ends = match Ends::choose(client, sharing, &repository, proposal.secret_open).await? {
        Ok(ends) => ends,
        Err(refusal) => return Ok(Opening::Refused(refusal)),
    };
    let base = proposal.base.clone().unwrap_or(repository.default_branch);
    let found = find(&ends, &proposal.branch, &base).await?;
    if let Some(pull) = &found
        && let Some(over) = over(&ends, proposal, &base, pull).await?
    {
        return Ok(over);
    }
    let text = Text::of(proposal, redaction);
    let head = match branch::make(&ends, proposal, &base, &text.message()).await? {
        Made::Branch(head) => head,
        Made::Contained => return Ok(Opening::Contained),
        Made::Conflict(paths) => return Ok(Opening::Conflict { paths }),
        Made::Taken => return Ok(Opening::BranchTaken { branch: proposal.branch.clone() }),
    };
    let pull = match found {
        Some(pull) => pull,
        None => create(&ends, proposal, &base, &text).await?,
    };
    if let Some(over) = over(&ends, proposal, &base, &pull).await? {
        return Ok(over);
    }
    let notes = label(client, &pull, &proposal.labels).await?;
    Ok(Opening::Open { pull: PullRequest { number: pull.number, url: pull.html_url, head }, notes })
}

fn missing(client: &Client, error: GitHubError) -> GitHubError {
    match error.status() {
        Some(404) => GitHubError::Missing { repository: client.repository() },
        Some(_) | None => error,
    }
}

/// The pull request of these two branches: a merged one before an open one before a closed one.
async fn find(ends: &Ends<'_>, branch: &str, base: &str) -> Result<Option<PullAnswer>, GitHubError> {
    let path = format!("/pulls?state=all&head={}:{branch}&per_page=100", ends.home().owner());
    let mut pulls: Vec<PullAnswer> = ends.upstream.list(&path).await?;
    pulls.retain(|it| it.head.branch == branch && it.base.branch == base);
    Ok(pulls.into_iter().min_by_key(|it| (it.merged_at.is_none(), it.state != "open")))
}

/// What there is to say of a pull request that is no longer open.
async fn over(
    ends: &Ends<'_>,
    proposal: &Proposal<'_>,
    base: &str,
    pull: &PullAnswer,
) -> Result<Option<Opening>, GitHubError> {
    let (number, head) = (pull.number, pull.head.sha.clone());
    if pull.merged_at.is_none() {
        return Ok((pull.state != "open").then_some(Opening::Closed { number }));
    }
    let commit = pull.merge_commit_sha.clone().unwrap_or_default();
    // What was merged is kept with the pull request, even where the fork is gone.
    let is_ours = branch::is_ours(ends, ends.upstream, proposal, base, &head).await?;
    Ok(Some(if is_ours {
        Opening::Merged { number, commit }
    } else {
        Opening::MergedUnseen { number, commit, head }
    }))
}

async fn create(
    ends: &Ends<'_>,
    proposal: &Proposal<'_>,
    base: &str,
    text: &Text,
) -> Result<PullAnswer, GitHubError> {
    let new = NewPull {
        title: &text.title,
        head: &ends.head(&proposal.branch),
        base,
        body: &text.body,
        maintainer_can_modify: false,
    };
    match ends.upstream.post("/pulls", &new).await {
        // Opened meanwhile, perhaps by this very request, whose first answer was lost.
        Err(error) if error.status() == Some(422) => find(ends, &proposal.branch, base).await?.ok_or(error),
        other => other,
    }
}

/// Adds the labels; who may propose need not be allowed to label.
async fn label(client: &Client, pull: &PullAnswer, labels: &[String]) -> Result<Vec<String>, GitHubError> {
    if labels.is_empty() {
        return Ok(Vec::new());
    }
    let path = format!("/issues/{}/labels", pull.number);
    match client.post::<serde_json::Value>(&path, &NewLabels { labels }).await {
        Ok(_) => Ok(Vec::new()),
        Err(error) if error.status() == Some(403) => {
            let (repository, labels) = (client.repository(), labels.join(", "));
            Ok(vec![format!(
                "The pull request has no labels: the access token may not set any in {repository}. Whoever looks after it can add these: {labels}."
            )])
        }
        Err(error) => Err(error),
    }
}

/// What people read.
struct Text {
    title: String,
    body: String,
    hash: String,
}

impl Text {
    fn of(proposal: &Proposal<'_>, redaction: &Redaction) -> Self {
        Self {
            title: redaction.line(&proposal.title, TITLE_MAX),
            body: redaction.text(&proposal.body),
            hash: proposal.changes.hash.clone(),
        }
    }

    fn message(&self) -> String {
        let change_set = format!("Change-Set: {}\n", self.hash);
        let parts = [self.title.as_str(), self.body.trim(), &change_set];
        parts.iter().filter(|it| !it.is_empty()).copied().collect::<Vec<_>>().join("\n\n")
    }
}
