//! The way to the engine.
//!
//! Calls go through bollard, except where its types lose something: a specification must come
//! and go whole, whatever the engine's version knows (and unlogged: bollard writes bodies to the
//! debug log, and these hold secrets), and a build needs its error codes and 64-bit limits.
//! Those go as plain requests. Both leave the API version to the engine, so a specification is
//! read and written in the same dialect.

use std::env;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bollard::API_DEFAULT_VERSION;
use bollard::errors::Error;
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde_json::Value;

/// Longest wait for a call that does no lasting work; the slowest seen take under two seconds.
pub(crate) const CALL_LIMIT: Duration = Duration::from_secs(30);

/// Bollard's own limit, above every limit set here, so that one place decides.
const CLIENT_LIMIT_SECONDS: u64 = 3600;

const DEFAULT_HOST: &str = "unix:///var/run/docker.sock";

#[derive(Debug, Clone)]
enum Address {
    Socket(PathBuf),
    Loopback(String),
}

/// An engine that may be away or restart: nothing is held open between calls.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    address: Address,
    http: reqwest::Client,
}

impl Engine {
    /// The engine at this host, or at `DOCKER_HOST`, or at the usual socket.
    pub(crate) fn at(host: Option<&str>) -> Result<Self> {
        let host = host.map(str::to_owned).or_else(|| env::var("DOCKER_HOST").ok());
        let address = parse(host.as_deref().unwrap_or(DEFAULT_HOST))?;
        let builder = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0);
        let builder = match &address {
            Address::Socket(path) => builder.unix_socket(path.as_path()),
            Address::Loopback(_) => builder,
        };
        let http = builder.build().context("setting up the connection to the Docker engine")?;
        Ok(Self { address, http })
    }

    /// The typed client.
    pub(crate) fn client(&self) -> Result<bollard::Docker, Error> {
        match &self.address {
            Address::Socket(path) => bollard::Docker::connect_with_unix(
                &path.to_string_lossy(),
                CLIENT_LIMIT_SECONDS,
                API_DEFAULT_VERSION,
            ),
            Address::Loopback(url) => {
                bollard::Docker::connect_with_http(url, CLIENT_LIMIT_SECONDS, API_DEFAULT_VERSION)
            }
        }
    }

    /// A plain request to this path.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let base = match &self.address {
            Address::Socket(_) => "http://docker",
            Address::Loopback(url) => url,
        };
        self.http.request(method, format!("{base}{path}"))
    }

    /// The document at this path, or `None` if the engine has no such thing.
    pub(crate) async fn fetch(&self, path: &str) -> Result<Option<Value>, Error> {
        match self.exchange(self.request(Method::GET, path)).await {
            Ok(document) => Ok(Some(document)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Posts a document and returns the answer; an empty answer is `Null`.
    pub(crate) async fn post(&self, path: &str, document: &Value) -> Result<Value, Error> {
        self.exchange(self.request(Method::POST, path).json(document)).await
    }

    /// Puts an archive there.
    pub(super) async fn put(&self, path: &str, archive: Vec<u8>) -> Result<(), Error> {
        let request = self.request(Method::PUT, path).header("Content-Type", "application/x-tar");
        self.exchange(request.body(archive)).await.map(drop)
    }

    async fn exchange(&self, request: RequestBuilder) -> Result<Value, Error> {
        within(CALL_LIMIT, async {
            let response = accepted(request.send().await.map_err(transport)?).await?;
            let body = response.bytes().await.map_err(transport)?;
            if body.is_empty() {
                return Ok(Value::Null);
            }
            Ok(serde_json::from_slice(&body)?)
        })
        .await
    }
}

fn parse(host: &str) -> Result<Address> {
    let url = Url::parse(host).with_context(|| format!("the Docker host {host:?} is not an address"))?;
    match url.scheme() {
        "unix" => Ok(Address::Socket(PathBuf::from(url.path()))),
        "tcp" | "http" => {
            let rest = host.split_once("://").map_or("", |(_, rest)| rest);
            let url = Url::parse(&format!("http://{rest}")).context("reading the Docker host")?;
            let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
            if !local {
                bail!(
                    "the Docker host {host:?} is another machine; an open engine may only be reached on this one"
                );
            }
            Ok(Address::Loopback(url.as_str().trim_end_matches('/').to_owned()))
        }
        _ => bail!("the Docker host {host:?} must start with unix:// or tcp://"),
    }
}

/// Passes an accepted answer on and turns a refusal into the same error that bollard gives.
pub(super) async fn accepted(response: Response) -> Result<Response, Error> {
    let status = response.status();
    if status.is_success() || status == StatusCode::NOT_MODIFIED {
        return Ok(response);
    }
    let text = response.text().await.map_err(transport)?;
    let message = serde_json::from_str::<Value>(&text).ok();
    let message = message.as_ref().and_then(|it| it["message"].as_str()).unwrap_or(&text).to_owned();
    Err(Error::DockerResponseServerError { status_code: status.as_u16(), message })
}

/// A failure on the way, as bollard has it.
pub(super) fn transport(error: reqwest::Error) -> Error {
    Error::IOError { err: std::io::Error::other(error) }
}

/// Waits for the engine, but no longer than `limit`.
pub(crate) async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    tokio::time::timeout(limit, call).await.unwrap_or(Err(Error::RequestTimeoutError))
}

/// What the engine refused with, if it was the engine that refused.
pub(super) fn status(error: &Error) -> Option<u16> {
    if let Error::DockerResponseServerError { status_code, .. } = error { Some(*status_code) } else { None }
}

pub(super) fn is_missing(error: &Error) -> bool {
    status(error) == Some(404)
}

pub(super) fn is_conflict(error: &Error) -> bool {
    status(error) == Some(409)
}

/// Takes "no such thing" for done: the thing was to go away.
pub(super) fn gone<T>(result: Result<T, Error>) -> Result<(), Error> {
    match result {
        Err(error) if !is_missing(&error) => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}
