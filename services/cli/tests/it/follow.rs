//! `--follow`: progress over cut connections, and the outcome as exit code.

use cli::Exit;
use protocol::http::{Problem, Promotion};
use protocol::{Kind, ProgressEvent};
use serde_json::json as value;

use crate::console::{Console, Reply, json, raw, stream_of};
use crate::sample::{self, ended, event, good_run, promotion};

async fn console(
    streams: impl IntoIterator<Item = Reply>,
    records: impl IntoIterator<Item = Promotion>,
) -> Console {
    Console::start()
        .await
        .on("GET /promotions/CP-0000A1B2/events", streams)
        .on("GET /promotions/CP-0000A1B2", records.into_iter().map(|record| json(200, record)))
}

fn sequences(values: &[serde_json::Value]) -> Vec<i64> {
    values.iter().filter_map(|value| value["sequence"].as_i64()).collect()
}

#[tokio::test]
async fn a_cut_stream_is_resumed_after_the_last_event() {
    let run = good_run();
    let away = raw(503, "the console restarts");
    let halfway = format!("id: 4\ndata: {}", &serde_json::to_string(&run[3]).unwrap()[..40]);
    let streams = [
        stream_of(&run[..3]).then_cut(),
        away.clone(),
        away,
        raw(200, &halfway).then_cut(),
        // The console may tell what was told before; it is shown once.
        stream_of(&run[2..6]),
        stream_of(&run[6..]),
    ];
    let begun = promotion("deploying", "Deploying");
    let console = console(streams, [begun.clone(), begun, ended("deployed", "Deployed", None)]).await;
    let ran = console.run(&["promotions", "follow", sample::ID, "--output", "json"]).await;
    assert_eq!(ran.exit, Exit::Done, "{ran:?}");
    assert_eq!(sequences(&ran.values()), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(ran.values().last().unwrap()["status"], "deployed");
    assert_eq!(
        console.queries("/events"),
        ["after=0", "after=3", "after=3", "after=3", "after=3", "after=6"],
        "each connection resumes after the last event",
    );
    assert_eq!(ran.err, "The console does not answer just now; trying again …\n");
}

#[tokio::test]
async fn a_console_that_stays_away_is_given_up() {
    let console = console(
        [stream_of(&good_run()[..3]).then_cut(), raw(502, "")],
        [promotion("deploying", "Deploying")],
    )
    .await;
    let ran = console.run(&["promotions", "follow", sample::ID, "--wait", "1"]).await;
    assert_eq!(ran.exit, Exit::Failed);
    insta::assert_snapshot!(ran.err, @r"
    The console does not answer just now; trying again …
    Slipway's console at URL has not answered for 1 s. What was begun goes on without this command; once the console is back, see how it stands with `slipway promotions list`.
    ");
}

#[tokio::test]
async fn the_outcome_is_the_exit_code() {
    let reason = Some("The window is closed.");
    let mut unsealed = promotion("not_shipped", "Not shipped");
    unsealed.summary.reason = reason.map(str::to_owned);
    let table: [(Kind, Promotion, Exit); 6] = [
        (Kind::NotShipped, unsealed, Exit::Refused),
        (Kind::CleanedUp, ended("deployed", "Deployed", None), Exit::Done),
        (Kind::RolledBack, ended("rolled_back", "Rolled back", reason), Exit::RolledBack),
        (Kind::Held, ended("approved", "Approved", reason), Exit::Refused),
        (Kind::Cancelled, ended("cancelled", "Cancelled", reason), Exit::Refused),
        (Kind::NeedsAttention, ended("needs_attention", "Needs attention", reason), Exit::NeedsAttention),
    ];
    for (kind, record, exit) in table {
        let console = console([stream_of(&[event(1, 0, kind, "It is over.")])], [record]).await;
        for argv in [
            &["promotions", "follow", sample::ID][..],
            &["promotions", "follow", sample::ID, "--output", "json"],
        ] {
            assert_eq!(console.run(argv).await.exit, exit, "{kind:?} {argv:?}");
        }
    }
}

/// Ended by the record alone: no event ever tells that somebody said no.
#[tokio::test]
async fn an_end_that_no_event_told_is_seen_when_nothing_is_new() {
    for quiet in [raw(200, ": alive\n\n"), raw(200, "")] {
        let records = [promotion("pending", "Pending"), promotion("rejected", "Rejected")];
        let console = console([quiet], records).await;
        let ran = console.run(&["promotions", "follow", sample::ID]).await;
        assert_eq!(ran.exit, Exit::Refused, "{ran:?}");
    }
}

#[tokio::test]
async fn an_old_end_does_not_end_a_promotion_that_runs_once_more() {
    let mut run = vec![event(0, 0, Kind::Held, "The window is closed.")];
    run.extend(good_run());
    for (event, sequence) in run.iter_mut().zip(1..) {
        event.sequence = sequence;
    }
    let again = Promotion { finished_at: None, ..ended("deploying", "Deploying", None) };
    let records = [again.clone(), again, ended("deployed", "Deployed", None)];
    let console = console([stream_of(&run)], records).await;
    let ran = console.run(&["promotions", "follow", sample::ID, "--output", "json"]).await;
    assert_eq!((ran.exit, sequences(&ran.values()).len()), (Exit::Done, 9));
}

#[tokio::test]
async fn events_of_a_later_version_are_passed_over() {
    let [first, last]: [ProgressEvent; 2] = [good_run()[0].clone(), good_run()[7].clone()];
    let unknown = "id: 5\ndata: {\"kind\": \"teleported\", \"sequence\": 5}\n\n";
    let streams = [stream_of(&[first]), raw(200, unknown), stream_of(&[last])];
    let console = console(streams, [ended("deployed", "Deployed", None)]).await;
    let ran = console.run(&["promotions", "follow", sample::ID, "--output", "json"]).await;
    assert_eq!((ran.exit, sequences(&ran.values())), (Exit::Done, vec![1, 8]));
    assert_eq!(console.queries("/events"), ["after=0", "after=1", "after=5"]);
}

#[tokio::test]
async fn an_unknown_promotion_is_a_failure_at_once() {
    let problem = Problem {
        status: 404,
        title: "No such promotion".to_owned(),
        detail: "There is no promotion CP-0000A1B2.".to_owned(),
        fields: Vec::new(),
    };
    let console = Console::start().await.on("GET /promotions/CP-0000A1B2", [json(404, &problem)]);
    let ran = console.run(&["promotions", "follow", sample::ID]).await;
    assert_eq!(ran.exit, Exit::Failed);
    assert_eq!(ran.err, "No such promotion\nThere is no promotion CP-0000A1B2.\n");
    let ran = console.run(&["promotions", "log", sample::ID, "--output", "json"]).await;
    assert_eq!(ran.values(), [value!({ "error": problem })]);
}
