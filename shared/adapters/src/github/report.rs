//! What the gates said, where people look at the pull request.

use super::client::Client;
use super::merge::read;
use super::wire::{NewStatus, StatusAnswer, StatusesAnswer};
use super::{GitHubError, PullRequest, Redaction, comment};

/// Longest description of a status, in characters; GitHub takes no longer one.
const DESCRIPTION_MAX: usize = 140;

/// What came of a proposal's examination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// What each gate said.
    pub verdicts: Vec<Verdict>,
    /// The findings and what follows from them, for people, in Markdown; if absent, nothing is said and
    /// what was said stays.
    pub findings: Option<String>,
}

/// What one gate said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The name that it stands under at the commit, such as `slipway/security`.
    pub gate: String,
    /// Whether the feature passed.
    pub state: VerdictState,
    /// One line about it.
    pub summary: String,
}

/// Whether a feature passed a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerdictState {
    /// It did.
    Passed,
    /// It did not, or a person has to look.
    Open,
    /// The gate could not be asked.
    Unknown,
    /// The gate is still at work.
    Pending,
}

impl VerdictState {
    /// For people.
    fn word(self) -> &'static str {
        match self {
            VerdictState::Passed => "passed",
            VerdictState::Open => "is open",
            VerdictState::Unknown => "could not be asked",
            VerdictState::Pending => "is still at work",
        }
    }

    /// For GitHub.
    fn name(self) -> &'static str {
        match self {
            VerdictState::Passed => "success",
            VerdictState::Open => "failure",
            VerdictState::Unknown => "error",
            VerdictState::Pending => "pending",
        }
    }
}

/// Shows the verdicts where the branch is, then tells the findings where the pull request is.
pub(super) async fn report(
    client: &Client,
    redaction: &Redaction,
    pull: &PullRequest,
    review: &Review,
) -> Result<(), GitHubError> {
    let found = read(client, pull).await?;
    let is_from_fork = found.is_from_fork();
    // GitHub takes statuses from those who may write to a repository; each repository keeps its own.
    let Some(home) = found.head.repo else {
        let said = "the fork that this was proposed from is gone. Close the pull request and ship the feature again.";
        return Err(client.rejected(404, said));
    };
    let home = client.at(&home.full_name)?;
    let shown = shown(&home, &pull.head).await?;
    for verdict in &review.verdicts {
        let description = redaction.line(&verdict.summary, DESCRIPTION_MAX);
        let state = verdict.state.name();
        let is_shown = shown.iter().any(|it| {
            it.context.eq_ignore_ascii_case(&verdict.gate)
                && it.state == state
                && it.description.as_deref() == Some(&description)
        });
        if !is_shown {
            let new = NewStatus { state, context: &verdict.gate, description: &description };
            let _: StatusAnswer = home.post(&format!("/statuses/{}", pull.head), &new).await?;
        }
    }
    match &review.findings {
        Some(findings) if is_from_fork => {
            let text = format!("{findings}\n\n{}", lines(&review.verdicts));
            comment::tell(client, pull, &redaction.text(&text)).await
        }
        Some(findings) => comment::tell(client, pull, &redaction.text(findings)).await,
        None => Ok(()),
    }
}

/// The verdicts as a list: who looks at the pull request need not see the statuses of a fork.
fn lines(verdicts: &[Verdict]) -> String {
    let line = |it: &Verdict| format!("- `{}` {}: {}\n", it.gate, it.state.word(), it.summary);
    verdicts.iter().map(line).collect()
}

/// The latest status of each name at the commit.
async fn shown(client: &Client, head: &str) -> Result<Vec<StatusAnswer>, GitHubError> {
    let mut all = Vec::new();
    for page in 1.. {
        let path = format!("/commits/{head}/status?per_page=100&page={page}");
        let answer: StatusesAnswer = client.get(&path).await?;
        let is_last = answer.statuses.is_empty();
        all.extend(answer.statuses);
        if is_last || all.len() >= answer.total_count {
            break;
        }
    }
    Ok(all)
}
