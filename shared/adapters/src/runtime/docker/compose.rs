//! Containers that Docker Compose made, and how its next `up` takes the new one for its own.
//!
//! Compose recreates a container whose labels do not fit its description any more. It alone can tell what fits
//! (how it hashes a description differs between versions), so it is asked:
//!
//! - where it is installed and its hash of the service is the one that the running container bears, the service's
//!   tag is moved to the new image, and the new container bears the hash that Compose gives from then on;
//! - otherwise the tag stays where it is and the labels are copied as they are: then Compose sees no change either.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use bollard::query_parameters::TagImageOptionsBuilder;
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use super::build::Untag;
use super::connection::{CALL_LIMIT, within};
use super::container::Container;
use super::record::Record;
use super::{Docker, label};
use crate::runtime::Swap;

/// What all labels of Compose begin with.
pub(super) const PREFIX: &str = "com.docker.compose.";

const CONFIG_HASH: &str = "com.docker.compose.config-hash";
const IMAGE: &str = "com.docker.compose.image";

/// Compose reads some files and asks the engine; on a busy machine its start alone takes seconds.
const TOOL_LIMIT: Duration = Duration::from_secs(30);

/// What the tool gets of our environment: its answers are to be those that people get.
const PASSED_ON: [&str; 4] = ["PATH", "HOME", "LANG", "DOCKER_CONFIG"];

/// The two forms in which Compose is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Tool {
    /// `docker compose`
    Plugin,
    /// `docker-compose`
    Program,
}

/// A tag that names the new image for the time of the promotion, and for good if that succeeds.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MovedTag {
    tool: Tool,
    reference: String,
    /// The image that it named before; none if there was no such tag.
    from: Option<String>,
    to: String,
}

/// What a container's labels say of where it comes from.
struct Service<'a> {
    name: &'a str,
    project: &'a str,
    hash: &'a str,
    /// The image by its id, as Compose 2 and later write it down.
    image: Option<&'a str>,
    folder: PathBuf,
    files: Vec<PathBuf>,
    environment: Option<PathBuf>,
}

/// Whether Compose would leave the container alone.
enum Verdict {
    /// Yes, says this tool.
    Fits(Tool),
    /// It would not, or it cannot be told; for people.
    Unsure(String),
}

impl Docker {
    /// The labels by which Compose takes the new container for its own, beyond those that are copied anyway. From then
    /// on the service's tag names the new image.
    pub(super) async fn take_over_identity(
        &self,
        record: &mut Record,
        new_image: &str,
    ) -> Result<Vec<(&'static str, String)>> {
        let Some(service) = Service::of(&record.container) else {
            return Ok(Vec::new());
        };
        let known = record.moved_tag.clone().map(|moved| MovedTag { to: new_image.to_owned(), ..moved });
        let moved = match known {
            Some(moved) => moved,
            None => match self.movable_tag(&record.container, &service, new_image).await? {
                Ok(movable) => movable,
                Err(why) => {
                    self.notes.tell(format!("the labels of Compose are copied as they are: {why}"));
                    return Ok(Vec::new());
                }
            },
        };
        record.moved_tag = Some(moved.clone());
        self.records.save(record).await?;
        self.tag(new_image, &moved.reference).await?;
        let hash = self.hash(moved.tool, &service).await?;
        let mut labels = vec![(CONFIG_HASH, hash), (label::COMPOSE_TAG, moved.reference)];
        if service.image.is_some() {
            labels.push((IMAGE, new_image.to_owned()));
        }
        Ok(labels)
    }

    /// Gives a moved tag back to the image that it named before. One that names a third image by now is left alone.
    pub(super) async fn put_tag_back(&self, record: &Record) -> Result<()> {
        let Some(moved) = &record.moved_tag else {
            return Ok(());
        };
        if self.image_id(&moved.reference).await?.as_ref() != Some(&moved.to) {
            return Ok(());
        }
        match &moved.from {
            Some(image) => self.tag(image, &moved.reference).await,
            None => self.untag(&moved.reference, Untag::Always).await,
        }
    }

    /// Asks Compose what its next `up` will do with the new container, and says so.
    pub(super) async fn prove_identity(&self, swap: &Swap) {
        let judged = async {
            let Some(new) = self.container(&swap.new).await? else { return Ok(None) };
            match Service::of(&new) {
                Some(service) => Ok(Some(self.judge(&new, &service).await?)),
                None => anyhow::Ok(None),
            }
        };
        match judged.await {
            Ok(None) => {}
            Ok(Some(Verdict::Fits(tool))) => self.notes.tell(format!(
                "your next `{} up -d` will leave this version alone",
                tool.words().join(" ")
            )),
            Ok(Some(Verdict::Unsure(why))) => self.notes.tell(format!(
                "warning: whether your next `docker compose up -d` will leave this version alone is not certain: {why}"
            )),
            Err(error) => self.notes.tell(format!("warning: Compose could not be asked: {error:#}")),
        }
    }

    /// The tag to move to the new image, or why it should stay where it is.
    async fn movable_tag(
        &self,
        old: &Container,
        service: &Service<'_>,
        new_image: &str,
    ) -> Result<Result<MovedTag, String>> {
        let Some(reference) = tag_of(old) else {
            return Ok(Err("its image is not named by a tag".to_owned()));
        };
        Ok(match self.judge(old, service).await? {
            Verdict::Unsure(why) => Err(why),
            Verdict::Fits(tool) => Ok(MovedTag {
                tool,
                reference: reference.to_owned(),
                from: self.image_id(reference).await?,
                to: new_image.to_owned(),
            }),
        })
    }

    /// Whether Compose, as it is installed here, would leave the container alone.
    async fn judge(&self, container: &Container, service: &Service<'_>) -> Result<Verdict> {
        if service.files.is_empty() {
            return Ok(Verdict::Unsure("its labels do not name its files".to_owned()));
        }
        if let Some(file) = service.files.iter().find(|it| std::fs::File::open(it).is_err()) {
            return Ok(Verdict::Unsure(format!("{} cannot be read here", file.display())));
        }
        let tagged = match tag_of(container) {
            Some(reference) => self.image_id(reference).await?,
            None => None,
        };
        if service.image.is_some_and(|image| tagged.is_some() && tagged.as_deref() != Some(image)) {
            return Ok(Verdict::Unsure("its tag names another image".to_owned()));
        }
        let mut problem = "Compose is not installed here or gives no answer";
        for tool in [Tool::Plugin, Tool::Program] {
            match self.hash(tool, service).await {
                Ok(hash) if hash == service.hash => return Ok(Verdict::Fits(tool)),
                Ok(_) => problem = "its description has changed, or another version of Compose made it",
                Err(error) => tracing::debug!(?tool, error = format!("{error:#}"), "no answer of Compose"),
            }
        }
        Ok(Verdict::Unsure(problem.to_owned()))
    }

    /// The hash of the service's description, as this tool computes it.
    async fn hash(&self, tool: Tool, service: &Service<'_>) -> Result<String> {
        let [program, first @ ..] = tool.words() else { bail!("a tool without a name") };
        let mut command = Command::new(program);
        command.args(first).args(service.arguments()).args(["config", "--hash", service.name]);
        command.env_clear().envs(PASSED_ON.iter().filter_map(|it| Some((it, std::env::var_os(it)?))));
        let host = self.settings.host.clone().or_else(|| std::env::var("DOCKER_HOST").ok());
        command.envs(host.map(|host| ("DOCKER_HOST", host)));
        command.stdin(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(TOOL_LIMIT, command.output()).await;
        let output = output.context("Compose does not answer")?.context("running Compose")?;
        ensure!(
            output.status.success(),
            "Compose failed ({}): {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        let text = String::from_utf8_lossy(&output.stdout);
        let hash = hash_in(&text, service.name).context("Compose does not know the service")?;
        Ok(hash.to_owned())
    }

    async fn tag(&self, image: &str, reference: &str) -> Result<()> {
        let (repository, tag) = split(reference);
        let options = TagImageOptionsBuilder::new().repo(repository).tag(tag).build();
        within(CALL_LIMIT, self.engine.client()?.tag_image(image, Some(options)))
            .await
            .with_context(|| format!("giving the tag {reference} to an image"))
    }

    async fn image_id(&self, reference: &str) -> Result<Option<String>> {
        let image = self.image(reference).await?;
        Ok(image.and_then(|it| it["Id"].as_str().map(str::to_owned)))
    }
}

impl MovedTag {
    pub(super) fn reference(&self) -> &str {
        &self.reference
    }
}

impl Tool {
    fn words(self) -> &'static [&'static str] {
        match self {
            Tool::Plugin => &["docker", "compose"],
            Tool::Program => &["docker-compose"],
        }
    }
}

impl<'a> Service<'a> {
    /// The service that the container belongs to, if Compose made it.
    fn of(container: &'a Container) -> Option<Self> {
        let label = |name: &str| container.label(&format!("{PREFIX}{name}"));
        let folder = PathBuf::from(label("project.working_dir").unwrap_or_default());
        let files = label("project.config_files").unwrap_or_default();
        Some(Self {
            name: label("service")?,
            project: label("project")?,
            hash: label("config-hash")?,
            image: label("image"),
            files: files.split(',').filter(|it| !it.is_empty()).map(|it| folder.join(it)).collect(),
            environment: label("project.environment_file").map(|it| folder.join(it)),
            folder,
        })
    }

    fn arguments(&self) -> Vec<&OsStr> {
        let mut arguments = vec![OsStr::new("--project-name"), OsStr::new(self.project)];
        let folder = Some(&self.folder).filter(|it| !it.as_os_str().is_empty());
        let options = folder.map(|it| ("--project-directory", it)).into_iter();
        let options = options.chain(self.files.iter().map(|it| ("--file", it)));
        for (option, path) in options.chain(self.environment.iter().map(|it| ("--env-file", it))) {
            arguments.extend([OsStr::new(option), path.as_os_str()]);
        }
        arguments
    }
}

/// The tag that the container was asked for by; Slipway itself asks by id and writes the tag down.
fn tag_of(container: &Container) -> Option<&str> {
    let asked = container.label(label::COMPOSE_TAG).or_else(|| container.config()["Image"].as_str())?;
    let is_hex = asked.len() >= 12 && asked.bytes().all(|it| it.is_ascii_hexdigit());
    let is_tag = !asked.is_empty() && !asked.starts_with("sha256:") && !asked.contains('@') && !is_hex;
    is_tag.then_some(asked)
}

/// A reference as repository and tag; a colon before a slash belongs to a registry's port.
fn split(reference: &str) -> (&str, &str) {
    match reference.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (reference, "latest"),
    }
}

/// The hash in lines of `service hash`.
fn hash_in<'a>(text: &'a str, service: &str) -> Option<&'a str> {
    text.lines().find_map(|line| match line.split_ascii_whitespace().collect::<Vec<_>>()[..] {
        [name, hash] if name == service => Some(hash),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn references_are_split_where_their_tag_begins() {
        for (reference, expected) in [
            ("portal", ("portal", "latest")),
            ("portal:3", ("portal", "3")),
            ("localhost:5000/portal", ("localhost:5000/portal", "latest")),
            ("localhost:5000/shop/portal:3", ("localhost:5000/shop/portal", "3")),
        ] {
            assert_eq!(split(reference), expected);
        }
    }

    #[test]
    fn a_tag_is_what_can_be_moved() {
        let id = "0".repeat(64);
        let container = |image: &str, label: Option<&str>| {
            let labels = label.map_or(json!({}), |it| json!({ label::COMPOSE_TAG: it }));
            Container::from(json!({ "Config": { "Image": image, "Labels": labels } }))
        };
        let none: Option<&str> = None;
        for (image, label, expected) in [
            ("portal", none, Some("portal")),
            ("shop_portal:3", none, Some("shop_portal:3")),
            ("portal@sha256:12", none, none),
            (&format!("sha256:{id}"), none, none),
            (&id, none, none),
            (&id, Some("portal:3"), Some("portal:3")),
        ] {
            assert_eq!(tag_of(&container(image, label)), expected, "{image}");
        }
    }

    #[test]
    fn a_service_is_known_by_its_labels() {
        let labels = json!({
            "com.docker.compose.project": "shop",
            "com.docker.compose.service": "portal",
            "com.docker.compose.config-hash": "12ab",
            "com.docker.compose.project.working_dir": "/srv/shop",
            "com.docker.compose.project.config_files": "docker-compose.yml,/etc/shop.yml",
        });
        let container = Container::from(json!({ "Config": { "Labels": labels } }));
        let service = Service::of(&container).unwrap();
        assert_eq!((service.name, service.project, service.hash), ("portal", "shop", "12ab"));
        let expected = "--project-name shop --project-directory /srv/shop --file /srv/shop/docker-compose.yml --file /etc/shop.yml";
        assert_eq!(service.arguments().join(" ".as_ref()), *expected);
        assert!(Service::of(&Container::from(Value::Null)).is_none());
    }

    #[test]
    fn the_hash_is_read_from_the_services_line() {
        let text = "db 00ff\nportal 12ab\n";
        assert_eq!(hash_in(text, "portal"), Some("12ab"));
        assert_eq!(hash_in(text, "port"), None);
    }
}
