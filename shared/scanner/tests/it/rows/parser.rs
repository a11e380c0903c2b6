//! Text diffs that the existing platform reads wrongly.

use scanner::change::{ChangeSet, Origin};
use scanner::policy::Policy;
use scanner::scan;

use crate::{file, open, report, token};

#[track_caller]
fn check(row: &str, diff: &str, expected: &[(&str, &str, usize)]) {
    let change = scanner::diff::parse(diff.as_bytes()).expect(row);
    let report = scan(&change, &Policy::default());
    let found: Vec<_> = report.open().map(|it| (it.rule.as_str(), it.file.as_str(), it.line)).collect();
    assert_eq!(found, expected, "{row}: {diff}");
}

#[test]
fn diffs_are_read_as_git_writes_them() {
    let token = token("a");
    let eval = "app.get('/c', (req, res) => { eval(req.query.code); });";
    check(
        "lines whose content begins `++` are skipped as headers",
        &format!("--- a/x.ts\n+++ b/x.ts\n@@ -1 +1,2 @@\n a;\n+++n; {token}"),
        &[("github-pat", "x.ts", 2)],
    );
    check(
        "quoted paths don't switch file, so the previous file's filter applies",
        &format!(
            "diff --git a/a.md b/a.md\n--- a/a.md\n+++ b/a.md\n@@ -1 +1,2 @@\n a\n+b\n\
             diff --git \"a/\\303\\244.ts\" \"b/\\303\\244.ts\"\n--- \"a/\\303\\244.ts\"\n+++ \"b/\\303\\244.ts\"\n@@ -1 +1,2 @@\n a;\n+{eval}\n"
        ),
        &[("eval.code", "ä.ts", 2)],
    );
    check(
        "\"\\ No newline\" shifts the line number",
        &format!(
            "--- a/x.ts\n+++ b/x.ts\n@@ -1,2 +1,3 @@\n a;\n-b;\n\\ No newline at end of file\n+b;\n+{}\n\\ No newline at end of file\n",
            token.trim_end()
        ),
        &[("github-pat", "x.ts", 3)],
    );
    check(
        "a piece of a file is no program that cannot be read",
        "--- a/x.ts\n+++ b/x.ts\n@@ -9,3 +9,4 @@\n   if (a) {\n     b();\n+    c();\n   } else {\n",
        &[],
    );
    check(
        "a whole file is",
        "--- /dev/null\n+++ b/x.ts\n@@ -0,0 +1 @@\n+const = ;\n",
        &[("unread.script", "x.ts", 1)],
    );
    check(
        "no multi-line view",
        "--- a/x.ts\n+++ b/x.ts\n@@ -0,0 +1,5 @@\n+app.get('/c', (req, res) => {\n+  eval(\n+    req.query.code,\n+  );\n+});\n",
        &[("eval.code", "x.ts", 2)],
    );
}

#[test]
fn only_added_lines_count() {
    let removed = file("apps/web/a.ts", Some(&format!("x();\n{}", token("a"))), Some("x();\n"));
    assert_eq!(open(&report(vec![removed])), [], "critical pattern only in removed lines");
    let sql = file("db/1.sql", Some("DROP TABLE a;\nSELECT 1;\n"), Some("SELECT 1;\n"));
    let change = ChangeSet::of(Origin::Trees, vec![sql]);
    assert_eq!(open(&scan(&change, &Policy::default())), [], "DROP TABLE only in a removed line");
}
