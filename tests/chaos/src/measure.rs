//! How fast Slipway recovered, from its own journal and the run's clock.

use anyhow::Result;
use uuid::Uuid;

use crate::faults::Happened;
use crate::world::World;

/// How many of the slowest recoveries are told one by one.
const SLOWEST: usize = 10;

/// A set of spans of time, in seconds, shortest first.
#[derive(Debug, Default)]
pub(crate) struct Spans(Vec<f64>);

impl Spans {
    fn of(mut spans: Vec<f64>) -> Self {
        spans.sort_by(f64::total_cmp);
        Self(spans)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The span that so many in a hundred do not exceed.
    pub(crate) fn percentile(&self, percent: usize) -> Option<f64> {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied()
    }
}

/// What followed the kill of a job's holder.
#[derive(Debug, Clone)]
pub(crate) struct Recovery {
    /// When it was killed, in seconds since 1970.
    pub(crate) killed: f64,
    /// When what follows the job was claimed.
    pub(crate) claimed: f64,
    /// The run.
    pub(crate) run: Uuid,
    /// The job that was lost.
    pub(crate) lost: String,
    /// The job that followed.
    pub(crate) next: String,
}

impl Recovery {
    /// How long it took, in seconds.
    pub(crate) fn took(&self) -> f64 {
        self.claimed - self.killed
    }
}

/// What was measured.
#[derive(Debug)]
pub(crate) struct Measured {
    /// From the kill of a job's holder to the claim of what follows it.
    pub(crate) recovery: Spans,
    /// Of the recoveries, those that no outage of a server fell into.
    pub(crate) recovery_alone: Spans,
    /// Of these, those with a supervisor and a worker of the kind there all the time.
    pub(crate) recovery_attended: Spans,
    /// Of the recoveries that no outage of a server fell into the ones that took longest.
    pub(crate) slowest: Vec<Recovery>,
    /// From a deadline to the moment when its run was told.
    pub(crate) deadline: Spans,
    /// The same without those that an outage of a server fell into.
    pub(crate) deadline_alone: Spans,
    /// How long runs took.
    pub(crate) runs: Spans,
    /// How long the shops were unavailable, as Slipway says.
    pub(crate) downtime: Spans,
    /// Why runs were undone: the kind of cause, the job, how many runs.
    pub(crate) causes: Vec<(String, String, i64)>,
    /// How long the tries of each job took in the middle.
    pub(crate) jobs: Vec<(String, i64, f64)>,
}

pub(crate) async fn measure(world: &World, happened: &Happened) -> Result<Measured> {
    let (mut recovery, mut attended, mut slowest) = (Vec::new(), Vec::new(), Vec::new());
    for kill in happened.kills() {
        for killed in &kill.held {
            // One that had reported before it died was not lost.
            let query = "select n.job, extract(epoch from n.started_at)::float8
                         from jobs j join jobs n on n.run = j.run and n.sequence > j.sequence
                         where j.run = $1 and j.job = $2 and j.attempt = $3 and j.state = 'lost'
                               and n.started_at is not null
                         order by n.sequence limit 1";
            let rows = world.records.rows(query, &[&killed.run, &killed.job, &killed.attempt]).await?;
            for row in rows {
                let (next, claimed): (String, f64) = (row.get(0), row.get(1));
                recovery.push((kill.at, claimed));
                let kind = next.split('.').next().unwrap_or_default();
                if happened.somebody_was_there(kill.at, claimed, kind) {
                    attended.push((kill.at, claimed));
                }
                if happened.servers_were_there(kill.at, claimed) {
                    let lost = killed.job.clone();
                    slowest.push(Recovery { killed: kill.at, claimed, run: killed.run, lost, next });
                }
            }
        }
    }
    slowest.sort_by(|one, other| other.took().total_cmp(&one.took()));
    slowest.truncate(SLOWEST);
    let query = "select extract(epoch from r.deadline_at)::float8, extract(epoch from e.at)::float8
                 from run_events e join runs r on r.id = e.run
                 where e.event ->> 'kind' = 'deadline_passed' and e.ignored is null";
    let deadlines: Vec<(f64, f64)> =
        world.records.rows(query, &[]).await?.iter().map(|row| (row.get(0), row.get(1))).collect();
    let spans = |pairs: &[(f64, f64)]| Spans::of(pairs.iter().map(|(from, to)| to - from).collect());
    let alone = |pairs: &[(f64, f64)]| -> Vec<(f64, f64)> {
        pairs.iter().copied().filter(|(from, to)| happened.servers_were_there(*from, *to)).collect()
    };
    let query = "select extract(epoch from finished_at - created_at)::float8 from runs where finished_at is not null and plan = 'promotion'";
    let runs = world.records.rows(query, &[]).await?.iter().map(|row| row.get(0)).collect();
    let query = "select downtime_ms::float8 / 1000 from promotions where downtime_ms is not null";
    let downtime = world.records.rows(query, &[]).await?.iter().map(|row| row.get(0)).collect();
    let query = "select job, count(*), percentile_cont(0.5) within group
                   (order by extract(epoch from finished_at - started_at))::float8
                 from jobs where state = 'succeeded' group by job order by min(sequence)";
    let jobs = world.records.rows(query, &[]).await?;
    let query = "select cause ->> 'kind', coalesce(cause ->> 'job', '–'), count(*) from runs
                 where cause is not null group by 1, 2 order by 3 desc, 1, 2";
    let causes = world.records.rows(query, &[]).await?;
    Ok(Measured {
        causes: causes.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect(),
        recovery_attended: spans(&attended),
        recovery_alone: spans(&alone(&recovery)),
        recovery: spans(&recovery),
        slowest,
        deadline_alone: spans(&alone(&deadlines)),
        deadline: spans(&deadlines),
        runs: Spans::of(runs),
        downtime: Spans::of(downtime),
        jobs: jobs.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::Spans;

    #[test]
    fn a_percentile_is_a_span_that_was_measured() {
        let spans = Spans::of(vec![3.0, 1.0, 2.0, 4.0]);
        let found = [0, 25, 50, 99, 100].map(|it| format!("{:?}", spans.percentile(it)));
        assert_eq!(found, ["Some(1.0)", "Some(1.0)", "Some(2.0)", "Some(4.0)", "Some(4.0)"]);
        assert_eq!(Spans::default().percentile(50), None);
    }
}
