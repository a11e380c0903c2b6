//! A whole Slipway in one process, except that its workers do nothing but what a test says.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::run::{Event, Outcome, Phase, Run};
use domain::{
    BuildId, ChangeRequestId, ChangeType, Job, Plan, PromotionId, Risk, Status, Step, Topic, Worker,
};
use engine::advance::job_message;
use engine::approval::approve;
use engine::start::{self, Wish};
use engine::store::promotions::{Facts, New};
use engine::{
    Advanced, Config, Engine, Errand, JobContext, JobHandler, Report, Reporter, Shutdown, StepError, advance,
    relay, worker,
};
use protocol::question::Question;
use scratch::Database;
use serde_json::json;
use store::audit::Actor;
use store::backups::Checked;
use store::jobs::{self, End, Try};
use store::{Store, outbox, progress, promotions, runs};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use transport::{Broker, Exchange, Message, Queue};
use uuid::Uuid;

/// Longest wait for what must happen. Only failing tests take that long.
const PATIENCE: Duration = Duration::from_secs(30);

/// The installation that tests ship to.
pub(crate) const INSTALLATION: &str = "shop";

/// What a worker does when it is given a job.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Reports success.
    Succeed,
    /// Reports a failure that another try may help.
    Retry(&'static str),
    /// Reports a failure for good.
    Fail(&'static str),
    /// Says no.
    Refuse(&'static str),
    /// Breaks.
    Panic,
    /// Never ends by itself.
    Hang,
    /// Waits until the test opens the gate, then reports success.
    Wait,
    /// Reports that the backup with this file is damaged, for this reason.
    FindDamaged(&'static str, &'static str),
    /// Reports success and that this errand is to be done.
    Order(Job),
    /// Asks a person about this.
    Ask(Topic, &'static str),
    /// Puts it off for this long.
    Postpone(Duration),
}

/// Does what the test says and remembers what it was asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Workers {
    script: Arc<Mutex<BTreeMap<(Job, u32), Act>>>,
    begun: Arc<Mutex<Vec<(Job, u32)>>>,
    dropped: Arc<Mutex<Vec<(Job, u32)>>>,
    gate: CancellationToken,
}

/// Remembers that a job was let go of before it ended.
struct Hold<'a>(&'a Workers, (Job, u32));

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        self.0.dropped.lock().unwrap().push(self.1);
    }
}

impl Workers {
    /// Says what to do on one try of a job; what nobody speaks of succeeds.
    pub(crate) fn on(self, job: Job, attempt: u32, act: Act) -> Self {
        self.script.lock().unwrap().insert((job, attempt), act);
        self
    }

    /// From now on every try succeeds.
    pub(crate) fn forget_script(&self) {
        self.script.lock().unwrap().clear();
    }

    /// Tries that were begun, in order.
    pub(crate) fn begun(&self) -> Vec<(Job, u32)> {
        self.begun.lock().unwrap().clone()
    }

    /// Jobs whose first try was begun, in order.
    pub(crate) fn jobs(&self) -> Vec<Job> {
        self.begun().into_iter().filter(|(_, attempt)| *attempt == 1).map(|(job, _)| job).collect()
    }

    /// Tries that were let go of while they hung.
    pub(crate) fn dropped(&self) -> Vec<(Job, u32)> {
        self.dropped.lock().unwrap().clone()
    }

    /// Lets those go on that wait.
    pub(crate) fn open_gate(&self) {
        self.gate.cancel();
    }
}

impl JobHandler for Workers {
    async fn run(&self, job: Job, cx: &JobContext) -> Result<Report, StepError> {
        let attempt = (job, cx.attempt);
        self.begun.lock().unwrap().push(attempt);
        let act = self.script.lock().unwrap().get(&attempt).cloned().unwrap_or(Act::Succeed);
        match act {
            Act::Succeed => {}
            Act::Retry(why) => return Err(StepError::retry(why, std::io::Error::other("as the test says"))),
            Act::Fail(why) => return Err(StepError::fail_plainly(why)),
            Act::Refuse(why) => return Err(StepError::Refuse(why.to_owned())),
            Act::Panic => panic!("as the test says"),
            Act::Hang => {
                let _hold = Hold(self, attempt);
                pending::<()>().await;
            }
            Act::Wait => self.gate.cancelled().await,
            Act::FindDamaged(path, why) => {
                let (path, rung) = (path.to_owned(), "written".to_owned());
                let checked = Checked { path, problem: Some(why.to_owned()), rung };
                return Err(StepError::damaged(checked, std::io::Error::other("as the test says")));
            }
            Act::Ask(topic, sentence) => {
                let question = Question {
                    fingerprints: vec!["f1".to_owned(), "f2".to_owned()],
                    ..Question::about(topic, sentence.to_owned())
                };
                return Err(StepError::Ask(Box::new(question)));
            }
            Act::Postpone(pause) => return Err(StepError::Postpone(pause)),
            Act::Order(job) => {
                let errands = vec![Errand { job, input: json!({ "after": cx.order.run }) }];
                return Ok(Report { errands, ..Report::default() });
            }
        }
        let change_set = (job == Job::Seal).then(|| "5e".repeat(32));
        let facts = Facts { change_set, ..Facts::default() };
        Ok(Report { facts, ..Report::with_output(&json!({ "by": job.as_str() }))? })
    }
}

/// One process of Slipway, as far as a test starts it.
pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) workers: Workers,
    tasks: Vec<JoinHandle<()>>,
}

impl World {
    /// Nothing runs yet. The lease is so long that no test can wait for its end by accident.
    pub(crate) async fn idle(database: &Database, workers: Workers) -> World {
        let store = Store::connect(&database.url(), 12).await.unwrap();
        store.migrate().await.unwrap();
        store
            .apply_installation(INSTALLATION, &json!({ "name": INSTALLATION }), &actor("Ines"))
            .await
            .unwrap();
        let config = Config {
            database_url: database.url(),
            data_dir: std::env::temp_dir(),
            lease_seconds: 600,
            ..Config::default()
        };
        let engine = Engine {
            config: Arc::new(config),
            store,
            broker: Broker::local(),
            shutdown: Shutdown::default(),
            owner: Uuid::new_v4().to_string().into(),
        };
        World { engine, workers, tasks: Vec::new() }
    }

    /// Workers, relay and supervisor run.
    pub(crate) async fn running(database: &Database, workers: Workers) -> World {
        let mut world = Self::idle(database, workers).await;
        world.start_workers();
        world.start_relay();
        world.start_supervisor();
        world
    }

    /// All that work on promotions. Ship runs are done by [`World::created`].
    pub(crate) fn start_workers(&mut self) {
        self.start_workers_of(&[
            Worker::Scheduler,
            Worker::Backup,
            Worker::Build,
            Worker::Swap,
            Worker::Health,
            Worker::Cleanup,
        ]);
    }

    pub(crate) fn start_workers_of(&mut self, kinds: &'static [Worker]) {
        for kind in kinds {
            let (engine, workers) = (self.engine.clone(), self.workers.clone());
            self.spawn(async move { worker::run(&engine, *kind, workers).await.unwrap() });
        }
    }

    pub(crate) fn start_relay(&mut self) {
        let engine = self.engine.clone();
        self.spawn(async move { relay::run(&engine).await });
    }

    pub(crate) fn start_supervisor(&mut self) {
        let engine = self.engine.clone();
        self.spawn(async move { supervisor::run(&engine).await.unwrap() });
    }

    fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.push(tokio::spawn(task));
    }

    /// Ends the process as an operator does.
    pub(crate) async fn end(self) {
        self.engine.shutdown.abandon();
        let store = self.engine.store.clone();
        self.drained().await;
        store.close().await;
    }

    /// Waits until everything has ended; the records stay open.
    pub(crate) async fn drained(self) {
        for task in self.tasks {
            tokio::time::timeout(PATIENCE, task).await.expect("a role does not end").unwrap();
        }
    }

    /// A promotion that waits for approval.
    pub(crate) async fn created(&self, number: u32) -> PromotionId {
        self.created_at(INSTALLATION, number).await
    }

    /// The same at an installation.
    pub(crate) async fn created_at(&self, installation: &str, number: u32) -> PromotionId {
        let id = self.shipping_to(installation, number).await;
        self.seal(&id).await;
        id
    }

    /// Leaves the records as the promotion's ship run does; nobody is ordered to do its jobs.
    pub(crate) async fn seal(&self, id: &PromotionId) {
        let run = self.ship_run(id).await;
        let which = Try { run, job: Job::Seal, attempt: 1 };
        self.engine.store.claim(which, "ship", Duration::from_mins(1)).await.unwrap().unwrap();
        let mut tx = self.engine.store.begin().await.unwrap();
        runs::update(&mut tx, run, &Run { phase: Phase::Finished(Outcome::Done) }).await.unwrap();
        jobs::end(&mut tx, which, End::Succeeded, None, None).await.unwrap();
        let facts = Facts { change_set: Some("5e".repeat(32)), ..Facts::default() };
        promotions::set_facts(&mut tx, id, &facts).await.unwrap();
        promotions::set_status(&mut tx, id, Status::Pending, None).await.unwrap();
        let about = promotions::about(&mut tx, id).await.unwrap();
        let (title, installation) = (about.title, about.installation);
        let told = format!("“{title}” is ready to be shipped to {installation} and waits for approval.");
        progress::insert(&mut tx, id, "created", None, &told).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// The promotion's ship run, which is under way.
    pub(crate) async fn ship_run(&self, id: &PromotionId) -> Uuid {
        let mut tx = self.engine.store.begin().await.unwrap();
        runs::open_ship_run(&mut tx, id).await.unwrap().unwrap()
    }

    /// A promotion that is being shipped.
    pub(crate) async fn shipping(&self, number: u32) -> PromotionId {
        self.shipping_to(INSTALLATION, number).await
    }

    async fn shipping_to(&self, installation: &str, number: u32) -> PromotionId {
        let id = PromotionId::new(number);
        let new = New {
            id: id.clone(),
            change_request: ChangeRequestId::new(2026, number),
            build: BuildId::new(number),
            title: format!("Feature {number}"),
            installation: installation.to_owned(),
            sandbox: json!({ "directory": "/sandbox" }),
            baseline: None,
            change_type: ChangeType::Normal,
            risk: Risk::Low,
            requested_by: "Mara".to_owned(),
            verification: None,
            contribution: None,
        };
        let by = actor("build-studio");
        start::create_promotion(&self.engine, &format!("message {number}"), &new, &by).await.unwrap();
        id
    }

    /// A promotion whose turn may come.
    pub(crate) async fn approved(&self, number: u32) -> PromotionId {
        let id = self.created(number).await;
        assert_eq!(approve(&self.engine, &id, &actor("Ines"), None).await.unwrap(), Wish::Granted);
        id
    }

    /// A promotion that was just started, and its run.
    pub(crate) async fn started(&self, number: u32) -> (PromotionId, Uuid) {
        let id = self.approved(number).await;
        assert_eq!(start::start_next(&self.engine).await.unwrap().as_ref(), Some(&id));
        // It may be over already.
        let run = self.engine.store.latest_run(&id, domain::Plan::Promotion).await.unwrap().unwrap().id;
        (id, run)
    }

    /// Waits until the run is over; says how.
    pub(crate) async fn outcome(&self, run: Uuid) -> Outcome {
        let ended = self.eventually("the run is over", async || match self.run(run).await.phase {
            Phase::Finished(outcome) => Some(outcome),
            Phase::Forward { .. }
            | Phase::Asking { .. }
            | Phase::Draining { .. }
            | Phase::Compensating { .. }
            | Phase::NeedsAttention { .. } => None,
        });
        let outcome = ended.await;
        self.assert_history_gives_the_run(run).await;
        outcome
    }

    /// Waits until a person has to act.
    pub(crate) async fn until_stuck(&self, run: Uuid) {
        self.eventually("a person is called", async || {
            matches!(self.run(run).await.phase, Phase::NeedsAttention { .. }).then_some(())
        })
        .await;
        self.assert_history_gives_the_run(run).await;
    }

    /// What a person does to the run.
    pub(crate) async fn person(&self, run: Uuid, event: &Event) -> Advanced {
        advance(&self.engine, run, event, Reporter::Person(&actor("Ines")), &Report::default()).await.unwrap()
    }

    /// Another process with the same records, where only a supervisor runs.
    pub(crate) async fn another(&self) -> World {
        let store = Store::connect(&self.engine.config.database_url, 4).await.unwrap();
        let engine = Engine {
            store,
            shutdown: Shutdown::default(),
            owner: Uuid::new_v4().to_string().into(),
            ..self.engine.clone()
        };
        let mut world = World { engine, workers: self.workers.clone(), tasks: Vec::new() };
        world.start_supervisor();
        world
    }

    /// Another process that reaches the records by this URL, where only workers of these kinds run.
    pub(crate) async fn workers_at(&self, url: &str, kinds: &'static [Worker], workers: Workers) -> World {
        let engine = Engine {
            store: Store::connect(url, 4).await.unwrap(),
            shutdown: Shutdown::default(),
            owner: Uuid::new_v4().to_string().into(),
            ..self.engine.clone()
        };
        let mut world = World { engine, workers, tasks: Vec::new() };
        world.start_workers_of(kinds);
        world
    }

    /// The same world with leases this long.
    pub(crate) fn with_lease(mut self, seconds: u64) -> World {
        let config = Config { lease_seconds: seconds, ..(*self.engine.config).clone() };
        self.engine.config = Arc::new(config);
        self
    }

    /// Ends at once and says nothing to anybody.
    pub(crate) async fn vanish(self) {
        for task in self.tasks {
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
        }
        self.engine.store.close().await;
    }

    /// Puts an order of the run's current job into the outbox, where it stays.
    pub(crate) async fn keep_order(&self, run: Uuid) {
        let (job, attempt) = self.run(run).await.current().unwrap();
        let mut tx = self.engine.store.begin().await.unwrap();
        let order = job_message(Try { run, job, attempt }, None);
        outbox::insert(&mut tx, &order, Duration::ZERO).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Leads the supervisors; says in which term.
    pub(crate) async fn lead(&self) -> i64 {
        let campaign = self.engine.store.campaign(&self.engine.owner, Duration::from_mins(1)).await;
        campaign.unwrap().term.unwrap()
    }

    pub(crate) async fn run(&self, run: Uuid) -> Run {
        self.engine.store.run(run).await.unwrap().unwrap()
    }

    pub(crate) async fn status(&self, id: &PromotionId) -> Status {
        self.engine.store.promotion(id).await.unwrap().unwrap().status
    }

    pub(crate) async fn reason(&self, id: &PromotionId) -> Option<String> {
        self.engine.store.promotion(id).await.unwrap().unwrap().reason
    }

    /// What people were told, one line each.
    pub(crate) async fn told(&self, id: &PromotionId) -> String {
        let told = self.engine.store.progress_after(id, 0).await.unwrap();
        let line = |step: Option<Step>| step.map_or(" -".to_owned(), |step| format!("{:2}", step.number()));
        let lines: Vec<_> =
            told.iter().map(|it| format!("{} {}: {}", line(it.step), it.kind, it.message)).collect();
        lines.join("\n")
    }

    /// Tells the workers to look whether their jobs are still wanted.
    pub(crate) async fn nudge_workers(&self, run: Uuid) {
        let word = Message {
            id: Uuid::now_v7(),
            exchange: Exchange::Control,
            routing_key: "stop".to_owned(),
            body: json!({ "run": run }).to_string().into_bytes(),
            content_type: "application/json".to_owned(),
            traceparent: None,
        };
        assert_eq!(self.engine.broker.publish(vec![word]).await, [Ok(())]);
    }

    /// Queues a try that the run knows nothing of.
    pub(crate) async fn queue(&self, which: Try) {
        let mut tx = self.engine.store.begin().await.unwrap();
        jobs::insert(&mut tx, which, which.job.direction(), Duration::ZERO).await.unwrap();
        tx.commit().await.unwrap();
        let order = job_message(which, None);
        let message = Message {
            id: order.id,
            exchange: order.exchange.parse().unwrap(),
            routing_key: order.routing_key,
            body: order.body.to_string().into_bytes(),
            content_type: "application/json".to_owned(),
            traceparent: None,
        };
        assert_eq!(self.engine.broker.publish(vec![message]).await, [Ok(())]);
    }

    /// Takes a message from the queue and forgets it.
    pub(crate) async fn lose_message(&self, queue: &Queue) {
        let mut messages = self.engine.broker.consume(queue, 1, CancellationToken::new());
        assert!(messages.next().await.unwrap().ack().await);
    }

    /// Waits until leases that nobody renews are over.
    pub(crate) async fn for_longer_than_a_lease(&self) {
        sleep(2 * self.engine.config.lease()).await;
    }

    /// Waits until a worker has begun this try.
    pub(crate) async fn until_begun(&self, job: Job, attempt: u32) {
        self.eventually(&format!("try {attempt} of {job} is begun"), async || {
            self.workers.begun().contains(&(job, attempt)).then_some(())
        })
        .await;
    }

    /// Looks again and again until there is something to see.
    pub(crate) async fn eventually<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            assert!(Instant::now() < deadline, "never came: {what}; begun: {:?}", self.workers.begun());
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn assert_history_gives_the_run(&self, id: Uuid) {
        let history = self.engine.store.run_history(id).await.unwrap();
        let job = history.iter().find_map(Event::report).map(|(job, _)| job);
        let begun = match job.map(|job| (job, job.plan())) {
            Some((job, Plan::Errand)) => Run::errand(job),
            Some((_, Plan::Ship)) => Run::ship(),
            Some((_, Plan::Promotion)) | None => Run::start(),
        };
        let replayed = history.iter().fold(begun.run, |run, event| {
            run.apply(event).unwrap_or_else(|why| panic!("{event:?}: {why}")).run
        });
        assert_eq!(replayed, self.run(id).await);
    }
}

/// Somebody, who sits at this test.
pub(crate) fn actor(name: &str) -> Actor {
    Actor { name: name.to_owned(), from: "a test".to_owned() }
}
