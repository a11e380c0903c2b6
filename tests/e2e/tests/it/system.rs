//! A whole Slipway of a test's own.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::{Mutex, PoisonError};

use protocol::http::Promotion;
use reqwest::{Response, StatusCode};
use rustix::process::Signal;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;
use transport::{Broker, Names};

use crate::database::Database;
use crate::feature::Feature;
use crate::patience::eventually;
use crate::program::succeed;
use crate::role::Role;
use crate::servers;
use crate::shop::{Shop, free_port};

/// Every role that can be a process of its own.
pub(crate) const ROLES: [&str; 9] =
    ["scheduler", "supervisor", "ship", "backup", "build", "swap", "health", "cleanup", "console"];

/// A second process of each.
const SECONDS: [&str; 9] = [
    "scheduler 2",
    "supervisor 2",
    "ship 2",
    "backup 2",
    "build 2",
    "swap 2",
    "health 2",
    "cleanup 2",
    "console 2",
];

/// Lines of each log that a failing test shows.
const LOG_LINES: usize = 40;

/// A running Slipway; its processes end when it is dropped.
pub(crate) struct System {
    /// Behind a lock, so that roles may come and go while others look at the system.
    roles: Mutex<BTreeMap<&'static str, Role>>,
    console: String,
    /// The way to its broker, unless that is inside its one process.
    broker: Option<Broker>,
    pub(crate) database: Database,
    folder: TempDir,
}

/// How a command ended and what it said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    /// One JSON value per line.
    pub(crate) results: Vec<Value>,
}

impl System {
    /// Every role in one process, no broker but the one inside.
    pub(crate) async fn embedded() -> Self {
        Self::embedded_with(&[]).await
    }

    /// The same with settings of its own.
    pub(crate) async fn embedded_with(settings: &[(&str, &str)]) -> Self {
        let mut system = Self::new().await;
        system.add("all", settings);
        system.until_ready().await;
        system
    }

    /// A process per role, over `RabbitMQ`, with names of its own there. Each comes to the database and to the
    /// broker as a user that may do what it needs.
    pub(crate) async fn distributed(settings: &[(&str, &str)]) -> Self {
        Self::over_broker(None, settings, &ROLES).await
    }

    /// The same over a `RabbitMQ` of the test's own, to which all come as one user.
    pub(crate) async fn distributed_over(amqp: &str, settings: &[(&str, &str)]) -> Self {
        Self::over_broker(Some(amqp), settings, &ROLES).await
    }

    /// Two processes per role.
    pub(crate) async fn distributed_twice(settings: &[(&str, &str)]) -> Self {
        Self::over_broker(None, settings, &[ROLES, SECONDS].concat()).await
    }

    async fn over_broker(amqp: Option<&str>, settings: &[(&str, &str)], names: &[&'static str]) -> Self {
        let admin = amqp.map_or_else(servers::amqp, str::to_owned);
        let mut system = Self::idle_over(&admin).await;
        system.prepare_database().await;
        let prefix = system.broker_prefix();
        let mut records = BTreeMap::new();
        for kind in ["slipway_worker", "slipway_scheduler", "slipway_console"] {
            records.insert(kind, system.database.url_of(kind).await);
        }
        for &name in names {
            let role = name.trim_end_matches(" 2");
            let broker = amqp.map_or_else(|| servers::amqp_of(&format!("slipway-{role}")), str::to_owned);
            let mut all = vec![
                ("SLIPWAY_DATABASE_URL", records[kind_of(role)].as_str()),
                ("SLIPWAY_AMQP_URL", broker.as_str()),
                ("SLIPWAY_BROKER_PREFIX", prefix.as_str()),
            ];
            all.extend(settings);
            if role != name {
                // Outsiders know the address of the first console.
                all.push(("SLIPWAY_CONSOLE_LISTEN", "127.0.0.1:0"));
            }
            system.add(name, &all);
        }
        system.until_ready().await;
        system
    }

    /// Makes the tables and gives the users their rights, as an operator does who owns the database.
    async fn prepare_database(&self) {
        // The kinds of users must be there before they are given anything.
        self.database.url_of("slipway_viewer").await;
        let mut prepare = tokio::process::Command::from(self.command(&[]));
        succeed(prepare.args(["database", "apply"])).await;
    }

    /// Every role in one process over `RabbitMQ`, whose jobs go wrong as [`System::strike`] says.
    pub(crate) async fn faulty() -> Self {
        let amqp = servers::amqp();
        let mut system = Self::idle_over(&amqp).await;
        let prefix = system.broker_prefix();
        let settings = [
            ("SLIPWAY_AMQP_URL", amqp.as_str()),
            ("SLIPWAY_BROKER_PREFIX", prefix.as_str()),
            ("SLIPWAY_LEASE_SECONDS", "2"),
        ];
        system.strike("none", "fails_before");
        let mut command = system.command(&settings);
        let plan = system.plan();
        command.arg("serve").arg(plan);
        system.run("all", in_place_of(&command, env!("CARGO_BIN_EXE_faulty")));
        system.until_ready().await;
        system
    }

    /// From now on this happens to every try of the job, and nothing to any other.
    pub(crate) fn strike(&self, job: &str, fault: &str) {
        let new = self.plan().with_extension("new");
        std::fs::write(&new, json!({ "job": job, "fault": fault }).to_string()).unwrap();
        std::fs::rename(new, self.plan()).unwrap();
    }

    /// Whether a job has begun to hang since this was last asked.
    pub(crate) fn take_hanging(&self) -> bool {
        std::fs::remove_file(self.plan().with_extension("hangs")).is_ok()
    }

    fn plan(&self) -> std::path::PathBuf {
        self.folder.path().join("plan.json")
    }

    /// The queues are there, and no process runs.
    pub(crate) async fn idle_over(amqp: &str) -> Self {
        let mut system = Self::new().await;
        let names = Names::new(system.broker_prefix());
        system.broker = Some(Broker::amqp(amqp, "end to end test", names).await.unwrap());
        system.apply_topology(amqp).await;
        system
    }

    /// Declares the queues that are missing, as an operator does.
    pub(crate) async fn apply_topology(&self, amqp: &str) {
        let prefix = self.broker_prefix();
        let settings = [("SLIPWAY_AMQP_URL", amqp), ("SLIPWAY_BROKER_PREFIX", prefix.as_str())];
        let mut topology = tokio::process::Command::from(self.command(&settings));
        succeed(topology.args(["topology", "apply"])).await;
    }

    /// What the names of its queues begin with.
    pub(crate) fn broker_prefix(&self) -> String {
        self.database.name().replace('_', "-")
    }

    async fn new() -> Self {
        Self {
            roles: Mutex::default(),
            console: format!("127.0.0.1:{}", free_port()),
            broker: None,
            database: Database::create("e2e_slipway").await,
            folder: tempfile::Builder::new().prefix("slipway-e2e-").tempdir().unwrap(),
        }
    }

    fn add(&mut self, name: &'static str, settings: &[(&str, &str)]) {
        let mut command = self.command(settings);
        let role = name.trim_end_matches(" 2");
        command.args(["serve", role]);
        self.run(name, command);
    }

    fn run(&mut self, name: &'static str, command: Command) {
        let mut role = Role::new(command, self.folder.path().join(format!("{name}.log")));
        role.start();
        self.roles.lock().unwrap().insert(name, role);
    }

    /// The program with nothing of the outer environment's settings.
    pub(crate) fn command(&self, settings: &[(&str, &str)]) -> Command {
        let mut command = Command::new(servers::slipway());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SLIPWAY_")) {
            command.env_remove(name);
        }
        command
            .env("SLIPWAY_DATABASE_URL", self.database.url())
            .env("SLIPWAY_DATA_DIR", self.data_folder())
            .env("SLIPWAY_CONSOLE_LISTEN", &self.console)
            .env("SLIPWAY_WORKER_SLOTS", "6")
            .env("SLIPWAY_API_URL", self.address(""))
            .envs(settings.iter().copied());
        command
    }

    pub(crate) async fn until_ready(&self) {
        eventually("Slipway is ready", async || self.is_ready().await?.then_some(())).await;
    }

    /// Whether the console says that it can do its work; nothing while it does not answer.
    pub(crate) async fn is_ready(&self) -> Option<bool> {
        Some(reqwest::get(self.address("/readyz")).await.ok()?.status().is_success())
    }

    /// The broker, as outside programs reach it.
    pub(crate) fn broker(&self) -> &Broker {
        self.broker.as_ref().expect("a system with a broker")
    }

    pub(crate) fn data_folder(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn address(&self, path: &str) -> String {
        format!("http://{}{path}", self.console)
    }

    /// Kills a role where it stands.
    pub(crate) fn kill(&mut self, role: &str) {
        self.role(role).kill();
    }

    /// Asks a role to end, and waits until it has.
    pub(crate) async fn end(&mut self, role: &str) -> ExitStatus {
        self.role(role).end().await
    }

    /// The processes by name, those of the same role together.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.roles.lock().unwrap().keys().copied().collect()
    }

    /// Asks a process to end, waits until it has, and starts it again.
    pub(crate) async fn restart(&self, name: &'static str) {
        let mut role = self.roles.lock().unwrap().remove(name).unwrap();
        role.until_awake().await;
        let status = role.end().await;
        assert!(status.success(), "{name} ended with {status}:\n{}", role.log());
        role.start();
        self.roles.lock().unwrap().insert(name, role);
    }

    /// Starts a role that was killed or has ended.
    pub(crate) fn start(&mut self, role: &str) {
        self.role(role).start();
    }

    fn role(&mut self, name: &str) -> &mut Role {
        self.roles.get_mut().unwrap().get_mut(name).unwrap()
    }

    /// Starts every role again that has died as tests let it die; answers how many.
    ///
    /// One that ended in another way fails the test.
    pub(crate) fn revive(&self) -> usize {
        let mut revived = 0;
        for (name, role) in self.roles.lock().unwrap().iter_mut() {
            if let Some(status) = role.ended() {
                let deaths = [Signal::KILL, Signal::ABORT].map(Signal::as_raw);
                assert!(status.signal().is_some_and(|it| deaths.contains(&it)), "{name} ended: {status}");
                role.start();
                revived += 1;
            }
        }
        revived
    }

    /// How much memory each process uses, in bytes.
    pub(crate) fn memory_bytes(&self) -> Vec<(&'static str, u64)> {
        self.roles.lock().unwrap().iter().map(|(name, role)| (*name, role.memory_bytes())).collect()
    }

    /// What all processes have written so far.
    pub(crate) fn logs(&self) -> Vec<(&'static str, String)> {
        self.roles.lock().unwrap().iter().map(|(name, role)| (*name, role.log())).collect()
    }
}

/// Asked over HTTP and by the command line.
impl System {
    /// The answer to a request, whatever its status; nothing while the console is away.
    pub(crate) async fn ask(&self, path: &str) -> Option<Response> {
        reqwest::get(self.address(&format!("/api/v1{path}"))).await.ok()
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        let answer = self.ask(path).await.expect("the console answers");
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.json().await.unwrap()
    }

    pub(crate) async fn promotion(&self, id: &str) -> Promotion {
        self.get(&format!("/promotions/{id}")).await
    }

    /// Waits until the promotion is as wanted, also across a console that restarts.
    pub(crate) async fn until(&self, id: &str, what: &str, wanted: impl Fn(&Promotion) -> bool) -> Promotion {
        eventually(&format!("{id} {what}"), async || {
            let promotion: Promotion = self.ask(&format!("/promotions/{id}")).await?.json().await.ok()?;
            wanted(&promotion).then_some(promotion)
        })
        .await
    }

    /// Waits until somebody can decide about the promotion.
    pub(crate) async fn until_pending(&self, id: &str) -> Promotion {
        self.until(id, "waits for approval", |it| it.summary.status == "pending").await
    }

    /// Waits until nothing more is under way for the promotion.
    pub(crate) async fn until_over(&self, id: &str) -> Promotion {
        self.until(id, "comes to its end", |it| it.finished_at.is_some()).await
    }

    /// Runs a command of the command line, for programs.
    pub(crate) async fn say(&self, words: &[&str]) -> Said {
        let mut command = tokio::process::Command::from(self.command(&[]));
        let output =
            command.args(["--output", "json"]).args(words).kill_on_drop(true).output().await.unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let results = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        Said { code: output.status.code().unwrap(), results }
    }

    pub(crate) async fn apply(&self, shop: &Shop) {
        let said = self.say(&["installations", "apply", "-f", &shop.save_description()]).await;
        assert_eq!(said.code, 0, "{said:?}");
    }

    /// Hands the feature in, and waits until somebody can decide about it; answers its promotion.
    pub(crate) async fn ship(&self, feature: &Feature) -> String {
        let said = self.say(&["ship", "-f", feature.save()]).await;
        assert_eq!(said.code, 0, "{said:?}");
        let id = said.results[0]["promotion"].as_str().unwrap().to_owned();
        let mut status = said.results[0]["status"].clone();
        if said.results[0]["question"]["topic"] == "destructive" {
            let words =
                ["promotions", "acknowledge", &id, "--all", "--by", "Ines", "--reason", "It is meant."];
            status = self.say(&words).await.results[0]["status"].clone();
        }
        assert_ne!(status, "shipping", "{said:?}");
        id
    }

    pub(crate) async fn approve(&self, id: &str) {
        let said = self.say(&["promotions", "approve", id, "--by", "release manager"]).await;
        assert_eq!(said.code, 0, "{said:?}");
    }

    /// Approves the promotion and stays until it is over; answers the exit code.
    pub(crate) async fn promote(&self, id: &str) -> i32 {
        self.say(&["promotions", "approve", id, "--by", "release manager", "--follow"]).await.code
    }
}

impl Drop for System {
    fn drop(&mut self) {
        // All at once: one that outlives the others would only complain.
        let roles = self.roles.get_mut().unwrap_or_else(PoisonError::into_inner);
        for role in roles.values_mut() {
            role.kill();
        }
        if std::thread::panicking() {
            for (name, log) in self.logs() {
                let lines: Vec<_> = log.lines().collect();
                let last = &lines[lines.len().saturating_sub(LOG_LINES)..];
                eprintln!("---- the last lines of {name}\n{}", last.join("\n"));
            }
        }
    }
}

/// The kind of user that a role's process comes to the database as.
fn kind_of(role: &str) -> &'static str {
    match role {
        "console" => "slipway_console",
        "scheduler" | "supervisor" => "slipway_scheduler",
        _ => "slipway_worker",
    }
}

/// The same command of another program.
fn in_place_of(command: &Command, program: &str) -> Command {
    let mut other = Command::new(program);
    other.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => other.env(name, value),
            None => other.env_remove(name),
        };
    }
    other
}

/// The names in a folder; none where there is no folder.
pub(crate) fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
