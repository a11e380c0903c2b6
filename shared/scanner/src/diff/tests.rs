use super::*;

fn shown(diff: &str) -> Vec<(String, Option<String>, Option<String>)> {
    let text = |content: &Option<Content>| {
        content.as_ref().map(|it| String::from_utf8_lossy(&it.bytes).replace('\n', "|"))
    };
    let change = parse(diff.as_bytes()).unwrap();
    change.files.iter().map(|it| (it.path.clone(), text(&it.before), text(&it.after))).collect()
}

#[track_caller]
fn check(diff: &str, path: &str, before: Option<&str>, after: Option<&str>) {
    let expected = (path.to_owned(), before.map(str::to_owned), after.map(str::to_owned));
    assert_eq!(shown(diff), [expected], "{diff}");
}

#[test]
fn a_file_is_read_as_far_as_it_is_shown() {
    check(
        "diff --git a/x.ts b/x.ts\nindex 12..34 100644\n--- a/x.ts\n+++ b/x.ts\n@@ -3,2 +3,3 @@ f()\n a\n+b\n c\n",
        "x.ts",
        Some("||a|c|"),
        Some("||a|b|c|"),
    );
}

#[test]
fn the_counts_tell_what_is_added_and_not_the_first_letters() {
    check(
        "--- a/x.ts\n+++ b/x.ts\n@@ -1,2 +1,2 @@\n--- old;\n+++ x; eval(y)\n z\n",
        "x.ts",
        Some("-- old;|z|"),
        Some("++ x; eval(y)|z|"),
    );
}

#[test]
fn new_and_removed_files_have_one_side() {
    check(
        "diff --git a/x b/x\nnew file mode 100755\nindex 0..1\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+a\n\\ No newline at end of file\n",
        "x",
        None,
        Some("a"),
    );
    check(
        "diff --git a/x b/x\ndeleted file mode 100644\n--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n",
        "x",
        Some("a|"),
        None,
    );
}

#[test]
fn quoted_names_are_read() {
    check(
        "diff --git \"a/\\303\\244 \\\"q\\\".ts\" \"b/\\303\\244 \\\"q\\\".ts\"\nnew file mode 100644\n--- /dev/null\n+++ \"b/\\303\\244 \\\"q\\\".ts\"\n@@ -0,0 +1 @@\n+a\n",
        "ä \"q\".ts",
        None,
        Some("a|"),
    );
}

#[test]
fn what_has_no_lines_is_still_a_change() {
    let diff = "diff --git a/x b/x\nold mode 100644\nnew mode 100755\n\
        diff --git a/p q.ts b/p q.ts\nnew file mode 120000\n\
        diff --git a/l b/m\nsimilarity index 100%\nrename from l\nrename to m\n\
        diff --git a/i.png b/i.png\nnew file mode 100644\nBinary files /dev/null and b/i.png differ\n";
    let change = parse(diff.as_bytes()).unwrap();
    let seen: Vec<_> = change
        .files
        .iter()
        .map(|it| (it.path.as_str(), it.moved_from.as_deref(), it.after.as_ref().map(|it| it.mode)))
        .collect();
    let expected = [
        ("x", None, Some(0o100_755)),
        ("p q.ts", None, Some(0o120_000)),
        ("m", Some("l"), Some(0o100_644)),
        ("i.png", None, Some(0o100_644)),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn what_does_not_add_up_is_refused() {
    let head = "--- a/x\n+++ b/x\n";
    let table = [
        ("cut off", "@@ -1,2 +1,2 @@\n a\n"),
        ("too many new lines", "@@ -1 +1 @@\n+a\n+b\n"),
        ("a strange line", "@@ -1 +1 @@\n*a\n"),
        ("a strange head", "@@ -x +1 @@\n a\n"),
        ("parts out of order", "@@ -9 +9 @@\n a\n@@ -1 +1 @@\n b\n"),
        ("far away", "@@ -999999999 +999999999 @@\n a\n"),
    ];
    for (name, hunk) in table {
        assert!(parse(format!("{head}{hunk}").as_bytes()).is_err(), "{name}");
    }
    assert!(parse(b"no diff at all\n").is_err());
    assert!(parse(b"@@ -1 +1 @@\n a\n").is_err());
    assert!(parse(b"diff --cc x\n@@@ -1 -1 +1 @@@\n").is_err());
    assert!(parse(b"").unwrap().files.is_empty());
}
