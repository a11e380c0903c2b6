//! What a worker is given and what it gives back.

use std::fmt::Display;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::{Answer, BuildId, ChangeType, Job, PromotionId, Risk, Topic};
use jiff::Timestamp;
use protocol::question::Question;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use store::answers::{Acknowledgement, Given};
use store::backups::{Backup, Checked, Record};
use store::promotions::Facts;
use store::{Store, StoreError};
use uuid::Uuid;

use crate::approval;
use crate::errand::Errand;
use crate::log::LogSender;
use crate::patience::patiently;
use crate::retention::{self, Deployments, Retention};
use crate::schedule;
use crate::windows::Windows;

/// More deployments than are ever looked at: what is older went long ago.
const DEPLOYMENTS_MAX: i64 = 200;

/// Does the jobs of one kind of worker.
///
/// A job may be run again after a crash or a lost report, so it converges: it looks at what is
/// there and does what is missing. It may be dropped at any await: whatever it started must end
/// with it (child processes are killed, calls are dropped).
pub trait JobHandler: Send + Sync + 'static {
    /// Does the job, or says why not.
    fn run(&self, job: Job, cx: &JobContext) -> impl Future<Output = Result<Report, StepError>> + Send;
}

/// The promotion that a job belongs to or, a ship run's and an errand's, is about.
#[derive(Debug, Clone)]
pub struct Order {
    /// The run.
    pub run: Uuid,
    /// What an errand is about.
    pub input: Option<Value>,
    /// The promotion.
    pub promotion: PromotionId,
    /// The build.
    pub build: BuildId,
    /// standard, normal, emergency.
    pub change_type: ChangeType,
    /// low to critical.
    pub risk: Risk,
    /// Why the change could not wait for a window, and who said so.
    pub urgency: Option<Urgency>,
    /// Whether it goes past closed windows for that reason, although it is no emergency.
    pub overrides_windows: bool,
    /// The feature's name.
    pub title: String,
    /// Who asked for it.
    pub requested_by: String,
    /// When its ship message became a promotion.
    pub created_at: Timestamp,
    /// What was reported of its build.
    pub verification: Option<Value>,
    /// What a person had chosen about sharing it when it was handed in: `share` or `keep`.
    pub contribution: Option<Answer>,
    /// Where the feature was built.
    pub sandbox: Value,
    /// The commit that it started from.
    pub baseline: Option<String>,
    /// SHA-256 of the sealed change set, once it is taken: what was approved.
    pub change_set: Option<String>,
    /// The promotion whose version is brought back instead of a feature shipped.
    pub rolls_back_to: Option<PromotionId>,
    /// File of the backup that the version shall work with; the data stays as it is without one.
    pub restore_from: Option<String>,
    /// The installation's description, as it was applied.
    pub installation: Value,
    /// The installation's name.
    pub installation_name: String,
    /// The promotion whose source is in production, if any.
    pub current_promotion: Option<String>,
}

/// Why a change could not wait for a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Urgency {
    /// Who said so.
    pub by: String,
    /// In their words.
    pub reason: String,
}

/// What a handler works with.
#[derive(Debug)]
pub struct JobContext {
    /// What the job is about.
    pub order: Order,
    /// Which try, from 1.
    pub attempt: u32,
    /// A handler reads the records, [`crate::advance()`] changes them. While they are away it waits; its
    /// lease ends the waiting.
    store: Store,
    data_dir: PathBuf,
    log: LogSender,
}

/// Where a promotion's build context lies in the data folder.
pub fn context_dir(data_dir: &Path, promotion: &str) -> PathBuf {
    data_dir.join("contexts").join(promotion)
}

/// Where sealed change sets lie, each in a folder that is named after its promotion.
fn change_sets(data_dir: &Path) -> PathBuf {
    data_dir.join("change-sets")
}

/// What a job leaves behind when it reached its goal.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// For later jobs of the run.
    pub output: Option<Value>,
    /// For the promotion's record.
    pub facts: Facts,
    /// The backup it took.
    pub backup: Option<Backup>,
    /// The backup it read again or rehearsed.
    pub checked: Option<Checked>,
    /// Files of the backups it removed.
    pub pruned: Vec<String>,
    /// What is to be done beside the promotion, beginning with this report.
    pub errands: Vec<Errand>,
    /// Whether the feature's pull request was merged, which completes its build.
    pub is_merged: bool,
}

/// Why a job did not reach its goal.
#[derive(Debug)]
pub enum StepError {
    /// Another try may help.
    Retry(Reason),
    /// Another try gives the same.
    Fail(Reason),
    /// No, and this try certainly did nothing: there is nothing of it to undo.
    Refuse(String),
    /// A person has to choose something first; then the job is run again, and finds the answer. For ship runs only.
    Ask(Box<Question>),
    /// Somebody outside wants to be left alone for this long; then another try. No failure.
    Postpone(Duration),
    /// The worker must end; another one goes on. For the engine itself.
    Release,
}

/// What people are told and what the log is told.
#[derive(Debug, Default)]
pub struct Reason {
    /// One plain sentence; a general one is used where there is none.
    pub sentence: Option<String>,
    /// The technical detail.
    pub detail: Option<anyhow::Error>,
    /// What the try found out about a backup, failed as it is.
    pub checked: Option<Checked>,
}

impl StepError {
    /// Another try may help; people are told the sentence, the log gets the detail.
    pub fn retry(sentence: impl Into<String>, detail: impl Into<anyhow::Error>) -> Self {
        StepError::Retry(Reason {
            sentence: Some(sentence.into()),
            detail: Some(detail.into()),
            ..Reason::default()
        })
    }

    /// Another try gives the same; people are told the sentence, the log gets the detail.
    pub fn fail(sentence: impl Into<String>, detail: impl Into<anyhow::Error>) -> Self {
        StepError::Fail(Reason {
            sentence: Some(sentence.into()),
            detail: Some(detail.into()),
            ..Reason::default()
        })
    }

    /// Another try gives the same, and the sentence says it all.
    pub fn fail_plainly(sentence: impl Into<String>) -> Self {
        StepError::Fail(Reason { sentence: Some(sentence.into()), ..Reason::default() })
    }

    /// A disk is full; `disk` says which, as in “the disk that holds /srv/backups”. Another try soon gives the
    /// same.
    pub fn disk_full(disk: &str, detail: impl Into<anyhow::Error>) -> Self {
        let sentence =
            format!("There is no space left on {disk}. Free some space there, then ship the feature again.");
        Self::fail(sentence, detail)
    }

    /// The backup is not what it should be, which goes on its record; people are told its problem.
    pub fn damaged(checked: Checked, detail: impl Into<anyhow::Error>) -> Self {
        StepError::Fail(Reason {
            sentence: checked.problem.clone(),
            detail: Some(detail.into()),
            checked: Some(checked),
        })
    }

    /// The job belongs to another kind of worker.
    pub fn not_ours(job: Job) -> Self {
        Self::fail_plainly(format!("“{}” came to a worker that does not know it.", job.step().title()))
    }
}

/// What nobody classified may pass: the world outside was in the way.
impl From<anyhow::Error> for StepError {
    fn from(error: anyhow::Error) -> Self {
        StepError::Retry(Reason { detail: Some(error), ..Reason::default() })
    }
}

impl From<StoreError> for StepError {
    fn from(error: StoreError) -> Self {
        StepError::Retry(Reason { detail: Some(error.into()), ..Reason::default() })
    }
}

impl Report {
    /// A report that leaves something for later jobs.
    pub fn with_output(output: &impl Serialize) -> Result<Self, StepError> {
        let output = serde_json::to_value(output).map_err(anyhow::Error::from)?;
        Ok(Self { output: Some(output), ..Self::default() })
    }
}

impl JobContext {
    pub(crate) fn new(order: Order, attempt: u32, store: Store, data_dir: PathBuf, log: LogSender) -> Self {
        Self { order, attempt, store, data_dir, log }
    }

    /// Appends a line to the promotion's log.
    pub fn log(&self, line: impl Into<String>) {
        self.log.send(line.into());
    }

    /// Takes lines for the promotion's log from code that knows nothing of promotions.
    pub fn log_sender(&self) -> tokio::sync::mpsc::UnboundedSender<String> {
        self.log.raw()
    }

    /// What an earlier job of the run left; `None` when it did not get that far.
    pub async fn earlier<T: DeserializeOwned>(&self, job: Job) -> Result<Option<T>, StepError> {
        match patiently(|| self.store.output(self.order.run, job)).await? {
            Some(output) => Ok(Some(serde_json::from_value(output).map_err(anyhow::Error::from)?)),
            None => Ok(None),
        }
    }

    /// Whether an errand was ordered that the run waits for, however far it has come.
    pub async fn awaits_errand(&self) -> Result<bool, StepError> {
        Ok(patiently(|| self.store.awaits_errand(self.order.run)).await?)
    }

    /// What the same job of another promotion left when it was last done.
    pub async fn left_by<T: DeserializeOwned>(
        &self,
        promotion: &PromotionId,
        job: Job,
    ) -> Result<Option<T>, StepError> {
        let output = patiently(|| self.store.left_by(promotion, job)).await?;
        Ok(output.map(serde_json::from_value).transpose().map_err(anyhow::Error::from)?)
    }

    /// What the job that took the backup left of it; `None` if none is on record with this file.
    pub async fn backup_output<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, StepError> {
        let output = patiently(|| self.store.backup_output(path)).await?;
        Ok(output.map(serde_json::from_value).transpose().map_err(anyhow::Error::from)?)
    }

    /// What the errand is about.
    pub fn input<T: DeserializeOwned>(&self) -> Result<T, StepError> {
        let input = self.order.input.clone().unwrap_or_default();
        Ok(serde_json::from_value(input).map_err(anyhow::Error::from)?)
    }

    /// What an earlier job of the run must have left.
    pub async fn required<T: DeserializeOwned>(&self, job: Job) -> Result<T, StepError> {
        self.earlier(job).await?.ok_or_else(|| {
            StepError::fail(
                "Slipway's own records of this deployment are incomplete, so it cannot go on.",
                anyhow::anyhow!("{job} left no output"),
            )
        })
    }

    /// The installation's description as `parse` reads it, which was checked when it was applied.
    pub fn installation<T, E: Display>(
        &self,
        parse: impl FnOnce(&Value) -> Result<T, E>,
    ) -> Result<T, StepError> {
        parse(&self.order.installation).map_err(|wrong| StepError::fail_plainly(wrong.to_string()))
    }

    /// The organization's deployment windows at this moment.
    pub async fn windows(&self) -> Result<Windows, StepError> {
        Ok(patiently(|| Windows::read(&self.store)).await?)
    }

    /// What a person last answered about the topic, since the promotion began.
    pub async fn latest_answer(&self, topic: Topic) -> Result<Option<Given>, StepError> {
        Ok(patiently(|| self.store.latest_answer(&self.order.promotion, topic)).await?)
    }

    /// Statements of the build that lose data, and are meant.
    pub async fn acknowledged(&self) -> Result<Vec<Acknowledgement>, StepError> {
        Ok(patiently(|| self.store.acknowledged(&self.order.build)).await?)
    }

    /// When the promotion starts once somebody approves it, for people.
    pub async fn outlook(&self) -> Result<String, StepError> {
        Ok(patiently(|| schedule::outlook(&self.store, &self.order.promotion)).await?)
    }

    /// What of the promotion is no longer as it was approved, for people; `None` where all of it is.
    pub async fn approval_broken(&self) -> Result<Option<String>, StepError> {
        Ok(patiently(|| approval::changed(&self.store, &self.order.promotion)).await?)
    }

    /// How long ago the job was first begun in this run.
    pub async fn since(&self, job: Job) -> Result<Option<Duration>, StepError> {
        Ok(patiently(|| self.store.since_started(self.order.run, job)).await?)
    }

    /// What is kept of earlier deployments to the installation, and what is not, when `keep` of them and all
    /// that somebody has asked for are to stay.
    pub async fn kept_deployments(&self, keep: usize) -> Result<Deployments, StepError> {
        let name = &self.order.installation_name;
        let deployed = patiently(|| self.store.deployed_promotions(name, DEPLOYMENTS_MAX)).await?;
        let wanted = patiently(|| self.store.wanted_back(name)).await?;
        Ok(Deployments::kept(deployed, &wanted, keep))
    }

    /// Files of the installation's backups that may go.
    pub async fn prunable_backups(&self, rule: &Retention) -> Result<Vec<Record>, StepError> {
        let name = &self.order.installation_name;
        Ok(patiently(|| retention::prunable(&self.store, name, rule)).await?)
    }

    /// Promotions at the installation that were undone more than `days` ago, each with the name of the
    /// failed database that it kept aside.
    pub async fn failed_databases(&self, days: i32) -> Result<Vec<(PromotionId, String)>, StepError> {
        let name = &self.order.installation_name;
        Ok(patiently(|| self.store.failed_databases(name, days)).await?)
    }

    /// The disk with the folders below, for people.
    pub fn data_disk(&self) -> String {
        format!("the disk that holds {}", self.data_dir.display())
    }

    /// Where a promotion's sealed change set lies.
    pub fn change_set_dir(&self, promotion: &str) -> PathBuf {
        change_sets(&self.data_dir).join(promotion)
    }

    /// Promotions at the installation that ended without a deployment and have a sealed change set still.
    pub async fn never_deployed(&self) -> Result<Vec<PromotionId>, StepError> {
        let sealed = retention::sealed(&change_sets(&self.data_dir)).await?;
        let name = &self.order.installation_name;
        Ok(patiently(|| self.store.never_deployed(name, &sealed)).await?)
    }

    /// Where a promotion's build context lies; it stays while its version is in production or may come back.
    pub fn context_dir(&self, promotion: &str) -> PathBuf {
        context_dir(&self.data_dir, promotion)
    }

    /// The source that is in production: what was deployed last, or `base` where nothing was yet.
    pub fn source_in_production(&self, base: &Path) -> PathBuf {
        let deployed = self.order.current_promotion.as_deref().map(|promotion| self.context_dir(promotion));
        deployed.filter(|context| context.is_dir()).unwrap_or_else(|| base.to_owned())
    }

    /// A secret that is the same for as long as there are records: pseudonyms and fingerprints are keyed with it.
    pub async fn identity_key(&self) -> Result<String, StepError> {
        Ok(patiently(|| self.store.identity_key()).await?)
    }

    /// Where the installation's saved specifications lie.
    pub fn state_dir(&self) -> PathBuf {
        self.data_dir.join("specifications").join(&self.order.installation_name)
    }
}
