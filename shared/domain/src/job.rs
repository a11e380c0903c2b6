//! The plan: eleven steps, the jobs they are made of, and what undoes each job.
//!
//! ```text
//! step                 jobs                                undo (run in reverse order)
//!  1 Validate          scheduler.validate                  –
//!  2 Window check      scheduler.check_window              –
//!  3 Database backup   backup.dump                         backup.discard_partial
//!  4 Source extraction build.extract                       cleanup.discard_context
//!  5 Image build       build.image                         cleanup.discard_image
//!  6 Prepare rollback  swap.prepare                        swap.unprepare
//!  7 Stop old version  swap.stop_old · backup.snapshot     swap.start_old · backup.restore
//!  8 Start new version swap.start_new                      swap.stop_new
//!  9 Health check      health.check_new                    –
//! 10 Record            scheduler.record                    pivot: from here only forward
//! 11 Cleanup           cleanup.finish                      –
//! ```
//! Every unwinding ends with `health.check_old`: nothing is called rolled back unchecked.
//!
//! Before anybody is asked whether a feature may be deployed, a *ship run* makes it ready for that question. It leaves
//! nothing to undo:
//!
//! ```text
//! step                              jobs
//!  1 Extract and scan               ship.seal
//!  2 Register product               scheduler.register
//!  3 Backlog epic                   scheduler.epic
//!  4 Contribution assessment        ship.assess
//!  5 Pull request and security gates ship.gates · ship.propose
//!  6 Deploy                         scheduler.deploy
//! ```
//! Nothing after the first step re-reads the place where the feature was built.
//!
//! Beside the promotions there are *errands*: runs of one job that leaves nothing to undo. One of them may be
//! awaited by the promotion that ordered it ([`crate::turn`]): a rehearsal of the backup goes beside steps 4 and 5.

use core::time::Duration;

use crate::named::named;

named!(
    /// The kind of worker that runs a job; each has its own queues.
    Worker, "scheduler, ship, backup, build, swap, health, cleanup" {
        /// Steps that touch only Slipway's own records.
        Scheduler = "scheduler",
        /// Makes a finished feature ready to be approved.
        Ship = "ship",
        /// Dumps, snapshots and restores the production database.
        Backup = "backup",
        /// Lays the change set over the source in production and builds the image.
        Build = "build",
        /// Stops, starts and names application instances.
        Swap = "swap",
        /// Asks the application how it is.
        Health = "health",
        /// Removes what is no longer needed.
        Cleanup = "cleanup",
    }
);

named!(
    /// What a run runs through.
    Plan, "promotion, ship, errand" {
        /// The eleven steps, [`PLAN`].
        Promotion = "promotion",
        /// What comes before the approval, [`SHIP`].
        Ship = "ship",
        /// One of [`ERRANDS`], which settles no promotion and waits for none.
        Errand = "errand",
    }
);

named!(
    /// Which way a job goes.
    Direction, "forward, undo" {
        /// Toward the new version.
        Forward = "forward",
        /// Back to the old one.
        Undo = "undo",
    }
);

named!(
    /// A step that people see: one of the eleven of a promotion, or of the six of a ship run.
    Step, "validate, window_check, backup, extract, build, prepare, stop, start, health, record, cleanup, seal, register, epic, assess, propose, deploy" {
        /// Step 1.
        Validate = "validate",
        /// Step 2.
        WindowCheck = "window_check",
        /// Step 3.
        Backup = "backup",
        /// Step 4.
        Extract = "extract",
        /// Step 5.
        Build = "build",
        /// Step 6.
        Prepare = "prepare",
        /// Step 7; the measured downtime begins.
        Stop = "stop",
        /// Step 8.
        Start = "start",
        /// Step 9.
        Health = "health",
        /// Step 10, the pivot.
        Record = "record",
        /// Step 11.
        Cleanup = "cleanup",
        /// Step 1 of a ship run.
        Seal = "seal",
        /// Step 2 of a ship run.
        Register = "register",
        /// Step 3 of a ship run.
        Epic = "epic",
        /// Step 4 of a ship run.
        Assess = "assess",
        /// Step 5 of a ship run.
        Propose = "propose",
        /// Step 6 of a ship run.
        Deploy = "deploy",
    }
);

impl Direction {
    /// How long a job may wait for a worker, apart from [`Job::time_limit`]: after that nobody who
    /// could do it seems to be there. An undo job waits for as long as it takes.
    pub const fn queue_limit(self) -> Option<Duration> {
        match self {
            Direction::Forward => Some(Duration::from_secs(5 * MINUTE)),
            Direction::Undo => None,
        }
    }
}

impl Step {
    /// From 1 to [`Step::total`].
    pub fn number(self) -> u8 {
        Self::of(self.plan()).zip(1u8..).find(|(step, _)| *step == self).map_or(0, |(_, number)| number)
    }

    /// How many steps its plan has.
    pub fn total(self) -> u8 {
        Self::of(self.plan()).zip(1u8..).last().map_or(0, |(_, number)| number)
    }

    /// The steps of a plan in order; an errand has none of its own.
    pub fn of(plan: Plan) -> impl Iterator<Item = Step> {
        Self::ALL.iter().copied().filter(move |step| step.plan() == plan)
    }

    /// The plan that it belongs to.
    pub const fn plan(self) -> Plan {
        match self {
            Step::Seal | Step::Register | Step::Epic | Step::Assess | Step::Propose | Step::Deploy => {
                Plan::Ship
            }
            Step::Validate
            | Step::WindowCheck
            | Step::Backup
            | Step::Extract
            | Step::Build
            | Step::Prepare
            | Step::Stop
            | Step::Start
            | Step::Health
            | Step::Record
            | Step::Cleanup => Plan::Promotion,
        }
    }

    /// The step's name as people read it.
    pub const fn title(self) -> &'static str {
        match self {
            Step::Validate => "Validate",
            Step::WindowCheck => "Window check",
            Step::Backup => "Database backup",
            Step::Extract => "Source extraction",
            Step::Build => "Image build",
            Step::Prepare => "Rollback preparation",
            Step::Stop => "Stop old version",
            Step::Start => "Start new version",
            Step::Health => "Health check",
            Step::Record => "Record deployment",
            Step::Cleanup => "Cleanup",
            Step::Seal => "Extract and scan",
            Step::Register => "Register product",
            Step::Epic => "Backlog epic",
            Step::Assess => "Contribution assessment",
            Step::Propose => "Pull request and security gates",
            Step::Deploy => "Deploy",
        }
    }
}

named!(
    /// The queued order to do one thing, forward or back.
    Job, "a job of the plan" {
        /// The promotion may run and the running version is known.
        Validate = "scheduler.validate",
        /// Now is a time to deploy.
        CheckWindow = "scheduler.check_window",
        /// The production database is in a verified file.
        Dump = "backup.dump",
        /// Base source and sealed change set are one build context.
        Extract = "build.extract",
        /// The image exists.
        Image = "build.image",
        /// The old version can be brought back; the new one can be started.
        Prepare = "swap.prepare",
        /// The old version is down and stays down.
        StopOld = "swap.stop_old",
        /// The database as it was at the stop is kept aside.
        Snapshot = "backup.snapshot",
        /// The new version runs under the application's name.
        StartNew = "swap.start_new",
        /// The new version answers well, several times in a row.
        CheckNew = "health.check_new",
        /// The deployment is on record.
        Record = "scheduler.record",
        /// What is no longer needed is gone.
        Finish = "cleanup.finish",

        /// The feature's files are sealed: the change set that is approved is the one that is deployed.
        Seal = "ship.seal",
        /// The product has a version in the inventory that waits for its deployment; the change request is open.
        Register = "scheduler.register",
        /// The feature is in the backlog of operations.
        Epic = "scheduler.epic",
        /// Whether the feature is shared with others is decided.
        Assess = "ship.assess",
        /// The four gates have looked at the sealed change set.
        Gates = "ship.gates",
        /// The feature is proposed where that is wanted, and what must be acknowledged is.
        Propose = "ship.propose",
        /// People know when it could be deployed.
        Deploy = "scheduler.deploy",

        /// A backup was restored beside the production database, and is what was backed up.
        RehearseBackup = "backup.rehearse",
        /// A backup on record was read again, whole.
        VerifyBackup = "backup.verify",
        /// Backups that nobody needs any more are gone.
        PruneBackups = "backup.prune",

        /// Undoes [`Job::Dump`]: no half-written file is left.
        DiscardPartial = "backup.discard_partial",
        /// Undoes [`Job::Extract`].
        DiscardContext = "cleanup.discard_context",
        /// Undoes [`Job::Image`].
        DiscardImage = "cleanup.discard_image",
        /// Undoes [`Job::Prepare`].
        Unprepare = "swap.unprepare",
        /// Undoes [`Job::StopOld`].
        StartOld = "swap.start_old",
        /// Undoes what the new version did to the database since [`Job::Snapshot`].
        Restore = "backup.restore",
        /// Undoes [`Job::StartNew`].
        StopNew = "swap.stop_new",
        /// Ends every unwinding: the old version answers as well as before.
        CheckOld = "health.check_old",
    }
);

/// Version of [`PLAN`]; a stored run of another version is refused, not guessed at.
pub const PLAN_VERSION: i32 = 1;

/// The forward jobs in order.
pub const PLAN: [Job; 12] = [
    Job::Validate,
    Job::CheckWindow,
    Job::Dump,
    Job::Extract,
    Job::Image,
    Job::Prepare,
    Job::StopOld,
    Job::Snapshot,
    Job::StartNew,
    Job::CheckNew,
    Job::Record,
    Job::Finish,
];

/// The jobs of a ship run in order.
pub const SHIP: [Job; 7] =
    [Job::Seal, Job::Register, Job::Epic, Job::Assess, Job::Gates, Job::Propose, Job::Deploy];

/// Jobs that are a run of their own.
pub const ERRANDS: &[Job] = &[Job::RehearseBackup, Job::VerifyBackup, Job::PruneBackups];

const SECOND: u64 = 1;
const MINUTE: u64 = 60;

impl Job {
    /// The step that people see this job under.
    pub const fn step(self) -> Step {
        match self {
            Job::Validate | Job::CheckOld => Step::Validate,
            Job::CheckWindow => Step::WindowCheck,
            Job::Dump | Job::DiscardPartial | Job::RehearseBackup | Job::VerifyBackup | Job::PruneBackups => {
                Step::Backup
            }
            Job::Extract | Job::DiscardContext => Step::Extract,
            Job::Image | Job::DiscardImage => Step::Build,
            Job::Prepare | Job::Unprepare => Step::Prepare,
            Job::StopOld | Job::Snapshot | Job::StartOld | Job::Restore => Step::Stop,
            Job::StartNew | Job::StopNew => Step::Start,
            Job::CheckNew => Step::Health,
            Job::Record => Step::Record,
            Job::Finish => Step::Cleanup,
            Job::Seal => Step::Seal,
            Job::Register => Step::Register,
            Job::Epic => Step::Epic,
            Job::Assess => Step::Assess,
            Job::Gates | Job::Propose => Step::Propose,
            Job::Deploy => Step::Deploy,
        }
    }

    /// The kind of worker that runs it: the first half of its name.
    pub const fn worker(self) -> Worker {
        match self {
            Job::Validate | Job::CheckWindow | Job::Record | Job::Register | Job::Epic | Job::Deploy => {
                Worker::Scheduler
            }
            Job::Seal | Job::Assess | Job::Gates | Job::Propose => Worker::Ship,
            Job::Dump
            | Job::Snapshot
            | Job::Restore
            | Job::DiscardPartial
            | Job::RehearseBackup
            | Job::VerifyBackup
            | Job::PruneBackups => Worker::Backup,
            Job::Extract | Job::Image => Worker::Build,
            Job::Prepare | Job::StopOld | Job::StartNew | Job::Unprepare | Job::StartOld | Job::StopNew => {
                Worker::Swap
            }
            Job::CheckNew | Job::CheckOld => Worker::Health,
            Job::Finish | Job::DiscardContext | Job::DiscardImage => Worker::Cleanup,
        }
    }

    /// Which way it goes.
    pub fn direction(self) -> Direction {
        if self.position().is_some() { Direction::Forward } else { Direction::Undo }
    }

    /// The job that undoes it, if it leaves anything to undo.
    pub const fn undo(self) -> Option<Job> {
        match self {
            Job::Dump => Some(Job::DiscardPartial),
            Job::Extract => Some(Job::DiscardContext),
            Job::Image => Some(Job::DiscardImage),
            Job::Prepare => Some(Job::Unprepare),
            Job::StopOld => Some(Job::StartOld),
            Job::Snapshot => Some(Job::Restore),
            Job::StartNew => Some(Job::StopNew),
            Job::Validate
            | Job::CheckWindow
            | Job::CheckNew
            | Job::Record
            | Job::Finish
            | Job::Seal
            | Job::Register
            | Job::Epic
            | Job::Assess
            | Job::Gates
            | Job::Propose
            | Job::Deploy
            | Job::RehearseBackup
            | Job::VerifyBackup
            | Job::PruneBackups
            | Job::DiscardPartial
            | Job::DiscardContext
            | Job::DiscardImage
            | Job::Unprepare
            | Job::StartOld
            | Job::Restore
            | Job::StopNew
            | Job::CheckOld => None,
        }
    }

    /// The plan that it belongs to.
    pub fn plan(self) -> Plan {
        if ERRANDS.contains(&self) {
            Plan::Errand
        } else if SHIP.contains(&self) {
            Plan::Ship
        } else {
            Plan::Promotion
        }
    }

    /// The forward jobs of its plan, in order.
    pub(crate) fn sequence(self) -> &'static [Job] {
        match self.plan() {
            Plan::Promotion => &PLAN,
            Plan::Ship => &SHIP,
            Plan::Errand => ERRANDS.iter().position(|job| *job == self).map_or(&[], |at| &ERRANDS[at..=at]),
        }
    }

    /// How long one attempt may take. Forward jobs are bounded by the promotion's deadline as well;
    /// undo jobs have only this: a rollback always runs to its end.
    pub const fn time_limit(self) -> Duration {
        Duration::from_secs(match self {
            Job::Validate | Job::CheckWindow | Job::Record | Job::Register | Job::Epic | Job::Deploy => {
                30 * SECOND
            }
            // A start includes the installation's migrate command; a proposal may meet a slow line.
            Job::Dump | Job::Image | Job::StartNew | Job::Propose => 10 * MINUTE,
            // A preparation includes the proof of a version that takes over running, and of the old one in comparison.
            Job::Seal
            | Job::Assess
            | Job::Gates
            | Job::Extract
            | Job::Prepare
            | Job::Snapshot
            | Job::CheckNew
            | Job::CheckOld => 5 * MINUTE,
            Job::StopOld
            | Job::Unprepare
            | Job::StartOld
            | Job::StopNew
            | Job::Finish
            | Job::PruneBackups
            | Job::DiscardPartial
            | Job::DiscardContext
            | Job::DiscardImage => 2 * MINUTE,
            // A restore of the largest database that fits the forward budget takes about three times its dump.
            // It stays below the half hour after which RabbitMQ takes a message back.
            Job::Restore | Job::RehearseBackup | Job::VerifyBackup => 25 * MINUTE,
        })
    }

    /// How many tries may fail or be lost before the run gives it up. What cannot be undone gets more, and so does
    /// what holds up nobody else; undo jobs, too: giving up means calling a person. Tries that a worker handed back do not count.
    pub fn attempts_max(self) -> u32 {
        let is_patient = matches!(self, Job::Finish | Job::PruneBackups) || self.plan() == Plan::Ship;
        match self.direction() {
            Direction::Forward if !is_patient => 3,
            Direction::Forward | Direction::Undo => 6,
        }
    }

    /// The pause before the next try of a job that failed, after this many failed or were lost: one second,
    /// doubling up to half a minute. Whoever queues the try adds jitter.
    pub fn backoff(strikes: u32) -> Duration {
        match strikes {
            0 => Duration::ZERO,
            strikes => Duration::from_secs(1 << (strikes - 1).min(5)),
        }
    }

    /// Its place in its plan, from 0; `None` for an undo job.
    pub fn position(self) -> Option<usize> {
        self.sequence().iter().position(|job| *job == self)
    }

    /// What to run, in order, when everything up to and including this job may have had an effect.
    ///
    /// The job itself is included: one that failed or was lost may have acted all the same.
    /// Nothing to undo gives an empty sequence.
    pub fn unwinding(self) -> impl Iterator<Item = Job> + Clone {
        let armed = self.position().map_or(0, |position| position + 1);
        let undo = self.sequence()[..armed].iter().rev().filter_map(|job| job.undo());
        let check = undo.clone().next().map(|_| Job::CheckOld);
        undo.chain(check)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_named_after_its_worker() {
        for job in Job::ALL {
            let (worker, _) = job.as_str().split_once('.').unwrap();
            assert_eq!(worker, job.worker().as_str(), "{job}");
        }
    }

    #[test]
    fn every_step_has_a_forward_job_in_order() {
        let mut steps: alloc::vec::Vec<_> = PLAN.iter().map(|job| job.step().number()).collect();
        steps.dedup();
        assert_eq!(steps, (1..=11).collect::<alloc::vec::Vec<_>>());
        let mut steps: alloc::vec::Vec<_> = SHIP.iter().map(|job| job.step().number()).collect();
        steps.dedup();
        assert_eq!(steps, (1..=6).collect::<alloc::vec::Vec<_>>());
        assert_eq!((Step::Cleanup.total(), Step::Seal.total()), (11, 6));
    }

    #[test]
    fn the_database_is_restored_between_stop_new_and_start_old() {
        let order: alloc::vec::Vec<_> = Job::CheckNew.unwinding().map(Job::as_str).collect();
        assert_eq!(
            order,
            [
                "swap.stop_new",
                "backup.restore",
                "swap.start_old",
                "swap.unprepare",
                "cleanup.discard_image",
                "cleanup.discard_context",
                "backup.discard_partial",
                "health.check_old",
            ]
        );
    }

    #[test]
    fn nothing_done_means_nothing_to_undo() {
        assert_eq!(Job::Validate.unwinding().count(), 0);
        assert_eq!(Job::CheckWindow.unwinding().count(), 0);
    }

    #[test]
    fn a_ship_run_leaves_nothing_to_undo_and_shares_no_job_with_the_plan() {
        for job in SHIP {
            assert_eq!((job.plan(), job.direction()), (Plan::Ship, Direction::Forward), "{job}");
            assert_eq!((job.sequence(), job.unwinding().count()), (&SHIP[..], 0), "{job}");
            assert!(!PLAN.contains(&job), "{job}");
        }
    }

    #[test]
    fn an_errand_is_one_forward_job_that_leaves_nothing_to_undo() {
        for errand in ERRANDS {
            assert_eq!((errand.plan(), errand.direction()), (Plan::Errand, Direction::Forward), "{errand}");
            assert_eq!((errand.sequence(), errand.unwinding().count()), (&[*errand][..], 0), "{errand}");
        }
    }
}
