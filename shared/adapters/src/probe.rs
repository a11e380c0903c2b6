//! Asks an application how it is, the way its users reach it.

mod downtime;
mod watch;

pub use downtime::{Sight, SinceStop, downtime};
pub use watch::{Seen, Service, Watch};

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use reqwest::Url;
use reqwest::header::HOST;
use reqwest::redirect::Policy;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// When an application counts as healthy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthRule {
    /// Asked through the port that users use; anything in 200–299 is good.
    pub url: String,
    /// How many good answers in a row it takes.
    #[serde(default = "successes_default")]
    pub successes: u32,
    /// The pause between two questions.
    #[serde(default = "interval_default")]
    pub interval_ms: u64,
    /// How long one answer may take.
    #[serde(default = "timeout_default")]
    pub timeout_ms: u64,
    /// How long it may take to become healthy.
    #[serde(default = "within_default")]
    pub within_seconds: u64,
    /// Where in the JSON answer the build id stands (`/build`); proves that the new version answers.
    #[serde(default)]
    pub build: Option<String>,
}

fn successes_default() -> u32 {
    3
}

fn interval_default() -> u64 {
    1_000
}

fn timeout_default() -> u64 {
    2_000
}

fn within_default() -> u64 {
    60
}

impl HealthRule {
    /// Whether the address is one that can be asked.
    pub fn is_http(&self) -> bool {
        Url::parse(&self.url).is_ok_and(|url| url.scheme() == "http" && url.has_host())
    }

    /// The pause between two questions.
    pub fn interval(&self) -> Duration {
        Duration::from_millis(self.interval_ms)
    }

    /// How long it may take to become healthy.
    pub fn within(&self) -> Duration {
        Duration::from_secs(self.within_seconds)
    }
}

/// What the application answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is well; its build id where the rule says where it stands.
    Good {
        /// The build that answered.
        build: Option<String>,
    },
    /// It answered that it is not well, for people.
    Bad(String),
    /// It did not answer, for people.
    Silent(String),
}

/// Longest part of an answer that is repeated to people, in bytes.
const EXCERPT_BYTES_MAX: usize = 300;

/// Asks one application.
#[derive(Debug, Clone)]
pub struct Probe {
    client: reqwest::Client,
    rule: HealthRule,
    /// The name that the application is to see, where it is asked at another address.
    host: Option<String>,
}

impl Probe {
    /// Gets ready to ask; each question goes over a connection of its own, as a new visitor's would.
    pub fn new(rule: HealthRule) -> Result<Self> {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_millis(rule.timeout_ms))
            .pool_max_idle_per_host(0)
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .context("set up the health probe")?;
        Ok(Self { client, rule, host: None })
    }

    /// Asks the same at another address; whoever is asked there sees the usual one.
    pub fn at(mut self, address: SocketAddr) -> Result<Self> {
        let mut url = Url::parse(&self.rule.url).context("read the health address")?;
        let host = url.host_str().context("the health address names no host")?;
        self.host = Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")));
        let is_moved =
            url.set_ip_host(address.ip()).and_then(|()| url.set_port(Some(address.port()))).is_ok();
        ensure!(is_moved, "the health address cannot be asked at {address}");
        self.rule.url = url.into();
        Ok(self)
    }

    /// The rule it asks by.
    pub fn rule(&self) -> &HealthRule {
        &self.rule
    }

    /// Asks once.
    pub async fn ask(&self) -> Answer {
        let answer = async {
            let mut question = self.client.get(&self.rule.url);
            if let Some(host) = &self.host {
                question = question.header(HOST, host);
            }
            let response = question.send().await?;
            Ok::<_, reqwest::Error>((response.status(), response.text().await?))
        };
        match answer.await {
            Ok((status, body)) if status.is_success() => Answer::Good { build: self.build_in(&body) },
            Ok((status, body)) => {
                tracing::debug!(%status, body, "an application is not well");
                Answer::Bad(format!("it answered that it is not well ({})", problem_in(&body, status)))
            }
            Err(error) if error.is_timeout() => Answer::Silent("it did not answer in time".into()),
            Err(error) if error.is_connect() => Answer::Silent("nothing answers at its address".into()),
            Err(error) => Answer::Silent(format!("its answer broke off ({error})")),
        }
    }

    fn build_in(&self, body: &str) -> Option<String> {
        let pointer = self.rule.build.as_deref()?;
        let body: Value = serde_json::from_str(body).ok()?;
        Some(body.pointer(pointer)?.as_str()?.to_owned())
    }
}

/// What an answer says is wrong, in the words of the application where it has some.
fn problem_in(body: &str, status: reqwest::StatusCode) -> String {
    let said: Option<Value> = serde_json::from_str(body).ok();
    let text = said.as_ref().and_then(|body| {
        ["problem", "detail", "message", "error"].iter().find_map(|field| body.get(field)?.as_str())
    });
    match text {
        Some(text) => text[..text.floor_char_boundary(EXCERPT_BYTES_MAX)].to_owned(),
        None => status.to_string(),
    }
}

/// The rule was met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Healthy {
    /// How long after the first question the first good answer of the series came.
    pub first_answer_after: Duration,
    /// Whether a question before it was not answered well.
    pub was_refused: bool,
    /// The build that answered, where the rule says where it stands.
    pub build: Option<String>,
}

/// How soon the next question follows while the application does not answer well yet: the first good answer ends
/// an outage, and is to be seen when it comes.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The same for one that takes its time.
const LOOK_LATER_EVERY: Duration = Duration::from_millis(100);

/// Most applications are there by then.
const BOOT_USUAL: Duration = Duration::from_secs(3);

impl Probe {
    /// Asks until enough good answers came in a row; where a build is expected and the rule says
    /// where it stands, only answers of that build are good.
    ///
    /// # Errors
    /// What was wrong last, for people, when that did not happen `within` the given time.
    pub async fn until_healthy(
        &self,
        within: Duration,
        expected: Option<&str>,
    ) -> std::result::Result<Healthy, String> {
        let begun = Instant::now();
        let mut good = 0;
        let mut first = Duration::ZERO;
        let mut was_refused = false;
        loop {
            let problem = match self.ask().await {
                Answer::Good { build } if self.is_expected(build.as_deref(), expected) => {
                    if good == 0 {
                        first = begun.elapsed();
                    }
                    good += 1;
                    if good >= self.rule.successes {
                        return Ok(Healthy { first_answer_after: first, was_refused, build });
                    }
                    None
                }
                Answer::Good { build } => Some(format!(
                    "another version answers ({})",
                    build.as_deref().unwrap_or("without a build id")
                )),
                Answer::Bad(problem) | Answer::Silent(problem) => Some(problem),
            };
            if let Some(problem) = problem {
                good = 0;
                was_refused = true;
                if begun.elapsed() >= within {
                    return Err(problem);
                }
            }
            let pause = if good > 0 { self.rule.interval() } else { self.pause_after(begun.elapsed()) };
            tokio::time::sleep(pause).await;
        }
    }

    /// The pause before the next question when none was answered well for so long.
    fn pause_after(&self, elapsed: Duration) -> Duration {
        let pause = if elapsed < BOOT_USUAL { LOOK_EVERY } else { LOOK_LATER_EVERY };
        pause.min(self.rule.interval())
    }

    fn is_expected(&self, found: Option<&str>, expected: Option<&str>) -> bool {
        self.rule.build.is_none() || expected.is_none() || found == expected
    }
}
