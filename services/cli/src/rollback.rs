//! Bringing earlier versions back: what could be, what it would do, and a person's yes to it.

use protocol::http::{Decision, PromotionSummary, Restorable, RollbackPlan, RollbackRequest};

use crate::api::Api;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::{follow, table, units};

/// What a person says to a plan, beside the plan itself.
pub(crate) struct Consent {
    /// They have said yes already.
    pub(crate) yes: bool,
    /// Stay until it is over, and exit with its outcome.
    pub(crate) follow: bool,
}

pub(crate) async fn restorable(
    api: &Api,
    installation: Option<String>,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let query: Vec<_> = installation.iter().map(|name| ("installation", name.as_str())).collect();
    let all: Vec<Restorable> = api.get(&["restorable"], &query).await?;
    output.result(all.as_slice(), list)?;
    Ok(Exit::Done)
}

/// Brings back what the promotion deployed.
pub(crate) async fn promotion(
    api: &Api,
    id: &str,
    request: &RollbackRequest,
    consent: &Consent,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let restore_data = request.restore_data.to_string();
    let plan: RollbackPlan =
        api.get(&["promotions", id, "rollback"], &[("restore_data", restore_data.as_str())]).await?;
    if !is_wanted(&plan, consent.yes, output).await? {
        return Ok(Exit::Refused);
    }
    let ordered: PromotionSummary = api.post(&["promotions", id, "rollback"], request).await?;
    stay(api, &ordered, consent.follow, output).await
}

/// Puts a backup back under the version that serves now.
pub(crate) async fn backup(
    api: &Api,
    id: i64,
    decision: &Decision,
    consent: &Consent,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let id = id.to_string();
    let plan: RollbackPlan = api.get(&["backups", &id, "restore"], &[]).await?;
    if !is_wanted(&plan, consent.yes, output).await? {
        return Ok(Exit::Refused);
    }
    let ordered: PromotionSummary = api.post(&["backups", &id, "restore"], decision).await?;
    stay(api, &ordered, consent.follow, output).await
}

/// Shows the plan, and asks where that is possible. Programs are never asked.
async fn is_wanted(plan: &RollbackPlan, yes: bool, output: &mut Output) -> Result<bool, Failure> {
    if yes {
        output.text(&show(plan))?;
        return Ok(true);
    }
    output.result(plan, show)?;
    let is_yes = output.ask("\nGo on? Type yes:").await?;
    if !is_yes {
        output.text("Nothing was done. To do it, say yes when you are asked, or --yes beforehand.")?;
    }
    Ok(is_yes)
}

async fn stay(
    api: &Api,
    ordered: &PromotionSummary,
    is_followed: bool,
    output: &mut Output,
) -> Result<Exit, Failure> {
    output.result(ordered, |it| {
        format!("{} does it, as soon as nothing else is under way at {}.", it.id, it.installation)
    })?;
    if is_followed {
        return follow::run(api, &ordered.id, output).await;
    }
    output.text(&format!("Watch it with: slipway promotions follow {}", ordered.id))?;
    Ok(Exit::Done)
}

fn show(plan: &RollbackPlan) -> String {
    let steps = plan.steps.iter().zip(1..).map(|(step, number)| format!("\n  {number}. {step}"));
    format!("This is what would happen at {}:{}", plan.installation, steps.collect::<String>())
}

fn list(all: &[Restorable]) -> String {
    if all.is_empty() {
        return "Nothing has been deployed yet, so there is nothing to bring back.".to_owned();
    }
    let rows: Vec<_> = all
        .iter()
        .map(|it| {
            [
                it.promotion.clone(),
                it.installation.clone(),
                units::instant(it.deployed_at),
                it.approved_by.clone().unwrap_or_else(|| it.requested_by.clone()),
                standing(it).to_owned(),
                it.backup.map_or_else(|| "–".to_owned(), |id| id.to_string()),
                answer(it.schema_changed_since).to_owned(),
                it.title.clone(),
            ]
        })
        .collect();
    let headings = [
        "PROMOTION",
        "INSTALLATION",
        "DEPLOYED",
        "BY",
        "VERSION",
        "BACKUP",
        "SCHEMA CHANGED SINCE",
        "FEATURE",
    ];
    table::render(headings, &rows)
}

/// Whether the version could come back.
fn standing(it: &Restorable) -> &'static str {
    match (it.serves, it.image_kept, it.source_kept) {
        (true, ..) => "serves",
        (false, Some(false), _) | (false, _, Some(false)) => "gone",
        (false, Some(true), Some(true)) => "kept",
        (false, ..) => "unknown",
    }
}

fn answer(it: Option<bool>) -> &'static str {
    match it {
        Some(true) => "yes",
        Some(false) => "no",
        None => "unknown",
    }
}
