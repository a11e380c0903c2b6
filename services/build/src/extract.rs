//! Step 4: the sealed change set over the source that is in production.

use adapters::change_set::{ChangeSet, LayError, Stamp};
use adapters::disk;
use adapters::installation::Installation;
use engine::{JobContext, Report, StepError};

use protocol::output::Extracted;

/// What people are told where the sealed files are gone, damaged or others than those on record.
const NOT_AS_APPROVED: &str = "The sealed files of the feature are no longer what was approved, so they are not deployed; ship the feature again.";

pub(crate) async fn extract(cx: &JobContext, installation: &Installation) -> Result<Report, StepError> {
    let promotion = cx.order.promotion.as_str();
    let folder = cx.change_set_dir(promotion);
    let set = ChangeSet::open_known(&folder, cx.order.change_set.as_deref()).await;
    let set = set.map_err(|error| StepError::fail(NOT_AS_APPROVED, error))?;
    let base = cx.source_in_production(&installation.base_source);
    cx.log(format!("change set {}, laid over {}", set.hash, base.display()));
    let stamp = Stamp { build: cx.order.build.to_string(), promotion: promotion.to_owned() };
    let context = set.lay_over(&base, &cx.context_dir(promotion), &stamp).await;
    let context = context.map_err(|error| from_lay(cx, error))?;
    cx.log(format!("build context: {} files, source {}", context.manifest.len(), context.source_hash));
    Report::with_output(&Extracted {
        changes_schema: Some(set.changes_schema()),
        change_set: set.hash,
        source_hash: context.source_hash,
    })
}

pub(crate) fn from_lay(cx: &JobContext, error: LayError) -> StepError {
    match error {
        LayError::Unavailable(error) if disk::is_full(&error) => StepError::disk_full(&cx.data_disk(), error),
        LayError::Unavailable(_) => StepError::retry(error.to_string(), error),
        LayError::Conflict { .. } | LayError::Base { .. } | LayError::Changed => {
            StepError::fail(error.to_string(), error)
        }
    }
}
