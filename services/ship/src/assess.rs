//! Step 4: whether the feature could benefit others, and what in it looks private.

use adapters::change_set::ChangeSet;
use adapters::installation::{Contribution, ContributionMode, Installation};
use anyhow::Context as _;
use domain::{Answer, Topic};
use engine::{JobContext, Report, StepError};
use protocol::output::Assessed;
use protocol::question::Question;

use crate::assessment::{Advice, Assessment};
use crate::gates::sealed;

pub(crate) async fn assess(cx: &JobContext, installation: &Installation) -> Result<Report, StepError> {
    let Contribution { mode, upstream, .. } = &installation.contribution;
    if *mode == ContributionMode::ForkOnly {
        let why = match upstream {
            Some(_) => {
                "This installation keeps its features to itself; they are proposed to its own repository."
            }
            None => "This installation keeps its features to itself.",
        };
        return decided(cx, upstream.is_some(), vec![why.to_owned()]);
    }
    let set = sealed(cx).await?;
    let assessment =
        tokio::task::spawn_blocking(move || look(&set)).await.context("assess the feature")??;
    let chosen = cx.latest_answer(Topic::Contribution).await?.map(|given| (given.answer, given.by));
    let chosen = chosen.or(cx.order.contribution.map(|answer| (answer, cx.order.requested_by.clone())));
    if let Some((answer, by)) = chosen {
        let is_shared = answer == Answer::Share;
        let choice = if is_shared { "to share it" } else { "to keep it to this installation" };
        let mut reasons = vec![format!("{by} chose {choice}.")];
        reasons.extend(assessment.reasons());
        return decided(cx, is_shared, reasons);
    }
    if *mode == ContributionMode::ContributeAll && assessment.advice() == Advice::Share {
        let mut reasons = vec!["This installation shares its features.".to_owned()];
        reasons.extend(assessment.reasons());
        return decided(cx, true, reasons);
    }
    Err(StepError::Ask(Box::new(question(&cx.order.title, &assessment))))
}

fn look(set: &ChangeSet) -> anyhow::Result<Assessment> {
    let mut assessment = Assessment::default();
    for change in &set.changes {
        let content = change.new_sha256.as_ref().map(|sha256| set.content(sha256)).transpose()?;
        let before = change.old_sha256.as_ref().map(|sha256| set.content(sha256)).transpose()?;
        let text = |bytes: Option<Vec<u8>>| String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned();
        assessment.add(&change.path, &text(before), &text(content));
    }
    Ok(assessment)
}

fn decided(cx: &JobContext, is_shared: bool, reasons: Vec<String>) -> Result<Report, StepError> {
    for reason in &reasons {
        cx.log(reason.clone());
    }
    Report::with_output(&Assessed { is_shared, reasons })
}

fn question(title: &str, assessment: &Assessment) -> Question {
    let sentence = format!(
        "Shall “{title}” be shared with others? {} If you keep it, it is deployed here all the same.",
        assessment.advice().sentence()
    );
    Question { details: assessment.reasons(), ..Question::about(Topic::Contribution, sentence) }
}
