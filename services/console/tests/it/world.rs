//! A console on a port of its own.

use std::sync::Arc;
use std::time::Duration;

use domain::run::{Event, Outcome, Phase, Run};
use domain::{BuildId, ChangeRequestId, ChangeType, Job, PromotionId, Risk, Status};
use engine::store::Store;
use engine::store::audit::Actor;
use engine::store::jobs::{self, End, Try};
use engine::store::promotions::{self, Facts, New};
use engine::store::{progress, runs};
use engine::transport::Broker;
use engine::{Config, Engine, Report, Reporter, Shutdown, advance, start};
use reqwest::{Client, Method, RequestBuilder, Response};
use scratch::{Database, with_database};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A console that answers, and what stands behind it.
pub(crate) struct Console<'a> {
    pub(crate) database: &'a Database,
    pub(crate) engine: Engine,
    base: String,
}

/// Runs a test with a console that asks for the token, if there is one.
pub(crate) async fn with_console(token: Option<&str>, test: impl AsyncFnOnce(Console<'_>)) {
    with_database(async |database| {
        let store = Store::connect(&database.url(), 5).await.unwrap();
        store.migrate().await.unwrap();
        store.apply_installation("shop", &json!({ "name": "shop" }), &actor("Ines")).await.unwrap();
        let config = Config { console_token: token.map(str::to_owned), ..Config::default() };
        let engine = Engine {
            config: Arc::new(config),
            store,
            broker: Broker::local(),
            shutdown: Shutdown::default(),
            owner: "console test".into(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let served = tokio::spawn({
            let engine = engine.clone();
            async move { console::serve(&engine, listener).await.unwrap() }
        });
        test(Console { database, engine: engine.clone(), base }).await;
        engine.shutdown.abandon();
        served.await.unwrap();
        engine.store.close().await;
    })
    .await;
}

impl Console<'_> {
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        Client::new().request(method, format!("{}{path}", self.base))
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Response {
        self.request(Method::POST, path).json(body).send().await.unwrap()
    }

    /// A promotion that waits for approval.
    pub(crate) async fn created(&self, number: u32) -> PromotionId {
        let id = PromotionId::new(number);
        let new = New {
            id: id.clone(),
            change_request: ChangeRequestId::new(2026, number),
            build: BuildId::new(number),
            title: format!("Feature {number}"),
            installation: "shop".to_owned(),
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
        self.seal(&id).await;
        id
    }
}

impl Console<'_> {
    /// Leaves the records as the promotion's ship run does.
    async fn seal(&self, id: &PromotionId) {
        let run = format!("select id::text from runs where promotion = '{id}' and plan = 'ship'");
        let run = self.database.text(&run).await.parse().unwrap();
        let which = Try { run, job: Job::Seal, attempt: 1 };
        self.engine.store.claim(which, "ship", Duration::from_mins(1)).await.unwrap().unwrap();
        let mut tx = self.engine.store.begin().await.unwrap();
        runs::update(&mut tx, run, &Run { phase: Phase::Finished(Outcome::Done) }).await.unwrap();
        jobs::end(&mut tx, which, End::Succeeded, None, None).await.unwrap();
        let facts = Facts { change_set: Some("5e".repeat(32)), ..Facts::default() };
        promotions::set_facts(&mut tx, id, &facts).await.unwrap();
        promotions::set_status(&mut tx, id, Status::Pending, None).await.unwrap();
        progress::insert(&mut tx, id, "created", None, "It waits for approval.").await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Works on the promotion: the new version turns out to be bad, and the old one too.
    pub(crate) async fn until_stuck(&self, id: &PromotionId) {
        let run = self.engine.store.open_run(id).await.unwrap().unwrap();
        while let Some((job, attempt)) = self.engine.store.run(run).await.unwrap().unwrap().current() {
            let which = Try { run, job, attempt };
            let lease =
                self.engine.store.claim(which, "worker", Duration::from_mins(1)).await.unwrap().unwrap();
            let event = if matches!(job, Job::CheckNew | Job::CheckOld) {
                Event::Failed { job, attempt, reason: "It does not answer.".to_owned(), retry: false }
            } else {
                Event::Succeeded { job, attempt }
            };
            let reporter = Reporter::Worker { token: lease.token };
            advance(&self.engine, run, &event, reporter, &Report::default()).await.unwrap();
        }
    }
}

/// The body of an answer that must be a problem of this status.
pub(crate) async fn problem(answer: Response, status: u16) -> Value {
    let kind = answer.headers().get("content-type").map(|it| it.to_str().unwrap().to_owned());
    let found = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    assert_eq!((found, kind.as_deref()), (status, Some("application/problem+json")), "{text}");
    let body: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(body["status"], status);
    assert!(!body["detail"].as_str().unwrap().is_empty());
    body
}

/// Somebody, who sits at this test.
pub(crate) fn actor(name: &str) -> Actor {
    Actor { name: name.to_owned(), from: "a test".to_owned() }
}
