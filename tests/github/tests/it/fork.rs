use adapters::github::{
    Closing, GitHubError, Merging, Opening, Patience, Proposal, PullRequest, Refusal, Review, Sharing,
    Verdict, VerdictState,
};
use github::{Fault, LOGIN, REPOSITORY, What};

use crate::world::{BRANCH, World, patience, squash};

fn count(world: &World, operation: &str) -> usize {
    world.server.asked().iter().filter(|it| *it == operation).count()
}

async fn open(world: &World) -> (PullRequest, Vec<String>) {
    let Opening::Open { pull, notes } = world.open().await.unwrap() else { panic!("it is open") };
    (pull, notes)
}

#[tokio::test]
async fn who_may_not_write_proposes_from_a_fork_that_is_made_for_it() {
    let world = World::contributing().await;
    world.server.state().fork_looks = 2;
    let before = world.git(&["for-each-ref"]);
    let (pull, notes) = open(&world).await;
    world.check_proposed(&pull);
    assert_eq!(world.git(&["for-each-ref"]), before, "something was written in the upstream");
    assert!(world.server.state().pulls[0].is_from_fork);
    let [note] = notes.as_slice() else { panic!("{notes:?}") };
    assert!(note.contains("no labels") && note.contains("build-studio, automated"), "{note}");
    assert_eq!(open(&world).await, (pull, notes));
    assert_eq!(count(&world, "repos/create-fork"), 1);
    world.check_words();
}

#[tokio::test]
async fn who_may_write_needs_no_fork() {
    for sharing in [Sharing::Contributing, Sharing::Private] {
        let world = World::new().await;
        let opening = world.repository_of(sharing, patience()).open(&world.proposal()).await.unwrap();
        assert!(matches!(opening, Opening::Open { .. }), "{opening:?}");
        assert!(world.server.state().forks.is_empty());
        assert_eq!(count(&world, "users/get-authenticated"), 0);
        world.check_words();
    }
}

#[tokio::test]
async fn the_fork_that_there_is_is_used_whatever_its_name() {
    // The usual name is somebody's who has no fork of it, or one of another repository.
    for (name, others, forks_made) in [
        ("hello", None, 0),
        ("hello-shop", None, 1),
        ("hello-shop", Some("ada/hello"), 1),
        ("mine", Some(""), 1),
    ] {
        let world = World::contributing().await;
        if let Some(parent) = others {
            world.server.state().fork("hello", parent);
        }
        world.server.state().fork(name, REPOSITORY);
        let (pull, _) = open(&world).await;
        world.check_proposed(&pull);
        assert_eq!(count(&world, "repos/create-fork"), forks_made, "{name}");
        assert_eq!(world.server.state().forks.len(), 1 + usize::from(others.is_some()), "{name}");
        world.check_words();
    }
    // The usual name leads to another one.
    let world = World::contributing().await;
    world.server.state().fork("hello-shop", REPOSITORY);
    let moved = What::Answer { status: 301, headers: &[], message: "Moved Permanently" };
    world.server.state().faults = vec![Fault { after: 1, ..Fault::once("repos/get", moved) }];
    world.check_proposed(&open(&world).await.0);
    world.check_words();
}

#[tokio::test]
async fn another_repository_under_the_same_name_is_left_alone() {
    let world = World::contributing().await;
    world.server.state().fork("hello", "ada/hello");
    let before = world.server.state().forks[0].git(&["for-each-ref"]);
    let (pull, _) = open(&world).await;
    world.check_proposed(&pull);
    let state = world.server.state();
    assert_eq!(state.forks[0].git(&["for-each-ref"]), before);
    assert_eq!(state.forks[1].name, "hello-1");
    drop(state);
    world.check_words();
}

#[tokio::test]
async fn a_fork_that_was_left_alone_does_not_matter() {
    for forks_see in [true, false] {
        let world = World::contributing().await;
        world.server.state().forks_see = forks_see;
        let stale = world.server.state().fork("hello", REPOSITORY).git(&["rev-parse", "main"]);
        let tip = world.server.state().push("main", "elsewhere.txt", "new\n");
        let (pull, _) = open(&world).await;
        assert_eq!(world.home(&["rev-parse", &format!("{}^", pull.head)]), tip);
        // Its own branch is brought forward only where there is no other way.
        let expected = if forks_see { stale } else { tip };
        assert_eq!(world.home(&["rev-parse", "main"]), expected, "forks see: {forks_see}");
        assert_eq!(count(&world, "repos/merge-upstream"), usize::from(!forks_see));
        assert_eq!(open(&world).await.0, pull);
        world.check_words();
    }
}

#[tokio::test]
async fn a_fork_that_sees_a_commit_and_does_not_take_it_is_brought_forward() {
    // Each of the words that GitHub has for it.
    for (operation, status, times) in [
        ("git/create-ref", 422, 2),
        ("git/create-ref", 404, 1),
        ("git/create-tree", 404, 1),
        ("git/create-commit", 422, 1),
    ] {
        let world = World::contributing().await;
        world.server.state().fork("hello", REPOSITORY);
        let what = What::Answer { status, headers: &[], message: "Object does not exist" };
        world.server.state().faults = vec![Fault { times, ..Fault::once(operation, what) }];
        let (pull, _) = open(&world).await;
        world.check_proposed(&pull);
        assert_eq!(count(&world, "repos/merge-upstream"), 1, "{operation}");
        world.check_words();
    }
}

#[tokio::test]
async fn what_a_fork_has_of_its_own_is_not_touched() {
    let world = World::contributing().await;
    world.server.state().forks_see = false;
    world.server.state().fork("hello", REPOSITORY).push("main", "own.txt", "x");
    world.server.state().push("main", "elsewhere.txt", "new\n");
    let before = world.home(&["for-each-ref"]);
    let error = world.open().await.unwrap_err();
    assert!(!error.is_worth_another_try(), "{error}");
    for part in ["mona/hello", "BadObjectState", "commits of its own"] {
        assert!(error.to_string().contains(part), "{part} is not in: {error}");
    }
    assert_eq!(world.home(&["for-each-ref"]), before);
    world.check_words();
}

#[tokio::test]
async fn a_fork_that_does_not_come_is_not_waited_for_without_end() {
    let world = World::contributing().await;
    world.server.state().fork_looks = 5;
    let short = Patience { tries_max: 1, ..patience() };
    for _ in 0..3 {
        let error = world.repository_with(short.clone()).open(&world.proposal()).await.unwrap_err();
        assert!(matches!(error, GitHubError::Unavailable(_)) && error.is_worth_another_try(), "{error}");
    }
    world.check_proposed(&open(&world).await.0);
    assert_eq!(world.server.state().forks.len(), 1);
    world.check_words();
}

#[tokio::test]
async fn what_keeps_a_fork_from_being_made_is_told() {
    let answer = |status| What::Answer { status, headers: &[], message: "Name is taken" };
    for (allow_forking, fault, said) in [
        (false, None, "forks of it are not allowed"),
        (true, Some(answer(403)), "could not be made: Name is taken."),
        (true, Some(answer(422)), "could not be made: Name is taken."),
    ] {
        let world = World::contributing().await;
        world.server.state().allow_forking = allow_forking;
        world.server.state().faults =
            fault.map(|it| Fault::once("repos/create-fork", it)).into_iter().collect();
        let error = world.open().await.unwrap_err();
        assert!(matches!(error, GitHubError::Rights { .. }) && error.to_string().contains(said), "{error}");
        world.check_words();
    }
}

#[tokio::test]
async fn who_keeps_to_himself_gets_no_fork() {
    let world = World::new().await;
    world.server.state().may_push = false;
    let error = world.open().await.unwrap_err();
    assert!(matches!(error, GitHubError::Rights { .. }) && !error.is_worth_another_try(), "{error}");
    assert!(world.server.state().forks.is_empty());
    world.check_words();
}

#[tokio::test]
async fn nothing_is_proposed_to_an_archive() {
    for world in [World::new().await, World::contributing().await] {
        world.server.state().is_archived = true;
        let error = world.open().await.unwrap_err();
        assert!(!error.is_worth_another_try() && error.to_string().contains("archived"), "{error}");
        assert_eq!(world.server.asked(), ["repos/get"]);
        world.check_words();
    }
}

#[tokio::test]
async fn a_secret_goes_to_no_fork_that_everybody_can_read() {
    for (upstream, fork, expected) in [
        ("public", "public", Some(1)),
        ("private", "public", Some(3)),
        ("private", "private", None),
        ("internal", "private", None),
    ] {
        let world = World::contributing().await;
        world.server.state().visibility = upstream;
        world.server.state().fork("hello", REPOSITORY).visibility = fork;
        let before = world.home(&["for-each-ref"]);
        let proposal = Proposal { secret_open: true, ..world.proposal() };
        let opening = world.repository().open(&proposal).await.unwrap();
        match expected {
            Some(questions) => {
                assert_eq!(opening, Opening::Refused(Refusal::SecretOpen), "{upstream}, {fork}");
                assert!(world.server.asked().len() >= questions, "{:?}", world.server.asked());
                assert_eq!(
                    world.server.state().bodies,
                    Vec::<serde_json::Value>::new(),
                    "something was sent"
                );
                assert_eq!(world.home(&["for-each-ref"]), before);
            }
            None => assert!(matches!(opening, Opening::Open { .. }), "{opening:?}"),
        }
        world.check_words();
    }
}

#[tokio::test]
async fn a_branch_with_something_else_is_left_alone() {
    let world = World::contributing().await;
    world.server.state().fork("hello", REPOSITORY).push(BRANCH, "other.txt", "x");
    let before = world.home(&["for-each-ref"]);
    assert_eq!(world.open().await.unwrap(), Opening::BranchTaken { branch: BRANCH.to_owned() });
    assert_eq!(world.home(&["for-each-ref"]), before);
    world.check_words();
}

#[tokio::test]
async fn verdicts_stand_where_the_branch_is_and_findings_where_the_pull_request_is() {
    let world = World::contributing().await;
    let (pull, _) = open(&world).await;
    let verdict = Verdict {
        gate: "slipway/security".to_owned(),
        state: VerdictState::Open,
        summary: "1 finding must be mended.".to_owned(),
    };
    let review = Review { verdicts: vec![verdict], findings: Some("Seen by ada@example.com.".to_owned()) };
    for _ in 0..2 {
        world.repository().report(&pull, &review).await.unwrap();
    }
    let state = world.server.state();
    let [status] = state.statuses.as_slice() else { panic!("{:?}", state.statuses) };
    assert_eq!((status.repository.as_str(), &status.commit), (format!("{LOGIN}/hello").as_str(), &pull.head));
    let [comment] = state.comments.as_slice() else { panic!("{:?}", state.comments) };
    // Who looks at the pull request may not see the fork's statuses.
    let said = "Seen by [e-mail address].\n\n- `slipway/security` is open: 1 finding must be mended.\n";
    assert!(comment.body.ends_with(said), "{}", comment.body);
    drop(state);
    world.check_words();
}

#[tokio::test]
async fn merging_is_for_those_who_may_and_closing_for_who_proposed() {
    let world = World::contributing().await;
    let (pull, _) = open(&world).await;
    let merging = world.repository().merge(&pull, &squash()).await.unwrap();
    let Merging::NotAllowed { reason } = merging else { panic!("{merging:?}") };
    assert!(reason.contains(REPOSITORY) && reason.contains("somebody who may"), "{reason}");
    // Somebody does.
    world.server.state().may_push = true;
    let Merging::Merged { commit } = world.repository().merge(&pull, &squash()).await.unwrap() else {
        panic!("it is merged")
    };
    world.server.state().may_push = false;
    world.check_tree("main");
    let merged = Opening::Merged { number: pull.number, commit };
    assert_eq!(world.open().await.unwrap(), merged);
    // What was merged is known where the fork is gone, too.
    world.check_words();
    world.server.state().forks_see = false;
    world.server.state().forks.clear();
    assert_eq!(world.open().await.unwrap(), merged);
    // Another one is taken back.
    let world = World::contributing().await;
    let (pull, _) = open(&world).await;
    assert_eq!(world.repository().close(&pull).await.unwrap(), Closing::Closed);
    assert_eq!(world.open().await.unwrap(), Opening::Closed { number: pull.number });
    world.check_words();
}

#[tokio::test]
async fn a_base_that_only_the_fork_has_is_none() {
    let world = World::contributing().await;
    world.server.state().fork("hello", REPOSITORY).push("release", "old.txt", "x");
    let proposal = Proposal { base: Some("release".to_owned()), ..world.proposal() };
    let error = world.repository().open(&proposal).await.unwrap_err();
    assert!(error.to_string().contains("there is no branch \"release\""), "{error}");
    world.check_words();
}

#[tokio::test]
async fn verdicts_need_the_fork() {
    let world = World::contributing().await;
    let (pull, _) = open(&world).await;
    world.server.state().forks.clear();
    let review = Review { verdicts: Vec::new(), findings: None };
    let error = world.repository().report(&pull, &review).await.unwrap_err();
    assert!(!error.is_worth_another_try() && error.to_string().contains("fork"), "{error}");
}
