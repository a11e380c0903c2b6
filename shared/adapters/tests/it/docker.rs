//! A Docker engine of the tests' own: every test makes its own containers, images, networks and
//! volumes there and removes them.

mod build;
mod compose;
mod convergence;
mod failure;
mod fidelity;
mod known_failings;
mod leftovers;
mod migrate;
mod neighbour;
mod output;
mod retention;
mod revival;
mod room;
mod warm;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use adapters::runtime::{BuildError, Docker, DockerSettings, Release, Runtime, Swap};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

const MISSING: &str = "SLIPWAY_TEST_DOCKER_HOST is not set: run `cargo xtask test`, which starts the servers";

/// One test's corner of the engine.
struct Site {
    name: String,
    http: reqwest::Client,
    host: String,
    dir: TempDir,
    runtime: Runtime,
}

impl Site {
    fn new() -> Self {
        let host = std::env::var("SLIPWAY_TEST_DOCKER_HOST").expect(MISSING);
        let name = format!("t{}", &uuid::Uuid::new_v4().simple().to_string()[..10]);
        let dir = TempDir::new().expect("folder");
        let runtime = runtime(&host, &name, dir.path());
        Self { http: client(&host), name, host, dir, runtime }
    }

    /// A site whose application runs: the default image, started with `changes` to the request.
    async fn running(changes: Value) -> Self {
        let site = Self::new();
        site.image("old", "").await;
        let mut request = json!({ "Image": format!("{}:old", site.name) });
        merge(&mut request, changes);
        site.create(&site.name, request).await;
        site.post(&format!("/containers/{}/start", site.name), json!({})).await;
        site
    }

    /// The same application with settings that differ, and what its moves tell.
    fn with(&self, adjust: impl FnOnce(&mut DockerSettings)) -> (Runtime, UnboundedReceiver<String>) {
        let mut settings = settings(&self.host, &self.name, self.dir.path());
        adjust(&mut settings);
        let (log, told) = unbounded_channel();
        (Runtime::Docker(Docker::connect(settings).expect("settings")).telling(log), told)
    }

    fn state_dir(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// The promotion with this number.
    fn release(&self, number: u32) -> Release {
        let build = format!("FB-{number:08X}");
        Release { promotion: self.promotion(number), build, source_hash: format!("{number:064x}") }
    }

    /// Promotion ids differ between sites, like names.
    fn promotion(&self, number: u32) -> String {
        format!("CP-{}{number:02X}", self.name[1..7].to_uppercase())
    }

    /// A build context with the probe and these lines of its Dockerfile.
    fn context(&self, lines: &str) -> PathBuf {
        let context = self.dir.path().join(format!("context-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&context).expect("context");
        std::fs::copy(probe(), context.join("probe")).expect("copy the probe");
        // Layers of one site's own: removing another's must not take a cached one away.
        let dockerfile = format!(
            "FROM scratch\nLABEL test.layer={}\nCOPY probe /probe\nCMD [\"/probe\", \"serve\"]\n{lines}\n",
            self.name
        );
        std::fs::write(context.join("Dockerfile"), dockerfile).expect("write the Dockerfile");
        context
    }

    /// Builds the release's image by the runtime.
    async fn build(&self, number: u32, lines: &str) -> String {
        let (log, _keep) = unbounded_channel();
        let (release, context) = (self.release(number), self.context(lines));
        let built = self.try_build(&release, &context, &log).await;
        built.expect("build")
    }

    /// Tries as a worker would: the engine's cache trips over images that other tests remove.
    async fn try_build(
        &self,
        release: &Release,
        context: &Path,
        log: &UnboundedSender<String>,
    ) -> Result<String, BuildError> {
        let mut attempt = 1;
        loop {
            match self.runtime.build(release, context, log).await {
                Err(BuildError::Unavailable(_)) if attempt < 5 => attempt += 1,
                result => return result,
            }
        }
    }

    /// Builds the new version and prepares its swap.
    async fn prepared(&self, number: u32, lines: &str) -> Swap {
        let image = self.build(number, lines).await;
        self.runtime.prepare(&self.release(number), &image).await.expect("prepare")
    }

    /// Ships the release from end to end.
    async fn shipped(&self, number: u32, lines: &str, keep: usize) -> Swap {
        let swap = self.prepared(number, lines).await;
        self.runtime.stop_old(&swap).await.expect("stop_old");
        self.runtime.start_new(&swap).await.expect("start_new");
        self.runtime.finish(&swap, keep).await.expect("finish");
        swap
    }

    /// Brings the old version back as a failed start does.
    async fn roll_back(&self, swap: &Swap) {
        self.runtime.stop_new(swap).await.expect("stop_new");
        self.runtime.start_old(swap).await.expect("start_old");
        self.runtime.unprepare(&swap.promotion).await.expect("unprepare");
        self.runtime.discard_image(&swap.promotion).await.expect("discard_image");
    }

    /// Builds an image outside of any release, tagged with the site's name.
    async fn image(&self, tag: &str, lines: &str) -> String {
        let context = self.context(lines);
        let mut tar = tar::Builder::new(Vec::new());
        tar.append_dir_all(".", &context).expect("pack");
        let tar = tar.into_inner().expect("pack");
        eventually(async || {
            let path = format!("http://docker/build?t={}:{tag}", self.name);
            let request = self.http.post(path).header("Content-Type", "application/x-tar");
            let answer = request.body(tar.clone()).send().await.expect("build");
            let output = answer.text().await.expect("build");
            output.contains("Successfully tagged").then_some(())
        })
        .await;
        self.get(&format!("/images/{}:{tag}/json", self.name)).await["Id"].as_str().expect("id").to_owned()
    }

    async fn create(&self, name: &str, mut request: Value) -> String {
        merge(&mut request, json!({ "Labels": { "test.site": self.name } }));
        let answer = self.post(&format!("/containers/create?name={name}"), request).await;
        answer["Id"].as_str().expect("id").to_owned()
    }

    /// What the probe in the container reported when it started last.
    async fn report(&self, id: &str) -> Value {
        let output = eventually(async || {
            let output = self.runtime.last_output(id, 1).await.expect("output");
            output.starts_with('{').then_some(output)
        })
        .await;
        serde_json::from_str(&output).expect("report")
    }

    async fn inspect(&self, container: &str) -> Value {
        self.get(&format!("/containers/{container}/json")).await
    }

    async fn names(&self) -> Vec<String> {
        let all = self
            .get(&format!("/containers/json?all=1&filters={{\"label\":[\"test.site={}\"]}}", self.name))
            .await;
        let names = all
            .as_array()
            .expect("list")
            .iter()
            .map(|it| it["Names"][0].as_str().expect("name")[1..].to_owned());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    /// Nothing but the application itself is left.
    async fn assert_alone(&self, name: &str) {
        assert_eq!(self.names().await, std::slice::from_ref(&self.name), "{name}");
    }

    async fn exists(&self, path: &str) -> bool {
        self.call(Method::GET, path, &Value::Null).await.is_ok()
    }

    async fn get(&self, path: &str) -> Value {
        self.call(Method::GET, path, &Value::Null).await.expect(path)
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.call(Method::POST, path, &body).await.expect(path)
    }

    async fn delete(&self, path: &str) {
        self.call(Method::DELETE, path, &Value::Null).await.expect(path);
    }

    async fn call(&self, method: Method, path: &str, body: &Value) -> Result<Value, String> {
        call(&self.http, method, path, body).await
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let (host, name) = (self.host.clone(), self.name.clone());
        let cleaned = std::thread::spawn(move || {
            let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
            rt.block_on(clean(&client(&host), &name));
        });
        cleaned.join().expect("clean up");
    }
}

/// Removes everything that bears the site's name.
async fn clean(http: &reqwest::Client, name: &str) {
    let own = |list: Value, key: &str| -> Vec<String> {
        let list = list.as_array().cloned().unwrap_or_default();
        list.iter()
            .filter(|it| it.to_string().contains(name))
            .map(|it| it[key].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    let get = async |path: &str| call(http, Method::GET, path, &Value::Null).await.unwrap_or_default();
    let delete = async |path: String| drop(call(http, Method::DELETE, &path, &Value::Null).await);
    let containers = get("/containers/json?all=1").await;
    let all = containers.as_array().cloned().unwrap_or_default();
    let made_up = all.iter().filter(|it| it.to_string().contains(name));
    let made_up = made_up.flat_map(|it| it["Mounts"].as_array().cloned().unwrap_or_default());
    let volumes: Vec<_> = made_up.filter_map(|it| it["Name"].as_str().map(str::to_owned)).collect();
    for id in own(containers, "Id") {
        delete(format!("/containers/{id}?force=1&v=1")).await;
    }
    for volume in volumes {
        delete(format!("/volumes/{volume}")).await;
    }
    for image in get("/images/json").await.as_array().cloned().unwrap_or_default() {
        for tag in image["RepoTags"].as_array().cloned().unwrap_or_default() {
            if let Some(tag) = tag.as_str().filter(|it| it.starts_with(&format!("{name}:"))) {
                delete(format!("/images/{tag}?force=1")).await;
            }
        }
    }
    let layers =
        format!("/images/json?filters={{\"dangling\":[\"true\"],\"label\":[\"test.layer={name}\"]}}");
    for layer in own(get(&layers).await, "Id") {
        delete(format!("/images/{layer}?force=1")).await;
    }
    for network in own(get("/networks").await, "Name") {
        delete(format!("/networks/{network}")).await;
    }
    for volume in own(get("/volumes").await["Volumes"].clone(), "Name") {
        delete(format!("/volumes/{volume}")).await;
    }
}

fn runtime(host: &str, name: &str, dir: &Path) -> Runtime {
    Runtime::Docker(Docker::connect(settings(host, name, dir)).expect("settings"))
}

fn settings(host: &str, name: &str, dir: &Path) -> DockerSettings {
    DockerSettings {
        host: Some(host.to_owned()),
        container: name.to_owned(),
        image: name.to_owned(),
        stop_timeout_seconds: 3,
        migrate: Vec::new(),
        warm: None,
        state_dir: dir.join("state"),
        build_memory_bytes: Some(3 << 30),
        build_millicpus: Some(1500),
    }
}

fn client(host: &str) -> reqwest::Client {
    let socket = host.strip_prefix("unix://").expect("the tests reach their engine by a socket");
    reqwest::Client::builder().unix_socket(socket).pool_max_idle_per_host(0).build().expect("client")
}

async fn call(http: &reqwest::Client, method: Method, path: &str, body: &Value) -> Result<Value, String> {
    let request = http.request(method, format!("http://docker{path}")).json(body);
    let answer = request.send().await.expect("the engine answers");
    let is_accepted = answer.status().is_success() || answer.status() == 304;
    let text = answer.text().await.expect("answer");
    if is_accepted { Ok(serde_json::from_str(&text).unwrap_or_default()) } else { Err(text) }
}

/// The program for the images, compiled once.
fn probe() -> &'static Path {
    static PROBE: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = PROBE.get_or_init(|| {
        let dir = TempDir::new().expect("folder");
        let path = dir.path().join("probe");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/probe.rs");
        let arguments = [
            "--edition=2024",
            "-Ctarget-feature=+crt-static",
            "-Copt-level=s",
            "-Cstrip=symbols",
            source,
            "-o",
        ];
        let status = Command::new("rustc").args(arguments).arg(&path).status().expect("rustc");
        assert!(status.success());
        (dir, path)
    });
    path
}

/// A port that nobody uses at the moment.
fn free_port() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("port");
    listener.local_addr().expect("port").port().to_string()
}

/// What was told so far, as one text.
fn heard(told: &mut UnboundedReceiver<String>) -> String {
    let mut text = String::new();
    while let Ok(line) = told.try_recv() {
        text += &line;
        text.push('\n');
    }
    text
}

/// Waits for a level.
async fn eventually<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let until = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(tokio::time::Instant::now() < until, "it did not come to pass in 20 s");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// Lays `changes` over `base`, object by object.
fn merge(base: &mut Value, changes: Value) {
    match (base, changes) {
        (Value::Object(base), Value::Object(changes)) => {
            for (key, value) in changes {
                merge(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, changes) => *base = changes,
    }
}
