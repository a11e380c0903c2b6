//! Whatever comes in: no failure, and always an answer.

use proptest::prelude::*;
use scanner::change::{ChangeSet, ChangedFile, Content, Origin};
use scanner::policy::Policy;
use scanner::scan;

use super::token;

/// Text that holds much of what the engines look for.
fn sample() -> String {
    let mut text = String::from("diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,2 +1,3 @@\n a\n+b\n c\n");
    text.push_str(&token("a"));
    text.push_str("const password = 'q7!Vd2mZp9xLw'; // slipway-allow x: because it must\n/* \u{202e} */ 'p\u{430}y\u{200b}'\n");
    text.push_str(
        "postgres://a:b@c/ \\x41\\x42\\x43 eyJhbGciOiJIUzI1NiIsInR5cCI6 -----BEGIN PRIVATE KEY-----\n",
    );
    text
}

/// Looks at the bytes as a file of every kind; an engine that fails shows as `change.not-checked`.
fn look(bytes: &[u8], before: Option<&[u8]>) {
    for path in ["a.ts", "b.sql", "c.env", "d.yaml", "e.xml", "package.json", "f.vue"] {
        let content = |bytes: &[u8]| Content { mode: 0o100_644, bytes: bytes.to_vec() };
        let file = ChangedFile {
            path: path.to_owned(),
            moved_from: None,
            before: before.map(content),
            after: Some(content(bytes)),
        };
        let report = scan(&ChangeSet::of(Origin::Trees, vec![file]), &Policy::default());
        assert!(!report.findings.iter().any(|it| it.rule == "change.not-checked"), "{path} failed");
        assert_eq!(report.files, 1);
    }
    let _ = scanner::diff::parse(bytes);
}

#[test]
fn a_text_may_end_anywhere() {
    let sample = sample();
    for end in 0..sample.len() {
        look(&sample.as_bytes()[..end], None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn bytes_may_be_anything(bytes in prop::collection::vec(any::<u8>(), 0..400), before in prop::option::of(prop::collection::vec(any::<u8>(), 0..100))) {
        look(&bytes, before.as_deref());
    }

    #[test]
    fn texts_may_be_damaged(at in 0_usize..300, with in any::<[u8; 3]>(), again in 0_usize..300) {
        let mut bytes = sample().into_bytes();
        let length = bytes.len();
        bytes.splice(at % length..(at + 2).min(length), with);
        let copy = bytes[again % bytes.len()..].to_vec();
        bytes.extend(copy);
        look(&bytes, Some(sample().as_bytes()));
    }

    #[test]
    fn brackets_may_be_nested_deeply(kind in prop::sample::select(vec!["(", "[", "{", "`${", "<a>", "/*", "\"", "\\x41"]), depth in 1_usize..2_000) {
        look(kind.repeat(depth).as_bytes(), None);
    }
}
