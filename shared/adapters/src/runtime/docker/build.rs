//! Image builds with the engine's classic builder.
//!
//! The context goes over as a tar made while it is sent. The engine ends a build, and removes
//! its intermediate container, as soon as the connection closes: dropping the future is enough.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use bollard::errors::Error;
use bollard::models::BuildInfo;
use bollard::query_parameters::{ListImagesOptionsBuilder, RemoveImageOptionsBuilder};
use futures_util::{StreamExt as _, stream};
use reqwest::{Body, Method, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncWrite, duplex};
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::io::{ReaderStream, SyncIoBridge};

use super::connection::{CALL_LIMIT, accepted, gone, is_conflict, transport, within};
use super::{Docker, label};
use crate::runtime::{BuildError, Release};

/// No promotion lasts longer than ten minutes; this ends a build that nobody waits for.
const BUILD_LIMIT: Duration = Duration::from_mins(15);

/// Lines of the log that a failed build shows.
const TAIL_LINES: usize = 30;

/// How much of the context is in memory at a time.
const PIPE_BYTES: usize = 256 * 1024;

/// Microseconds in which the quota of processor time is used up and renewed.
const CPU_PERIOD: u64 = 100_000;

/// Failures of the machine in the engine's words; every other one comes from the source.
const MACHINE_FAILURES: [&str; 15] = [
    "no space left on device",
    "cannot allocate memory",
    "too many open files",
    "input/output error",
    "dial tcp",
    "no such host",
    "i/o timeout",
    "TLS handshake timeout",
    "Client.Timeout",
    "connection refused",
    "connection reset",
    "toomanyrequests",
    "context canceled",
    // A cached layer was removed, with another image, while the build relied on it.
    "unknown parent image",
    "unable to find image \"sha256:",
];

impl Docker {
    pub(in crate::runtime) async fn build(
        &self,
        release: &Release,
        context: &Path,
        log: &UnboundedSender<String>,
    ) -> Result<String, BuildError> {
        if let Some(image) = self.built(release).await.map_err(BuildError::Unavailable)? {
            return Ok(image);
        }
        if !context.is_dir() {
            let missing = anyhow::anyhow!("the build context {} is not there", context.display());
            return Err(BuildError::Unavailable(missing));
        }
        let mut output =
            Output { log, is_heard: true, line: String::new(), tail: VecDeque::new(), layer: None };
        let built = within(BUILD_LIMIT, async {
            let response = self.build_request(release, context).send().await.map_err(transport)?;
            follow(accepted(response).await?, &mut output).await
        });
        let failure = match built.await {
            Ok(failure) => failure,
            Err(Error::DockerResponseServerError { status_code, message })
                if status_code == 400 || message.contains("Dockerfile") =>
            {
                Some(message)
            }
            Err(error) => return Err(BuildError::Unavailable(error.into())),
        };
        if let Some(failure) = failure {
            return Err(self.failed(output, &failure).await);
        }
        let image = self.built(release).await.map_err(BuildError::Unavailable)?;
        image.context("the engine has lost the image it just built").map_err(BuildError::Unavailable)
    }

    pub(in crate::runtime) async fn discard_image(&self, promotion: &str) -> Result<()> {
        let client = self.engine.client()?;
        let filters = HashMap::from([(
            "label",
            vec![
                format!("{}={promotion}", label::PROMOTION),
                format!("{}={}", label::INSTALLATION, self.settings.container),
            ],
        )]);
        let options = ListImagesOptionsBuilder::new().filters(&filters).build();
        let images = within(CALL_LIMIT, client.list_images(Some(options))).await.context("listing images")?;
        self.untag(&self.built_tag(promotion), Untag::IfUnused).await?;
        for image in images {
            // What still bears a tag, such as one that keeps it for a rollback, has another use.
            if self
                .engine
                .fetch(&format!("/images/{}/json", image.id))
                .await?
                .is_some_and(|it| is_tagless(&it))
            {
                self.untag(&image.id, Untag::IfUnused).await?;
            }
        }
        Ok(())
    }

    /// Tells the feature's fault from the machine's. After the former nobody needs the layers
    /// that were built so far.
    async fn failed(&self, output: Output<'_>, failure: &str) -> BuildError {
        if MACHINE_FAILURES.iter().any(|it| failure.contains(it)) {
            return BuildError::Unavailable(anyhow::anyhow!("{failure}"));
        }
        if let Some(layer) = &output.layer
            && let Err(error) = self.discard_layers(layer).await
        {
            tracing::warn!(%error, "the layers of a failed build are left");
        }
        let mut lines: Vec<_> = output.tail.into();
        lines.push(failure.to_owned());
        BuildError::Source(lines.join("\n"))
    }

    /// Removes the layer and those under it, as far as nothing else stands on them. The first
    /// one may be an image of its own: that one has a tag.
    async fn discard_layers(&self, layer: &str) -> Result<()> {
        if self.image(layer).await?.is_some_and(|it| is_tagless(&it)) {
            self.untag(layer, Untag::UnlessUsed).await?;
        }
        Ok(())
    }

    /// The image of this very release, if it is there.
    async fn built(&self, release: &Release) -> Result<Option<String>> {
        let image = self.image(&self.built_tag(&release.promotion)).await?;
        Ok(image.and_then(|it| {
            let labels = &it["Config"]["Labels"];
            let is_ours = labels[label::PROMOTION] == release.promotion.as_str()
                && labels[label::SOURCE] == release.source_hash.as_str()
                && labels[label::INSTALLATION] == self.settings.container.as_str();
            is_ours.then(|| it["Id"].as_str().map(str::to_owned)).flatten()
        }))
    }

    /// The image with this id or tag as the engine describes it.
    pub(super) async fn image(&self, reference: &str) -> Result<Option<Value>> {
        self.engine.fetch(&format!("/images/{reference}/json")).await.context("looking at an image")
    }

    /// Removes a tag, and the image with it if that was its last one and no container uses it.
    pub(super) async fn untag(&self, reference: &str, when: Untag) -> Result<()> {
        let client = self.engine.client()?;
        let options = RemoveImageOptionsBuilder::new().force(when == Untag::Always).build();
        let removed = within(CALL_LIMIT, client.remove_image(reference, Some(options), None)).await;
        if when == Untag::UnlessUsed && removed.as_ref().is_err_and(is_conflict) {
            tracing::debug!(reference, "an image is in use and stays");
            return Ok(());
        }
        gone(removed).with_context(|| format!("removing the image {reference}"))
    }

    fn build_request(&self, release: &Release, context: &Path) -> reqwest::RequestBuilder {
        let labels = json!({
            label::BUILD: release.build,
            label::PROMOTION: release.promotion,
            label::SOURCE: release.source_hash,
            label::INSTALLATION: self.settings.container,
        });
        let mut query = vec![
            ("t", self.built_tag(&release.promotion)),
            ("labels", labels.to_string()),
            ("rm", "1".to_owned()),
            ("forcerm", "1".to_owned()),
        ];
        if let Some(bytes) = self.settings.build_memory_bytes {
            // The second one is memory and swap together: equal means no swap.
            query.extend([("memory", bytes.to_string()), ("memswap", bytes.to_string())]);
        }
        if let Some(millicpus) = self.settings.build_millicpus {
            let quota = u64::from(millicpus) * CPU_PERIOD / 1000;
            query.extend([("cpuperiod", CPU_PERIOD.to_string()), ("cpuquota", quota.to_string())]);
        }
        let request = self.engine.request(Method::POST, "/build").query(&query);
        request.header("Content-Type", "application/x-tar").body(archive(context.to_owned()))
    }
}

/// When a tag may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Untag {
    /// A container that uses the image is an error.
    IfUnused,
    /// A container that uses the image keeps the tag, too.
    UnlessUsed,
    /// The tag goes; an image that a container uses stays without it.
    Always,
}

fn is_tagless(image: &Value) -> bool {
    let is_empty = |key: &str| image[key].as_array().is_none_or(Vec::is_empty);
    is_empty("RepoTags") && is_empty("RepoDigests")
}

/// The folder as a tar, made while it is read. Links go over as links.
fn archive(context: PathBuf) -> Body {
    let (reader, writer) = duplex(PIPE_BYTES);
    let packing = tokio::task::spawn_blocking(move || pack(&context, writer));
    // A tar that ends early looks whole to the engine; the error in its place breaks the request.
    let verdict = stream::once(packing).filter_map(|packed| async {
        match packed {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(Err(error)),
            Err(error) => Some(Err(std::io::Error::other(error))),
        }
    });
    Body::wrap_stream(ReaderStream::new(reader).chain(verdict))
}

fn pack(context: &Path, writer: impl AsyncWrite + Unpin) -> std::io::Result<()> {
    let mut tar = tar::Builder::new(SyncIoBridge::new(writer));
    tar.follow_symlinks(false);
    tar.mode(tar::HeaderMode::Deterministic);
    tar.append_dir_all(".", context)?;
    tar.into_inner()?.shutdown()
}

/// Reads the build's progress to its end; returns why it failed, if it did.
async fn follow(mut response: Response, output: &mut Output<'_>) -> Result<Option<String>, Error> {
    let mut pending = Vec::new();
    let mut failure = None;
    while let Some(chunk) = response.chunk().await.map_err(transport)? {
        pending.extend_from_slice(&chunk);
        while let Some(end) = pending.iter().position(|it| *it == b'\n') {
            let line: Vec<u8> = pending.drain(..=end).collect();
            if line.trim_ascii().is_empty() {
                continue;
            }
            let progress: BuildInfo = serde_json::from_slice(&line)?;
            failure = failure.or(output.take(progress));
        }
    }
    output.flush();
    Ok(failure)
}

/// The build's output, cut into lines.
struct Output<'a> {
    log: &'a UnboundedSender<String>,
    is_heard: bool,
    line: String,
    tail: VecDeque<String>,
    /// The layer that the build has come to.
    layer: Option<String>,
}

impl Output<'_> {
    /// Takes one piece of progress; returns the failure that it tells of.
    fn take(&mut self, progress: BuildInfo) -> Option<String> {
        if let Some(text) = progress.stream {
            for piece in text.split_inclusive('\n') {
                self.line.push_str(piece.trim_end_matches(['\r', '\n']));
                if piece.ends_with('\n') {
                    self.flush();
                }
            }
        }
        // Downloads report many times a second how far they are; their stages are enough.
        if let (Some(status), None) = (progress.status, progress.progress_detail.and_then(|it| it.current)) {
            self.line.push_str(&status);
            self.flush();
        }
        progress
            .error_detail
            .map(|it| it.message.unwrap_or_else(|| "the build failed without a reason".to_owned()))
    }

    fn flush(&mut self) {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return;
        }
        if let Some(layer) = line.strip_prefix(" ---> ") {
            let is_id = !layer.is_empty() && layer.bytes().all(|it| it.is_ascii_hexdigit());
            self.layer = is_id.then(|| layer.to_owned()).or(self.layer.take());
        }
        if self.tail.len() == TAIL_LINES {
            self.tail.pop_front();
        }
        self.tail.push_back(line.clone());
        if self.is_heard {
            self.is_heard = self.log.send(line).is_ok();
        }
    }
}
