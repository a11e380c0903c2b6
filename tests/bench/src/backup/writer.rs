//! Somebody who writes all the time, and comes back when sent away.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_postgres::{Client, Config, NoTls};
use tokio_util::sync::CancellationToken;

/// How often a row is written, and how soon after a failure it is tried again.
pub(crate) const EVERY: Duration = Duration::from_millis(5);

/// So many rows without a failure mean that the writer is at work.
const STEADY: usize = 40;

/// No cut-over keeps the writer out for longer.
const STEADY_LIMIT: Duration = Duration::from_mins(2);

/// Writes in a thread of its own, so that what it measures does not hold it up.
pub(crate) struct Writer {
    /// When each row was committed.
    rows: Arc<Mutex<Vec<Instant>>>,
    stop: CancellationToken,
    thread: JoinHandle<io::Result<()>>,
}

impl Writer {
    /// Begins to write into the table `visits` of the database.
    pub(crate) fn start(config: &Config) -> Result<Self> {
        let (rows, stop) = (Arc::<Mutex<Vec<Instant>>>::default(), CancellationToken::new());
        let (config, written, stopped) = (config.clone(), Arc::clone(&rows), stop.clone());
        let thread = thread::Builder::new().name("writer".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(write_until(&stopped, &config, &written));
            Ok(())
        });
        Ok(Self { rows, stop, thread: thread.context("start the writer")? })
    }

    /// Waits until so many more rows are written that it is at work for sure.
    pub(crate) async fn until_steady(&self) -> Result<()> {
        let begun = Instant::now();
        while self.rows().iter().filter(|it| **it >= begun).count() < STEADY {
            if begun.elapsed() > STEADY_LIMIT {
                bail!("nothing could be written for {} s", STEADY_LIMIT.as_secs());
            }
            sleep(EVERY).await;
        }
        Ok(())
    }

    /// The longest time between two rows that were written one after the other, so far.
    pub(crate) fn longest_pause(&self) -> Duration {
        let rows = self.rows();
        let pauses = rows.windows(2).map(|pair| pair[1] - pair[0]);
        pauses.max().unwrap_or_default()
    }

    pub(crate) async fn finish(self) -> Result<()> {
        self.stop.cancel();
        let thread = self.thread;
        let ended =
            tokio::task::spawn_blocking(move || thread.join()).await.context("wait for the writer")?;
        ended.map_err(|_| anyhow!("the writer ended with a panic"))?.context("run the writer")
    }

    fn rows(&self) -> Vec<Instant> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn write_until(stop: &CancellationToken, config: &Config, written: &Mutex<Vec<Instant>>) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut client: Option<Client> = None;
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        // Sent away, or not let in: what the server says does not matter, only for how long.
        let connected = match client.take() {
            Some(connected) => connected,
            None => match config.connect(NoTls).await {
                Ok((connected, connection)) => {
                    tokio::spawn(connection);
                    connected
                }
                Err(_) => continue,
            },
        };
        if connected.batch_execute("INSERT INTO visits DEFAULT VALUES").await.is_ok() {
            written.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
            client = Some(connected);
        }
    }
}
