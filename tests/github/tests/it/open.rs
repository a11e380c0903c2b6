use std::path::Path;

use adapters::github::{GitHubError, Opening, Refusal, Sharing};
use github::{Fault, Pull, State, What};

use crate::world::{BRANCH, World, author, patience, write};

#[tokio::test]
async fn a_feature_becomes_one_commit_with_exactly_what_was_sealed() {
    let world = World::new().await;
    let pull = world.opened().await;
    world.check_proposed(&pull);
    world.check_words();
    let modes = world.git(&["ls-tree", "-r", "--format=%(objectmode) %(path)", BRANCH]);
    for line in ["100755 tool.sh", "120000 ref", "100644 becomes", "100644 moved/new name.txt"] {
        assert!(modes.lines().any(|it| it == line), "{line} is not in\n{modes}");
    }
    assert!(!modes.contains("dir/"), "{modes}");
    world.git(&["fsck", "--strict"]);
}

#[tokio::test]
async fn the_commit_carries_the_pseudonym_and_texts_lead_nobody_back() {
    let world = World::new().await;
    world.opened().await;
    let shown = world.git(&["show", "--no-patch", "--format=%an <%ae> %aI%n%cn <%ce> %cI%n%B", BRANCH]);
    let who = format!("{} <{}> 2026-11-23T12:00:00", author().name(), author().email());
    assert!(shown.lines().take(2).all(|line| line.starts_with(&who)), "{shown}");
    assert!(shown.contains(&format!("Change-Set: {}", world.set.hash)), "{shown}");
    let body = "Built by [e-mail address] on [host].";
    assert_eq!(world.server.state().pulls[0].body, body);
    let sent = format!("{:?}", world.server.state().bodies);
    for leak in ["ada@example.com", "DESKTOP", "Ada", "shop"] {
        assert!(!sent.contains(leak), "{leak} was sent");
    }
}

#[tokio::test]
async fn a_repeat_changes_nothing() {
    let world = World::new().await;
    let first = world.opened().await;
    let before = world.git(&["for-each-ref"]);
    assert_eq!(world.opened().await, first);
    // The base branch has moved meanwhile; the commit that was examined stays the one that is proposed.
    world.server.state().push("main", "elsewhere.txt", "new\n");
    assert_eq!(world.opened().await, first);
    world.server.state().git(&["update-ref", "refs/heads/main", "main~"]);
    assert_eq!(world.git(&["for-each-ref"]), before);
    world.check_proposed(&first);
    world.check_words();
}

#[tokio::test]
async fn a_base_that_moved_elsewhere_is_no_conflict() {
    let world = World::new().await;
    world.server.state().push("main", "elsewhere.txt", "new\n");
    let pull = world.opened().await;
    let changed = world.git(&["diff", "--name-only", "--no-renames", "main", &pull.head]);
    assert!(!changed.contains("elsewhere.txt"), "{changed}");
    assert_eq!(world.git(&["rev-parse", &format!("{}^", pull.head)]), world.git(&["rev-parse", "main"]));
    world.check_words();
}

#[tokio::test]
async fn a_base_that_differs_from_what_the_feature_was_built_on_is_for_people() {
    let world = World::new().await;
    world.server.state().push("main", "edited.txt", "somebody else's\n");
    world.server.state().push("main", "image.bin", "somebody else's\n");
    let before = world.git(&["for-each-ref"]);
    let paths = vec!["edited.txt".to_owned(), "image.bin".to_owned()];
    assert_eq!(world.open().await.unwrap(), Opening::Conflict { paths });
    assert_eq!(world.git(&["for-each-ref"]), before);
    world.check_words();
}

#[tokio::test]
async fn a_feature_that_the_base_has_already_is_not_proposed() {
    let world = World::with(&[], |tree| write(tree, "edited.txt", b"new\n")).await;
    world.server.state().push("main", "edited.txt", "new\n");
    assert_eq!(world.open().await.unwrap(), Opening::Contained);
    assert!(world.server.state().pulls.is_empty());
    world.check_words();
}

#[tokio::test]
async fn a_branch_with_something_else_is_left_alone() {
    let fill: [fn(&World) -> String; 3] = [
        |world| world.server.state().push(BRANCH, "other.txt", "x"),
        |world| world.server.state().push(BRANCH, "edited.txt", "x"),
        |world| world.git(&["update-ref", &format!("refs/heads/{BRANCH}"), "main"]),
    ];
    for fill in fill {
        let world = World::new().await;
        fill(&world);
        let before = world.git(&["for-each-ref"]);
        assert_eq!(world.open().await.unwrap(), Opening::BranchTaken { branch: BRANCH.to_owned() });
        assert_eq!(world.git(&["for-each-ref"]), before);
        assert!(world.server.state().pulls.is_empty());
        world.check_words();
    }
}

#[tokio::test]
async fn commits_on_top_of_the_feature_are_noticed() {
    let world = World::new().await;
    world.opened().await;
    world.server.state().push(BRANCH, "more.txt", "unseen");
    assert_eq!(world.open().await.unwrap(), Opening::BranchTaken { branch: BRANCH.to_owned() });
    world.check_words();
}

#[tokio::test]
async fn who_is_quicker_by_a_moment_is_noticed() {
    let branch: fn(&mut State) = |state| drop(state.push(BRANCH, "other.txt", "x"));
    let pull: fn(&mut State) = |state| {
        let (title, body) = ("By hand".to_owned(), String::new());
        let (head, base) = (BRANCH.to_owned(), "main".to_owned());
        let labels = std::collections::BTreeSet::new();
        let (is_open, is_from_fork, merged) = (true, false, None);
        state.pulls.push(Pull { title, body, head, is_from_fork, base, is_open, labels, merged });
    };
    let world = World::new().await;
    world.server.state().faults = vec![Fault::once("git/create-ref", What::Meanwhile(branch))];
    assert_eq!(world.open().await.unwrap(), Opening::BranchTaken { branch: BRANCH.to_owned() });
    world.check_words();
    let world = World::new().await;
    world.server.state().faults = vec![Fault::once("pulls/create", What::Meanwhile(pull))];
    world.check_proposed(&world.opened().await);
    assert_eq!(world.server.state().pulls[0].title, "By hand");
    world.check_words();
}

#[tokio::test]
async fn the_feature_on_a_base_that_never_was_is_not_taken_for_ours() {
    let world = World::new().await;
    let pull = world.opened().await;
    // The same change, but on a commit that the base branch does not have.
    let parent = world.server.state().push("stranger", "backdoor.txt", "x");
    let tree = {
        let state = world.server.state();
        let both = state.git(&["merge-tree", "--write-tree", &pull.head, &parent]);
        state.git(&["commit-tree", &both, "-p", &parent, "-m", "x"])
    };
    world.git(&["update-ref", &format!("refs/heads/{BRANCH}"), &tree]);
    assert_eq!(world.open().await.unwrap(), Opening::BranchTaken { branch: BRANCH.to_owned() });
    world.check_words();
}

#[tokio::test]
async fn nothing_is_sent_where_it_may_not_go() {
    let table = [
        (Sharing::Private, "public", false, Some(Refusal::PrivateToPublic)),
        (Sharing::Contributing, "public", true, Some(Refusal::SecretOpen)),
        (Sharing::Contributing, "public", false, None),
        (Sharing::Contributing, "internal", true, None),
        (Sharing::Private, "internal", true, None),
    ];
    for (sharing, visibility, secret_open, expected) in table {
        let world = World::new().await;
        world.server.state().visibility = visibility;
        let proposal = adapters::github::Proposal { secret_open, ..world.proposal() };
        let opening = world.repository_of(sharing, patience()).open(&proposal).await.unwrap();
        match expected {
            Some(refusal) => {
                assert_eq!(opening, Opening::Refused(refusal));
                assert_eq!(world.server.asked(), ["repos/get"]);
            }
            None => assert!(matches!(opening, Opening::Open { .. }), "{opening:?}"),
        }
        world.check_words();
    }
}

#[tokio::test]
async fn a_large_tree_is_read_folder_by_folder() {
    let world = World::with(&[], |tree| {
        write(tree, "dir/gone.txt", b"edited\n");
        write(tree, "deep/er/new.txt", b"new\n");
        std::fs::rename(tree.join("dir/old name.txt"), tree.join("old name.txt")).unwrap();
    });
    let world = world.await;
    world.server.state().tree_max = 2;
    let pull = world.opened().await;
    world.check_proposed(&pull);
    world.check_words();
}

#[tokio::test]
async fn a_feature_of_many_files_takes_several_requests() {
    fn many(tree: &Path) {
        for index in 0..1_100 {
            write(tree, &format!("many/{index}.txt"), format!("{index}\n").as_bytes());
        }
        write(tree, "large.txt", "ä".repeat(3 << 20).as_bytes());
    }
    let world = World::with(&[], many).await;
    let pull = world.opened().await;
    world.check_proposed(&pull);
    let asked = world.server.asked();
    let count = |name: &str| asked.iter().filter(|it| *it == name).count();
    assert_eq!((count("git/create-tree"), count("git/create-blob")), (3, 1));
    world.check_words();
}

#[tokio::test]
async fn who_may_not_label_may_propose() {
    let world = World::new().await;
    world.server.state().may_label = false;
    let Opening::Open { notes, .. } = world.open().await.unwrap() else { panic!("it is open") };
    assert!(notes.len() == 1 && notes[0].contains("no labels"), "{notes:?}");
    world.check_words();
}

#[tokio::test]
async fn a_pull_request_that_is_over_is_not_opened_again() {
    let world = World::new().await;
    let pull = world.opened().await;
    world.repository().close(&pull).await.unwrap();
    assert_eq!(world.open().await.unwrap(), Opening::Closed { number: pull.number });
    assert_eq!(world.server.state().pulls.len(), 1);
    world.check_words();
}

#[tokio::test]
async fn what_cannot_work_says_what_to_do() {
    let world = World::new().await;
    let proposal = || world.proposal();
    let no_base = adapters::github::Proposal { base: Some("release/ü".to_owned()), ..proposal() };
    let no_branch = adapters::github::Proposal { branch: "a..b".to_owned(), ..proposal() };
    let repository = world.repository();
    let error = repository.open(&no_base).await.unwrap_err();
    assert!(matches!(error, GitHubError::Rejected { status: 404, .. }), "{error}");
    assert!(!error.is_worth_another_try() && error.to_string().contains("release/ü"), "{error}");
    let error = repository.open(&no_branch).await.unwrap_err();
    assert!(matches!(error, GitHubError::Branch(_)) && !error.is_worth_another_try(), "{error}");
    world.check_words();
}
