use std::time::Duration;

use adapters::github::{
    Address, GitHubError, Merging, Opening, Patience, PullRequest, Redaction, Repository, Review, Sharing,
    Token, Tokens, Verdict, VerdictState,
};
use github::{Fault, REPOSITORY, What};

use crate::world::{BRANCH, World, patience, squash};

/// What an empty-handed repeat must have got done: opened, reported, merged.
async fn all(world: &World, patience: Patience) -> Result<(PullRequest, Merging), GitHubError> {
    let repository = world.repository_with(patience);
    let opening = repository.open(&world.proposal()).await?;
    if let Opening::Merged { number, commit } = opening {
        let head = world.git(&["rev-parse", BRANCH]);
        return Ok((PullRequest { number, url: String::new(), head }, Merging::Merged { commit }));
    }
    let Opening::Open { pull, .. } = opening else { panic!("{opening:?}") };
    let verdict = Verdict {
        gate: "slipway/security".to_owned(),
        state: VerdictState::Open,
        summary: "1 finding".to_owned(),
    };
    let review = Review { verdicts: vec![verdict], findings: Some("1 finding".to_owned()) };
    repository.report(&pull, &review).await?;
    Ok((pull.clone(), repository.merge(&pull, &squash()).await?))
}

/// How a feature gets there.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// Into the repository itself.
    Straight,
    /// By a fork that is made for it.
    NewFork,
    /// By one that was left alone, and does not see what the upstream has since.
    OldFork,
}

impl Way {
    async fn world(self) -> World {
        let world = match self {
            Way::Straight => World::new().await,
            Way::NewFork | Way::OldFork => World::contributing().await,
        };
        if matches!(self, Way::OldFork) {
            let mut state = world.server.state();
            state.forks_see = false;
            state.fork("hello", REPOSITORY);
            // Another commit with the same files.
            state.push("main", "kept.txt", "kept\n");
        }
        world
    }
}

fn check_done(world: &World, merging: &Merging, context: &str) {
    if world.server.state().may_push {
        let Merging::Merged { commit } = merging else { panic!("{context}: {merging:?}") };
        assert_eq!(&world.git(&["rev-parse", "main"]), commit, "{context}");
        assert_eq!(world.git(&["rev-list", "--count", "main"]), "2", "{context}");
        world.check_tree("main");
    } else {
        // All that is left is for those who look after the repository.
        let Merging::NotAllowed { reason } = merging else { panic!("{context}: {merging:?}") };
        assert!(reason.contains("not merge there"), "{context}: {reason}");
        let head = world.home(&["rev-parse", BRANCH]);
        world.check_proposed(&PullRequest { number: 1, url: String::new(), head });
        assert_eq!(world.server.state().forks.len(), 1, "{context}");
    }
    let state = world.server.state();
    assert_eq!((state.pulls.len(), state.comments.len()), (1, 1), "{context}");
    // One that was said twice says the same.
    assert!(state.statuses.iter().all(|it| *it == state.statuses[0]), "{context}: {:?}", state.statuses);
    assert!(!state.statuses.is_empty(), "{context}");
    drop(state);
    world.check_words();
}

/// How many questions it takes where nothing goes wrong.
async fn questions(way: Way) -> usize {
    let world = way.world().await;
    let (_, merging) = all(&world, patience()).await.unwrap();
    check_done(&world, &merging, "nothing goes wrong");
    world.server.asked().len()
}

#[tokio::test]
async fn killed_between_any_two_questions_and_run_again_it_ends_the_same() {
    for way in [Way::Straight, Way::NewFork] {
        for after in 0..questions(way).await {
            killed(way, after, vec![Fault::down_after(after)]).await;
        }
    }
}

#[tokio::test]
async fn killed_before_any_answer_arrives_and_run_again_it_ends_the_same() {
    for way in [Way::Straight, Way::NewFork, Way::OldFork] {
        for after in 0..questions(way).await {
            let lost = Fault { operation: None, after, times: 1, what: What::LoseAnswer };
            killed(way, after, vec![lost, Fault::down_after(after)]).await;
        }
    }
}

async fn killed(way: Way, after: usize, faults: Vec<Fault>) {
    let world = way.world().await;
    world.server.state().faults = faults;
    let error = all(&world, Patience { tries_max: 1, ..patience() }).await.unwrap_err();
    assert!(error.is_worth_another_try(), "{way:?}, after {after}: {error}");
    world.server.state().faults.clear();
    let (_, merging) = all(&world, patience()).await.unwrap();
    check_done(&world, &merging, &format!("{way:?}, killed after {after}"));
}

#[tokio::test]
async fn any_lost_answer_is_made_good_at_once() {
    for way in [Way::Straight, Way::NewFork] {
        for after in 0..questions(way).await {
            let world = way.world().await;
            let lost = Fault { operation: None, after, times: 1, what: What::LoseAnswer };
            world.server.state().faults = vec![lost];
            let (_, merging) = all(&world, patience()).await.unwrap();
            check_done(&world, &merging, &format!("{way:?}, answer {after} lost"));
        }
    }
}

fn answer(status: u16, headers: &'static [(&'static str, &'static str)], message: &'static str) -> What {
    What::Answer { status, headers, message }
}

#[tokio::test]
async fn what_passes_is_waited_for() {
    let limit = "You have exceeded a secondary rate limit.";
    let table = [
        ("git/create-tree", answer(403, &[("retry-after", "0")], limit)),
        ("git/create-ref", answer(429, &[("retry-after", "0")], "Too many requests")),
        (
            "pulls/create",
            answer(
                403,
                &[
                    ("x-ratelimit-remaining", "0"),
                    ("x-ratelimit-reset", "1795442399"),
                    ("date", "Mon, 23 Nov 2026 14:00:00 GMT"),
                ],
                "API rate limit exceeded",
            ),
        ),
        ("git/get-tree", answer(500, &[], "Server Error")),
        ("issues/create-comment", answer(502, &[], "Bad Gateway")),
        ("pulls/merge", answer(504, &[], "Gateway Timeout")),
    ];
    for (operation, what) in table {
        let world = World::new().await;
        world.server.state().faults = vec![Fault::once(operation, what)];
        let (_, merging) = all(&world, patience()).await.unwrap();
        check_done(&world, &merging, operation);
    }
}

#[tokio::test]
async fn what_does_not_pass_says_why_and_whether_to_try_again() {
    let reset = &[
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", "1795443000"),
        ("date", "Mon, 23 Nov 2026 14:00:00 GMT"),
    ];
    let table = [
        ("repos/get", answer(403, reset, "API rate limit exceeded"), true, "next 601 seconds"),
        ("git/create-tree", answer(403, &[], "secondary rate limit"), true, "next 60 seconds"),
        ("git/create-commit", answer(503, &[], "Down"), true, "did not answer"),
        ("repos/get", answer(401, &[], "Bad credentials"), false, "access token"),
        ("repos/get", answer(404, &[], "Not Found"), false, "There is no repository octocat/hello"),
        ("repos/get", answer(301, &[], "Moved Permanently"), false, "has moved"),
        ("git/create-ref", answer(403, &[], "Not accessible"), false, "Not accessible."),
        ("git/create-tree", answer(404, &[], "Not Found"), false, "may not do this"),
        ("git/create-ref", answer(422, &[], "Invalid"), false, "Invalid."),
        ("pulls/create", answer(422, &[], "Rule violated"), false, "Rule violated."),
        ("git/create-tree", answer(409, &[], "Git Repository is empty"), false, "is empty."),
    ];
    for (operation, what, is_worth, said) in table {
        let world = World::new().await;
        world.server.state().faults = vec![Fault { times: usize::MAX, ..Fault::once(operation, what) }];
        let error = world.open().await.unwrap_err();
        assert_eq!(error.is_worth_another_try(), is_worth, "{operation}: {error}");
        assert!(error.to_string().contains(said), "{operation}: {error}");
        world.check_words();
    }
}

#[tokio::test]
async fn no_answer_is_not_waited_for_without_end() {
    let world = World::new().await;
    world.server.state().faults =
        vec![Fault { times: usize::MAX, ..Fault::once("pulls/create", What::Hang) }];
    // Long enough for all that is answered.
    let patience = Patience { tries_max: 1, answer_max: Duration::from_secs(5), ..patience() };
    let error = all(&world, patience.clone()).await.unwrap_err();
    assert!(matches!(error, GitHubError::Unavailable(_)), "{error}");
    world.server.state().faults.clear();
    let (_, merging) = all(&world, patience).await.unwrap();
    check_done(&world, &merging, "hung");
}

#[tokio::test]
async fn nothing_tells_the_token() {
    let world = World::new().await;
    let secret = "not-the-token-that-is-wanted";
    let address = Address::new(&world.server.api(), REPOSITORY).unwrap();
    let tokens = Tokens { contribution: None, own: Token::new(secret) };
    let made = |sharing| Repository::new(&address, sharing, &tokens, Redaction::default(), patience());
    let repository = made(Sharing::Private).unwrap();
    let error = repository.open(&world.proposal()).await.unwrap_err();
    assert!(matches!(error, GitHubError::Token { .. }), "{error}");
    assert!(!format!("{error:?} {repository:?}").contains(secret));
    // Neither token stands in for the other.
    let error = made(Sharing::Contributing).unwrap_err();
    assert!(matches!(error, GitHubError::Refused(_)) && !error.is_worth_another_try(), "{error}");
    let sent = format!("{:?}", world.server.state().bodies);
    assert!(!sent.contains(secret));
}
