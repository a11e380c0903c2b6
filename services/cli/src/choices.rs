//! What the gates found in a feature, and what people answer its ship run.

use clap::Subcommand;
use clap::builder::NonEmptyStringValueParser;
use protocol::gates::{Finding, Findings};
use protocol::http::{Promotion, PromotionSummary};
use protocol::question::{GivenAnswer, Question};

use crate::api::Api;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::ship;

/// What can be said to a feature on its way to an approval.
#[derive(Debug, Clone, Subcommand)]
pub enum ChoicesCommand {
    /// Show what the security gates found in a promotion's feature
    Findings {
        /// The promotion, CP-…
        #[arg(value_name = "CP")]
        id: String,
    },
    /// Answer what a promotion asks before it goes on: share, keep, retry, skip
    Answer {
        /// The promotion, CP-…
        #[arg(value_name = "CP")]
        id: String,
        /// One of the answers that it names
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        answer: String,
        /// Who answers
        #[arg(long, env = "USER", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
        by: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Acknowledge that statements of a feature lose data, and that this is meant
    Acknowledge {
        /// The promotion, CP-…
        #[arg(value_name = "CP")]
        id: String,
        /// The statements' fingerprints, as `promotions findings` shows them
        #[arg(value_name = "FINGERPRINT", required_unless_present = "all")]
        fingerprints: Vec<String>,
        /// All that are asked about now
        #[arg(long, conflicts_with = "fingerprints")]
        all: bool,
        /// Who answers for it
        #[arg(long, env = "USER", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
        by: String,
        /// Why they are meant
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        reason: String,
    },
    /// Let a feature be proposed in public although a gate found what looks like a secret in it
    Release {
        /// The promotion, CP-…
        #[arg(value_name = "CP")]
        id: String,
        /// Who answers for it
        #[arg(long, env = "USER", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
        by: String,
        /// Why everybody may read it
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        reason: String,
    },
}

pub(crate) async fn run(command: ChoicesCommand, api: &Api, output: &mut Output) -> Result<Exit, Failure> {
    match command {
        ChoicesCommand::Findings { id } => {
            let found: Findings = api.get(&["promotions", &id, "findings"], &[]).await?;
            output.result(&found, findings)?;
            Ok(Exit::Done)
        }
        ChoicesCommand::Answer { id, answer, by, reason } => {
            give(api, &id, "answer", GivenAnswer { by, answer, reason, fingerprints: Vec::new() }, output)
                .await
        }
        ChoicesCommand::Acknowledge { id, fingerprints, all, by, reason } => {
            let fingerprints = if all { asked_about(api, &id).await? } else { fingerprints };
            let given = GivenAnswer { by, answer: String::new(), reason: Some(reason), fingerprints };
            give(api, &id, "acknowledge", given, output).await
        }
        ChoicesCommand::Release { id, by, reason } => {
            let given =
                GivenAnswer { by, answer: String::new(), reason: Some(reason), fingerprints: Vec::new() };
            give(api, &id, "release", given, output).await
        }
    }
}

async fn give(
    api: &Api,
    id: &str,
    how: &str,
    given: GivenAnswer,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let _: PromotionSummary = api.post(&["promotions", id, how], &given).await?;
    let promotion = ship::until_shipped(api, id).await?;
    output.result(&promotion.summary, |it| {
        let next = ship::next(&promotion).map_or_else(String::new, |next| format!("\n{next}"));
        format!("{} ({} → {}): {}.{next}", it.id, it.title, it.installation, it.status_title)
    })?;
    Ok(if promotion.summary.status == "not_shipped" { Exit::Refused } else { Exit::Done })
}

async fn asked_about(api: &Api, id: &str) -> Result<Vec<String>, Failure> {
    let promotion: Promotion = api.promotion(id).await?;
    Ok(promotion.question.map(|question| question.fingerprints).unwrap_or_default())
}

/// A question for people, and how it is answered; without a line break at the end.
pub(crate) fn asked(id: &str, question: &Question) -> String {
    let mut lines = vec![format!("Asked: {}", question.sentence)];
    lines.extend(question.details.iter().map(|detail| format!("  - {detail}")));
    lines.push("Answer it with one of:".to_owned());
    lines.extend(question.answers.iter().map(|answer| format!("  {}", how(id, answer))));
    lines.push(format!("  slipway promotions cancel {id} --by NAME --reason \"…\""));
    lines.join("\n")
}

fn how(id: &str, answer: &str) -> String {
    match answer {
        "acknowledge" => format!("slipway promotions acknowledge {id} --all --reason \"…\""),
        "release" => format!("slipway promotions release {id} --reason \"…\""),
        other => format!("slipway promotions answer {id} {other}"),
    }
}

fn findings(found: &Findings) -> String {
    let Some(report) = &found.report else {
        return "The gates have not been asked yet.".to_owned();
    };
    let mut parts: Vec<_> = report.findings.iter().map(paragraph).collect();
    for it in &found.acknowledged {
        parts.push(format!("{} was acknowledged by {}: {}", it.fingerprint, it.by, it.reason));
    }
    let untold: usize = report.gates.iter().map(|gate| gate.open).sum();
    if untold > report.findings.len() {
        parts.push("There is more than is shown here; the promotion's log has all.".to_owned());
    }
    parts.push(format!(
        "{} files with {} lines were read; the gates' self-check found {}.",
        report.files, report.lines, report.self_check
    ));
    let gates = report.gates.iter().map(|gate| match gate.open {
        0 => format!("  {:<13} passed", gate.gate),
        open => format!("  {:<13} {open} open", gate.gate),
    });
    parts.push(gates.collect::<Vec<_>>().join("\n"));
    parts.join("\n\n")
}

fn paragraph(finding: &Finding) -> String {
    let Finding { gate, rule, severity, file, line, message, remedy, fingerprint, .. } = finding;
    let place = if file.is_empty() { "the whole change".to_owned() } else { format!("{file}:{line}") };
    format!("{place}  {severity}, {gate} gate, {rule}\n  {message}\n  {remedy}\n  Fingerprint: {fingerprint}")
}
