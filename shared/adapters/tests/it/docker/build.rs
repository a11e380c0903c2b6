//! Image builds.

use std::time::Duration;

use adapters::runtime::{BuildError, Docker, DockerSettings, Runtime};
use tokio::sync::mpsc::unbounded_channel;

use super::{Site, eventually};

#[tokio::test]
async fn an_image_bears_the_release_and_its_log_comes_line_by_line() {
    let site = Site::new();
    let (log, mut lines) = unbounded_channel();
    let release = site.release(1);
    let image = site.try_build(&release, &site.context("ENV COLOR=blue"), &log).await.expect("build");
    drop(log);
    let mut seen = Vec::new();
    while let Some(line) = lines.recv().await {
        seen.push(line);
    }
    assert!(seen.iter().any(|it| it.ends_with(" : ENV COLOR=blue")), "{seen:?}");
    assert!(seen.iter().all(|it| !it.contains('\n') && !it.is_empty()), "{seen:?}");
    let found = site.get(&format!("/images/{}:{}/json", site.name, release.promotion.to_lowercase())).await;
    assert_eq!(found["Id"], image.as_str());
    let labels = &found["Config"]["Labels"];
    assert_eq!(labels["slipway.promotion"], release.promotion.as_str());
    assert_eq!(labels["slipway.build"], release.build.as_str());
    assert_eq!(labels["slipway.source"], release.source_hash.as_str());
    assert_eq!(labels["slipway.installation"], site.name.as_str());
}

#[tokio::test]
async fn the_same_source_is_built_once_and_another_source_anew() {
    let site = Site::new();
    let (log, mut lines) = unbounded_channel();
    let first = site.build(1, "ENV COLOR=blue").await;
    let again = site.try_build(&site.release(1), &site.context("ENV COLOR=red"), &log).await.expect("build");
    assert_eq!(first, again);
    assert!(lines.try_recv().is_err(), "nothing was built, so nothing was logged");
    let other = adapters::runtime::Release { source_hash: "f".repeat(64), ..site.release(1) };
    let rebuilt = site.try_build(&other, &site.context("ENV COLOR=red"), &log).await.expect("build");
    assert_ne!(first, rebuilt);
    for _ in 0..2 {
        site.runtime.discard_image(&other.promotion).await.expect("discard");
    }
    for image in [first, rebuilt] {
        assert!(!site.exists(&format!("/images/{image}/json")).await, "{image} is left");
    }
}

/// How many layers of the site's builds belong to no image.
async fn layers(site: &Site) -> usize {
    let filters = format!("{{\"dangling\":[\"true\"],\"label\":[\"test.layer={}\"]}}", site.name);
    let list = site.get(&format!("/images/json?filters={filters}")).await;
    list.as_array().expect("list").len()
}

#[tokio::test]
async fn a_fault_of_the_source_is_final_and_shows_the_last_lines() {
    let site = Site::new();
    for (name, lines, expected) in [
        ("a command fails", r#"RUN ["/probe", "exit", "7"]"#, "returned a non-zero code: 7"),
        ("a command's output is shown", r#"RUN ["/probe", "exit", "8"]"#, "to the second stream"),
        ("a command does not exist", r#"RUN ["/absent"]"#, "/absent"),
        ("there is no shell", "RUN true", "/bin/sh"),
        ("a file is missing", "COPY absent /absent", "absent"),
        ("an instruction is unknown", "FLY away", "FLY"),
        ("a stage is unknown", "COPY --from=9 /a /b", "9"),
        ("the file is empty", "\u{0}", ""),
    ] {
        let (log, _keep) = unbounded_channel();
        let context = site.context(lines);
        if lines == "\u{0}" {
            std::fs::write(context.join("Dockerfile"), "").expect("empty");
        }
        match site.try_build(&site.release(1), &context, &log).await {
            Err(BuildError::Source(text)) => assert!(text.contains(expected), "{name}: {text}"),
            other => panic!("{name}: {other:?}"),
        }
        let promotion = site.promotion(1).to_lowercase();
        let tag = format!("/images/{}:{promotion}/json", site.name);
        assert!(!site.exists(&tag).await, "{name}");
        assert_eq!(layers(&site).await, 0, "{name}");
    }
}

#[tokio::test]
async fn a_context_without_a_dockerfile_is_a_fault_of_the_source() {
    let site = Site::new();
    let (log, _keep) = unbounded_channel();
    let context = site.context("");
    std::fs::remove_file(context.join("Dockerfile")).expect("remove");
    let failed = site.try_build(&site.release(1), &context, &log).await;
    assert!(matches!(failed, Err(BuildError::Source(_))), "{failed:?}");
}

#[tokio::test]
async fn a_link_in_the_context_goes_over_as_a_link() {
    let site = Site::new();
    let context = site.context("COPY leak /leak");
    let secret = site.dir.path().join("secret");
    std::fs::write(&secret, "secret").expect("write");
    std::os::unix::fs::symlink(&secret, context.join("leak")).expect("link");
    let (log, _keep) = unbounded_channel();
    // Inside the engine's copy of the context the link leads nowhere.
    let failed = site.try_build(&site.release(1), &context, &log).await;
    assert!(matches!(failed, Err(BuildError::Source(_))), "{failed:?}");
}

#[tokio::test]
async fn an_engine_that_is_away_is_no_fault_of_the_source() {
    let site = Site::new();
    let settings = DockerSettings {
        host: Some(format!("unix://{}/absent.sock", site.dir.path().display())),
        container: site.name.clone(),
        image: site.name.clone(),
        stop_timeout_seconds: 1,
        migrate: Vec::new(),
        warm: None,
        state_dir: site.state_dir(),
        build_memory_bytes: None,
        build_millicpus: None,
    };
    let runtime = Runtime::Docker(Docker::connect(settings).expect("settings"));
    let (log, _keep) = unbounded_channel();
    let failed = runtime.build(&site.release(1), &site.context(""), &log).await;
    assert!(matches!(failed, Err(BuildError::Unavailable(_))), "{failed:?}");
    assert!(runtime.version().await.is_err());
    assert!(runtime.live().await.is_err());
}

#[tokio::test]
async fn a_dropped_build_ends_at_the_engine_and_leaves_no_container() {
    let site = Site::new();
    let (log, mut lines) = unbounded_channel();
    let release = site.release(1);
    let mark = format!("{}-rests", site.name);
    let context = site.context(&format!("RUN [\"/probe\", \"rest\", \"{mark}\"]"));
    let runtime = site.runtime.clone();
    let build = tokio::spawn(async move { runtime.build(&release, &context, &log).await });
    while lines.recv().await.is_some_and(|it| !it.contains("Running in")) {}
    let intermediate = async || {
        let all = site.get("/containers/json?all=1").await;
        let all = all.as_array().expect("list").clone();
        all.into_iter().find(|it| it["Command"].as_str().unwrap_or_default().contains(&mark))
    };
    eventually(async || intermediate().await.filter(|it| it["State"] == "running")).await;
    build.abort();
    eventually(async || intermediate().await.is_none().then_some(())).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(intermediate().await.is_none());
}

#[tokio::test]
async fn only_engines_of_this_machine_are_accepted() {
    let site = Site::new();
    for (host, accepted) in [
        ("unix:///run/docker.sock", true),
        ("tcp://127.0.0.1:2375", true),
        ("tcp://localhost:2375", true),
        ("tcp://192.0.2.7:2375", false),
        ("ssh://somewhere", false),
        ("nonsense", false),
    ] {
        let settings = DockerSettings {
            host: Some(host.to_owned()),
            container: "app".to_owned(),
            image: "app".to_owned(),
            stop_timeout_seconds: 1,
            migrate: Vec::new(),
            warm: None,
            state_dir: site.state_dir(),
            build_memory_bytes: None,
            build_millicpus: None,
        };
        assert_eq!(Docker::connect(settings).is_ok(), accepted, "{host}");
    }
    assert!(site.runtime.version().await.expect("version").starts_with("Docker "));
}
