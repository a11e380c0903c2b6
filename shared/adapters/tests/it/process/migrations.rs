//! The migrate command, and what earlier promotions or a person have done to the folders.

use std::fs;

use adapters::runtime::StartError;
use tokio::sync::mpsc::unbounded_channel;

use super::world::{NONE, World, eventually};

const CP: &str = "CP-0000000B";

/// A world whose migrate command is this line for the shell; `$LOG` is a file outside of everything.
fn world(line: &str) -> World {
    World::with(|settings| {
        let log = settings.root.parent().unwrap().join("log");
        settings.env.insert("LOG".to_owned(), log.to_str().unwrap().to_owned());
        settings.migrate = ["sh", "-c", line].map(str::to_owned).to_vec();
    })
}

impl World {
    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

#[tokio::test]
async fn it_runs_once_in_the_new_release_with_the_applications_environment() {
    let world = world(r#"echo "$APP_SECRET $(cat version)" >> "$LOG"; echo done; echo well >&2"#);
    world.install(&[("version", "one")]).await;
    let (log, mut told) = unbounded_channel();
    let runtime = world.runtime.clone().telling(log);
    let swap = world.prepare(CP, &[("version", "two")]).await;
    runtime.stop_old(&swap).await.unwrap();
    for _ in 0..2 {
        runtime.start_new(&swap).await.unwrap();
    }
    assert_eq!(world.log(), "opensesame two\n");
    let mut lines = Vec::new();
    while let Ok(line) = told.try_recv() {
        lines.push(line);
    }
    assert!(lines.contains(&"done".to_owned()) && lines.contains(&"well".to_owned()), "{lines:?}");
    assert_eq!(world.ask(&swap.new, "version").await, "two");
}

#[tokio::test]
async fn its_failure_is_told_and_nothing_is_started() {
    let world = world("echo no such table; exit 3");
    world.install(&[("version", "one")]).await;
    let swap = world.prepare(CP, &[("version", "two")]).await;
    world.runtime.stop_old(&swap).await.unwrap();
    let error = world.runtime.start_new(&swap).await.unwrap_err();
    let StartError::Migration(end) = error else {
        panic!("{error:?}");
    };
    assert_eq!((end.exit_code, end.output.as_str()), (3, "no such table"));
    assert_eq!(world.processes(), NONE);
    world.runtime.stop_new(&swap).await.unwrap();
    world.runtime.start_old(&swap).await.unwrap();
    assert_eq!(world.ask("base", "version").await, "one");
}

#[tokio::test]
async fn one_that_was_cut_off_ends_and_is_run_again() {
    let world = world(r#"echo begun >> "$LOG"; test -e "$LOG.go" || sleep 600"#);
    world.install(&[("version", "one")]).await;
    let swap = world.prepare(CP, &[("version", "two")]).await;
    world.runtime.stop_old(&swap).await.unwrap();
    tokio::select! {
        started = world.runtime.start_new(&swap) => panic!("{started:?}"),
        () = eventually("it has begun", || async { (world.log() == "begun\n").then_some(()) }) => {}
    }
    eventually("it has ended", || async { (world.processes() == NONE).then_some(()) }).await;
    fs::write(world.folder.path().join("log.go"), "").unwrap();
    world.runtime.start_new(&swap).await.unwrap();
    assert_eq!(world.log(), "begun\nbegun\n");
    assert_eq!(world.ask(&swap.new, "version").await, "two");
}

#[tokio::test]
async fn an_old_version_whose_folder_is_gone_is_made_anew() {
    let world = World::new();
    world.install(&[("version", "one")]).await;
    let swap = world.prepare(CP, &[("version", "two")]).await;
    world.runtime.stop_old(&swap).await.unwrap();
    fs::remove_dir_all(world.root().join("instances/base")).unwrap();
    for _ in 0..2 {
        world.runtime.start_old(&swap).await.unwrap();
    }
    assert_eq!(world.live().await, Some(("base".into(), true)));
    assert_eq!(world.ask("base", "version").await, "one");
}

#[tokio::test]
async fn what_is_left_of_earlier_promotions_goes_before_the_next() {
    let world = World::new();
    world.install(&[("version", "one")]).await;
    let abandoned = world.prepare(CP, &[("version", "two")]).await;
    let swap = world.prepare("CP-0000000D", &[("version", "three")]).await;
    assert_eq!(world.instance(&abandoned.new).await, None);
    assert_eq!(world.live().await, Some(("base".into(), true)));
    world.runtime.stop_old(&swap).await.unwrap();
    world.runtime.start_new(&swap).await.unwrap();
    assert_eq!(world.ask(&swap.new, "version").await, "three");
}
