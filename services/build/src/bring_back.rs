//! Steps 4 and 5 of a rollback: nothing is taken or built, the version's own source and image are found again.

use adapters::change_set::{self, Stamp};
use adapters::installation::Installation;
use adapters::runtime::Swap;
use domain::{Job, PromotionId};
use engine::{JobContext, Report, StepError};
use protocol::output::{Built, Extracted};

use crate::extract::from_lay;

/// The source is this promotion's from now on, so that the next feature is laid over what then serves.
pub(crate) async fn source(
    cx: &JobContext,
    installation: &Installation,
    target: &PromotionId,
) -> Result<Report, StepError> {
    // Looked for first: without it, everything else would be for nothing.
    kept_image(cx, installation, target).await?;
    let kept = cx.context_dir(target.as_str());
    let extracted = cx.left_by::<Extracted>(target, Job::Extract).await?;
    let Some(extracted) = extracted.filter(|_| kept.is_dir()) else {
        return Err(gone("source", target));
    };
    let stamp = Stamp { build: cx.order.build.to_string(), promotion: cx.order.promotion.to_string() };
    let context = cx.context_dir(cx.order.promotion.as_str());
    let carried = change_set::carry_over(&kept, &extracted.source_hash, &context, &stamp).await;
    let carried = carried.map_err(|error| from_lay(cx, error))?;
    cx.log(format!(
        "the source of {target}: {} files, source {}",
        carried.manifest.len(),
        carried.source_hash
    ));
    Report::with_output(&Extracted { changes_schema: Some(false), ..extracted })
}

/// The image is the very one that served.
pub(crate) async fn image(
    cx: &JobContext,
    installation: &Installation,
    target: &PromotionId,
) -> Result<Report, StepError> {
    let image = kept_image(cx, installation, target).await?;
    cx.log(format!("the image of {target} is still there: {image}"));
    Report::with_output(&Built { image })
}

async fn kept_image(
    cx: &JobContext,
    installation: &Installation,
    target: &PromotionId,
) -> Result<String, StepError> {
    let swap = cx.left_by::<Swap>(target, Job::Prepare).await?;
    let runtime = installation.runtime(&cx.state_dir())?;
    match swap {
        Some(swap) if runtime.keeps(&swap.new_image).await? => Ok(swap.new_image),
        Some(_) | None => Err(gone("image", target)),
    }
}

fn gone(what: &str, target: &PromotionId) -> StepError {
    StepError::Refuse(format!(
        "The {what} of {target} is no longer kept, so its version cannot be brought back. Ship its feature again."
    ))
}
