//! A container that Docker Compose made, and Compose's opinion of the one that Slipway put in its place.

use std::path::PathBuf;
use std::process::Command;

use adapters::runtime::{DockerSettings, Runtime, Swap};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;

use super::{Site, free_port, heard, warm};

/// A project of one service, brought up by Compose.
struct Project {
    site: Site,
    folder: PathBuf,
    container: String,
    runtime: Runtime,
    told: UnboundedReceiver<String>,
}

impl Project {
    async fn up() -> Self {
        Self::up_with("", |_| {}).await
    }

    /// The same with further lines for the service, and other settings for Slipway.
    async fn up_with(lines: &str, adjust: impl FnOnce(&mut DockerSettings)) -> Self {
        let site = Site::new();
        let folder = site.dir.path().join("project");
        std::fs::create_dir(&folder).expect("folder");
        let image = format!("{}:live", site.name);
        site.image("live", "").await;
        let text = format!(
            "version: '3'\nservices:\n  portal:\n    image: {image}\n    restart: unless-stopped\n    \
             environment:\n      GREETING: hello\n    labels:\n      test.site: {}\n{lines}",
            site.name
        );
        std::fs::write(folder.join("docker-compose.yml"), text).expect("description");
        let container = format!("{}_portal_1", site.name);
        let (runtime, told) = site.with(|settings| {
            settings.container.clone_from(&container);
            adjust(settings);
        });
        let project = Self { site, folder, container, runtime, told };
        let said = project.compose_up();
        assert!(said.contains("Creating"), "{said}");
        project
    }

    /// What Compose says about the next `up`.
    fn compose_up(&self) -> String {
        let mut command = Command::new("docker-compose");
        command
            .args(["--project-name", &self.site.name, "--file"])
            .arg(self.folder.join("docker-compose.yml"));
        command.args(["up", "--detach"]).env("DOCKER_HOST", &self.site.host);
        let output = command.output().expect("docker-compose, which `cargo xtask test` installs, runs");
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{text}");
        text
    }

    /// Compose finds nothing to do, and this very container is left.
    async fn assert_is_left_alone(&self, id: &str) {
        let said = self.compose_up();
        assert!(said.contains("is up-to-date"), "{said}");
        let live = self.site.inspect(&self.container).await;
        assert_eq!((&live["Id"], &live["State"]["Running"]), (&json!(id), &json!(true)));
        assert_eq!(self.site.names().await, std::slice::from_ref(&self.container));
    }

    async fn prepared(&self, number: u32) -> Swap {
        let image = self.built(number).await;
        self.runtime.prepare(&self.site.release(number), &image).await.expect("prepare")
    }

    async fn built(&self, number: u32) -> String {
        let context = self.site.context(&format!("ENV N={number}"));
        let (log, _keep) = tokio::sync::mpsc::unbounded_channel();
        self.runtime.build(&self.site.release(number), &context, &log).await.expect("build")
    }

    async fn tagged(&self) -> Value {
        self.site.get(&format!("/images/{}:live/json", self.site.name)).await["Id"].clone()
    }

    async fn roll_back(&self, swap: &Swap) {
        self.runtime.stop_new(swap).await.expect("stop_new");
        self.runtime.start_old(swap).await.expect("start_old");
        self.runtime.unprepare(&swap.promotion).await.expect("unprepare");
        self.runtime.discard_image(&swap.promotion).await.expect("discard_image");
    }
}

#[tokio::test]
async fn compose_leaves_a_deployed_version_alone_and_the_one_after_it() {
    let mut project = Project::up().await;
    for number in 1..3 {
        let swap = project.prepared(number).await;
        assert_eq!(project.tagged().await, swap.new_image.as_str());
        project.runtime.stop_old(&swap).await.expect("stop_old");
        project.runtime.start_new(&swap).await.expect("start_new");
        project.runtime.finish(&swap, 1).await.expect("finish");
        let told = heard(&mut project.told);
        assert!(told.contains("your next `docker-compose up -d` will leave this version alone"), "{told}");
        project.assert_is_left_alone(&swap.new).await;
    }
}

#[tokio::test]
async fn compose_leaves_a_version_alone_that_took_over_running_or_gave_its_place_back() {
    let port = free_port();
    let lines = format!("    ports:\n      - 127.0.0.1:{port}:8080\n");
    let mut project = Project::up_with(&lines, |settings| settings.warm = Some(warm::rule(&port))).await;
    for (number, is_kept) in [(1, false), (2, true), (3, true)] {
        let swap = project.prepared(number).await;
        assert!(swap.warm, "{}", heard(&mut project.told));
        project.runtime.stop_old(&swap).await.expect("stop_old");
        project.runtime.start_new(&swap).await.expect("start_new");
        if is_kept {
            project.runtime.finish(&swap, 1).await.expect("finish");
            let told = heard(&mut project.told);
            assert!(told.contains("will leave this version alone"), "{told}");
            project.assert_is_left_alone(&swap.new).await;
        } else {
            project.roll_back(&swap).await;
            project.assert_is_left_alone(&swap.old).await;
        }
    }
}

#[tokio::test]
async fn compose_leaves_a_version_alone_that_was_brought_back() {
    let project = Project::up().await;
    let before = project.tagged().await;
    for (number, reaches_start) in [(1, false), (2, true)] {
        let swap = project.prepared(number).await;
        assert_eq!(project.prepared(number).await, swap, "a repeat");
        project.runtime.stop_old(&swap).await.expect("stop_old");
        if reaches_start {
            project.runtime.start_new(&swap).await.expect("start_new");
        }
        project.roll_back(&swap).await;
        assert_eq!(project.tagged().await, before);
        project.assert_is_left_alone(&swap.old).await;
        assert!(!project.site.exists(&format!("/images/{}/json", swap.new_image)).await);
    }
}

#[tokio::test]
async fn where_compose_cannot_be_asked_the_tag_stays_and_so_does_the_container() {
    let mut project = Project::up().await;
    let before = project.tagged().await;
    let file = project.folder.join("docker-compose.yml");
    let away = project.folder.join("away");
    std::fs::rename(&file, &away).expect("rename");
    let swap = project.prepared(1).await;
    assert_eq!(project.tagged().await, before);
    project.runtime.stop_old(&swap).await.expect("stop_old");
    project.runtime.start_new(&swap).await.expect("start_new");
    project.runtime.finish(&swap, 1).await.expect("finish");
    let told = heard(&mut project.told);
    assert!(told.contains("copied as they are") && told.contains("cannot be read here"), "{told}");
    assert!(told.contains("warning"), "{told}");
    std::fs::rename(&away, &file).expect("rename");
    project.assert_is_left_alone(&swap.new).await;
}

#[tokio::test]
async fn a_tag_that_somebody_moved_meanwhile_is_theirs() {
    let project = Project::up().await;
    let swap = project.prepared(1).await;
    let theirs = project.site.image("live", "ENV THEIRS=1").await;
    project.runtime.unprepare(&swap.promotion).await.expect("unprepare");
    assert_eq!(project.tagged().await, theirs.as_str());
}
