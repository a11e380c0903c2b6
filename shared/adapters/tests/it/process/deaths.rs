//! Workers and keepers that are killed.

use std::{process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    time::timeout,
};

use super::world::{NONE, World, eventually, example, is_running};

const CP: &str = "CP-0000000C";

fn kill(pid: i32) {
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

async fn kill_keeper_of_base(world: &World) -> i32 {
    let keeper = world.pid_of("base", "keeper").unwrap();
    kill(keeper);
    eventually("the keeper is gone", || async { (!is_running(keeper)).then_some(()) }).await;
    world.pid_of("base", "app").unwrap()
}

#[tokio::test]
async fn an_application_outlives_its_worker_and_is_stopped_by_another() {
    let world = World::new();
    let mut worker = Command::new(example("worker"))
        .arg(world.root())
        .arg(world.source(&[("version", "one")]))
        .arg(example("app"))
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(worker.stdout.take().unwrap()).lines();
    let line = timeout(Duration::from_mins(1), lines.next_line()).await;
    assert_eq!(line.unwrap().unwrap().as_deref(), Some("installed"));
    worker.kill().await.unwrap();

    assert_eq!(world.live().await, Some(("base".into(), true)));
    assert_eq!(world.ask("base", "version").await, "one");
    // Its keeper lives on as well: the application comes back from a crash.
    world.ask("base", "exit 1").await;
    eventually("it runs again", || async {
        let instance = world.instance("base").await.unwrap();
        (instance.running && instance.restarts == 1).then_some(())
    })
    .await;
    let keeper = world.pid_of("base", "keeper").unwrap();
    let swap = world.prepare(CP, &[("version", "two")]).await;
    world.runtime.stop_old(&swap).await.unwrap();
    assert_eq!(world.processes(), NONE);
    assert!(!is_running(keeper));
    world.runtime.start_new(&swap).await.unwrap();
    assert_eq!(world.ask(&swap.new, "version").await, "two");
}

#[tokio::test]
async fn an_orphan_is_ended_by_a_stop() {
    let world = World::new();
    world.install(&[("leave-child", "")]).await;
    let orphan = kill_keeper_of_base(&world).await;
    assert!(is_running(orphan));
    assert_eq!(world.live().await, Some(("base".into(), true)));
    let swap = world.prepare(CP, &[("version", "two")]).await;
    world.runtime.stop_old(&swap).await.unwrap();
    assert!(!is_running(orphan));
    assert_eq!(world.processes(), NONE);
    world.runtime.start_old(&swap).await.unwrap();
    assert_eq!(world.live().await, Some(("base".into(), true)));
}

#[tokio::test]
async fn an_orphan_is_replaced_by_a_start() {
    let world = World::new();
    world.install(&[("version", "one")]).await;
    let swap = world.prepare(CP, &[("version", "two")]).await;
    let orphan = kill_keeper_of_base(&world).await;
    world.runtime.start_old(&swap).await.unwrap();
    assert!(!is_running(orphan));
    assert_eq!(world.processes().len(), 1);
    assert_eq!(world.ask("base", "version").await, "one");
}

#[tokio::test]
async fn an_orphan_that_dropped_its_mark_is_found_by_what_was_written_down() {
    let world = World::with(|settings| {
        let app = settings.run[0].clone();
        settings.run = ["env", "-i", &app].map(str::to_owned).to_vec();
        settings.stop_timeout_seconds = 1;
    });
    world.install(&[("ignore-term", ""), ("version", "one")]).await;
    world.ask("base", "version").await;
    assert_eq!(world.processes(), NONE, "the mark is gone");
    let swap = world.prepare(CP, &[("version", "two")]).await;

    let orphan = kill_keeper_of_base(&world).await;
    assert!(is_running(orphan));
    world.runtime.start_old(&swap).await.unwrap();
    assert!(!is_running(orphan));

    let orphan = kill_keeper_of_base(&world).await;
    world.runtime.stop_old(&swap).await.unwrap();
    assert!(!is_running(orphan));
}

#[tokio::test]
async fn a_dead_orphan_that_nobody_waits_for_does_not_hold_up_a_stop() {
    let world = World::new();
    world.install(&[("version", "one")]).await;
    let orphan = kill_keeper_of_base(&world).await;
    kill(orphan);
    let mut dead = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    let pid = dead.id();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let started = stat.split(' ').nth(21).unwrap();
    let path = world.root().join("instances/base/state.json");
    let mut state: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    state["app"]["pid"] = pid.into();
    state["app"]["started_ticks"] = started.parse::<u64>().unwrap().into();
    std::fs::write(&path, state.to_string()).unwrap();

    let swap = world.prepare(CP, &[("version", "two")]).await;
    world.runtime.stop_old(&swap).await.unwrap();
    assert!(!dead.wait().unwrap().success(), "it was ended by a signal");
}

#[tokio::test]
async fn a_pid_that_another_process_got_is_left_alone() {
    let world = World::new();
    world.install(&[("version", "one")]).await;
    let orphan = kill_keeper_of_base(&world).await;
    kill(orphan);
    let path = world.root().join("instances/base/state.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let state: serde_json::Value = serde_json::from_str(&text).unwrap();
    // One that began in the same tick of the kernel's clock could not be told apart.
    let (mut stranger, pid) = loop {
        let mut stranger = Command::new("sleep").arg("600").spawn().unwrap();
        let pid = stranger.id().unwrap();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        if stat.split(' ').nth(21) != Some(state["app"]["started_ticks"].to_string().as_str()) {
            break (stranger, pid);
        }
        stranger.kill().await.unwrap();
    };
    let forged = text.replace(&format!("\"pid\": {orphan},"), &format!("\"pid\": {pid},"));
    assert_ne!(text, forged);
    std::fs::write(&path, forged).unwrap();

    let swap = world.prepare(CP, &[("version", "two")]).await;
    world.runtime.stop_old(&swap).await.unwrap();
    assert_eq!(stranger.try_wait().unwrap(), None, "the stranger still runs");
    stranger.kill().await.unwrap();
}

#[tokio::test]
async fn a_keeper_that_hangs_is_killed_with_its_application() {
    let world = World::with(|settings| settings.stop_timeout_seconds = 0);
    world.install(&[("version", "one")]).await;
    let keeper = world.pid_of("base", "keeper").unwrap();
    kill_process(Pid::from_raw(keeper).unwrap(), Signal::STOP).unwrap();
    let swap = world.prepare(CP, &[("version", "two")]).await;
    world.runtime.stop_old(&swap).await.unwrap();
    assert!(!is_running(keeper));
    assert_eq!(world.processes(), NONE);
}

#[tokio::test]
async fn no_dead_child_is_left_while_the_worker_lives_on() {
    let world = World::new();
    world.install(&[("version", "one")]).await;
    let keeper = world.pid_of("base", "keeper").unwrap();
    let swap = world.prepare(CP, &[("version", "two")]).await;
    world.runtime.stop_old(&swap).await.unwrap();
    eventually("the keeper was waited for", || async {
        (!std::path::Path::new(&format!("/proc/{keeper}")).exists()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_keeper_called_by_hand_starts_nothing_that_was_stopped_or_runs() {
    let world = World::new();
    world.install(&[("version", "one")]).await;
    let swap = world.prepare(CP, &[("version", "two")]).await;
    for id in [&swap.old, &swap.new] {
        let folder = world.root().join("instances").join(id);
        let mut keeper = Command::new(example("keep"));
        keeper.arg("keep").arg(folder).kill_on_drop(true);
        let status = timeout(Duration::from_secs(10), keeper.status()).await;
        assert!(status.expect("it goes at once").unwrap().success());
    }
    assert_eq!(world.processes().len(), 1);
}
