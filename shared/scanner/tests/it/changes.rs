//! What a change brings, and what was there before.

use scanner::change::{ChangeSet, Content, Origin};
use scanner::finding::Gate;
use scanner::policy::Policy;
use scanner::{Baseline, assemble, scan};

use super::{file, open, report, token};

#[test]
fn only_what_the_change_brings_counts() {
    let old = token("a");
    let table = [
        ("a new file", None, old.clone(), vec![("github-pat", 1)]),
        ("an added line", Some("x();\n".to_owned()), format!("x();\n{old}"), vec![("github-pat", 2)]),
        ("an old line that moved", Some(old.clone()), format!("x();\ny();\n{old}"), vec![]),
        ("other line ends", Some(old.clone()), old.replace('\n', "\r\n"), vec![]),
        ("a removed line", Some(format!("x();\n{old}")), "x();\n".to_owned(), vec![]),
    ];
    for (name, before, after, expected) in table {
        let report = report(vec![file("src/a.ts", before.as_deref(), Some(&after))]);
        assert_eq!(open(&report), expected, "{name}");
        assert_eq!((report.files, report.lines), (1, after.lines().count()), "{name}");
    }
}

#[test]
fn what_was_not_looked_at_concerns_every_gate() {
    let change = ChangeSet::of(Origin::Trees, vec![file("migrations/1.sql", None, Some("select 1;"))]);
    let mut unread = assemble(&change, &Policy::default(), Vec::new());
    let huge = file("migrations/2.sql", None, Some(&"-- \n".repeat(2 << 20)));
    let mut oversized = report(vec![huge]);
    for (report, rule) in [(&mut unread, "change.not-read"), (&mut oversized, "change.oversized")] {
        for gate in [Gate::Security, Gate::Destructive, Gate::Architecture, Gate::Dependencies] {
            assert!(!report.passes(gate), "{rule}, {gate:?}");
        }
        report.only(&[Gate::Destructive]);
        assert_eq!(open(report), vec![(rule, 1)]);
    }
}

#[test]
fn a_fingerprint_survives_moved_lines_and_tells_equal_findings_apart() {
    let print = |text: &str| {
        let report = report(vec![file("src/a.ts", None, Some(text))]);
        report.open().map(|it| it.fingerprint.clone()).collect::<Vec<_>>()
    };
    let line = token("a");
    assert_eq!(print(&line), print(&format!("x();\n\n{line}")));
    let twice = print(&format!("{line}{line}"));
    assert_eq!(twice.len(), 2);
    assert_ne!(twice[0], twice[1]);
    let keyed = Policy { fingerprint_key: "another".to_owned(), ..Policy::default() };
    let change = ChangeSet::of(Origin::Trees, vec![file("src/a.ts", None, Some(&line))]);
    assert_ne!(scan(&change, &keyed).open().next().unwrap().fingerprint, twice[0]);
}

#[test]
fn a_comment_silences_only_a_check_that_asks_and_never_for_its_own_change() {
    let weak = "password: 'zebra77x'\n";
    let comment = "# slipway-allow hardcoded-password: the demo's own account\n";
    let allowed = format!("{comment}{weak}");
    let old = report(vec![file("src/a.yaml", Some(comment), Some(&allowed))]);
    assert_eq!(open(&old), [], "the comment stood there before");
    assert!(old.findings.iter().any(|it| it.accepted.as_deref() == Some("the demo's own account")));
    let new = report(vec![file("src/a.yaml", None, Some(&allowed))]);
    assert_eq!(open(&new), [("change.suppression", 1), ("hardcoded-password", 2)]);
    let strong = token("a");
    let comment = "// slipway-allow github-pat: because we want it so\n";
    let blocked = report(vec![file("src/a.ts", Some(comment), Some(&format!("{comment}{strong}")))]);
    assert_eq!(open(&blocked), [("github-pat", 2)], "what blocks is never silenced");
}

#[test]
fn a_baseline_accepts_what_it_names_and_gives_a_reason() {
    let mut report = report(vec![file("src/a.ts", None, Some(&token("a")))]);
    let print = report.open().next().unwrap().fingerprint.clone();
    let entry = |reason: &str| {
        format!(
            r#"{{"accepted":[{{"fingerprint":"{print}","reason":"{reason}","by":"ann","at":"2026-11-24"}}]}}"#
        )
    };
    assert!(Baseline::parse(&entry("ok")).is_err(), "a reason is needed");
    report.accept(&Baseline::parse(&entry("withdrawn at the provider")).unwrap());
    assert_eq!(open(&report), []);
}

#[test]
fn what_cannot_be_read_is_never_passed_over() {
    let mut nul = file("src/a.ts", None, Some(""));
    nul.after = Some(Content { mode: 0o100_644, bytes: [token("a").as_bytes(), b"\0"].concat() });
    let mut latin = file("src/b.ts", None, Some(""));
    latin.after = Some(Content { mode: 0o100_644, bytes: b"// caf\xe9\n".to_vec() });
    let mut large = file("src/c.bin", None, Some(""));
    large.after = Some(Content { mode: 0o100_644, bytes: vec![b'a'; 5 * 1024 * 1024] });
    let report = report(vec![nul, latin, large]);
    let rules: Vec<_> = open(&report).into_iter().map(|(rule, _)| rule).collect();
    let expected = ["change.binary", "unread.script", "github-pat", "change.encoding", "change.oversized"];
    assert_eq!(rules, expected);
}

#[test]
fn the_scanner_finds_its_own_samples() {
    let report = report(Vec::new());
    assert_eq!(report.self_check.found, report.self_check.of);
    assert!(report.self_check.of >= 3);
}

#[test]
fn a_diff_is_looked_at_as_far_as_it_shows() {
    let diff = format!("--- a/x.ts\n+++ b/x.ts\n@@ -9,2 +9,3 @@\n a\n+{}-{}", token("t"), token("old"));
    let change = scanner::diff::parse(diff.replace("@@ -9,2 +9,3 @@", "@@ -9,2 +9,2 @@").as_bytes()).unwrap();
    assert_eq!(change.origin, Origin::Hunks);
    assert_eq!(open(&scan(&change, &Policy::default())), [("github-pat", 10)]);
}
