//! A swap forward and back, each move once and twice, whole and interrupted.

use adapters::runtime::{BuildError, StartError};
use scratch::Disk;
use tokio::sync::mpsc::unbounded_channel;

use super::world::{NONE, World, eventually, is_running, release};

const CP: &str = "CP-0000000A";

#[tokio::test]
async fn a_swap_puts_the_new_version_in_the_old_ones_place() {
    let world = World::new();
    world.install(&[("version", "one")]).await;
    let swap = world.prepare(CP, &[("version", "two")]).await;
    assert_eq!(world.live().await, Some(("base".into(), true)));
    assert!(!world.instance(&swap.new).await.unwrap().running);

    world.runtime.stop_old(&swap).await.unwrap();
    assert_eq!(world.live().await, Some(("base".into(), false)));
    world.runtime.start_new(&swap).await.unwrap();
    assert_eq!(world.live().await, Some(("cp-0000000a".into(), true)));
    assert_eq!(world.ask(&swap.new, "version").await, "two");

    world.runtime.finish(&swap, 1).await.unwrap();
    assert_eq!(world.instance(&swap.old).await, None);
    assert_eq!(world.processes().len(), 1, "only the new version runs");
}

#[tokio::test]
async fn a_rollback_leaves_everything_as_it_was() {
    let world = World::new();
    world.install(&[("version", "one")]).await;
    let swap = world.prepare(CP, &[("version", "two")]).await;
    world.runtime.stop_old(&swap).await.unwrap();
    world.runtime.start_new(&swap).await.unwrap();

    world.runtime.stop_new(&swap).await.unwrap();
    assert_eq!(world.live().await, None, "the name is free");
    world.runtime.start_old(&swap).await.unwrap();
    world.runtime.unprepare(CP).await.unwrap();
    world.runtime.discard_image(CP).await.unwrap();

    assert_eq!(world.live().await, Some(("base".into(), true)));
    assert_eq!(world.ask("base", "version").await, "one");
    for (folder, left) in [("releases", 1), ("instances", 1), ("keep", 0)] {
        let entries = std::fs::read_dir(world.root().join(folder)).unwrap();
        assert_eq!(entries.count(), left, "{folder}");
    }
}

#[tokio::test]
async fn the_way_back_needs_no_space_on_the_disk() {
    for reaches_start in [false, true] {
        let mut disk = None;
        let world = World::with(|settings| disk = Disk::mount(&settings.root, 4));
        // Unmounted before the folder goes.
        let Some(disk) = disk else { return };
        world.install(&[("version", "one")]).await;
        let swap = world.prepare(CP, &[("version", "two")]).await;
        disk.fill(0);
        world.runtime.stop_old(&swap).await.unwrap();
        if reaches_start {
            let error = world.runtime.start_new(&swap).await.unwrap_err();
            assert!(matches!(error, StartError::Unavailable(_)), "{error:?}");
            world.runtime.stop_new(&swap).await.unwrap();
            disk.fill(64 * 1024);
        }
        world.runtime.start_old(&swap).await.unwrap();
        world.runtime.unprepare(CP).await.unwrap();
        world.runtime.discard_image(CP).await.unwrap();
        assert_eq!(world.live().await, Some(("base".into(), true)));
        assert_eq!(world.ask("base", "version").await, "one");
        world.process.down().await.unwrap();
    }
}

#[tokio::test]
async fn every_move_can_be_repeated() {
    let world = World::new();
    let runtime = &world.runtime;
    let first = world.install(&[("version", "one")]).await;
    assert_eq!(world.install(&[("version", "other")]).await, first);
    let swap = world.prepare(CP, &[("version", "two")]).await;
    assert_eq!(world.prepare(CP, &[("version", "two")]).await, swap);
    for _ in 0..2 {
        runtime.stop_old(&swap).await.unwrap();
    }
    runtime.start_new(&swap).await.unwrap();
    let started = world.instance(&swap.new).await;
    runtime.start_new(&swap).await.unwrap();
    assert_eq!(world.instance(&swap.new).await, started);
    assert_eq!(world.prepare(CP, &[("version", "two")]).await, swap);
    for _ in 0..2 {
        runtime.stop_new(&swap).await.unwrap();
    }
    runtime.start_old(&swap).await.unwrap();
    let started = world.instance(&swap.old).await;
    runtime.start_old(&swap).await.unwrap();
    assert_eq!(world.instance(&swap.old).await, started);
    for _ in 0..2 {
        runtime.unprepare(CP).await.unwrap();
        runtime.discard_image(CP).await.unwrap();
    }

    let swap = world.prepare(CP, &[("version", "two")]).await;
    runtime.stop_old(&swap).await.unwrap();
    runtime.start_new(&swap).await.unwrap();
    for _ in 0..2 {
        runtime.finish(&swap, 0).await.unwrap();
    }
    assert_eq!(world.ask(&swap.new, "version").await, "two");
}

#[tokio::test]
async fn undoing_what_was_never_done_changes_nothing() {
    let world = World::new();
    let before = world.install(&[("version", "one")]).await;
    let swap = world.prepare(CP, &[("version", "two")]).await;
    world.runtime.stop_new(&swap).await.unwrap();
    world.runtime.start_old(&swap).await.unwrap();
    world.runtime.unprepare(CP).await.unwrap();
    world.runtime.unprepare("CP-0000000F").await.unwrap();
    world.runtime.discard_image("CP-0000000F").await.unwrap();
    assert_eq!(world.runtime.live().await.unwrap(), Some(before));
}

#[tokio::test]
async fn a_version_that_ends_at_once_is_told_with_its_last_words() {
    let world = World::new();
    world.install(&[("version", "one")]).await;
    let swap = world.prepare(CP, &[("exit", "3")]).await;
    world.runtime.stop_old(&swap).await.unwrap();
    let error = world.runtime.start_new(&swap).await.unwrap_err();
    let StartError::Exited(how) = error else {
        panic!("{error:?}");
    };
    assert_eq!((how.exit_code, how.out_of_memory), (3, false), "{how}");
    assert!(how.output.contains("ending at once"), "{how}");

    // It goes on trying, and says how often.
    let id = &swap.new;
    eventually("it was restarted twice", || async {
        let instance = world.instance(id).await.unwrap();
        (instance.restarts >= 2 && instance.exit_code == Some(3)).then_some(())
    })
    .await;
    world.runtime.stop_new(&swap).await.unwrap();
    world.runtime.start_old(&swap).await.unwrap();
    assert_eq!(world.ask("base", "version").await, "one");
}

#[tokio::test]
async fn a_program_that_cannot_be_started_ended_at_once() {
    let world = World::with(|settings| {
        settings.run = vec!["./no-such-program".into()];
        settings.restart = false;
    });
    world.install(&[("version", "one")]).await;
    let swap = world.prepare(CP, &[("version", "two")]).await;
    let error = world.runtime.start_new(&swap).await.unwrap_err();
    assert!(matches!(&error, StartError::Exited(how) if how.output.contains("no-such-program")));
}

#[tokio::test]
async fn a_crash_later_on_is_counted_and_changes_the_start() {
    let world = World::new();
    let before = world.install(&[("version", "one")]).await;
    world.ask("base", "exit 7").await;
    let after = eventually("it runs again", || async {
        let instance = world.instance("base").await.unwrap();
        (instance.running && instance.restarts == 1).then_some(instance)
    })
    .await;
    assert_eq!(after.exit_code, Some(7));
    assert_ne!(after.started_at, before.started_at);
}

#[tokio::test]
async fn a_version_that_shall_not_restart_stays_ended() {
    let world = World::with(|settings| settings.restart = false);
    world.install(&[("version", "one")]).await;
    world.ask("base", "exit 7").await;
    let ended = eventually("it ended", || async {
        let instance = world.instance("base").await.unwrap();
        (!instance.running && instance.exit_code.is_some()).then_some(instance)
    })
    .await;
    assert_eq!((ended.exit_code, ended.restarts), (Some(7), 0));
}

#[tokio::test]
async fn a_version_that_ignores_the_order_to_stop_is_killed() {
    let world = World::with(|settings| settings.stop_timeout_seconds = 1);
    world.install(&[("ignore-term", "")]).await;
    let swap = world.prepare(CP, &[("version", "two")]).await;
    world.runtime.stop_old(&swap).await.unwrap();
    let stopped = world.instance("base").await.unwrap();
    assert!(!stopped.running);
    assert_eq!(stopped.exit_code, Some(128 + 9));
    let output = world.runtime.last_output("base", 1).await.unwrap();
    assert_eq!(output, "asked to stop");
}

#[tokio::test]
async fn what_a_version_started_does_not_outlive_it() {
    let world = World::new();
    world.install(&[("leave-child", "")]).await;
    eventually("its child runs too", || async { (world.processes().len() == 2).then_some(()) }).await;
    let swap = world.prepare(CP, &[("version", "two")]).await;
    world.runtime.stop_old(&swap).await.unwrap();
    assert_eq!(world.processes(), NONE);
}

#[tokio::test]
async fn a_stop_that_was_cut_off_is_finished_before_the_next_start() {
    let world = World::with(|settings| settings.stop_timeout_seconds = 2);
    world.install(&[("ignore-term", ""), ("version", "one")]).await;
    world.ask("base", "version").await;
    let old = world.pid_of("base", "app").unwrap();
    let swap = world.prepare(CP, &[("version", "two")]).await;

    let cut_off = tokio::select! {
        stopped = world.runtime.stop_old(&swap) => panic!("{stopped:?}"),
        cut_off = eventually("the order arrived", || async {
            let output = world.runtime.last_output("base", 1).await.unwrap();
            (output == "asked to stop").then_some(true)
        }) => cut_off,
    };
    assert!(cut_off);
    world.runtime.start_old(&swap).await.unwrap();
    assert!(!is_running(old));
    assert_eq!(world.live().await, Some(("base".into(), true)));
}

#[tokio::test]
async fn two_that_start_the_same_version_start_one_process() {
    let world = World::new();
    world.install(&[("version", "one")]).await;
    for promotion in ["CP-00000001", "CP-00000002", "CP-00000003"] {
        let swap = world.prepare(promotion, &[("version", "two")]).await;
        world.runtime.stop_old(&swap).await.unwrap();
        let (first, second) = tokio::join!(world.runtime.start_new(&swap), world.runtime.start_new(&swap));
        first.unwrap();
        second.unwrap();
        assert_eq!(world.processes().len(), 1);
        assert_eq!(world.instance(&swap.new).await.unwrap().restarts, 0);
    }
}

#[tokio::test]
async fn finish_keeps_as_many_earlier_releases_as_it_is_told() {
    let world = World::new();
    world.install(&[("version", "0")]).await;
    for (promotion, version) in [("CP-00000001", "1"), ("CP-00000002", "2"), ("CP-00000003", "3")] {
        let swap = world.prepare(promotion, &[("version", version)]).await;
        world.runtime.stop_old(&swap).await.unwrap();
        world.runtime.start_new(&swap).await.unwrap();
        world.runtime.finish(&swap, 2).await.unwrap();
    }
    let mut left: Vec<_> = std::fs::read_dir(world.root().join("releases"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["cp-00000001", "cp-00000002", "cp-00000003"]);
}

#[tokio::test]
async fn a_late_repeat_of_finish_leaves_the_next_promotion_alone() {
    let world = World::new();
    world.install(&[("version", "0")]).await;
    let swap = world.prepare("CP-00000001", &[("version", "1")]).await;
    world.runtime.stop_old(&swap).await.unwrap();
    world.runtime.start_new(&swap).await.unwrap();
    world.runtime.finish(&swap, 0).await.unwrap();
    let next = world.prepare("CP-00000002", &[("version", "2")]).await;
    world.runtime.finish(&swap, 0).await.unwrap();
    world.runtime.stop_old(&next).await.unwrap();
    world.runtime.start_new(&next).await.unwrap();
    assert_eq!(world.ask(&next.new, "version").await, "2");
}

#[tokio::test]
async fn moves_that_would_hurt_the_live_version_are_refused() {
    let world = World::new();
    world.install(&[("version", "one")]).await;
    let swap = world.prepare(CP, &[("version", "two")]).await;
    world.runtime.finish(&swap, 0).await.unwrap_err();
    world.runtime.discard_image(CP).await.unwrap_err();
    world.runtime.stop_old(&swap).await.unwrap();
    world.runtime.start_new(&swap).await.unwrap();
    world.runtime.unprepare(CP).await.unwrap_err();
    assert_eq!(world.live().await, Some((swap.new.clone(), true)));
    world.runtime.finish(&swap, 0).await.unwrap();
    let late = world.runtime.prepare(&release(CP), &swap.new_image).await;
    late.unwrap_err();
}

#[tokio::test]
async fn what_was_taken_down_comes_up_again_as_it_was() {
    let world = World::new();
    world.install(&[("version", "one")]).await;
    let swap = world.prepare(CP, &[("version", "two")]).await;
    world.runtime.stop_old(&swap).await.unwrap();
    world.runtime.start_new(&swap).await.unwrap();
    world.runtime.finish(&swap, 1).await.unwrap();
    world.process.down().await.unwrap();
    assert_eq!(world.live().await, Some((swap.new.clone(), false)));
    assert_eq!(world.processes(), NONE);
    world.install(&[("version", "other")]).await;
    assert_eq!(world.ask(&swap.new, "version").await, "two");
}

#[tokio::test]
async fn an_install_while_a_promotion_is_under_way_changes_nothing() {
    let world = World::new();
    world.install(&[("version", "one")]).await;
    let swap = world.prepare(CP, &[("version", "two")]).await;
    world.runtime.stop_old(&swap).await.unwrap();
    let source = world.source(&[("version", "other")]);
    world.process.install(&source).await.unwrap();
    assert_eq!(world.live().await, Some(("base".into(), false)));
    world.runtime.stop_new(&swap).await.unwrap();
    world.process.install(&source).await.unwrap();
    assert_eq!(world.processes(), NONE);
}

#[tokio::test]
async fn names_that_lead_elsewhere_are_refused() {
    let world = World::new();
    let (log, _lines) = unbounded_channel();
    for name in ["", "..", "a/b", "CP 1", ".hidden"] {
        let source = world.source(&[]);
        let built = world.runtime.build(&release(name), &source, &log).await;
        assert!(matches!(built, Err(BuildError::Unavailable(_))), "{name}");
        world.runtime.instance(name).await.unwrap_err();
        world.runtime.discard_image(name).await.unwrap_err();
    }
}
