//! The load: features go through the front door, one after the other in each shop.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use servers::interrupt::Interrupt;
use transport::{Exchange, Message};
use uuid::Uuid;

use crate::feature::{Feature, Kind};
use crate::shop::{Model, Shop};
use crate::world::World;
use scratch::Random;

/// A promotion that is not over by then is left; the check at the end looks at it again.
const PATIENCE: Duration = Duration::from_mins(5);
/// How often somebody waiting looks again.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How often a person has a rollback that was given up tried again.
const RESUMES_MAX: usize = 20;

/// Streams of random numbers: features have the first million of them.
const FIRST_FEATURE: u64 = 1_000;

/// What the run shipped and what its client was told.
#[derive(Debug, Clone)]
pub(crate) struct Shipment {
    pub(crate) number: usize,
    pub(crate) build: String,
    pub(crate) kind: Kind,
    /// The door has taken responsibility for it.
    pub(crate) is_accepted: bool,
    pub(crate) promotion: Option<String>,
    /// The cancel was accepted.
    pub(crate) is_cancelled: bool,
    /// How often a person had its rollback tried again.
    pub(crate) resumes: usize,
}

/// All shipments, and how far they are.
pub(crate) struct Load {
    pub(crate) total: usize,
    next: AtomicUsize,
    finished: AtomicUsize,
    shipments: Mutex<Vec<Shipment>>,
}

impl Load {
    pub(crate) fn of(total: usize) -> Self {
        Self {
            total,
            next: AtomicUsize::new(0),
            finished: AtomicUsize::new(0),
            shipments: Mutex::new(Vec::new()),
        }
    }

    pub(crate) fn started(&self) -> usize {
        self.next.load(Ordering::Relaxed).min(self.total)
    }

    pub(crate) fn finished(&self) -> usize {
        self.finished.load(Ordering::Relaxed)
    }

    pub(crate) fn shipments(&self) -> MutexGuard<'_, Vec<Shipment>> {
        self.shipments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a number from the pile; `None` when all are taken.
    fn take(&self) -> Option<usize> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        (number < self.total).then_some(number)
    }

    fn note(&self, number: usize, change: impl FnOnce(&mut Shipment)) {
        if let Some(shipment) = self.shipments().iter_mut().find(|shipment| shipment.number == number) {
            change(shipment);
        }
    }
}

/// Ships to one shop until nothing is left to ship.
pub(crate) async fn drive(
    world: Arc<World>,
    load: Arc<Load>,
    shop: Arc<Shop>,
    model: Arc<Model>,
    seed: u64,
    interrupt: Interrupt,
) -> Result<()> {
    let driver = Driver { world, load, interrupt, client: client()? };
    while !driver.interrupt.is_raised() {
        let Some(number) = driver.load.take() else { return Ok(()) };
        let mut random = Random::stream(seed, FIRST_FEATURE + u64::try_from(number)?);
        let feature = Feature::develop(number, &shop, &model, &mut random)?;
        driver.load.shipments().push(Shipment {
            number,
            build: feature.build.clone(),
            kind: feature.kind,
            is_accepted: false,
            promotion: None,
            is_cancelled: false,
            resumes: 0,
        });
        if let Err(error) = driver.promote(number, &feature, &mut random).await {
            // Whether that is Slipway's fault is for the check at the end to say.
            eprintln!("{}: {} ({}): {error:#}", shop.name, feature.build, feature.kind.name());
        }
        driver.load.finished.fetch_add(1, Ordering::Relaxed);
        std::fs::remove_dir_all(&feature.sandbox)?;
    }
    Ok(())
}

fn client() -> Result<Client> {
    Ok(Client::builder().timeout(Duration::from_secs(10)).pool_max_idle_per_host(0).build()?)
}

struct Driver {
    world: Arc<World>,
    load: Arc<Load>,
    interrupt: Interrupt,
    client: Client,
}

impl Driver {
    async fn promote(&self, number: usize, feature: &Feature, random: &mut Random) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        let by_http = random.percent(30);
        let copies = if random.percent(15) { 2 } else { 1 };
        for _ in 0..copies {
            self.ship(feature, by_http, end).await?;
            self.load.note(number, |shipment| shipment.is_accepted = true);
        }
        let id = self.answer(feature, end).await?;
        self.load.note(number, |shipment| shipment.promotion = Some(id.clone()));
        self.until_sealed(&id, end).await?;
        feature.spoil()?;
        let decision = json!({ "by": "release manager" });
        self.decide(&id, "approve", &decision, end).await?;
        if feature.kind == Kind::Cancelled {
            tokio::time::sleep(Duration::from_millis(random.below(7_000))).await;
            let decision = json!({ "by": "release manager", "reason": "second thoughts" });
            let is_cancelled = self.decide(&id, "cancel", &decision, end).await?;
            self.load.note(number, |shipment| shipment.is_cancelled = is_cancelled);
        }
        self.until_over(number, &id, end).await
    }

    /// Hands the message in until somebody has taken responsibility for it.
    async fn ship(&self, feature: &Feature, by_http: bool, end: Instant) -> Result<()> {
        if by_http {
            let (status, body) = self.ask(Method::POST, "/ships", Some(&feature.message), end).await?;
            if !status.is_success() {
                bail!("the ship message was refused: {status} {body}");
            }
            return Ok(());
        }
        let message = Message {
            id: feature.message_id,
            exchange: Exchange::Ship,
            routing_key: "ship".to_owned(),
            body: feature.message.to_string().into_bytes(),
            content_type: "application/cloudevents+json".to_owned(),
            traceparent: None,
        };
        loop {
            let confirmed = self.world.broker.publish(vec![message.clone()]).await;
            if confirmed.iter().all(Result::is_ok) {
                return Ok(());
            }
            self.again(end, "the broker does not take the ship message").await?;
        }
    }

    /// The promotion that the ship message became.
    async fn answer(&self, feature: &Feature, end: Instant) -> Result<String> {
        let path = format!("/ships/{}", feature.message_id);
        loop {
            let (_, body) = self.ask(Method::GET, &path, None, end).await?;
            match body["state"].as_str() {
                Some("accepted") => return Ok(body["promotion"].as_str().unwrap_or_default().to_owned()),
                Some("refused") => bail!("the ship message was refused: {body}"),
                _ => self.again(end, "nobody takes the ship message").await?,
            }
        }
    }

    /// Waits until the promotion has left the place where it was built, or cannot.
    async fn until_sealed(&self, id: &str, end: Instant) -> Result<()> {
        let path = format!("/promotions/{id}");
        loop {
            let (_, body) = self.ask(Method::GET, &path, None, end).await?;
            if body["status"].as_str().is_some_and(|status| status != "shipping") {
                return Ok(());
            }
            if let Some(asked) = body.pointer("/question/fingerprints") {
                let meant = json!({ "by": "Ines", "answer": "acknowledge", "reason": "It is meant.", "fingerprints": asked });
                self.decide(id, "acknowledge", &meant, end).await?;
            }
            self.again(end, "its files are not sealed").await?;
        }
    }

    /// Approves or cancels; `false` when it is too late for that.
    async fn decide(&self, id: &str, what: &str, decision: &Value, end: Instant) -> Result<bool> {
        let path = format!("/promotions/{id}/{what}");
        let (status, body) = self.ask(Method::POST, &path, Some(decision), end).await?;
        match status {
            StatusCode::CONFLICT => Ok(false),
            status if status.is_success() => Ok(true),
            status => bail!("{what} was refused: {status} {body}"),
        }
    }

    async fn until_over(&self, number: usize, id: &str, end: Instant) -> Result<()> {
        let path = format!("/promotions/{id}");
        let mut resumes = 0;
        loop {
            let (_, body) = self.ask(Method::GET, &path, None, end).await?;
            let is_finished = body["finished_at"].is_string();
            match body["status"].as_str() {
                Some(
                    "deployed" | "rolled_back" | "cancelled" | "rejected" | "approved" | "needs_attention",
                ) if is_finished => {
                    return Ok(());
                }
                Some("cancelled" | "rejected" | "not_shipped") => return Ok(()),
                Some("needs_attention") if resumes < RESUMES_MAX => {
                    resumes += 1;
                    let decision = json!({ "by": "release manager" });
                    let resume = format!("{path}/resume");
                    let (status, _) = self.ask(Method::POST, &resume, Some(&decision), end).await?;
                    if status.is_success() {
                        self.load.note(number, |shipment| shipment.resumes += 1);
                    }
                }
                _ => {}
            }
            self.again(end, "it does not come to its end").await?;
        }
    }

    /// The answer to a request, asked again while the console is away or short of its servers.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        end: Instant,
    ) -> Result<(StatusCode, Value)> {
        loop {
            let mut request = self.client.request(method.clone(), self.world.api(path));
            if let Some(body) = body {
                request = request.json(body);
            }
            if let Ok(answer) = request.send().await {
                let status = answer.status();
                let body = answer.json().await;
                match body {
                    Ok(body) if !status.is_server_error() => return Ok((status, body)),
                    Err(_) if status.is_client_error() => return Ok((status, Value::Null)),
                    Ok(_) | Err(_) => {}
                }
            }
            self.again(end, "the console does not answer").await?;
        }
    }

    async fn again(&self, end: Instant, what: &str) -> Result<()> {
        if self.interrupt.is_raised() {
            bail!("interrupted");
        }
        if Instant::now() > end {
            bail!("waited {} s in vain: {what}", PATIENCE.as_secs());
        }
        tokio::time::sleep(LOOK_EVERY).await;
        Ok(())
    }
}

/// A message for workers, as a program that means no good would send it.
pub(crate) fn order(exchange: Exchange, worker: &str, body: Vec<u8>) -> Message {
    Message {
        id: Uuid::new_v4(),
        exchange,
        routing_key: worker.to_owned(),
        body,
        content_type: "application/json".to_owned(),
        traceparent: None,
    }
}
