//! A shop's application in a container, with something of everything that a swap has to carry over.

use std::path::Path;

use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use crate::database::{Database, cluster};
use crate::program::succeed;
use crate::{removal, servers};

/// How the application reaches its database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// At this machine's own address on the container's network.
    Machine,
    /// Through a container beside it, as if the database ran there.
    Neighbor,
}

/// A running container; it goes with its images, volumes and network when dropped.
pub(crate) struct Container {
    engine: Engine,
    name: String,
    /// What it was like at first, as the engine shows it.
    original: Value,
}

impl Container {
    /// Builds the image from the source and runs it under `name`, published on `port` of this machine.
    pub(crate) async fn run(name: &str, source: &Path, database: &Database, port: u16, reach: Reach) -> Self {
        let engine = Engine::connect();
        // From here on everything goes again when this value goes.
        let mut container = Self { engine, name: name.to_owned(), original: Value::Null };
        let engine = &container.engine;
        engine.build(&format!("{name}:base"), source).await;
        engine
            .call(Method::POST, "/networks/create", json!({ "Name": name, "Driver": "bridge" }))
            .await
            .unwrap();
        let network = engine.get(&format!("/networks/{name}")).await;
        let gateway = network["IPAM"]["Config"][0]["Gateway"].as_str().unwrap();
        let database_port = forward(gateway).await;
        let database_url = match reach {
            Reach::Machine => database.url_at(gateway, database_port),
            Reach::Neighbor => {
                engine.run_forwarder(name, &format!("{gateway}:{database_port}")).await;
                database.url_at("data", 5432)
            }
        };
        let request = json!({
            "Image": format!("{name}:base"),
            "Env": [format!("DATABASE_URL={database_url}"), "GREETING=Good morning"],
            "Labels": { "shop.owner": "e2e" },
            "User": "1234:1234",
            "ExposedPorts": { "8080/tcp": {} },
            "Volumes": { "/scratch": {} },
            "HostConfig": {
                "Binds": [format!("{name}-files:/files")],
                "PortBindings": { "8080/tcp": [{ "HostIp": "127.0.0.1", "HostPort": port.to_string() }] },
                "RestartPolicy": { "Name": "unless-stopped" },
                "Memory": 256 << 20,
                "NanoCpus": 1_500_000_000u64,
                "NetworkMode": name,
            },
            "NetworkingConfig": { "EndpointsConfig": { (name): { "Aliases": ["storefront"] } } },
        });
        engine.call(Method::POST, &format!("/containers/create?name={name}"), request).await.unwrap();
        engine.call(Method::POST, &format!("/containers/{name}/start"), Value::Null).await.unwrap();
        container.original = container.traits().await;
        container
    }

    /// How an installation describes it.
    pub(crate) fn description(&self) -> Value {
        json!({ "docker": { "host": servers::docker(), "container": self.name, "image": self.name, "stop_timeout_seconds": 5 } })
    }

    /// Puts the folder into a container beside the shop that does not run; answers where it is, for a ship message.
    pub(crate) async fn hold(&self, sandbox: &Path) -> Value {
        let name = format!("{}-sandbox", self.name);
        let request = json!({ "Image": format!("{}:base", self.name) });
        self.engine.call(Method::POST, &format!("/containers/create?name={name}"), request).await.unwrap();
        let mut archive = tar::Builder::new(Vec::new());
        archive.append_dir_all("workspace", sandbox).unwrap();
        let path = format!("http://docker/containers/{name}/archive?path=/");
        let request = self.engine.http.put(path).header("Content-Type", "application/x-tar");
        let answer = request.body(archive.into_inner().unwrap()).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
        json!({ "container": name, "path": "/workspace" })
    }

    /// Its id, and when it was started last.
    pub(crate) async fn start(&self) -> (String, String) {
        let seen = self.engine.get(&format!("/containers/{}/json", self.name)).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&seen["Id"]), text(&seen["State"]["StartedAt"]))
    }

    /// Networks that were made for the shop and that it is not on.
    pub(crate) async fn stray_networks(&self) -> Vec<String> {
        let all = self.engine.get("/networks").await;
        let seen = self.engine.get(&format!("/containers/{}/json", self.name)).await;
        let own = seen["NetworkSettings"]["Networks"].as_object().unwrap();
        let names = all.as_array().unwrap().iter().map(|it| it["Name"].as_str().unwrap());
        names.filter(|it| it.starts_with(&self.name) && !own.contains_key(*it)).map(str::to_owned).collect()
    }

    /// What must stay as it was, whichever version runs.
    pub(crate) async fn assert_same_traits(&self) {
        assert_eq!(self.traits().await, self.original, "the container is not as it was");
    }

    /// Names of the shop's containers, running or not.
    pub(crate) async fn siblings(&self) -> Vec<String> {
        self.engine.containers(&self.name).await.unwrap().into_iter().map(|(_, name)| name).collect()
    }

    /// Tags of the shop's images.
    pub(crate) async fn tags(&self) -> Vec<String> {
        self.engine.tags(&self.name).await.unwrap()
    }

    async fn traits(&self) -> Value {
        let seen = self.engine.get(&format!("/containers/{}/json", self.name)).await;
        let (config, host) = (&seen["Config"], &seen["HostConfig"]);
        let mut labels = config["Labels"].clone();
        labels.as_object_mut().unwrap().retain(|name, _| !name.starts_with("slipway."));
        let mut env = config["Env"].as_array().unwrap().clone();
        env.sort_by_key(Value::to_string);
        let mut mounts: Vec<_> = seen["Mounts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| json!({ "name": it["Name"], "at": it["Destination"], "writable": it["RW"] }))
            .collect();
        mounts.sort_by_key(Value::to_string);
        // The engine adds the container's own short id to the names that were asked for.
        let mut aliases =
            seen["NetworkSettings"]["Networks"][&self.name]["Aliases"].as_array().unwrap().clone();
        let own = &seen["Id"].as_str().unwrap()[..12];
        aliases.retain(|alias| alias != own);
        json!({
            "env": env,
            "labels": labels,
            "user": config["User"],
            "working_dir": config["WorkingDir"],
            "command": config["Cmd"],
            "exposed": config["ExposedPorts"],
            "ports": host["PortBindings"],
            "restart": host["RestartPolicy"]["Name"],
            "memory": host["Memory"],
            "cpus": host["NanoCpus"],
            "network": host["NetworkMode"],
            "aliases": aliases,
            "mounts": mounts,
        })
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let (name, mounts) = (&self.name, self.original["mounts"].as_array());
        removal::complete(async move {
            // A client belongs to the runtime that it was made in.
            let engine = Engine::connect();
            let neighbor = engine.containers(&forwarder(name)).await?;
            for (id, _) in engine.containers(name).await?.into_iter().chain(neighbor) {
                engine.call(Method::DELETE, &format!("/containers/{id}?force=1&v=1"), Value::Null).await?;
            }
            let forwarders = engine.tags(&forwarder(name)).await?;
            for tag in engine.tags(name).await?.into_iter().chain(forwarders) {
                engine.call(Method::DELETE, &format!("/images/{tag}?force=1"), Value::Null).await?;
            }
            // Slipway mounts the unnamed volume by its name, so it does not go with the container.
            for mount in mounts.into_iter().flatten() {
                let volume = mount["name"].as_str().context("read a volume's name")?;
                engine.call(Method::DELETE, &format!("/volumes/{volume}?force=1"), Value::Null).await?;
            }
            let networks = engine.call(Method::GET, "/networks", Value::Null).await?;
            let names = networks.as_array().into_iter().flatten().filter_map(|it| it["Name"].as_str());
            for network in names.filter(|it| it.starts_with(name.as_str())) {
                engine.call(Method::DELETE, &format!("/networks/{network}"), Value::Null).await?;
            }
            Ok(())
        });
    }
}

/// The Docker engine, asked in its own language: another way than the one that Slipway takes.
struct Engine {
    http: reqwest::Client,
}

impl Engine {
    fn connect() -> Self {
        let host = servers::docker();
        let socket = host.strip_prefix("unix://").expect("the tests' Docker engine listens on a socket");
        Self { http: reqwest::Client::builder().unix_socket(socket).build().unwrap() }
    }

    async fn get(&self, path: &str) -> Value {
        self.call(Method::GET, path, Value::Null).await.unwrap()
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> Result<Value> {
        let request = self.http.request(method, format!("http://docker{path}"));
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        anyhow::ensure!(status.is_success(), "{path}: {status} {text}");
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// Runs a container on the network of this name, called `data` there, that leads to the address.
    async fn run_forwarder(&self, network: &str, address: &str) {
        let folder = tempfile::tempdir().unwrap();
        let mut rustc = tokio::process::Command::new("rustc");
        rustc
            .args(["--edition=2024", "-Ctarget-feature=+crt-static", "-o"])
            .arg(folder.path().join("forward"));
        succeed(rustc.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/forward.rs"))).await;
        let dockerfile = "FROM scratch\nCOPY forward /forward\n";
        std::fs::write(folder.path().join("Dockerfile"), dockerfile).unwrap();
        let name = forwarder(network);
        self.build(&format!("{name}:base"), folder.path()).await;
        let request = json!({
            "Image": format!("{name}:base"),
            "Cmd": ["/forward", address],
            "HostConfig": { "NetworkMode": network },
            "NetworkingConfig": { "EndpointsConfig": { network: { "Aliases": ["data"] } } },
        });
        self.call(Method::POST, &format!("/containers/create?name={name}"), request).await.unwrap();
        self.call(Method::POST, &format!("/containers/{name}/start"), Value::Null).await.unwrap();
    }

    async fn build(&self, tag: &str, source: &Path) {
        let mut archive = tar::Builder::new(Vec::new());
        archive.append_dir_all(".", source).unwrap();
        let request = self.http.post(format!("http://docker/build?t={tag}"));
        let request = request.header("Content-Type", "application/x-tar").body(archive.into_inner().unwrap());
        let log = request.send().await.unwrap().text().await.unwrap();
        assert!(log.contains("Successfully tagged"), "the shop's image was not built: {log}");
    }

    /// Id and name of each container whose name begins so.
    async fn containers(&self, name: &str) -> Result<Vec<(String, String)>> {
        let all = self.call(Method::GET, "/containers/json?all=1", Value::Null).await?;
        let mut found = Vec::new();
        for container in all.as_array().context("list containers")? {
            let id = container["Id"].as_str().context("read an id")?;
            for bears in container["Names"].as_array().context("read names")? {
                let bears = bears.as_str().context("read a name")?.trim_start_matches('/');
                if bears.starts_with(name) {
                    found.push((id.to_owned(), bears.to_owned()));
                }
            }
        }
        Ok(found)
    }

    /// Tags in the repository of this name.
    async fn tags(&self, repository: &str) -> Result<Vec<String>> {
        let all = self.call(Method::GET, "/images/json", Value::Null).await?;
        let mut tags: Vec<_> = all
            .as_array()
            .context("list images")?
            .iter()
            .filter_map(|image| image["RepoTags"].as_array())
            .flatten()
            .filter_map(|tag| tag.as_str())
            .filter(|tag| tag.strip_prefix(repository).is_some_and(|rest| rest.starts_with(':')))
            .map(str::to_owned)
            .collect();
        tags.sort();
        Ok(tags)
    }
}

/// The container through which a shop of this name reaches its database.
fn forwarder(name: &str) -> String {
    format!("data-{name}")
}

/// Lets containers reach the database cluster, which listens on this machine only.
async fn forward(gateway: &str) -> u16 {
    let listener = TcpListener::bind((gateway, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut inside, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut outside = TcpStream::connect(cluster()).await?;
                tokio::io::copy_bidirectional(&mut inside, &mut outside).await
            });
        }
    });
    port
}
