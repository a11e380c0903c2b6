//! A shop's application in a container, and what the engine says of it when it is asked past Slipway.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::shop::succeed;

/// Where a container's port is published: not where programs get the ports from which they connect, since one
/// of those might have taken it while the engine was away.
const PUBLISHED_ON: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// The first version's tag.
pub(crate) const BASE: &str = "base";

/// A container, by the name that its versions bear one after the other.
pub(crate) struct Container {
    host: String,
    http: Client,
    name: String,
    /// What was there before anything was shipped.
    pub(crate) first: Found,
}

/// What the engine says of a shop.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found {
    /// The container that bears the shop's name, and those that Slipway has put beside it.
    pub(crate) family: Vec<Listed>,
    /// Tags of the shop's images, without the repository.
    pub(crate) tags: BTreeSet<String>,
    /// The image of the one that bears the name, and what Slipway has written on it.
    pub(crate) image: Option<String>,
    pub(crate) promotion: Option<String>,
    pub(crate) build: Option<String>,
    /// What must stay as it was at the one that bears the name, whichever version runs.
    pub(crate) traits: Value,
}

/// One of a shop's containers in a list of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) is_running: bool,
}

impl Container {
    /// Builds the image from the source and runs it under `name`; returns where it is published, too.
    pub(crate) async fn run(
        host: &str,
        name: &str,
        source: &Path,
        database: &str,
        port: u16,
    ) -> Result<(Self, SocketAddr)> {
        let socket = host.strip_prefix("unix://").context("the engine listens on a socket")?;
        let http = Client::builder().unix_socket(socket).pool_max_idle_per_host(0).build()?;
        let mut container =
            Self { host: host.to_owned(), http, name: name.to_owned(), first: Found::default() };
        let tag = format!("{name}:{BASE}");
        let mut build = Command::from(servers::docker::command(host));
        succeed(build.args(["build", "--quiet", "--tag", &tag]).arg(source)).await?;
        let network = json!({ "Name": name, "Driver": "bridge" });
        container.call(Method::POST, "/networks/create", Some(&network)).await?;
        let request = json!({
            "Image": tag,
            "Env": [format!("DATABASE_URL={database}"), "GREETING=Good morning"],
            "Labels": { "shop.owner": name },
            "User": "1234:1234",
            "ExposedPorts": { "8080/tcp": {} },
            "Volumes": { "/scratch": {} },
            "HostConfig": {
                "Binds": [format!("{name}-files:/files")],
                "PortBindings": {
                    "8080/tcp": [{ "HostIp": PUBLISHED_ON.to_string(), "HostPort": port.to_string() }],
                },
                // It comes back with the engine. After a kill the engine ends what still runs, and takes that for a
                // person's wish: `unless-stopped` would not come back.
                "RestartPolicy": { "Name": "always" },
                "Memory": 256 << 20,
                "NetworkMode": name,
            },
            "NetworkingConfig": { "EndpointsConfig": { (name): { "Aliases": ["storefront"] } } },
        });
        container.call(Method::POST, &format!("/containers/create?name={name}"), Some(&request)).await?;
        container.call(Method::POST, &format!("/containers/{name}/start"), None).await?;
        container.first = container.look().await?;
        Ok((container, SocketAddr::from((PUBLISHED_ON, port))))
    }

    /// How an installation describes it.
    pub(crate) fn description(&self) -> Value {
        json!({ "docker": {
            "host": self.host, "container": self.name, "image": self.name, "stop_timeout_seconds": 5,
        } })
    }

    /// What is there now.
    pub(crate) async fn look(&self) -> Result<Found> {
        let (family, tags) = (self.family().await?, self.tags().await?);
        let path = format!("/containers/{}/json", self.name);
        let Some(seen) = self.call(Method::GET, &path, None).await? else {
            return Ok(Found { family, tags, ..Found::default() });
        };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let labels = &seen["Config"]["Labels"];
        Ok(Found {
            family,
            tags,
            image: text(&seen["Image"]),
            promotion: text(&labels["slipway.promotion"]),
            build: text(&labels["slipway.build"]),
            traits: self.traits(&seen)?,
        })
    }

    /// The shop's containers, running or not.
    pub(crate) async fn family(&self) -> Result<Vec<Listed>> {
        let all = self.call(Method::GET, "/containers/json?all=1", None).await?.context("list containers")?;
        let beside = format!("{}--", self.name);
        let mut family = Vec::new();
        for container in all.as_array().context("list containers")? {
            let names = container["Names"].as_array().context("read names")?.iter().filter_map(Value::as_str);
            let mut names = names.map(|name| name.trim_start_matches('/'));
            let Some(name) = names.find(|name| *name == self.name || name.starts_with(&beside)) else {
                continue;
            };
            family.push(Listed { name: name.to_owned(), is_running: container["State"] == "running" });
        }
        Ok(family)
    }

    async fn tags(&self) -> Result<BTreeSet<String>> {
        let all = self.call(Method::GET, "/images/json", None).await?.context("list images")?;
        let repository = format!("{}:", self.name);
        let images = all.as_array().context("list images")?.iter();
        let tags = images.filter_map(|image| image["RepoTags"].as_array()).flatten();
        let own = tags.filter_map(|tag| tag.as_str()?.strip_prefix(&repository));
        Ok(own.map(str::to_owned).collect())
    }

    fn traits(&self, seen: &Value) -> Result<Value> {
        let (config, host) = (&seen["Config"], &seen["HostConfig"]);
        let mut labels = config["Labels"].clone();
        labels.as_object_mut().context("read labels")?.retain(|name, _| !name.starts_with("slipway."));
        let sorted = |list: &Value| {
            let mut list = list.as_array().cloned().unwrap_or_default();
            list.sort_by_key(Value::to_string);
            list
        };
        let mounts = seen["Mounts"].as_array().context("read mounts")?.iter();
        let mounts = mounts
            .map(|it| json!({ "name": it["Name"], "at": it["Destination"], "writable": it["RW"] }))
            .collect();
        // The engine adds the container's own short id to the names that were asked for.
        let own = seen["Id"].as_str().and_then(|id| id.get(..12)).context("read a container's id")?;
        let mut aliases = sorted(&seen["NetworkSettings"]["Networks"][&self.name]["Aliases"]);
        aliases.retain(|alias| alias != own);
        Ok(json!({
            "env": sorted(&config["Env"]),
            "labels": labels,
            "user": config["User"],
            "working_dir": config["WorkingDir"],
            "command": config["Cmd"],
            "exposed": config["ExposedPorts"],
            "ports": host["PortBindings"],
            "restart": host["RestartPolicy"]["Name"],
            "memory": host["Memory"],
            "network": host["NetworkMode"],
            "aliases": aliases,
            "mounts": sorted(&mounts),
        }))
    }

    /// The engine's answer; `None` when it has no such thing.
    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Option<Value>> {
        let mut request = self.http.request(method, format!("http://docker{path}"));
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.context("ask the Docker engine")?;
        let status = answer.status();
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let text = answer.text().await?;
        ensure!(status.is_success(), "{path}: {status} {text}");
        Ok(Some(if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? }))
    }
}
