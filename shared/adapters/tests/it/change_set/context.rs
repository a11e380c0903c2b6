//! Change sets are laid over a base.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use adapters::change_set::{ChangeSet, Context, Flaw, LayError, Stamp, carry_over, discard};
use tempfile::TempDir;

use super::sandbox::GitSandbox;

/// A production source, and the place where the context goes.
struct Base {
    scratch: TempDir,
}

impl Base {
    fn new(files: &[(&str, &str)]) -> Self {
        let base = Self { scratch: tempfile::tempdir().unwrap() };
        fs::create_dir(base.path("")).unwrap();
        for (path, content) in files {
            base.write(path, content);
        }
        base
    }

    fn path(&self, path: &str) -> PathBuf {
        self.scratch.path().join("base").join(path)
    }

    fn write(&self, path: &str, content: &str) -> &Self {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::write(self.path(path), content).unwrap();
        self
    }

    fn context(&self) -> PathBuf {
        self.scratch.path().join("out/context")
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.context().join(path)).unwrap()
    }

    async fn lay(&self, set: &ChangeSet) -> Result<Context, LayError> {
        let stamp = Stamp { build: "FB-00000001".into(), promotion: "CP-00000001".into() };
        set.lay_over(&self.path(""), &self.context(), &stamp).await
    }
}

const FILES: &[(&str, &str)] = &[
    ("kept.txt", "kept\n"),
    ("edited.txt", "old\n"),
    ("dir/gone.txt", "gone\n"),
    ("moved.txt", "a long enough text\nto be recognized\nafter a move\n"),
    ("tool.sh", "#!/bin/sh\n"),
];

async fn feature() -> (GitSandbox, ChangeSet) {
    let sandbox = GitSandbox::new(FILES);
    sandbox.write("edited.txt", "new\n").remove("dir/gone.txt").make_executable("tool.sh");
    sandbox.rename("moved.txt", "to/there.txt").write("added/file.txt", "added\n").link("link", "kept.txt");
    let set = sandbox.take(None).await.unwrap();
    (sandbox, set)
}

#[track_caller]
fn check_conflict(result: Result<Context, LayError>, expected: &str) {
    match result {
        Err(LayError::Conflict { path }) => assert_eq!(path, expected),
        other => panic!("no conflict about {expected}: {other:?}"),
    }
}

#[tokio::test]
async fn the_context_is_the_base_with_the_feature() {
    let (_sandbox, set) = feature().await;
    let base = Base::new(FILES);
    base.write(".git/config", "x").write("vendor/.git", "x").write("only in base.txt", "base\n");
    base.write("slipway.json", "of the release before");
    fs::create_dir(base.path("empty")).unwrap();
    symlink("../kept.txt", base.path("dir/link")).unwrap();
    fs::set_permissions(base.path("only in base.txt"), Permissions::from_mode(0o700)).unwrap();

    let context = base.lay(&set).await.unwrap();

    let paths: Vec<_> = context.manifest.keys().map(String::as_str).collect();
    let expected = "added/file.txt dir/link edited.txt kept.txt link only_in_base.txt to/there.txt tool.sh";
    assert_eq!(paths, expected.split(' ').map(|path| path.replace('_', " ")).collect::<Vec<_>>());
    assert_eq!(base.read("edited.txt"), "new\n");
    assert_eq!(base.read("link"), "kept\n");
    assert_eq!(base.read("to/there.txt"), FILES[3].1);
    for gone in ["dir/gone.txt", "moved.txt", ".git", "vendor/.git"] {
        assert!(!base.context().join(gone).exists(), "{gone}");
    }
    assert!(base.context().join("empty").is_dir());
    let mode = |path: &str| fs::metadata(base.context().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("tool.sh"), mode("only in base.txt"), mode("kept.txt")), (0o755, 0o755, 0o644));
    let stamp: serde_json::Value = serde_json::from_str(&base.read("slipway.json")).unwrap();
    let expected = serde_json::json!({"build": "FB-00000001", "promotion": "CP-00000001", "source": context.source_hash});
    assert_eq!(stamp, expected);
    assert_eq!(fs::read_dir(base.context().parent().unwrap()).unwrap().count(), 1);
}

/// The path in conflict, and what makes it so.
type Moved = (&'static str, fn(&Base));

#[tokio::test]
async fn a_base_that_moved_on_where_the_feature_changes_it_is_a_conflict() {
    let (_sandbox, set) = feature().await;
    let table: &[Moved] = &[
        ("edited.txt", |base| {
            base.write("edited.txt", "someone else's\n");
        }),
        ("edited.txt", |base| {
            fs::remove_file(base.path("edited.txt")).unwrap();
        }),
        ("dir/gone.txt", |base| {
            base.write("dir/gone.txt", "someone else's\n");
        }),
        ("moved.txt", |base| {
            base.write("moved.txt", "someone else's\n");
        }),
        ("moved.txt", |base| {
            fs::remove_file(base.path("moved.txt")).unwrap();
        }),
        ("to/there.txt", |base| {
            base.write("to/there.txt", "someone else's\n");
        }),
        ("added/file.txt", |base| {
            base.write("added/file.txt", "someone else's\n");
        }),
        ("added/file.txt", |base| {
            base.write("added", "a file\n");
        }),
        ("added/file.txt", |base| {
            base.write("added/file.txt/x", "a folder\n");
        }),
        ("added/file.txt", |base| {
            symlink("dir", base.path("added")).unwrap();
        }),
        ("link", |base| {
            base.write("link", "kept.txt");
        }),
        ("edited.txt", |base| {
            fs::remove_file(base.path("edited.txt")).unwrap();
            symlink("old\n", base.path("edited.txt")).unwrap();
        }),
    ];
    for (path, prepare) in table {
        let base = Base::new(FILES);
        prepare(&base);
        check_conflict(base.lay(&set).await, path);
        assert!(!base.context().exists());
        assert!(!base.path("dir/file.txt").exists());
    }
    let sentence = LayError::Conflict { path: "edited.txt".into() }.to_string();
    assert_eq!(
        sentence,
        "This feature was built on an older version of edited.txt than the one in production; \
         bring the sandbox up to date and ship it again."
    );
}

#[tokio::test]
async fn a_base_that_has_the_feature_already_gives_the_same_source() {
    let (_sandbox, set) = feature().await;
    let base = Base::new(FILES);
    let first = base.lay(&set).await.unwrap();
    let second = Base { scratch: tempfile::tempdir().unwrap() };
    fs::rename(base.context(), second.path("")).unwrap();
    assert_eq!(second.lay(&set).await.unwrap(), first);
}

#[tokio::test]
async fn the_source_hash_follows_contents_names_and_modes() {
    let (_sandbox, set) = feature().await;
    let base = Base::new(FILES);
    let hash = async || base.lay(&set).await.unwrap().source_hash;
    let first = hash().await;
    fs::set_permissions(base.path("kept.txt"), Permissions::from_mode(0o755)).unwrap();
    let second = hash().await;
    base.write("kept.txt", "other\n");
    let third = hash().await;
    fs::rename(base.path("kept.txt"), base.path("kept2.txt")).unwrap();
    let fourth = hash().await;
    let all: std::collections::HashSet<_> = [first, second, third, fourth].into();
    assert_eq!(all.len(), 4);
}

#[tokio::test]
async fn a_repeat_keeps_the_context_and_replaces_a_damaged_one() {
    let (_sandbox, set) = feature().await;
    let base = Base::new(FILES);
    let first = base.lay(&set).await.unwrap();
    let inode = |path: PathBuf| std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap());
    let before = inode(base.context());
    assert_eq!(base.lay(&set).await.unwrap(), first);
    assert_eq!(inode(base.context()), before, "the context was made anew");
    fs::write(base.context().join("kept.txt"), "tampered\n").unwrap();
    fs::write(base.context().join("extra.txt"), "extra\n").unwrap();
    assert_eq!(base.lay(&set).await.unwrap(), first);
    assert_eq!(base.read("kept.txt"), "kept\n");
    assert!(!base.context().join("extra.txt").exists());
}

#[tokio::test]
async fn files_and_folders_that_took_each_others_place_are_laid_over() {
    let files = &[("file", "was a file\n"), ("dir/a", "in a\n"), ("dir/b", "in b\n")];
    let sandbox = GitSandbox::new(files);
    sandbox.remove("file").write("file/inner", "now a folder\n").remove("dir/a").remove("dir/b");
    fs::remove_dir(sandbox.path("dir")).unwrap();
    let set = sandbox.write("dir", "now a file\n").take(None).await.unwrap();
    let base = Base::new(files);
    base.lay(&set).await.unwrap();
    assert_eq!((base.read("dir"), base.read("file/inner")), ("now a file\n".into(), "now a folder\n".into()));
    let base = Base::new(files);
    check_conflict(base.write("dir/c", "only in base\n").lay(&set).await, "dir");
}

/// The path that is refused, why, and what puts it there.
type Unacceptable = (&'static str, Flaw, fn(&Path));

#[tokio::test]
async fn a_base_with_links_out_of_it_or_devices_is_refused() {
    let (_sandbox, set) = feature().await;
    let table: &[Unacceptable] = &[
        ("out", Flaw::LinkEscapes, |path| {
            symlink("/etc/passwd", path).unwrap();
        }),
        ("dir/out", Flaw::LinkEscapes, |path| {
            symlink("../../x", path).unwrap();
        }),
        ("pipe", Flaw::Special, |path| {
            rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::RWXU).unwrap();
        }),
    ];
    for (name, expected, make) in table {
        let base = Base::new(FILES);
        make(&base.path(name));
        match base.lay(&set).await {
            Err(LayError::Base { path, flaw }) => {
                assert_eq!((path.as_str(), &flaw), (*name, expected));
            }
            other => panic!("{name} was not refused: {other:?}"),
        }
    }
}

#[tokio::test]
async fn discarding_removes_the_context_and_leftovers_and_may_be_repeated() {
    let (_sandbox, set) = feature().await;
    let base = Base::new(FILES);
    discard(&base.context()).await.unwrap();
    base.lay(&set).await.unwrap();
    let leftover = base.context().with_file_name(".context.partial-killed");
    fs::create_dir(&leftover).unwrap();
    symlink(base.path(""), leftover.join("link")).unwrap();
    for _ in 0..2 {
        discard(&base.context()).await.unwrap();
        assert_eq!(fs::read_dir(base.context().parent().unwrap()).unwrap().count(), 0);
    }
    assert!(base.path("kept.txt").exists());
}

#[tokio::test]
async fn a_kept_context_is_carried_over_as_it_was_or_not_at_all() {
    let (_sandbox, set) = feature().await;
    let base = Base::new(FILES);
    let kept = base.lay(&set).await.unwrap();
    let stamp = Stamp { build: "FB-00000001".into(), promotion: "CP-00000002".into() };
    let again = base.scratch.path().join("out/again");
    for _ in 0..2 {
        let carried = carry_over(&base.context(), &kept.source_hash, &again, &stamp).await.unwrap();
        assert_eq!(carried, kept);
    }
    assert!(fs::read_to_string(again.join("slipway.json")).unwrap().contains("CP-00000002"));
    assert_eq!(fs::read_to_string(again.join("edited.txt")).unwrap(), "new\n");

    fs::write(base.context().join("edited.txt"), "somebody else's\n").unwrap();
    let changed = carry_over(&base.context(), &kept.source_hash, &again, &stamp).await.unwrap_err();
    assert!(matches!(changed, LayError::Changed), "{changed}");
    assert!(!again.exists(), "nothing is made of it");
}

#[tokio::test]
async fn file_names_tell_whether_the_database_is_built_otherwise() {
    for (path, expected) in [
        ("pages/about.html", false),
        ("docs/migrations.md", false),
        ("migrations/0002_add_points.ts", true),
        ("db/seed.SQL", true),
        ("prisma/schema.prisma", true),
    ] {
        let sandbox = GitSandbox::new(FILES);
        sandbox.write(path, "new\n");
        let set = sandbox.take(None).await.unwrap();
        assert_eq!(set.changes_schema(), expected, "{path}");
    }
}
