//! How fast Slipway recovered, from its own journal and the run's clock.

use anyhow::Result;

use crate::faults::Happened;
use crate::world::World;

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

/// What was measured.
#[derive(Debug)]
pub(crate) struct Measured {
    /// From the kill of a job's holder to the claim of what follows it.
    pub(crate) recovery: Spans,
    /// From the kill of a job's holder to the moment when its run was told, where no server was away.
    pub(crate) notice_alone: Spans,
    /// Of the recoveries, those that no outage of a server fell into.
    pub(crate) recovery_alone: Spans,
    /// From a deadline to the moment when its run was told.
    pub(crate) deadline: Spans,
    /// The same without those that an outage of a server fell into.
    pub(crate) deadline_alone: Spans,
    /// How long runs took.
    pub(crate) runs: Spans,
    /// How long the shops were unavailable, as Slipway says.
    pub(crate) downtime: Spans,
    /// How long the tries of each job took in the middle.
    pub(crate) jobs: Vec<(String, i64, f64)>,
}

pub(crate) async fn measure(world: &World, happened: &Happened) -> Result<Measured> {
    let outages = happened.outages();
    let is_alone = |from: f64, to: f64| !outages.iter().any(|(begin, end)| *begin < to && from < *end);
    let (mut recovery, mut notice) = (Vec::new(), Vec::new());
    for kill in happened.kills() {
        for killed in &kill.held {
            // One that had reported before it died was not lost.
            let query = "select extract(epoch from j.finished_at)::float8,
                                (select extract(epoch from min(n.started_at))::float8 from jobs n
                                 where n.run = j.run and n.sequence > j.sequence)
                         from jobs j
                         where j.run = $1 and j.job = $2 and j.attempt = $3 and j.state = 'lost'";
            let rows = world.records.rows(query, &[&killed.run, &killed.job, &killed.attempt]).await?;
            for row in rows {
                notice.extend(row.get::<_, Option<f64>>(0).map(|noticed| (kill.at, noticed)));
                recovery.extend(row.get::<_, Option<f64>>(1).map(|claimed| (kill.at, claimed)));
            }
        }
    }
    let query = "select extract(epoch from r.deadline_at)::float8, extract(epoch from e.at)::float8
                 from run_events e join runs r on r.id = e.run
                 where e.event ->> 'kind' = 'deadline_passed' and e.ignored is null";
    let deadlines: Vec<(f64, f64)> =
        world.records.rows(query, &[]).await?.iter().map(|row| (row.get(0), row.get(1))).collect();
    let spans = |pairs: &[(f64, f64)]| Spans::of(pairs.iter().map(|(from, to)| to - from).collect());
    let alone = |pairs: &[(f64, f64)]| -> Vec<(f64, f64)> {
        pairs.iter().copied().filter(|(from, to)| is_alone(*from, *to)).collect()
    };
    let query =
        "select extract(epoch from finished_at - created_at)::float8 from runs where finished_at is not null";
    let runs = world.records.rows(query, &[]).await?.iter().map(|row| row.get(0)).collect();
    let query = "select downtime_ms::float8 / 1000 from promotions where downtime_ms is not null";
    let downtime = world.records.rows(query, &[]).await?.iter().map(|row| row.get(0)).collect();
    let query = "select job, count(*), percentile_cont(0.5) within group
                   (order by extract(epoch from finished_at - started_at))::float8
                 from jobs where state = 'succeeded' group by job order by min(sequence)";
    let jobs = world.records.rows(query, &[]).await?;
    Ok(Measured {
        notice_alone: spans(&alone(&notice)),
        recovery_alone: spans(&alone(&recovery)),
        recovery: spans(&recovery),
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
