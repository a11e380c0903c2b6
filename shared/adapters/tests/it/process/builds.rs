//! Building a release.

use std::{fs, os::unix::fs::PermissionsExt};

use adapters::runtime::{BuildError, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::world::{NONE, World, eventually, is_running, processes_with, release};

const CP: &str = "CP-0000000B";

fn building(script: &str) -> World {
    let build = ["sh", "-c", script].map(str::to_owned).to_vec();
    World::with(|settings| settings.build = build)
}

async fn build(world: &World) -> (Result<String, BuildError>, Vec<String>) {
    let (log, lines) = unbounded_channel();
    let source = world.source(&[("version", "two")]);
    let built = world.runtime.build(&release(CP), &source, &log).await;
    drop(log);
    (built, all(lines).await)
}

async fn all(mut lines: UnboundedReceiver<String>) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(line) = lines.recv().await {
        all.push(line);
    }
    all
}

fn releases(world: &World) -> usize {
    fs::read_dir(world.root().join("releases")).unwrap().count()
}

#[tokio::test]
async fn a_build_runs_in_a_copy_of_the_context_and_is_sealed() {
    let world = building("cat version >built; echo to stdout; echo to stderr >&2; printf last");
    let (built, lines) = build(&world).await;
    assert_eq!(lines, ["to stdout", "to stderr", "last"]);
    let app = world.root().join("releases").join(built.unwrap()).join("app");
    assert_eq!(fs::read_to_string(app.join("built")).unwrap(), "two");
    for path in [app.clone(), app.join("built"), app.join("version")] {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o222, 0, "{}", path.display());
    }
}

#[tokio::test]
async fn a_release_is_built_once_for_one_source() {
    let world = building("echo built");
    let (first, lines) = build(&world).await;
    assert_eq!(lines.len(), 1);
    let (second, lines) = build(&world).await;
    assert_eq!(lines.len(), 0);
    assert_eq!(first.unwrap(), second.unwrap());

    let (log, lines) = unbounded_channel();
    let mut other = release(CP);
    other.source_hash = "cd34".into();
    let source = world.source(&[("version", "three")]);
    world.runtime.build(&other, &source, &log).await.unwrap();
    drop(log);
    assert_eq!(all(lines).await.len(), 1, "another source is built");
    assert_eq!(releases(&world), 1);
}

#[tokio::test]
async fn a_failing_build_tells_its_last_lines_and_leaves_nothing() {
    let world = building("seq 1 100; echo 'no such symbol' >&2; exit 2");
    let (built, lines) = build(&world).await;
    assert_eq!(lines.len(), 101);
    let Err(BuildError::Source(quoted)) = built else {
        panic!("{built:?}");
    };
    let quoted: Vec<_> = quoted.lines().collect();
    assert_eq!(quoted.first(), Some(&"82"));
    assert_eq!(quoted.last(), Some(&"no such symbol"));
    assert_eq!(releases(&world), 0);
}

#[tokio::test]
async fn a_build_that_could_not_run_or_was_killed_may_be_tried_again() {
    for command in [&["no-such-program"][..], &["sh", "-c", "kill -9 $$"]] {
        let command = command.iter().map(ToString::to_string).collect();
        let world = World::with(|settings| settings.build = command);
        let (built, _lines) = build(&world).await;
        assert!(matches!(built, Err(BuildError::Unavailable(_))), "{built:?}");
        assert_eq!(releases(&world), 0);
    }
}

#[tokio::test]
async fn a_build_sees_no_secrets() {
    let world = building("env");
    let (built, lines) = build(&world).await;
    built.unwrap();
    assert!(lines.iter().any(|it| it.starts_with("PATH=")));
    let allowed = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "TZ"];
    for line in lines {
        let name = line.split('=').next().unwrap();
        let set_by_shell = ["PWD", "OLDPWD", "SHLVL", "_", "SLIPWAY_BELONGS_TO"];
        assert!(allowed.contains(&name) || set_by_shell.contains(&name), "{name} reaches the build");
    }
}

#[tokio::test]
async fn what_a_build_leaves_in_the_background_does_not_hold_it_up() {
    let world = building("sleep 600 & setsid sleep 600 & echo done");
    let (built, lines) = build(&world).await;
    built.unwrap();
    assert_eq!(lines, ["done"]);
    assert_eq!(world.processes(), NONE);
}

#[tokio::test]
async fn dropping_a_build_kills_all_of_its_processes() {
    let world = building("env -i sleep 600 & echo $!; setsid sleep 600 & echo building; wait");
    let (log, mut lines) = unbounded_channel();
    let source = world.source(&[("version", "two")]);
    let release = release(CP);
    let runs = async {
        let unmarked: String = lines.recv().await.unwrap();
        assert_eq!(lines.recv().await.as_deref(), Some("building"));
        unmarked.parse::<i32>().unwrap()
    };
    let unmarked = tokio::select! {
        built = world.runtime.build(&release, &source, &log) => panic!("{built:?}"),
        unmarked = runs => unmarked,
    };
    eventually("its processes are gone", || async {
        (world.processes().is_empty() && !is_running(unmarked)).then_some(())
    })
    .await;
    world.runtime.discard_image(CP).await.unwrap();
    assert_eq!(releases(&world), 0);
}

#[tokio::test]
async fn a_build_whose_worker_was_killed_is_cleared_away_by_the_next() {
    let world = building("echo built");
    let stale = world.root().join("releases/.building-cp-0000000b-x");
    fs::create_dir(&stale).unwrap();
    let mut left =
        tokio::process::Command::new("sleep").arg("600").env("SLIPWAY_BELONGS_TO", &stale).spawn().unwrap();
    let (built, _lines) = build(&world).await;
    built.unwrap();
    assert!(!left.wait().await.unwrap().success());
    assert_eq!(releases(&world), 1);
}

#[tokio::test]
async fn a_settings_value_never_shows_in_its_debug_form() {
    let world = World::new();
    let shown = format!("{:?}", Runtime::clone(&world.runtime));
    assert!(shown.contains("APP_SECRET") && !shown.contains("opensesame"));
    world.install(&[("version", "one")]).await;
    for pid in [world.pid_of("base", "keeper").unwrap(), world.pid_of("base", "app").unwrap()] {
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap();
        assert!(!String::from_utf8_lossy(&arguments).contains("opensesame"));
    }
    let told = processes_with("APP_SECRET=opensesame");
    assert!(told.contains(&world.pid_of("base", "app").unwrap()));
    let file = world.root().join("instances/base/instance.json");
    let mode = fs::metadata(file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
