use domain::{PromotionId, Risk};
use protocol::gates::{GateVerdict, Gated};
use protocol::output::{Proposed, Sealed};
use serde_json::json;

use super::*;

fn subject() -> Subject {
    Subject {
        id: PromotionId::new(1),
        title: "Loyalty points".to_owned(),
        installation: "shop".to_owned(),
        description: json!({
            "name": "shop", "four_eyes": true, "keep_releases": 3, "swap": "warm",
            "application": { "docker": { "image": "shop", "migrate": ["./bin/shop", "migrate"] } },
            "database": { "rehearse": true },
        }),
        change_type: ChangeType::Normal,
        risk: Risk::Low,
        overrides_windows: false,
        change_set: Some(sealed()),
        rolls_back_to: None,
        image_back: None,
        restore_from: None,
        approval: None,
    }
}

fn profile(windows: &[&str]) -> Profile {
    let window = |name: &&str| json!({ "name": name, "days": ["tue"], "start": "22:00", "end": "06:00" });
    let windows: Vec<_> = windows.iter().map(window).collect();
    Profile::parse(&json!({ "zone": "Europe/Berlin", "windows": windows })).unwrap()
}

fn sealed() -> String {
    "ab".repeat(32)
}

/// One thing that happens after a plan was shown, and what it is told as.
type Happening = (fn(&mut Subject), &'static str);

#[test]
fn what_is_more_than_was_approved_is_named() {
    let happenings: [Happening; 8] = [
        (|it| it.change_set = Some("cd".repeat(32)), "what is shipped has changed"),
        (|it| it.change_set = None, "what is shipped has changed"),
        (|it| it.risk = Risk::High, "it is now a change of another type or risk"),
        (|it| it.change_type = ChangeType::Standard, "it is now a change of another type or risk"),
        (
            |it| it.description["swap"] = json!("stop_first"),
            "the description of the installation was changed",
        ),
        (
            |it| it.description["application"]["docker"]["migrate"] = json!(["rm"]),
            "the description of the installation was changed",
        ),
        (|it| it.restore_from = Some("/backups/1.dump".to_owned()), "another backup would be put back"),
        (|it| it.overrides_windows = true, "it could start at other times than before"),
    ];
    let profile = profile(&["Nights"]);
    let approved = Plan::new(&subject(), &profile);
    for (happens, told) in happenings {
        let mut after = subject();
        happens(&mut after);
        let present = Plan::new(&after, &profile);
        assert_eq!(approved.exceeded_by(&present), [told]);
        assert_ne!(present.to_json(), approved.to_json());
    }
}

#[test]
fn what_is_no_more_than_was_approved_is_covered() {
    let before = profile(&["Nights", "Evenings"]);
    let approved = Plan::new(&subject(), &before);
    let mut kept = subject();
    kept.description["keep_releases"] = json!(9);
    kept.description["four_eyes"] = json!(false);
    kept.description["enabled"] = json!(false);
    assert_eq!(Plan::new(&kept, &before), approved, "what is kept and allowed is not what is done");
    assert!(approved.exceeded_by(&Plan::new(&subject(), &profile(&["Nights"]))).is_empty());
}

#[test]
fn a_start_covers_those_that_are_no_earlier() {
    let start = |change_type, overrides_windows, windows: &[&str]| {
        let subject = Subject { change_type, overrides_windows, ..subject() };
        Start::of(&subject, &profile(windows))
    };
    let (normal, emergency) = (ChangeType::Normal, ChangeType::Emergency);
    let one = start(normal, false, &["Nights"]);
    let both = start(normal, false, &["Nights", "Evenings"]);
    let any = start(normal, false, &[]);
    let past = start(normal, true, &["Nights"]);
    let urgent = start(emergency, false, &["Nights"]);
    let table = [
        (&one, [true, false, false, false, false]),
        (&both, [true, true, false, false, false]),
        (&any, [true, true, true, true, false]),
        (&past, [true, true, true, true, false]),
        (&urgent, [true, true, true, true, true]),
    ];
    for (approved, covered) in table {
        for (present, expected) in [&one, &both, &any, &past, &urgent].into_iter().zip(covered) {
            assert_eq!(approved.covers(present), expected, "{approved:?} and {present:?}");
        }
    }
}

#[test]
fn a_plan_is_read_as_it_was_kept() {
    let plan = Plan::new(&subject(), &profile(&["Nights"]));
    assert_eq!(Plan::from_json(&plan.to_json()), Some(plan));
    assert_eq!(Plan::from_json("{}"), None, "one of another version is no plan");
}

#[test]
fn people_are_told_what_would_be_done() {
    let circumstances = Circumstances {
        title: "Loyalty points".to_owned(),
        installation: "shop".to_owned(),
        opening: "As things are, it can start Tuesday 24 November 2026, 22:00 (Europe/Berlin).".to_owned(),
        last_downtime_ms: Some(1_260),
        sealed: Some(Sealed {
            change_set: sealed(),
            added: 1,
            modified: 3,
            renamed: 0,
            deleted: 2,
            changes_schema: true,
            risks: vec![
                "This would delete the table `news` and everything in it. (migrations/0004_tidy.sql, line 1)"
                    .to_owned(),
            ],
            risks_total: 3,
        }),
        gated: Some(Gated {
            files: 6,
            lines: 90,
            self_check: "12 of 12".to_owned(),
            gates: [("security", 0), ("destructive", 1), ("architecture", 0), ("dependencies", 2)]
                .map(|(gate, open)| GateVerdict { gate: gate.to_owned(), open })
                .to_vec(),
            findings: Vec::new(),
        }),
        proposed: Some(Proposed {
            url: Some("https://github.com/octocat/hello/pull/7".to_owned()),
            number: Some(7),
            merged: None,
            notes: vec!["Its pull request waits for a person: No test was run.".to_owned()],
        }),
    };
    let told = Plan::new(&subject(), &profile(&["Nights"])).sentences(&circumstances);
    insta::assert_snapshot!(told.join("\n"));
    let back = Subject {
        change_set: None,
        rolls_back_to: Some(PromotionId::new(7)),
        image_back: Some("sha256:0123".to_owned()),
        restore_from: Some("/backups/7.dump".to_owned()),
        change_type: ChangeType::Emergency,
        description: json!({ "application": { "process": {} } }),
        ..subject()
    };
    let first = Circumstances {
        opening: "It may start now.".to_owned(),
        last_downtime_ms: None,
        sealed: None,
        gated: None,
        proposed: None,
        ..circumstances
    };
    insta::assert_snapshot!(Plan::new(&back, &profile(&[])).sentences(&first).join("\n"));
}
