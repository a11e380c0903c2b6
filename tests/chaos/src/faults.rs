//! The faults: what goes wrong, when, and to whom.

mod engine;
mod half_started;
mod happened;
mod kind;

use std::fs::File;
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;
use servers::interrupt::Interrupt;
use servers::postgres::Postgres;
use servers::rabbitmq::RabbitMq;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use transport::{Exchange, Queue};

use crate::load::{Load, order};
use crate::records::{ClockPair, Held};
use crate::role::owns;
use crate::world::{self, World};
use scratch::Random;

use happened::Disturbance;
pub(crate) use happened::{Happened, Kill};
use kind::STREAM;
pub(crate) use kind::{Fault, Selection, plan};

/// The shortest and longest pause between two faults, in milliseconds.
const PAUSE: (u64, u64) = (20, 300);
/// After a disturbance a process may need this long to connect again.
const COMES_TO_ITSELF: Duration = Duration::from_secs(3);
/// The kinds of workers that take orders.
const WORKERS: [&str; 7] = ["scheduler", "ship", "backup", "build", "swap", "health", "cleanup"];

/// Makes things go wrong in step with the load.
pub(crate) struct Villain {
    pub(crate) world: Arc<World>,
    pub(crate) load: Arc<Load>,
    pub(crate) happened: Arc<Happened>,
    pub(crate) interrupt: Interrupt,
    pub(crate) random: Random,
    pub(crate) log: Arc<Mutex<File>>,
    pub(crate) begin: Instant,
    clock: Option<ClockPair>,
    /// What comes to its end later: processes that stay away for a while, silent links.
    later: JoinSet<()>,
}

impl Villain {
    pub(crate) fn new(
        world: Arc<World>,
        load: Arc<Load>,
        happened: Arc<Happened>,
        interrupt: Interrupt,
        seed: u64,
    ) -> Result<Self> {
        let log = File::create(world.folder().join("faults.log")).context("create the log of faults")?;
        Ok(Self {
            world,
            load,
            happened,
            interrupt,
            random: Random::stream(seed, STREAM + 1),
            log: Arc::new(Mutex::new(log)),
            begin: Instant::now(),
            clock: None,
            later: JoinSet::new(),
        })
    }

    /// Does all that is planned, spread over the load; returns when everything has been put right again.
    pub(crate) async fn act(mut self, plan: Vec<Fault>, per_promotion: f64) {
        for fault in plan {
            let (from, to) = PAUSE;
            let pause = Duration::from_millis(from + self.random.below(to - from));
            tokio::time::sleep(pause).await;
            while !self.is_due(per_promotion) && !self.interrupt.is_raised() {
                self.care();
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            if self.interrupt.is_raised() || self.load.finished() >= self.load.total {
                break;
            }
            self.care();
            match self.strike(fault).await {
                Ok(Some(what)) => {
                    self.note(&format!("{fault}: {what}"));
                    self.happened.note(fault);
                }
                Ok(None) => {}
                Err(error) => self.note(&format!("{fault}: did not work: {error:#}")),
            }
            while self.later.try_join_next().is_some() {}
        }
        while self.load.finished() < self.load.total && !self.interrupt.is_raised() {
            self.care();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.note("the load is over: everything is put right");
        while self.later.join_next().await.is_some() {}
        self.heal();
    }

    fn is_due(&self, per_promotion: f64) -> bool {
        let number = self.happened.total();
        let (started, finished) = (self.load.started(), self.load.finished());
        #[expect(clippy::cast_precision_loss, reason = "thousands")]
        let done = f64::midpoint(finished as f64, started as f64);
        #[expect(clippy::cast_precision_loss, reason = "thousands")]
        let is_due = (number as f64) < done * per_promotion + 1.0;
        is_due
    }

    /// Starts again what has ended by itself, as a service manager would.
    fn care(&self) {
        for role in self.world.roles() {
            let Some(mut process) = role.process() else { continue };
            if let Ok(Some(how)) = process.ended() {
                let how = how.lines().next().unwrap_or_default().to_owned();
                let started = process.start_again();
                drop(process);
                self.happened.note_end();
                self.disturb(Some(role.name.clone()), COMES_TO_ITSELF);
                self.note(&format!("by itself: {how}; started again: {}", started.is_ok()));
            }
        }
    }

    /// Starts everything that is away and lets everything pass.
    pub(crate) fn heal(&self) {
        for role in self.world.roles() {
            role.to_broker.silence(false);
            role.to_records.silence(false);
            if let Err(error) = role.start_again() {
                self.note(&format!("could not be started again: {error:#}"));
            }
        }
    }

    /// Notes that a process, or everybody, cannot work as usual from now on for so long.
    fn disturb(&self, process: Option<String>, length: Duration) {
        if let Some(clock) = self.clock {
            let now = Instant::now();
            let (from, to) = (clock.at(now), clock.at(now + length));
            self.happened.note_disturbance(Disturbance { process, from, to });
        }
    }

    fn note(&self, text: &str) {
        note(&self.log, self.begin, text);
    }

    async fn strike(&mut self, fault: Fault) -> Result<Option<String>> {
        match fault {
            Fault::KillAny => {
                let number = self.random.place(self.world.roles().len());
                self.kill(number).await
            }
            Fault::KillHolder => self.kill_holder().await,
            Fault::Restart => Ok(Some(self.restart())),
            Fault::CutBroker => Ok(Some(self.cut(true))),
            Fault::CutRecords => Ok(Some(self.cut(false))),
            Fault::SilenceBroker => Ok(Some(self.silence(true))),
            Fault::SilenceRecords => Ok(Some(self.silence(false))),
            Fault::DuplicateOrders => self.duplicate_orders().await,
            Fault::StealOrder => self.steal_order().await,
            Fault::Garbage => self.garbage().await.map(Some),
            Fault::CloseBrokerConnections => Ok(Some(self.begin(fault, |world, _| {
                world.rabbitmq().control(&["close_all_connections", "chaos"]).map(|_| ())
            }))),
            Fault::MemoryAlarm => Ok(Some(self.memory_alarm())),
            Fault::RestartBroker | Fault::KillBroker => Ok(Some(self.restart_broker(fault))),
            Fault::TerminateBackends => {
                let query = "select count(pg_terminate_backend(pid)) from pg_stat_activity
                             where datname = current_database() and pid <> pg_backend_pid()";
                let rows = self.world.records.rows(query, &[]).await?;
                let count: i64 = rows.first().context("a count")?.get(0);
                self.disturb(None, COMES_TO_ITSELF);
                Ok(Some(format!("{count} of them")))
            }
            Fault::RestartRecords | Fault::KillRecords => Ok(Some(self.restart_records(fault))),
            Fault::RestartEngine | Fault::KillEngine => Ok(self.restart_engine(fault).await),
        }
    }

    /// Kills a process, unless somebody waits for its end; it comes back at once or after up to four seconds.
    async fn kill(&mut self, number: usize) -> Result<Option<String>> {
        let held = match tokio::time::timeout(Duration::from_secs(1), self.world.records.held()).await {
            Ok(Ok((held, clock))) => {
                self.clock = Some(clock);
                held
            }
            Ok(Err(_)) | Err(_) => Vec::new(),
        };
        let role = &self.world.roles()[number];
        let Some(mut process) = role.process() else { return Ok(None) };
        let held: Vec<Held> = held.into_iter().filter(|held| owns(&process, &held.owner)).collect();
        process.kill_alone()?;
        let moment = Instant::now();
        let name = role.name.clone();
        drop(process);
        let jobs: Vec<_> = held.iter().map(|held| held.which.job.clone()).collect();
        if let Some(clock) = self.clock.filter(|_| !held.is_empty()) {
            let held = held.into_iter().map(|held| held.which).collect();
            self.happened.note_kill(Kill { at: clock.at(moment), held });
        }
        let away = if self.random.percent(50) { 0 } else { self.random.below(4_000) };
        self.disturb(Some(name.clone()), Duration::from_millis(away) + COMES_TO_ITSELF);
        self.bring_back(number, away);
        Ok(Some(format!("{name}, back after {away} ms, held {jobs:?}")))
    }

    fn bring_back(&mut self, number: usize, away_ms: u64) {
        let (world, log, begin) = (Arc::clone(&self.world), Arc::clone(&self.log), self.begin);
        let start = move || {
            if let Err(error) = world.roles()[number].start_again() {
                note(&log, begin, &format!("could not be started again: {error:#}"));
            }
        };
        if away_ms == 0 {
            return start();
        }
        self.later.spawn(async move {
            tokio::time::sleep(Duration::from_millis(away_ms)).await;
            start();
        });
    }

    async fn kill_holder(&mut self) -> Result<Option<String>> {
        let (held, _) = self.world.records.held().await?;
        let holders: Vec<usize> = held.iter().filter_map(|held| self.world.owner(&held.owner)).collect();
        let Some(number) = self.random.pick(&holders).copied() else { return Ok(None) };
        self.kill(number).await
    }

    fn restart(&mut self) -> String {
        let number = self.random.place(self.world.roles().len());
        let world = Arc::clone(&self.world);
        let (log, begin) = (Arc::clone(&self.log), self.begin);
        let name = world.roles()[number].name.clone();
        self.disturb(Some(name.clone()), world::GRACE + COMES_TO_ITSELF);
        self.later.spawn_blocking(move || {
            let role = &world.roles()[number];
            if let Err(error) = role.restart() {
                note(&log, begin, &format!("restart of {}: {error:#}", role.name));
            }
        });
        name
    }

    fn cut(&mut self, is_broker: bool) -> String {
        let role = &self.world.roles()[self.random.place(self.world.roles().len())];
        let link = if is_broker { &role.to_broker } else { &role.to_records };
        link.cut();
        let name = role.name.clone();
        self.disturb(Some(name.clone()), COMES_TO_ITSELF);
        name
    }

    /// From one second to twice the lease and more.
    fn silence(&mut self, is_broker: bool) -> String {
        let number = self.random.place(self.world.roles().len());
        let length = Duration::from_millis(1_000 + self.random.below(6_000));
        let world = Arc::clone(&self.world);
        let name = world.roles()[number].name.clone();
        self.disturb(Some(name.clone()), length + COMES_TO_ITSELF);
        let set = move |is_silent| {
            let role = &world.roles()[number];
            if is_broker { role.to_broker.silence(is_silent) } else { role.to_records.silence(is_silent) }
        };
        set(true);
        self.later.spawn(async move {
            tokio::time::sleep(length).await;
            set(false);
        });
        format!("{name}, {} ms", length.as_millis())
    }

    /// Publishes up to five orders once more.
    async fn duplicate_orders(&mut self) -> Result<Option<String>> {
        let tries = self.world.records.newest_tries().await?;
        let mut messages = Vec::new();
        for _ in 0..=self.random.below(4) {
            let Some((which, direction)) = self.random.pick(&tries) else { return Ok(None) };
            let body = json!({ "run": which.run, "job": which.job, "attempt": which.attempt });
            let exchange = if direction == "undo" { Exchange::Undo } else { Exchange::Jobs };
            let (worker, _) = which.job.split_once('.').context("a job is named after its worker")?;
            messages.push(order(exchange, worker, body.to_string().into_bytes()));
        }
        let count = messages.len();
        let confirmed = self.world.broker.publish(messages).await.iter().filter(|it| it.is_ok()).count();
        Ok(Some(format!("{confirmed} of {count} confirmed")))
    }

    /// Takes the next order of some queue, if one comes within a second.
    async fn steal_order(&mut self) -> Result<Option<String>> {
        let worker = WORKERS[self.random.place(WORKERS.len())].to_owned();
        let queue = if self.random.percent(30) { Queue::Undo(worker) } else { Queue::Jobs(worker) };
        let stop = CancellationToken::new();
        let mut thief = self.world.broker.consume(&queue, 1, stop.clone());
        let stolen = tokio::time::timeout(Duration::from_secs(1), thief.next()).await;
        let what = match stolen {
            Ok(Some(order)) => {
                let body = String::from_utf8_lossy(&order.body).into_owned();
                order.ack().await.then_some(body)
            }
            Ok(None) | Err(_) => None,
        };
        stop.cancel();
        while let Some(another) = thief.next().await {
            // One that is not heard comes again by itself.
            let _is_heard = another.retry().await;
        }
        Ok(what)
    }

    async fn garbage(&mut self) -> Result<String> {
        let worker = WORKERS[self.random.place(WORKERS.len())];
        let bodies = [
            b"{".to_vec(),
            br#"{"run":"00000000-0000-0000-0000-000000000000","job":"swap.stop_old","attempt":1}"#.to_vec(),
            br#"{"run":"x","job":"rm -rf","attempt":-1}"#.to_vec(),
            vec![0xff; 1000],
        ];
        let body = bodies[self.random.place(bodies.len())].clone();
        let exchanges = [Exchange::Jobs, Exchange::Undo, Exchange::Ship];
        let exchange = exchanges[self.random.place(exchanges.len())];
        let confirmed = self.world.broker.publish(vec![order(exchange, worker, body)]).await;
        Ok(format!("to {} {worker}, confirmed: {}", exchange.as_str(), confirmed.iter().all(Result::is_ok)))
    }

    /// Does something to a server that may take a while; the other faults go on meanwhile.
    fn begin(
        &mut self,
        fault: Fault,
        disturb: impl FnOnce(&World, &Interrupt) -> Result<()> + Send + 'static,
    ) -> String {
        let (world, interrupt) = (Arc::clone(&self.world), self.interrupt.clone());
        let (happened, clock) = (Arc::clone(&self.happened), self.clock);
        let (log, begin) = (Arc::clone(&self.log), self.begin);
        self.later.spawn_blocking(move || {
            let from = Instant::now();
            let outcome = disturb(&world, &interrupt);
            if let Some(clock) = clock {
                let (from, to) = (clock.at(from), clock.at(Instant::now() + COMES_TO_ITSELF));
                happened.note_disturbance(Disturbance { process: None, from, to });
            }
            let how = outcome.map_or_else(|error| format!("did not work: {error:#}"), |()| "over".to_owned());
            note(&log, begin, &format!("{fault}: {how} after {} ms", from.elapsed().as_millis()));
        });
        "begins".to_owned()
    }

    fn memory_alarm(&mut self) -> String {
        let length = Duration::from_millis(500 + self.random.below(3_000));
        self.begin(Fault::MemoryAlarm, move |world, _| {
            let limit =
                |share| world.rabbitmq().control(&["set_vm_memory_high_watermark", share]).map(|_| ());
            limit("0.000001")?;
            std::thread::park_timeout(length);
            limit("0.4")
        })
    }

    fn restart_broker(&mut self, fault: Fault) -> String {
        self.begin(fault, move |world, interrupt| {
            let mut rabbitmq = world.rabbitmq();
            let end = if fault == Fault::KillBroker { RabbitMq::kill } else { RabbitMq::stop };
            end(&mut rabbitmq)?;
            rabbitmq.start_again()?;
            rabbitmq.wait_until_ready(interrupt)
        })
    }

    fn restart_records(&mut self, fault: Fault) -> String {
        let away = Duration::from_millis(self.random.below(1_500));
        self.begin(fault, move |world, interrupt| {
            let mut postgres = world.postgres();
            let end = if fault == Fault::KillRecords { Postgres::kill } else { Postgres::stop };
            end(&mut postgres)?;
            std::thread::park_timeout(away);
            postgres.start_again()?;
            postgres.wait_until_ready(interrupt)
        })
    }
}

fn note(log: &Mutex<File>, begin: Instant, text: &str) {
    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
    if let Err(error) = writeln!(log, "{:>9.3} {text}", begin.elapsed().as_secs_f64()) {
        eprintln!("the log of faults cannot be written: {error}");
    }
}
