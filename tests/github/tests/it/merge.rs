use adapters::github::{Closing, GitHubError, Merging, Opening, PullRequest};
use github::{Fault, State, What};

use crate::world::{BRANCH, World, author, squash};

async fn merge(world: &World, pull: &PullRequest) -> Result<Merging, GitHubError> {
    world.repository().merge(pull, &squash()).await
}

#[tokio::test]
async fn what_was_examined_becomes_one_commit_of_the_base_branch() {
    let world = World::new().await;
    let pull = world.opened().await;
    let Merging::Merged { commit } = merge(&world, &pull).await.unwrap() else { panic!("it is merged") };
    assert_eq!(world.git(&["rev-parse", "main"]), commit);
    assert_eq!(world.git(&["rev-list", "--count", "main"]), "2");
    world.check_tree("main");
    let message = world.git(&["show", "--no-patch", "--format=%B", "main"]);
    let who = format!("Co-authored-by: {} <{}>", author().name(), author().email());
    assert!(message.contains(&who) && message.contains("By [e-mail address]."), "{message}");
    // Once more, and by whoever starts from the beginning.
    assert_eq!(merge(&world, &pull).await.unwrap(), Merging::Merged { commit: commit.clone() });
    let again = Opening::Merged { number: pull.number, commit: commit.clone() };
    assert_eq!(world.open().await.unwrap(), again);
    assert_eq!(world.repository().close(&pull).await.unwrap(), Closing::Merged { commit });
    assert_eq!(world.git(&["rev-list", "--count", "main"]), "2");
    world.check_words();
}

#[tokio::test]
async fn what_was_not_examined_is_not_merged() {
    let world = World::new().await;
    let pull = world.opened().await;
    let main = world.git(&["rev-parse", "main"]);
    let head = world.server.state().push(BRANCH, "unseen.txt", "x");
    assert_eq!(merge(&world, &pull).await.unwrap(), Merging::HeadMoved { head: head.clone() });
    assert_eq!(world.git(&["rev-parse", "main"]), main);
    // Somebody merges it all the same.
    let seen_by_them = PullRequest { head: head.clone(), ..pull.clone() };
    let Merging::Merged { commit } = merge(&world, &seen_by_them).await.unwrap() else { panic!("merged") };
    let unseen = Opening::MergedUnseen { number: pull.number, commit: commit.clone(), head: head.clone() };
    assert_eq!(world.open().await.unwrap(), unseen);
    assert_eq!(merge(&world, &pull).await.unwrap(), Merging::MergedUnseen { commit, head });
    world.check_words();
}

#[tokio::test]
async fn who_is_quicker_by_a_moment_is_noticed() {
    let push: fn(&mut State) = |state| drop(state.push(BRANCH, "unseen.txt", "x"));
    let conflict: fn(&mut State) = |state| drop(state.push("main", "edited.txt", "x"));
    let close: fn(&mut State) = |state| state.pulls[0].is_open = false;
    for (happens, expected) in
        [(push, None), (conflict, Some(Merging::Conflict)), (close, Some(Merging::Closed))]
    {
        let world = World::new().await;
        let pull = world.opened().await;
        world.server.state().faults = vec![Fault::once("pulls/merge", What::Meanwhile(happens))];
        let found = merge(&world, &pull).await.unwrap();
        let head = world.git(&["rev-parse", BRANCH]);
        assert_eq!(found, expected.unwrap_or(Merging::HeadMoved { head }));
        assert!(world.server.state().pulls[0].merged.is_none());
        world.check_words();
    }
}

#[tokio::test]
async fn what_keeps_it_from_being_merged_is_told_apart() {
    let world = World::new().await;
    let pull = world.opened().await;
    world.server.state().is_protected = true;
    let merging = merge(&world, &pull).await.unwrap();
    assert!(matches!(&merging, Merging::NotAllowed { reason } if reason.contains("review")), "{merging:?}");
    world.server.state().is_protected = false;
    world.server.state().is_mergeability_known = false;
    let error = merge(&world, &pull).await.unwrap_err();
    assert!(error.is_worth_another_try(), "{error}");
    world.server.state().is_mergeability_known = true;
    world.server.state().push("main", "edited.txt", "somebody else's\n");
    assert_eq!(merge(&world, &pull).await.unwrap(), Merging::Conflict);
    assert_eq!(world.repository().close(&pull).await.unwrap(), Closing::Closed);
    assert_eq!(world.repository().close(&pull).await.unwrap(), Closing::Closed);
    assert_eq!(merge(&world, &pull).await.unwrap(), Merging::Closed);
    world.check_words();
}
