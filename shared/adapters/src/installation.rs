//! What an installation consists of, as its operator describes it; checked on entry.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::database::{Database, DatabaseContainer, DatabaseError, DatabaseSettings};
use crate::github::{Address, Sharing};
use crate::probe::HealthRule;
use crate::runtime::{Docker, DockerSettings, Process, ProcessSettings, Runtime};
use crate::secret::SecretRef;

/// One running platform that features are shipped to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Installation {
    /// Its name: lower-case letters, digits and dashes.
    pub name: String,
    /// The source that it was first built from; features are laid over it.
    pub base_source: PathBuf,
    /// Where its backups are kept.
    pub backup_dir: PathBuf,
    /// Whether promotions may run here.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Whether nobody may approve what they asked for themselves.
    #[serde(default)]
    pub four_eyes: bool,
    /// How many days an approval holds.
    #[serde(default = "approval_days_default")]
    pub approval_days: i32,
    /// How long a promotion may take, from Validate to Record.
    #[serde(default = "time_limit_default")]
    pub time_limit_seconds: i32,
    /// How the new version takes over.
    #[serde(default)]
    pub swap: SwapMode,
    /// How many earlier releases are kept.
    #[serde(default = "keep_default")]
    pub keep_releases: usize,
    /// How many verified backups are kept, beside those that a rollback may need and one a week for eight weeks.
    #[serde(default = "backups_keep_default")]
    pub backups_keep: usize,
    /// Where the application runs.
    pub application: Application,
    /// Its production database.
    pub database: DatabaseRef,
    /// When it counts as healthy.
    pub health: HealthRule,
    /// Where its features are proposed, and whether they are shared with others.
    #[serde(default)]
    pub contribution: Contribution,
}

/// Where features are proposed, and whether they are shared with others.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contribution {
    /// Whether features are shared.
    #[serde(default)]
    pub mode: ContributionMode,
    /// The repository that features are proposed to: the installation's own one, or the one that it shares them with.
    #[serde(default)]
    pub upstream: Option<Address>,
    /// The branch that they are to become part of; the repository's default branch where not given.
    #[serde(default)]
    pub base: Option<String>,
    /// The access token for the installation's own repository. Shared features use another one, which is not
    /// written down here: see [`Tokens::CONTRIBUTION`](crate::github::Tokens::CONTRIBUTION).
    #[serde(default)]
    pub token: Option<SecretRef>,
}

/// Whether features are shared with others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContributionMode {
    /// Never.
    #[default]
    ForkOnly,
    /// A person is asked each time.
    Selective,
    /// Unless a person keeps one, or it looks private.
    ContributeAll,
}

impl Contribution {
    /// How its repository is dealt with.
    pub fn sharing(&self) -> Sharing {
        match self.mode {
            ContributionMode::ForkOnly => Sharing::Private,
            ContributionMode::Selective | ContributionMode::ContributeAll => Sharing::Contributing,
        }
    }
}

/// How the new version takes over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SwapMode {
    /// The old version is stopped, then the new one started.
    #[default]
    StopFirst,
    /// The new version is proven while the old one serves, and takes over from it running, where that can be done;
    /// elsewhere the old one is stopped first. For a while both work with the same data.
    Warm,
}

/// Where the application runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Application {
    /// A container of a Docker engine.
    Docker(DockerApplication),
    /// A supervised process of this machine.
    Process(ProcessApplication),
}

/// A container of a Docker engine.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DockerApplication {
    /// `unix:///path` or `tcp://` address of the engine; the usual one where not given.
    #[serde(default)]
    pub host: Option<String>,
    /// The container's name.
    pub container: String,
    /// Repository name of the images that are built.
    pub image: String,
    /// Program and arguments that bring the data up to date, run once in the new image between stop and start. Whatever
    /// it changes in the database is undone when the promotion fails.
    #[serde(default)]
    pub migrate: Vec<String>,
    /// How long it may take to stop before it is killed.
    #[serde(default = "stop_timeout_default")]
    pub stop_timeout_seconds: u32,
    /// Most memory that one step of a build may use.
    #[serde(default)]
    pub build_memory_bytes: Option<u64>,
    /// Most processor time that one step of a build may use, in thousandths of a processor.
    #[serde(default)]
    pub build_millicpus: Option<u32>,
}

/// A supervised process of this machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessApplication {
    /// Folder for its releases and instances.
    pub root: PathBuf,
    /// Program and arguments that build a release, run inside its folder.
    #[serde(default)]
    pub build: Vec<String>,
    /// Program and arguments that run the application, inside its release folder.
    pub run: Vec<String>,
    /// Program and arguments that bring the data up to date, run once inside the new release's folder between stop and
    /// start. Whatever it changes in the database is undone when the promotion fails.
    #[serde(default)]
    pub migrate: Vec<String>,
    /// Its environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Its environment, as far as it is secret.
    #[serde(default)]
    pub secrets: BTreeMap<String, SecretRef>,
    /// How long it may take to stop before it is killed.
    #[serde(default = "stop_timeout_default")]
    pub stop_timeout_seconds: u32,
    /// Whether it is started again when it ends by itself.
    #[serde(default = "yes")]
    pub restart: bool,
}

/// The production database.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseRef {
    /// Where its URL is read from: `postgres://user:password@host:port/name`.
    pub url: SecretRef,
    /// Folder of `pg_dump` and `pg_restore`; found by themselves where not given.
    #[serde(default)]
    pub tools: Option<PathBuf>,
    /// The container it runs in, where its own client programs are to be used: they always fit.
    #[serde(default)]
    pub docker: Option<DatabaseDocker>,
    /// When its state at the stop is kept aside.
    #[serde(default, deserialize_with = "snapshot_policy")]
    pub snapshot: SnapshotPolicy,
    /// Whether each backup is proven by a restore beside the production database while the new version is built. It
    /// costs as much space as the database for that time, and the old version is not stopped before it went well.
    #[serde(default)]
    pub rehearse: bool,
}

/// The container that a production database runs in.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseDocker {
    /// Its engine, `unix:///path` or `tcp://` address; the application's where not given.
    #[serde(default)]
    pub host: Option<String>,
    /// Its name.
    pub container: String,
}

/// When the state of the production database at the stop is kept aside, so that a rollback loses no row written
/// before it. A copy costs as much space as the database for the time of the swap, and the time to make it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotPolicy {
    /// Whatever the new version changes.
    #[default]
    Always,
    /// Only if the new version may change the structure of the database. If it cannot, its rollback leaves
    /// the data as they are.
    WithMigrations,
    /// No copy is made: a rollback goes back to the backup if the new version may change the structure of the
    /// database, and leaves the data as they are if it cannot.
    Never,
}

/// Descriptions used to say yes or no.
fn snapshot_policy<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SnapshotPolicy, D::Error> {
    let written = Value::deserialize(deserializer)?;
    match written.as_bool() {
        Some(true) => Ok(SnapshotPolicy::Always),
        Some(false) => Ok(SnapshotPolicy::Never),
        None => SnapshotPolicy::deserialize(written).map_err(D::Error::custom),
    }
}

/// A field that is wrong and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldProblem {
    /// Where, as a path: `health.url`.
    pub field: String,
    /// What is wrong, for people.
    pub problem: String,
}

/// A description that cannot be used, with every field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("The description of the installation cannot be used ({}). Apply a corrected one.", list(.0))]
pub struct InvalidInstallation(pub Vec<FieldProblem>);

fn list(problems: &[FieldProblem]) -> String {
    let fields: Vec<_> = problems.iter().map(|it| format!("{}: {}", it.field, it.problem)).collect();
    fields.join("; ")
}

fn yes() -> bool {
    true
}

/// The limit that people are promised (spec R4).
fn time_limit_default() -> i32 {
    600
}

fn approval_days_default() -> i32 {
    7
}

fn keep_default() -> usize {
    5
}

fn backups_keep_default() -> usize {
    10
}

/// The engine's own default.
fn stop_timeout_default() -> u32 {
    10
}

impl Installation {
    /// Reads a description and checks every field.
    ///
    /// # Errors
    /// Every field that is wrong, by its path; a field that cannot be read hides those after it.
    pub fn parse(description: &Value) -> Result<Self, InvalidInstallation> {
        let parsed: Self = serde_path_to_error::deserialize(description).map_err(|error| {
            let field = error.path().to_string();
            InvalidInstallation(vec![FieldProblem { field, problem: error.into_inner().to_string() }])
        })?;
        let problems = parsed.problems();
        if problems.is_empty() { Ok(parsed) } else { Err(InvalidInstallation(problems)) }
    }

    /// The disk that versions of the application are made on, for people.
    pub fn disk(&self) -> String {
        match &self.application {
            Application::Process(process) => format!("the disk that holds {}", process.root.display()),
            Application::Docker(_) => "the disk of the Docker engine".to_owned(),
        }
    }

    fn problems(&self) -> Vec<FieldProblem> {
        let mut found = Vec::new();
        let mut expect = |ok: bool, field: &str, problem: &str| {
            if !ok {
                found.push(FieldProblem { field: field.to_owned(), problem: problem.to_owned() });
            }
        };
        expect(is_name(&self.name), "name", "must be 1 to 63 lower-case letters, digits or dashes");
        expect(self.base_source.is_absolute(), "base_source", "must be an absolute path");
        expect(self.backup_dir.is_absolute(), "backup_dir", "must be an absolute path");
        expect(
            (1..=86_400).contains(&self.time_limit_seconds),
            "time_limit_seconds",
            "must be from 1 to 86400",
        );
        expect((1..=366).contains(&self.approval_days), "approval_days", "must be from 1 to 366");
        expect(self.health.is_http(), "health.url", "must be an http:// address");
        expect(self.backups_keep >= 1, "backups_keep", "must be at least 1");
        expect((1..=100).contains(&self.health.successes), "health.successes", "must be from 1 to 100");
        expect(self.health.interval_ms >= 10, "health.interval_ms", "must be at least 10");
        expect(self.health.within_seconds >= 1, "health.within_seconds", "must be at least 1");
        expect(
            self.database.docker.as_ref().is_none_or(|it| !it.container.is_empty()),
            "database.docker.container",
            "must not be empty",
        );
        expect(
            self.swap == SwapMode::StopFirst || matches!(self.application, Application::Docker(_)),
            "swap",
            "must be stop_first for an application that runs as a process",
        );
        let Contribution { upstream, token, .. } = &self.contribution;
        match self.contribution.sharing() {
            Sharing::Private => expect(
                upstream.is_none() || token.is_some(),
                "contribution.token",
                "must say where the access token for the repository is read from",
            ),
            Sharing::Contributing => {
                expect(
                    upstream.is_some(),
                    "contribution.upstream",
                    "must name the repository to share features with",
                );
                expect(
                    token.is_none(),
                    "contribution.token",
                    "must be left out: shared features use another one",
                );
            }
        }
        match &self.application {
            Application::Docker(docker) => {
                expect(!docker.container.is_empty(), "application.docker.container", "must not be empty");
                expect(
                    is_name(&docker.image),
                    "application.docker.image",
                    "must be lower-case letters, digits or dashes",
                );
                expect(is_command(&docker.migrate), "application.docker.migrate", "must name a program");
            }
            Application::Process(process) => {
                expect(process.root.is_absolute(), "application.process.root", "must be an absolute path");
                expect(!process.run.is_empty(), "application.process.run", "must name a program");
                expect(is_command(&process.migrate), "application.process.migrate", "must name a program");
            }
        }
        found
    }

    /// The place where the application runs. `state_dir` holds saved specifications.
    pub fn runtime(&self, state_dir: &Path) -> Result<Runtime> {
        Ok(match &self.application {
            Application::Docker(docker) => Runtime::Docker(Docker::connect(DockerSettings {
                host: docker.host.clone(),
                container: docker.container.clone(),
                image: docker.image.clone(),
                stop_timeout_seconds: docker.stop_timeout_seconds,
                migrate: docker.migrate.clone(),
                warm: (self.swap == SwapMode::Warm).then(|| self.health.clone()),
                state_dir: state_dir.to_owned(),
                build_memory_bytes: docker.build_memory_bytes,
                build_millicpus: docker.build_millicpus,
            })?),
            Application::Process(process) => Runtime::Process(Process::new(process.settings(&self.name)?)?),
        })
    }

    /// The way to the production database, proven.
    ///
    /// # Errors
    /// As [`Database::connect`], and when its URL cannot be read.
    pub async fn database(&self) -> Result<Database, DatabaseError> {
        let url = self.database.url.read().context("read the URL of the production database")?;
        let settings = DatabaseSettings { url, tools: self.database.tools.clone() };
        let database = Database::connect(settings).await?;
        match &self.database.docker {
            Some(docker) => {
                let host = docker.host.as_deref().or(self.application.engine());
                database.in_container(DatabaseContainer::new(host, &docker.container)?).await
            }
            None => Ok(database),
        }
    }
}

impl Application {
    /// The address of its Docker engine, where it is not the usual one.
    fn engine(&self) -> Option<&str> {
        match self {
            Application::Docker(docker) => docker.host.as_deref(),
            Application::Process(_) => None,
        }
    }
}

impl ProcessApplication {
    /// The process runtime's settings, secrets read.
    pub fn settings(&self, name: &str) -> Result<ProcessSettings> {
        let mut env = self.env.clone();
        for (variable, secret) in &self.secrets {
            env.insert(variable.clone(), secret.read()?);
        }
        Ok(ProcessSettings {
            root: self.root.clone(),
            name: name.to_owned(),
            build: self.build.clone(),
            run: self.run.clone(),
            migrate: self.migrate.clone(),
            env,
            stop_timeout_seconds: self.stop_timeout_seconds.into(),
            restart: self.restart,
            keeper: None,
        })
    }
}

/// No command, or one whose program has a name.
fn is_command(words: &[String]) -> bool {
    words.first().is_none_or(|program| !program.is_empty())
}

fn is_name(text: &str) -> bool {
    let admitted = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    (1..=63).contains(&text.len()) && text.bytes().all(admitted) && !text.starts_with('-')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn description() -> Value {
        json!({
            "name": "shop",
            "base_source": "/srv/shop/source",
            "backup_dir": "/srv/shop/backups",
            "application": { "docker": { "container": "portal", "image": "portal" } },
            "database": { "url": { "env": "SHOP_DATABASE_URL" } },
            "health": { "url": "http://127.0.0.1:8080/api/health" },
        })
    }

    #[test]
    fn a_short_description_gets_the_defaults() {
        let shop = Installation::parse(&description()).unwrap();
        assert!(shop.enabled && shop.database.docker.is_none() && !shop.database.rehearse);
        assert_eq!(shop.database.snapshot, SnapshotPolicy::Always);
        assert_eq!((shop.time_limit_seconds, shop.keep_releases, shop.health.successes), (600, 5, 3));
    }

    #[test]
    fn the_policy_for_the_copy_at_the_stop_may_be_a_word_or_as_before() {
        let cases = [
            (json!(true), SnapshotPolicy::Always),
            (json!(false), SnapshotPolicy::Never),
            (json!("always"), SnapshotPolicy::Always),
            (json!("with_migrations"), SnapshotPolicy::WithMigrations),
            (json!("never"), SnapshotPolicy::Never),
        ];
        for (value, expected) in cases {
            let mut shop = description();
            shop["database"]["snapshot"] = value;
            let policy = Installation::parse(&shop).unwrap().database.snapshot;
            assert_eq!(policy, expected);
            shop["database"]["snapshot"] = serde_json::to_value(policy).unwrap();
            assert_eq!(Installation::parse(&shop).unwrap().database.snapshot, expected);
        }
    }

    #[test]
    fn each_wrong_field_is_named() {
        let migrating = |command| json!({ "container": "portal", "image": "portal", "migrate": command });
        let cases = [
            ("/name", json!("The Shop"), "name"),
            ("/base_source", json!("source"), "base_source"),
            ("/health/url", json!("ftp://x"), "health.url"),
            ("/health/url", json!(7), "health.url"),
            ("/database", json!({ "url": { "env": "X" }, "snapshot": "often" }), "database.snapshot"),
            (
                "/database",
                json!({ "url": { "env": "X" }, "docker": { "container": "" } }),
                "database.docker.container",
            ),
            ("/database/url", json!("postgres://user:canary@host/db"), "database.url"),
            ("/application/docker/image", json!("Registry/Portal"), "application.docker.image"),
            ("/application/docker", migrating(json!("rake db:migrate")), "application.docker.migrate"),
            ("/application/docker", migrating(json!([""])), "application.docker.migrate"),
            ("/application", json!({ "vm": {} }), "application"),
        ];
        for (pointer, value, field) in cases {
            let mut wrong = description();
            *wrong.pointer_mut(pointer).unwrap() = value;
            let problems = Installation::parse(&wrong).unwrap_err().0;
            assert_eq!(problems[0].field, field, "{problems:?}");
            assert!(!problems[0].problem.contains("canary"), "a secret in the wrong place is not repeated");
        }
    }

    #[test]
    fn only_a_container_can_take_over_running() {
        let mut shop = description();
        shop["swap"] = json!("warm");
        assert_eq!(Installation::parse(&shop).unwrap().swap, SwapMode::Warm);
        shop["application"] = json!({ "process": { "root": "/srv/shop", "run": ["./serve"] } });
        assert_eq!(Installation::parse(&shop).unwrap_err().0[0].field, "swap");
        shop["swap"] = json!("hot");
        assert_eq!(Installation::parse(&shop).unwrap_err().0[0].field, "swap");
    }

    #[test]
    fn each_way_of_sharing_has_its_repository_and_its_token() {
        let upstream = json!({ "repository": "octocat/hello" });
        let token = json!({ "env": "TOKEN" });
        let table = [
            (json!({}), None),
            (json!({ "upstream": upstream, "token": token }), None),
            (json!({ "upstream": upstream }), Some("contribution.token")),
            (json!({ "mode": "selective", "upstream": upstream }), None),
            (json!({ "mode": "contribute_all" }), Some("contribution.upstream")),
            (
                json!({ "mode": "contribute_all", "upstream": upstream, "token": token }),
                Some("contribution.token"),
            ),
            (json!({ "mode": "always" }), Some("contribution.mode")),
            (json!({ "upstream": { "repository": "hello" } }), Some("contribution.upstream")),
        ];
        for (contribution, expected) in table {
            let mut shop = description();
            shop["contribution"] = contribution.clone();
            let found = Installation::parse(&shop).err().map(|wrong| wrong.0[0].field.clone());
            assert_eq!(found.as_deref(), expected, "{contribution}");
        }
    }

    #[test]
    fn at_least_one_backup_is_kept() {
        let mut wrong = description();
        wrong["backups_keep"] = json!(0);
        assert_eq!(Installation::parse(&wrong).unwrap_err().0[0].field, "backups_keep");
    }

    #[test]
    fn an_unknown_field_is_refused_by_name() {
        let mut wrong = description();
        wrong["health"]["sucesses"] = json!(3);
        let problems = Installation::parse(&wrong).unwrap_err().0;
        assert!(problems[0].problem.contains("sucesses"), "{problems:?}");
    }
}
