//! One round: what was found, and what is told.
//!
//! Of errands that promotions wait for ([`domain::turn`]) this is the only place that sees them end: a held job is
//! queued or its run fails, and an errand that nobody waits for any more is stopped. Every commit that moves a run
//! brings the next round at once.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use domain::run::Event;
use domain::{Direction, Turn};
use engine::schedule::{Moved, follow_opening, moved_openings};
use engine::start::{release, remind};
use engine::store::clock::Jump;
use engine::store::jobs::Try;
use engine::store::{Store, StoreError, answered, clock, leadership};
use engine::{Engine, Report, Reporter, advance, relay};
use uuid::Uuid;

/// A job that nobody takes is announced again after the first pause, since its message is probably lost or
/// in the hands of somebody who is gone, and then ever more rarely, since its workers are probably busy.
const REMINDER_PAUSES: RangeInclusive<Duration> = Duration::from_secs(2)..=Duration::from_mins(1);

/// A message that nobody published for this long is published from here: no scheduler seems to run.
const STUCK_AFTER: Duration = Duration::from_secs(10);

/// What is not as it should be.
pub(crate) struct Found {
    late: Vec<Uuid>,
    lost: Vec<Try>,
    starved: Vec<Try>,
    held: Vec<(Try, Turn)>,
    unwanted: Vec<Uuid>,
    openings: Vec<Moved>,
}

impl Found {
    /// Looks at all runs and changes nothing.
    pub(crate) async fn look(store: &Store) -> Result<Self, StoreError> {
        let waited = Direction::Forward.queue_limit();
        let starved = match waited {
            Some(waited) => store.starved_tries(Direction::Forward, waited).await?,
            None => Vec::new(),
        };
        // Windows that cannot be read keep no run from its deadline.
        let openings = match moved_openings(store).await {
            Err(error) if !error.is_passing() => {
                tracing::error!(%error, "the deployment windows cannot be read: nothing scheduled starts");
                Vec::new()
            }
            found => found?,
        };
        Ok(Self {
            late: store.runs_past_deadline().await?,
            lost: store.lost_tries().await?,
            starved,
            held: held(store).await?,
            openings,
            unwanted: store.unwanted_errands().await?,
        })
    }

    /// Tells the runs, and sends again what got lost on the way.
    pub(crate) async fn tell(self, engine: &Engine, term: i64) -> Result<(), StoreError> {
        for run in self.late {
            tell(engine, term, run, &Event::DeadlinePassed).await?;
        }
        for Try { run, job, attempt } in self.lost {
            tell(engine, term, run, &Event::Lost { job, attempt }).await?;
        }
        for starved in self.starved {
            tell(engine, term, starved.run, &nobody_came(starved)).await?;
        }
        for moved in &self.openings {
            if let Err(error) = follow_opening(engine, term, moved).await {
                pass_over(&moved.promotion, error)?;
            }
        }
        for (which, turn) in self.held {
            match turn {
                Turn::Now => {
                    if let Err(error) = release(engine, which).await {
                        pass_over(&which.run, error)?;
                    }
                }
                Turn::Later => {}
                Turn::Never(reason) => {
                    let Try { run, job, attempt } = which;
                    tell(engine, term, run, &Event::Failed { job, attempt, reason, retry: false }).await?;
                }
            }
        }
        for errand in self.unwanted {
            tell(engine, term, errand, &nobody_waits()).await?;
        }
        for forgotten in remind(engine, REMINDER_PAUSES).await? {
            tracing::warn!(run = %forgotten.run, job = %forgotten.job, "announced a job again that nobody took");
        }
        let stuck = relay::sweep(engine, STUCK_AFTER).await?;
        if stuck > 0 {
            tracing::warn!(messages = stuck, "published messages that nobody had published for long");
        }
        Ok(())
    }
}

/// Jobs that were held until an errand was over, and what is to be done about each now that it is.
async fn held(store: &Store) -> Result<Vec<(Try, Turn)>, StoreError> {
    let mut held = Vec::new();
    for (which, errand) in store.held_tries().await? {
        if let Some(errand) = store.run(errand).await? {
            held.push((which, which.job.turn(&errand)));
        }
    }
    Ok(held)
}

/// Moves leases, deadlines and delays with the database's clock, which somebody set.
pub(crate) async fn follow_jump(engine: &Engine, term: i64, jump: Jump) -> Result<(), StoreError> {
    tracing::warn!(jump.seconds, "the database's clock was set; leases and deadlines move with it");
    let moved = async {
        let mut tx = engine.store.begin().await?;
        if leadership::holds(&mut tx, term).await? {
            clock::follow_jump(&mut tx, jump, engine.config.lease()).await?;
        }
        tx.commit().await
    };
    answered(moved).await
}

fn nobody_came(Try { job, attempt, .. }: Try) -> Event {
    let reason = format!(
        "Nobody got around to “{}” for five minutes: the part of Slipway called “{}” does not run or has too much to do. See to it, then ship again.",
        job.step().title(),
        job.worker(),
    );
    Event::Failed { job, attempt, reason, retry: false }
}

fn nobody_waits() -> Event {
    Event::CancelRequested {
        by: "Slipway".into(),
        reason: "the deployment that waited for it is undone.".into(),
    }
}

async fn tell(engine: &Engine, term: i64, run: Uuid, event: &Event) -> Result<(), StoreError> {
    match advance(engine, run, event, Reporter::Supervisor { term }, &Report::default()).await {
        Ok(told) => tracing::info!(%run, ?event, ?told, "told a run"),
        Err(error) => pass_over(&run, error)?,
    }
    Ok(())
}

/// What is bad must not hold up the others, nor what somebody is at, maybe over a network that swallows what it
/// is sent; it is looked at again next round.
fn pass_over(what: &dyn Display, error: StoreError) -> Result<(), StoreError> {
    if error.is_passing() {
        return Err(error);
    }
    if matches!(error, StoreError::Busy(_)) {
        tracing::info!(%what, "somebody is at it; it is told next round");
    } else {
        tracing::error!(%what, %error, "it could not be told");
    }
    Ok(())
}
