//! Visitors: one more every few milliseconds, whatever became of the ones before.

use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::gap::{Answer, Visit};

/// How often a visitor comes.
pub(crate) const EVERY: Duration = Duration::from_millis(5);

/// Longer than the second that a forgotten address of a container costs, and than any boot.
const VISIT_LIMIT: Duration = Duration::from_secs(10);

/// Good answers for so long mean that nothing more comes of a swap: what is late is a second late.
const STEADY: Duration = Duration::from_millis(1_500);

/// Half of those who come in that time: the prober may be held up, too.
const STEADY_VISITS: usize = 150;

const LOOK_EVERY: Duration = Duration::from_millis(50);

/// No swap takes longer.
const STEADY_LIMIT: Duration = Duration::from_mins(1);

/// More than any answer has.
const ANSWER_BYTES: u64 = 4_096;

/// Asks in a thread of its own, so that what it measures does not hold it up.
pub(crate) struct Prober {
    visits: Arc<Mutex<Vec<Visit>>>,
    origin: Instant,
    stop: CancellationToken,
    thread: JoinHandle<io::Result<()>>,
}

impl Prober {
    /// Begins to visit this port of the loopback address.
    pub(crate) fn start(port: u16) -> Result<Self> {
        let (visits, stop) = (Arc::<Mutex<Vec<Visit>>>::default(), CancellationToken::new());
        let origin = Instant::now();
        let (seen, stopped) = (Arc::clone(&visits), stop.clone());
        let thread = thread::Builder::new().name("prober".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(visit_until(&stopped, port, origin, &seen));
            Ok(())
        });
        Ok(Self { visits, origin, stop, thread: thread.context("start the prober")? })
    }

    /// Waits until every visitor of a while was answered well, by this version.
    pub(crate) async fn until_steady(&self, version: &str) -> Result<()> {
        let begun = Instant::now();
        loop {
            sleep(LOOK_EVERY).await;
            if begun.elapsed() >= STEADY && self.is_steady(version) {
                return Ok(());
            }
            if begun.elapsed() > STEADY_LIMIT {
                bail!("version {version} did not answer steadily within {} s", STEADY_LIMIT.as_secs());
            }
        }
    }

    /// Sends no more visitors, waits for those on their way, and tells what all met, in the order of their beginnings.
    pub(crate) async fn finish(self) -> Result<Vec<Visit>> {
        self.stop.cancel();
        let thread = self.thread;
        let ended =
            tokio::task::spawn_blocking(move || thread.join()).await.context("wait for the prober")?;
        ended.map_err(|_| anyhow!("the prober ended with a panic"))?.context("run the prober")?;
        let mut visits = std::mem::take(&mut *self.visits.lock().unwrap_or_else(PoisonError::into_inner));
        visits.sort_by_key(|it| it.begun);
        Ok(visits)
    }

    fn is_steady(&self, version: &str) -> bool {
        let since = self.origin.elapsed().saturating_sub(STEADY);
        let visits = self.visits.lock().unwrap_or_else(PoisonError::into_inner);
        let mut recent = 0;
        for visit in visits.iter().filter(|it| it.begun >= since) {
            let is_right = matches!(&visit.answer, Answer::Good(told) if told == version);
            if !(is_right && visit.is_well()) {
                return false;
            }
            recent += 1;
        }
        // Those who still wait are not among them.
        recent >= STEADY_VISITS
    }
}

async fn visit_until(stop: &CancellationToken, port: u16, origin: Instant, seen: &Arc<Mutex<Vec<Visit>>>) {
    let mut ticks = interval(EVERY);
    // Visitors who could not come in time do not come all at once later.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut visitors = JoinSet::new();
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let seen = Arc::clone(seen);
        visitors.spawn(async move {
            let begun = origin.elapsed();
            let answer = timeout(VISIT_LIMIT, ask(port)).await.unwrap_or(Answer::Bad);
            let visit = Visit { begun, took: origin.elapsed().saturating_sub(begun), answer };
            seen.lock().unwrap_or_else(PoisonError::into_inner).push(visit);
        });
        while visitors.try_join_next().is_some() {}
    }
    visitors.join_all().await;
}

async fn ask(port: u16) -> Answer {
    match exchange(port).await {
        Ok(answer) if answer.is_empty() => Answer::Refused,
        Ok(answer) => match answer.split_once("\r\n\r\n") {
            Some((head, version)) if head.starts_with("HTTP/1.1 200 ") => Answer::Good(version.to_owned()),
            Some(_) | None => Answer::Bad,
        },
        // Refused, reset, or broken off: nobody is there.
        Err(_) => Answer::Refused,
    }
}

async fn exchange(port: u16) -> io::Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES).read_to_string(&mut answer).await?;
    Ok(answer)
}
