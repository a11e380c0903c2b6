//! Step 5: the image, its log streamed into the promotion's.

use adapters::disk;
use adapters::installation::Installation;
use adapters::runtime::{BuildError, Release};
use anyhow::anyhow;
use domain::Job;
use engine::{JobContext, Report, StepError};

use protocol::output::{Built, Extracted};

pub(crate) async fn image(cx: &JobContext, installation: &Installation) -> Result<Report, StepError> {
    let extracted: Extracted = cx.required(Job::Extract).await?;
    let release = Release {
        promotion: cx.order.promotion.to_string(),
        build: cx.order.build.to_string(),
        source_hash: extracted.source_hash,
    };
    let runtime = installation.runtime(&cx.state_dir())?;
    let context = cx.context_dir(&release.promotion);
    match runtime.build(&release, &context, &cx.log_sender()).await {
        Ok(image) => {
            cx.log(format!("built image {image}"));
            Report::with_output(&Built { image })
        }
        Err(BuildError::Source(lines)) if disk::says_full(&lines) => {
            Err(StepError::disk_full(&installation.disk(), anyhow!(lines)))
        }
        Err(BuildError::Unavailable(error)) if disk::is_full(&error) => {
            Err(StepError::disk_full(&installation.disk(), error))
        }
        Err(BuildError::Source(lines)) => Err(StepError::fail(
            "The new version could not be built from the feature's files; nothing was changed. The log says where it is wrong.",
            anyhow!(lines),
        )),
        Err(BuildError::Unavailable(error)) => Err(StepError::retry(
            "The new version could not be built because the build service did not answer.",
            error,
        )),
    }
}
