//! Step 5, second half: the pull request, and what people have to acknowledge.

use std::fs;
use std::time::Duration;

use adapters::github::{
    GitHubError, Merging, Opening, Patience, Proposal, Pseudonym, PullRequest, Redaction, Refusal,
    Repository, Squash, Token, Tokens,
};
use adapters::installation::{Contribution, Installation};
use adapters::secret::SecretRef;
use domain::{Answer, Job, Topic};
use engine::{JobContext, Report, StepError};
use protocol::gates::{Finding, Gated};
use protocol::output::{Assessed, Proposed};
use protocol::question::Question;
use serde_json::Value;

use crate::gates::sealed;
use crate::proposal::Case;

/// Stands at every pull request of Slipway's.
const LABEL: &str = "slipway";

/// The shortest pause that somebody else's wish to be left alone leads to.
const PAUSE_MIN: Duration = Duration::from_secs(1);

/// The longest: GitHub's own limits are counted by the hour.
const PAUSE_MAX: Duration = Duration::from_hours(1);

pub(crate) async fn propose(cx: &JobContext, installation: &Installation) -> Result<Report, StepError> {
    let gated: Gated = cx.required(Job::Gates).await?;
    let assessed: Assessed = cx.required(Job::Assess).await?;
    let verification = cx.order.verification.clone().and_then(|it: Value| serde_json::from_value(it).ok());
    let acknowledged: Vec<_> = cx.acknowledged().await?.into_iter().map(|it| it.fingerprint).collect();
    let case = Case::new(gated, verification, &acknowledged);
    let proposed = match &installation.contribution.upstream {
        Some(_) if assessed.is_shared => pull_request(cx, installation, &case).await?,
        Some(_) => nowhere("The feature is kept to this installation, so it is proposed nowhere."),
        None => nowhere("No repository is set up for this installation, so the feature is proposed nowhere."),
    };
    for note in &proposed.notes {
        cx.log(note.clone());
    }
    if case.unacknowledged().next().is_some() {
        return Err(StepError::Ask(Box::new(destructive(&case, &proposed))));
    }
    Ok(Report { is_merged: proposed.merged.is_some(), ..Report::with_output(&proposed)? })
}

fn nowhere(why: &str) -> Proposed {
    Proposed { url: None, number: None, merged: None, notes: vec![why.to_owned()] }
}

/// Opens the pull request, shows what the gates say, and merges it if nothing stands against that.
async fn pull_request(
    cx: &JobContext,
    installation: &Installation,
    case: &Case,
) -> Result<Proposed, StepError> {
    for topic in [Topic::PullRequest, Topic::Secret] {
        if let Some(given) = cx.latest_answer(topic).await?.filter(|it| it.answer == Answer::Skip) {
            return Ok(nowhere(&format!("{} chose to go on without a pull request.", given.by)));
        }
    }
    let is_released =
        cx.latest_answer(Topic::Secret).await?.is_some_and(|given| given.answer == Answer::Release);
    let set = sealed(cx).await?;
    let contribution = &installation.contribution;
    let author = Pseudonym::of(cx.identity_key().await?.as_bytes(), &installation.name);
    let repository = repository(contribution).map_err(|error| from_github(cx, error))?;
    let title = format!("feat: {}", cx.order.title);
    let body = case.body(&cx.order.promotion, &set.hash);
    let proposal = Proposal {
        base: contribution.base.clone(),
        branch: format!("slipway/{}-{:.12}", cx.order.build.as_str().to_ascii_lowercase(), set.hash),
        title: title.clone(),
        body: body.clone(),
        labels: vec![LABEL.to_owned()],
        author: author.clone(),
        sealed_at: cx.order.created_at,
        secret_open: case.has_secret() && !is_released,
        changes: &set,
    };
    let opening = repository.open(&proposal).await.map_err(|error| from_github(cx, error))?;
    let (pull, notes) = match opened(opening)? {
        Opened::Here(pull, notes) => (pull, notes),
        Opened::Over(proposed) => return Ok(proposed),
    };
    repository.report(&pull, &case.review()).await.map_err(|error| from_github(cx, error))?;
    let obstacles = case.obstacles();
    let mut proposed =
        Proposed { url: Some(pull.url.clone()), number: Some(pull.number), merged: None, notes };
    if obstacles.is_empty() {
        let squash = Squash { title, body, author };
        let merging = repository.merge(&pull, &squash).await.map_err(|error| from_github(cx, error))?;
        merged(&mut proposed, merging);
    } else {
        proposed.notes.push(format!("Its pull request waits for a person: {}", obstacles.join(" ")));
    }
    Ok(proposed)
}

/// The way to the repository, with the token that belongs to it and no other.
fn repository(contribution: &Contribution) -> Result<Repository, GitHubError> {
    let own = contribution.token.as_ref().map(SecretRef::read).transpose()?;
    let tokens = Tokens {
        contribution: std::env::var(Tokens::CONTRIBUTION).ok().and_then(|text| Token::new(&text)),
        own: own.and_then(|text| Token::new(&text)),
    };
    let address = contribution.upstream.as_ref().ok_or_else(|| anyhow::anyhow!("no repository is set up"))?;
    Repository::new(address, contribution.sharing(), &tokens, redaction(), Patience::default())
}

/// What must not leave, beside what looks like it by itself: the name of this machine.
fn redaction() -> Redaction {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    Redaction::new([host.trim().to_owned()])
}

/// What came of opening a pull request.
enum Opened {
    /// It is open.
    Here(PullRequest, Vec<String>),
    /// There is none that could be merged.
    Over(Proposed),
}

fn opened(opening: Opening) -> Result<Opened, StepError> {
    let over = |number: Option<u64>, commit: Option<String>, note: String| {
        Ok(Opened::Over(Proposed { url: None, number, merged: commit, notes: vec![note] }))
    };
    match opening {
        Opening::Open { pull, notes } => Ok(Opened::Here(pull, notes)),
        Opening::Merged { number, commit } => {
            over(Some(number), Some(commit), format!("Its pull request {number} is merged."))
        }
        Opening::MergedUnseen { number, .. } => over(
            Some(number),
            None,
            format!(
                "Somebody merged its pull request {number} with something else in it, which no gate has read."
            ),
        ),
        Opening::Closed { number } => over(
            Some(number),
            None,
            format!("Somebody closed its pull request {number}; none is opened in its place."),
        ),
        Opening::Contained => over(None, None, "The repository holds the feature already.".to_owned()),
        Opening::Conflict { paths } => Err(stuck(&format!(
            "The repository has changed where this feature changes it ({}), so it cannot be proposed as it is. Bring the \
             feature up to date and ship it again, or go on without a pull request.",
            paths.join(", ")
        ))),
        Opening::BranchTaken { branch } => Err(stuck(&format!(
            "The repository has a branch {branch} that holds something else. Remove it and try again, or go on without \
             a pull request."
        ))),
        Opening::Refused(Refusal::SecretOpen) => {
            let sentence = format!("{} Or go on without a pull request.", Refusal::SecretOpen);
            Err(StepError::Ask(Box::new(Question::about(Topic::Secret, sentence))))
        }
        Opening::Refused(refusal) => Err(stuck(&refusal.to_string())),
    }
}

/// What came of merging, as it is put on record.
fn merged(proposed: &mut Proposed, merging: Merging) {
    let why = match merging {
        Merging::Merged { commit } => {
            proposed.merged = Some(commit);
            "Its pull request is merged.".to_owned()
        }
        Merging::MergedUnseen { .. } => {
            "Somebody merged its pull request with something else in it, which no gate has read.".to_owned()
        }
        Merging::HeadMoved { .. } => {
            "Somebody changed the branch of its pull request; what it holds now no gate has read, so it waits for a \
             person."
                .to_owned()
        }
        Merging::Conflict => {
            "Its pull request cannot be merged by itself: the repository has changed at the same places.".to_owned()
        }
        Merging::NotAllowed { reason } => format!("Its pull request waits for a person: {reason}"),
        Merging::Closed => "Somebody closed its pull request.".to_owned(),
    };
    proposed.notes.push(why);
}

/// What people hear of a question that GitHub answered badly. Who cannot be reached in several tries is asked about,
/// too: nobody's feature waits for a server without anybody's knowing.
fn from_github(cx: &JobContext, error: GitHubError) -> StepError {
    if let GitHubError::Limited { after } = error {
        return StepError::Postpone(after.clamp(PAUSE_MIN, PAUSE_MAX));
    }
    if error.is_worth_another_try() && cx.attempt < Job::Propose.attempts_max() {
        return StepError::retry(error.to_string(), error);
    }
    let sentence = error.to_string();
    cx.log(format!("GitHub: {:#}", anyhow::Error::from(error)));
    stuck(&sentence)
}

fn stuck(why: &str) -> StepError {
    let sentence = format!("The feature cannot be proposed. {why}");
    StepError::Ask(Box::new(Question::about(Topic::PullRequest, sentence)))
}

fn destructive(case: &Case, proposed: &Proposed) -> Question {
    let found: Vec<_> = case.unacknowledged().collect();
    let told = |it: &&Finding| format!("{} ({}, line {}; {})", it.message, it.file, it.line, it.fingerprint);
    let what =
        if found.len() == 1 { "1 statement".to_owned() } else { format!("{} statements", found.len()) };
    let shown = proposed
        .url
        .as_ref()
        .map(|url| format!(" It is proposed at {url}, where nothing is merged meanwhile."));
    let sentence = format!(
        "The feature holds {what} by which data would be lost. Somebody who may approve it has to acknowledge that, \
         or withdraw it.{}",
        shown.unwrap_or_default()
    );
    Question {
        details: found.iter().map(told).collect(),
        fingerprints: found.iter().map(|it| it.fingerprint.clone()).collect(),
        ..Question::about(Topic::Destructive, sentence)
    }
}
