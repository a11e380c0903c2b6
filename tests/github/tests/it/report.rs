use adapters::github::{PullRequest, Review, Verdict, VerdictState};
use github::Comment;

use crate::world::World;

fn verdict(gate: &str, state: VerdictState, summary: &str) -> Verdict {
    Verdict { gate: format!("slipway/{gate}"), state, summary: summary.to_owned() }
}

fn review(findings: &str) -> Review {
    Review {
        verdicts: vec![
            verdict("security", VerdictState::Open, "1 finding must be mended."),
            verdict("destructive", VerdictState::Passed, "Nothing was found."),
            verdict("architecture", VerdictState::Unknown, "It could not be asked."),
            verdict("dependencies", VerdictState::Pending, "It is at work."),
        ],
        findings: Some(findings.to_owned()),
    }
}

async fn report(world: &World, pull: &PullRequest, review: &Review) {
    world.repository().report(pull, review).await.unwrap();
}

#[tokio::test]
async fn verdicts_stand_at_the_commit_and_findings_in_one_comment() {
    let world = World::new().await;
    let pull = world.opened().await;
    report(&world, &pull, &review("`app.ts:1`: seen by ada@example.com\n")).await;
    {
        let state = world.server.state();
        let shown: Vec<_> =
            state.statuses.iter().map(|it| (it.context.as_str(), it.state.as_str())).collect();
        let expected = [
            ("slipway/security", "failure"),
            ("slipway/destructive", "success"),
            ("slipway/architecture", "error"),
            ("slipway/dependencies", "pending"),
        ];
        assert_eq!(shown, expected);
        assert!(state.statuses.iter().all(|it| it.commit == pull.head));
        let [comment] = state.comments.as_slice() else { panic!("{:?}", state.comments) };
        assert!(comment.body.ends_with("`app.ts:1`: seen by [e-mail address]\n"), "{}", comment.body);
    }
    world.check_words();
}

#[tokio::test]
async fn a_repeat_sends_nothing_and_news_replace_what_was_said() {
    let world = World::new().await;
    world.server.state().page_max = 2;
    let pull = world.opened().await;
    let number = usize::try_from(pull.number).unwrap();
    // More than a page of other people's comments, one of them with our mark.
    for index in 0..5 {
        let mark = if index == 3 { "<!-- slipway: findings -->\n" } else { "" };
        let comment = Comment { pull: number, body: format!("{mark}comment {index}"), is_own: false };
        world.server.state().comments.push(comment);
    }
    report(&world, &pull, &review("first")).await;
    let sent = world.server.state().bodies.len();
    report(&world, &pull, &review("first")).await;
    // But for the comment that is not ours, which is tried.
    assert!(world.server.state().bodies.len() <= sent + 1, "a repeat sent something");
    report(&world, &pull, &review("second")).await;
    let state = world.server.state();
    assert_eq!((state.comments.len(), state.statuses.len()), (6, 4));
    assert!(state.comments[5].body.ends_with("second") && state.comments[3].body.ends_with("comment 3"));
    drop(state);
    world.check_words();
}

#[tokio::test]
async fn only_verdicts_that_changed_are_sent_again() {
    let world = World::new().await;
    let pull = world.opened().await;
    let mut review = Review { findings: None, ..review("") };
    report(&world, &pull, &review).await;
    review.verdicts[0].state = VerdictState::Passed;
    report(&world, &pull, &review).await;
    let state = world.server.state();
    assert_eq!(state.statuses.len(), 5);
    assert_eq!(state.statuses[4].state, "success");
    assert!(state.comments.is_empty());
    drop(state);
    world.check_words();
}
