//! The Docker engine in its own language, as a script would use it.

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use servers::docker::{self, Engine as Server};
use servers::folder::Folder;
use tokio::process::Command;

use super::image;
use crate::command::succeed;

/// The network of all containers; one for all, so that each way has the same to do.
pub(crate) const NETWORK: &str = "bench";

/// How long the application may take to stop; it takes none of it.
const STOP_SECONDS: u32 = 10;

/// A way to the private engine.
#[derive(Clone)]
pub(crate) struct Engine {
    host: String,
    http: reqwest::Client,
}

impl Engine {
    /// The engine that this server is, with the network and the images for the measuring.
    pub(crate) async fn of(server: &Server, folder: &Folder) -> Result<Self> {
        let host = server.host().to_owned();
        let socket = host.strip_prefix("unix://").context("the engine listens on a socket")?;
        let http = reqwest::Client::builder().unix_socket(socket).pool_max_idle_per_host(0).build()?;
        let engine = Self { host, http };
        engine.post("/networks/create", json!({ "Name": NETWORK, "Driver": "bridge" })).await?;
        image::build_all(&engine, folder).await?;
        Ok(engine)
    }

    /// Its address, as in `DOCKER_HOST`.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Its version, for the report.
    pub(crate) async fn version(&self) -> Result<String> {
        let version = self.call(Method::GET, "/version", Value::Null).await?;
        Ok(version["Version"].as_str().unwrap_or("of unknown version").to_owned())
    }

    /// Runs `docker` to its end.
    pub(crate) async fn docker(&self, arguments: &[&str]) -> Result<()> {
        succeed(Command::from(docker::command(&self.host)).args(arguments)).await.map(drop)
    }

    /// Creates a container of the application, not started.
    pub(crate) async fn create(&self, name: &str, image: &str, application: Application) -> Result<()> {
        let request = json!({
            "Image": image,
            "Env": [format!("BOOT_MILLISECONDS={}", application.boot_millis)],
            "ExposedPorts": { "8080/tcp": {} },
            "StopTimeout": STOP_SECONDS,
            "HostConfig": {
                "NetworkMode": NETWORK,
                "PortBindings": { "8080/tcp": [{ "HostIp": "127.0.0.1", "HostPort": application.port.to_string() }] },
                "RestartPolicy": { "Name": "unless-stopped" },
            },
        });
        self.post(&format!("/containers/create?name={name}"), request).await
    }

    pub(crate) async fn start(&self, name: &str) -> Result<()> {
        self.post(&format!("/containers/{name}/start"), Value::Null).await
    }

    pub(crate) async fn stop(&self, name: &str) -> Result<()> {
        self.post(&format!("/containers/{name}/stop?t={STOP_SECONDS}"), Value::Null).await
    }

    pub(crate) async fn remove(&self, name: &str) -> Result<()> {
        self.call(Method::DELETE, &format!("/containers/{name}"), Value::Null).await.map(drop)
    }

    pub(crate) async fn rename(&self, name: &str, to: &str) -> Result<()> {
        self.post(&format!("/containers/{name}/rename?name={to}"), Value::Null).await
    }

    /// Gives the image another name.
    pub(crate) async fn tag(&self, image: &str, repository: &str, tag: &str) -> Result<()> {
        self.post(&format!("/images/{image}/tag?repo={repository}&tag={tag}"), Value::Null).await
    }

    /// Removes every container, running or not.
    pub(crate) async fn remove_all(&self) -> Result<()> {
        let all = self.call(Method::GET, "/containers/json?all=1", Value::Null).await?;
        for container in all.as_array().context("list containers")? {
            let id = container["Id"].as_str().context("read a container's id")?;
            self.call(Method::DELETE, &format!("/containers/{id}?force=1"), Value::Null).await?;
        }
        Ok(())
    }

    async fn post(&self, path: &str, body: Value) -> Result<()> {
        self.call(Method::POST, path, body).await.map(drop)
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> Result<Value> {
        let request = self.http.request(method, format!("http://docker{path}"));
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = request.send().await.with_context(|| format!("ask the Docker engine for {path}"))?;
        let status = answer.status();
        let text = answer.text().await.context("read the Docker engine's answer")?;
        ensure!(status.is_success(), "{path}: {status} {text}");
        if text.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_str(&text)?) }
    }
}

/// What the application is like, whichever way it is swapped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Application {
    /// Where it is published on the loopback address.
    pub(crate) port: u16,
    /// How long it takes from its start until it listens.
    pub(crate) boot_millis: u64,
}
