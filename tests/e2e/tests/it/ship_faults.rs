//! GitHub that answers badly or not at all, and a ship worker that dies: what is proposed is proposed once.

use github::{Fault, Pull, State, What};
use tempfile::TempDir;

use crate::faults::SHORT_LEASE;
use crate::feature::Feature;
use crate::patience::eventually;
use crate::ship_phase::World;
use crate::upstream::verified;

/// The jobs of a ship run that are not to die.
const OTHER_JOBS: [&str; 6] =
    ["ship.seal", "scheduler.register", "scheduler.epic", "ship.assess", "ship.gates", "scheduler.deploy"];

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_lost_make_nothing_twice() {
    let world = World::contributing("contribute_all", &[]).await;
    for operation in ["pulls/create", "issues/create-comment", "pulls/merge"] {
        world.upstream.server.state().faults.push(Fault::once(operation, What::LoseAnswer));
    }
    assert_merged_once(&world).await;
}

/// It is killed while it waits for an answer, with the pull request open and the rest not done.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_with_half_of_it_done_does_the_other_half() {
    let mut world = World::contributing("contribute_all", &[SHORT_LEASE]).await;
    for (operation, page) in [("issues/add-labels", "pages/about.html"), ("pulls/merge", "pages/terms.html")]
    {
        world.upstream.server.state().faults = vec![Fault::once(operation, What::Hang)];
        let files = [(page, Some("{{title: Us}}\n<p>Who we are.</p>\n"))];
        let mut feature = Feature::write(&world.shop, "page", &[], &files).await;
        verified(&mut feature);
        let said = world.system.say(&["--wait", "1", "ship", "-f", feature.save()]).await;
        let id = said.results[0]["promotion"].as_str().unwrap().to_owned();
        eventually("the worker waits for GitHub", async || {
            world.upstream.server.asked().iter().any(|it| it == operation).then_some(())
        })
        .await;
        world.system.kill("ship");
        world.system.start("ship");
        let shipped = world.system.until_pending(&id).await;
        assert!(shipped.pull_request.unwrap().merged.is_some(), "{operation}");
        let (number, _) = world.upstream.pull(&feature.build);
        world.upstream.comment(number);
        world.upstream.server.state().asked.clear();
    }
    world.upstream.check_words();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_before_it_can_tell_of_the_merge_finds_it_done() {
    let marks = marks();
    let points = format!("after_effect=return({})", marks.path().display());
    let world = World::contributing("contribute_all", &[SHORT_LEASE, ("FAILPOINTS", &points)]).await;
    let died = async {
        eventually("the worker dies", async || (world.system.revive() > 0).then_some(())).await;
    };
    let ((), ()) = tokio::join!(died, assert_merged_once(&world));
}

/// Where each other job has died already.
fn marks() -> TempDir {
    let marks = tempfile::Builder::new().prefix("slipway-e2e-marks-").tempdir().unwrap();
    for job in OTHER_JOBS {
        std::fs::write(marks.path().join(format!("after_effect.{job}")), "").unwrap();
    }
    marks
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_by_github_asks_and_tries_again_when_told_to() {
    let world = World::contributing("contribute_all", &[]).await;
    let refuses = What::Answer { status: 401, headers: &[], message: "Bad credentials" };
    world.upstream.server.state().faults =
        vec![Fault { operation: None, after: 0, times: usize::MAX, what: refuses }];
    let mut feature = world.page().await;
    verified(&mut feature);
    let asking = world.ask(&feature, "pull_request").await;
    let id = &asking.summary.id;
    assert_eq!(asking.question.unwrap().answers, ["retry", "skip"]);
    // Nothing has changed, so it asks again.
    world.say(id, &["answer", "retry"]).await;
    world.system.until(id, "asks again", |it| it.question.is_some()).await;
    world.upstream.server.state().faults.clear();
    let shipped = world.answer(id, &["answer", "retry"]).await;
    assert!(shipped.pull_request.unwrap().merged.is_some());
    world.upstream.check_words();
}

/// For longer than the worker waits itself.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_to_wait_for_github_goes_on_by_itself() {
    let world = World::contributing("contribute_all", &[]).await;
    let limited =
        What::Answer { status: 403, headers: &[("retry-after", "22")], message: "You have exceeded a limit" };
    world.upstream.server.state().faults = vec![Fault::once("git/create-ref", limited)];
    assert_merged_once(&world).await;
    let postponed = "select count(*) from jobs where job = 'ship.propose' and state = 'postponed'";
    assert_eq!(world.system.database.number(postponed).await, 1);
}

/// What somebody does in the repository right before a pull request is merged, and what people are told.
type Meddling = (fn(&mut State), &'static str);

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_does_to_a_pull_request_leaves_it_to_people() {
    let world = World::contributing("contribute_all", &[]).await;
    let World { system, upstream, .. } = &world;
    let table: [Meddling; 4] = [
        (|state| drop(state.push(&last(state).head, "unseen.txt", "x")), "changed the branch"),
        (|state| drop(state.push("main", "pages/about.html", "x")), "changed at the same places"),
        (|state| state.pulls.last_mut().unwrap().is_open = false, "closed its pull request"),
        (|state| state.is_protected = true, "rules ask for more"),
    ];
    let base = upstream.git(&["rev-parse", "main"]);
    for (happens, why) in table {
        upstream.server.state().is_protected = false;
        upstream.git(&["update-ref", "refs/heads/main", &base]);
        upstream.server.state().faults = vec![Fault::once("pulls/merge", What::Meanwhile(happens))];
        let mut feature = world.page().await;
        verified(&mut feature);
        let proposed = world.ship(&feature).await.pull_request.unwrap();
        assert_eq!(proposed.merged, None, "{why}");
        assert!(proposed.notes.concat().contains(why), "{why}: {proposed:?}");
        assert_eq!(upstream.pull(&feature.build).1.merged, None, "{why}");
    }
    upstream.server.state().is_protected = false;
    upstream.server.state().push("main", "pages/about.html", "x");
    let asking = world.ask(&world.page().await, "pull_request").await;
    let sentence = asking.question.unwrap().sentence;
    assert!(sentence.contains("pages/about.html"), "{sentence}");
    let shipped = world.answer(&asking.summary.id, &["answer", "skip"]).await;
    assert_eq!(shipped.pull_request.unwrap().url, None);
    let completed = "select count(*) from builds where completed_at is not null";
    assert_eq!(system.database.number(completed).await, 0);
    upstream.check_words();
}

fn last(state: &State) -> Pull {
    state.pulls.last().unwrap().clone()
}

/// A good feature ends as one commit of the base branch, with one pull request and one comment.
async fn assert_merged_once(world: &World) {
    let count = || world.upstream.git(&["rev-list", "--count", "main"]).parse::<u32>().unwrap();
    let before = count();
    let mut feature = world.page().await;
    verified(&mut feature);
    let shipped = world.ship(&feature).await;
    let (number, pull) = world.upstream.pull(&feature.build);
    world.upstream.comment(number);
    let commit = shipped.pull_request.unwrap().merged.expect("it is merged");
    assert_eq!(pull.merged.map(|(_, into)| into), Some(commit));
    assert_eq!(count(), before + 1);
    world.upstream.check_words();
}
