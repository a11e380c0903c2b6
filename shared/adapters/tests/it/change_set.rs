//! Features are taken out of real git work trees.

mod container;
mod context;
mod hostile;
mod sandbox;

use adapters::change_set::{Change, ChangeSet, Kind, Limits, Mode, Sandbox, TakeError, take};

use sandbox::{GitSandbox, change};

/// A feature with every kind of change, half of it committed; returns its baseline, too.
fn feature() -> (GitSandbox, String) {
    let sandbox = GitSandbox::new(&[
        ("kept.txt", "kept\n"),
        ("edited.txt", "one\ntwo\nthree\n"),
        ("committed.txt", "old\n"),
        ("dir/gone.txt", "gone\n"),
        ("dir/old name.txt", "a long enough text\nto be recognized\nafter a move\n"),
        ("tool.sh", "#!/bin/sh\n"),
        ("crlf.txt", "one\r\ntwo\r\n"),
        (".gitignore", "ignored/\n*.log\n"),
    ]);
    let baseline = sandbox.head();
    sandbox.write("committed.txt", "new\n").commit("one");
    sandbox.write("späte/日本 語.txt", "ü\n").commit("two");
    sandbox.write("edited.txt", "one\nTWO\nthree\n").write("crlf.txt", "one\r\n2\r\n");
    sandbox.remove("dir/gone.txt").make_executable("tool.sh");
    sandbox.rename("dir/old name.txt", "moved/new name.txt");
    sandbox.write("empty", "").write_bytes("image.bin", &[0, 255, 13, 10, 0]).link("ref", "kept.txt");
    sandbox.write("ignored/a", "x").write("debug.log", "x");
    (sandbox, baseline)
}

#[tokio::test]
async fn every_kind_of_change_is_taken_committed_or_not() {
    let (sandbox, baseline) = feature();
    let set = sandbox.take(Some(&baseline)).await.unwrap();
    assert_eq!((&set.baseline, &set.warnings), (&baseline, &Vec::new()));
    let renamed = Kind::Renamed { from: "dir/old name.txt".into() };
    let expected = [
        ("committed.txt", &Kind::Modified, Mode::Regular),
        ("crlf.txt", &Kind::Modified, Mode::Regular),
        ("dir/gone.txt", &Kind::Deleted, Mode::Regular),
        ("edited.txt", &Kind::Modified, Mode::Regular),
        ("empty", &Kind::Added, Mode::Regular),
        ("image.bin", &Kind::Added, Mode::Regular),
        ("moved/new name.txt", &renamed, Mode::Regular),
        ("ref", &Kind::Added, Mode::Symlink),
        ("späte/日本 語.txt", &Kind::Added, Mode::Regular),
        ("tool.sh", &Kind::Modified, Mode::Executable),
    ];
    let found = set.changes.iter().map(|change| (change.path.as_str(), &change.kind, change.mode));
    assert_eq!(found.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn old_and_new_contents_are_sealed_byte_by_byte() {
    let (sandbox, baseline) = feature();
    let set = sandbox.take(Some(&baseline)).await.unwrap();
    let new = |path| set.content(change(&set, path).new_sha256.as_ref().unwrap()).unwrap();
    let old = |path| set.content(change(&set, path).old_sha256.as_ref().unwrap()).unwrap();
    assert_eq!(new("image.bin"), [0, 255, 13, 10, 0]);
    assert_eq!(new("crlf.txt"), b"one\r\n2\r\n");
    assert_eq!(old("crlf.txt"), b"one\r\ntwo\r\n");
    assert_eq!(new("ref"), b"kept.txt");
    assert_eq!(new("empty"), b"");
    assert_eq!(old("dir/gone.txt"), b"gone\n");
    assert_eq!(old("moved/new name.txt"), new("moved/new name.txt"));
    let tool = change(&set, "tool.sh");
    assert_eq!((tool.old_mode, &tool.old_sha256), (Some(Mode::Regular), &tool.new_sha256));
    assert_eq!(change(&set, "image.bin").size, 5);
    let diff = set.diff().unwrap();
    let renamed = "rename from dir/old name.txt";
    for line in ["-two\n+TWO\n", renamed, "new mode 100755", "+++ b/committed.txt"] {
        assert!(diff.contains(line), "{line:?} is missing in\n{diff}");
    }
}

#[tokio::test]
async fn without_a_baseline_only_uncommitted_work_counts() {
    for pack in [false, true] {
        let sandbox = GitSandbox::new(&[("a", "1\n")]);
        sandbox.write("b", "2\n").commit("b").write("c", "3\n");
        if pack {
            sandbox.git(&["pack-refs", "--all"]).git(&["gc", "--quiet"]);
        }
        let set = sandbox.take(None).await.unwrap();
        assert_eq!(set.baseline, sandbox.head());
        let paths: Vec<_> = set.changes.iter().map(|change| change.path.as_str()).collect();
        assert_eq!(paths, ["c"], "packed: {pack}");
    }
}

#[tokio::test]
async fn a_detached_head_and_sha256_history_are_understood() {
    let sandbox = GitSandbox::with_format("sha256", &[("a", "1\n")]);
    sandbox.git(&["checkout", "--quiet", "--detach"]).write("a", "2\n");
    let set = sandbox.take(None).await.unwrap();
    assert_eq!((set.baseline.len(), set.changes.len()), (64, 1));
}

#[tokio::test]
async fn files_and_folders_may_take_each_others_place() {
    let sandbox = GitSandbox::new(&[
        ("file", "was a file\n"),
        ("dir/a", "in a\n"),
        ("dir/b", "in b\n"),
        ("l", "text\n"),
    ]);
    sandbox.remove("file").write("file/inner", "now a folder\n").remove("dir/a").remove("dir/b");
    std::fs::remove_dir(sandbox.path("dir")).unwrap();
    sandbox.write("dir", "now a file\n").remove("l").link("l", "dir");
    let set = sandbox.take(None).await.unwrap();
    let kinds: Vec<_> = set.changes.iter().map(|change| (change.path.as_str(), &change.kind)).collect();
    assert_eq!(
        kinds,
        [
            ("dir", &Kind::Added),
            ("dir/a", &Kind::Deleted),
            ("dir/b", &Kind::Deleted),
            ("file", &Kind::Deleted),
            ("file/inner", &Kind::Added),
            ("l", &Kind::Modified),
        ]
    );
}

#[tokio::test]
async fn an_unchanged_sandbox_is_an_error() {
    let sandbox = GitSandbox::new(&[("a", "1\n"), (".gitignore", "*.log\n")]);
    assert!(matches!(sandbox.take(None).await, Err(TakeError::Empty)));
    // Touched, ignored, or committed and taken back is no change either.
    let baseline = sandbox.head();
    sandbox.write("a", "1\n").write("x.log", "x").write("b", "b").commit("b").remove("b").commit("no b");
    assert!(matches!(sandbox.take(Some(&baseline)).await, Err(TakeError::Empty)));
    assert!(!sandbox.sealed().exists());
}

#[tokio::test]
async fn a_sealed_set_is_returned_and_the_sandbox_is_not_read_again() {
    let sandbox = GitSandbox::new(&[("a", "1\n")]);
    sandbox.write("a", "2\n");
    let first = sandbox.take(None).await.unwrap();
    sandbox.write("a", "3\n");
    assert_eq!(sandbox.take(None).await.unwrap(), first);
    std::fs::remove_dir_all(sandbox.path("")).unwrap();
    assert_eq!(sandbox.take(None).await.unwrap(), first);
    assert_eq!(ChangeSet::open(&sandbox.sealed()).await.unwrap(), first);
}

#[tokio::test]
async fn the_same_feature_has_the_same_hash_and_another_has_another() {
    let taken = async |content: &str| {
        let sandbox = GitSandbox::new(&[("a", "1\n")]);
        sandbox.write("a", content).take(None).await.unwrap().hash
    };
    assert_eq!(taken("2\n").await, taken("2\n").await);
    assert_ne!(taken("2\n").await, taken("3\n").await);
}

#[tokio::test]
async fn an_interrupted_seal_is_swept_away_and_done_again() {
    let sandbox = GitSandbox::new(&[("a", "1\n")]);
    sandbox.write("a", "2\n");
    let leftover = sandbox.sealed().with_file_name(".sealed.partial-killed");
    std::fs::create_dir_all(leftover.join("whole/files")).unwrap();
    std::fs::write(leftover.join("whole/manifest.json"), "{").unwrap();
    sandbox.take(None).await.unwrap();
    assert!(!leftover.exists());
    assert_eq!(sandbox.beside_sealed(), ["sealed"]);
}

#[tokio::test]
async fn a_tampered_seal_is_noticed() {
    for tamper in ["content", "manifest", "missing"] {
        let sandbox = GitSandbox::new(&[("a", "1\n")]);
        let set = sandbox.write("a", "2\n").take(None).await.unwrap();
        let content = sandbox.sealed().join("files").join(set.changes[0].new_sha256.as_ref().unwrap());
        match tamper {
            "content" => std::fs::write(&content, "3\n").unwrap(),
            "manifest" => std::fs::write(sandbox.sealed().join("manifest.json"), "{}").unwrap(),
            _ => std::fs::remove_file(&content).unwrap(),
        }
        assert!(matches!(sandbox.take(None).await, Err(TakeError::Damaged(_))), "{tamper}");
    }
}

#[tokio::test]
async fn a_baseline_must_be_a_full_commit_id_of_the_sandbox() {
    let sandbox = GitSandbox::new(&[("a", "1\n")]);
    sandbox.write("a", "2\n");
    let short = sandbox.head()[..10].to_owned();
    let unknown = "0123456789abcdef0123456789abcdef01234567";
    for baseline in ["HEAD", "--all", short.as_str(), unknown, ""] {
        let result = sandbox.take(Some(baseline)).await;
        assert!(matches!(result, Err(TakeError::Baseline(_))), "{baseline:?}: {result:?}");
    }
}

#[tokio::test]
async fn names_that_differ_only_by_case_are_warned_about() {
    let sandbox = GitSandbox::new(&[("Readme.md", "1\n")]);
    let set = sandbox.write("README.md", "2\n").take(None).await.unwrap();
    assert_eq!(set.warnings.len(), 1, "{:?}", set.warnings);
    assert!(set.warnings[0].contains("README.md") && set.warnings[0].contains("Readme.md"));
}

#[test]
fn a_sandbox_reads_back_as_it_was_written() {
    let container = r#"{"container":{"host":null,"id":"dpf-sandbox-1","path":"/workspace"}}"#;
    let sandbox: Sandbox = serde_json::from_str(container).unwrap();
    assert_eq!(serde_json::to_string(&sandbox).unwrap(), container);
    let limits: Limits = serde_json::from_str(r#"{"files":5}"#).unwrap();
    assert_eq!(limits, Limits { files: 5, ..Limits::default() });
}

#[tokio::test]
async fn a_sandbox_that_is_gone_is_told_so() {
    let scratch = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::Directory(scratch.path().join("none"));
    let result = take(&sandbox, None, &Limits::default(), &scratch.path().join("sealed")).await;
    assert!(matches!(result, Err(TakeError::Unusable(why)) if why.contains("no longer there")), "{result:?}");
}

/// Keeps the compiler honest about what other services read.
#[test]
fn a_change_is_plain_data() {
    let change = Change {
        path: "b".into(),
        kind: Kind::Renamed { from: "a".into() },
        mode: Mode::Executable,
        old_mode: Some(Mode::Regular),
        old_sha256: Some("00".into()),
        new_sha256: Some("11".into()),
        size: 7,
    };
    let json = serde_json::to_string(&change).unwrap();
    assert_eq!(serde_json::from_str::<Change>(&json).unwrap(), change);
}
