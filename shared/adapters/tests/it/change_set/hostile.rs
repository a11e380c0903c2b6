//! Sandboxes that try to execute, redirect, hide or flood.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixListener;

use adapters::change_set::{Flaw, Limits, TakeError};
use rustix::fs::{CWD, Mode};

use super::sandbox::{GitSandbox, change};

#[track_caller]
fn check_refused<T: std::fmt::Debug>(result: &Result<T, TakeError>, path: &str, expected: &Flaw) {
    match result {
        Err(TakeError::Refused { path: refused, flaw }) => {
            assert_eq!((refused.as_str(), flaw), (path, expected));
        }
        other => panic!("{path} was not refused: {other:?}"),
    }
}

#[tokio::test]
async fn nothing_of_the_sandbox_is_executed() {
    let sandbox = GitSandbox::new(&[("a.txt", "1\n"), (".gitattributes", "* filter=evil diff=evil text\n")]);
    let mark = sandbox.outside("executed");
    let evil = sandbox.path(".git/evil.sh");
    fs::write(&evil, format!("#!/bin/sh\ntouch '{}'\ncat\n", mark.display())).unwrap();
    sandbox.make_executable(".git/evil.sh");
    let evil = evil.to_str().unwrap();
    for key in [
        "core.fsmonitor",
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.evil.process",
        "diff.evil.textconv",
    ] {
        sandbox.git(&["config", key, evil]);
    }
    for key in
        ["diff.external", "core.pager", "core.sshCommand", "alias.status", "core.editor", "diff.evil.command"]
    {
        sandbox.git(&["config", key, evil]);
    }
    sandbox.git(&["config", "core.hooksPath", sandbox.path(".git/hooks").to_str().unwrap()]);
    for hook in ["post-index-change", "reference-transaction", "pre-commit", "fsmonitor-watchman"] {
        let hook = format!(".git/hooks/{hook}");
        sandbox.write(&hook, &fs::read_to_string(evil).unwrap()).make_executable(&hook);
    }
    sandbox.write("a.txt", "2\r\n").write("b.txt", "$Id$\r\n");
    // The negative control: git itself, run in the sandbox, does execute them.
    drop(std::process::Command::new("git").arg("status").current_dir(sandbox.path("")).output().unwrap());
    assert!(mark.exists(), "the trap does not work");
    fs::remove_file(&mark).unwrap();

    let set = sandbox.take(None).await.unwrap();

    assert!(!mark.exists(), "something of the sandbox was executed");
    let content = |path| set.content(change(&set, path).new_sha256.as_ref().unwrap()).unwrap();
    assert_eq!(content("a.txt"), b"2\r\n");
    assert_eq!(content("b.txt"), b"$Id$\r\n");
}

#[tokio::test]
async fn attributes_can_neither_convert_contents_nor_hide_them_from_the_diff() {
    let sandbox = GitSandbox::new(&[("a.txt", "1\n")]);
    let attributes = "[attr]hidden -diff text eol=crlf ident working-tree-encoding=UTF-16\n* hidden binary\n";
    sandbox.write(".gitattributes", attributes).write(".git/info/attributes", attributes);
    let set = sandbox.write("a.txt", "secret\r\n$Id$\n").take(None).await.unwrap();
    assert!(set.diff().unwrap().contains("+secret"), "{}", set.diff().unwrap());
    let stored = set.content(change(&set, "a.txt").new_sha256.as_ref().unwrap()).unwrap();
    assert_eq!(stored, b"secret\r\n$Id$\n");
}

#[tokio::test]
async fn configuration_and_index_tricks_hide_no_change() {
    let sandbox = GitSandbox::new(&[("a.txt", "1\n"), ("b.sh", "1\n")]);
    sandbox.git(&["config", "core.fileMode", "false"]).git(&["config", "core.excludesFile", "/dev/stdin"]);
    sandbox.git(&["config", "core.worktree", "/etc"]).git(&["config", "status.showUntrackedFiles", "no"]);
    sandbox.git(&["--work-tree=.", "update-index", "--assume-unchanged", "a.txt"]);
    sandbox.git(&["--work-tree=.", "update-index", "--skip-worktree", "b.sh"]);
    sandbox.write("a.txt", "2\n").make_executable("b.sh").write("new", "3\n");
    let set = sandbox.take(None).await.unwrap();
    let paths: Vec<_> = set.changes.iter().map(|change| change.path.as_str()).collect();
    assert_eq!(paths, ["a.txt", "b.sh", "new"]);
}

#[tokio::test]
async fn links_out_of_the_tree_are_refused() {
    let targets = ["/etc/passwd", "../../etc/passwd", "..", "up/../../x"];
    for target in targets {
        let sandbox = GitSandbox::new(&[("a", "1\n")]);
        sandbox.link("out", target);
        check_refused(&sandbox.take(None).await, "out", &Flaw::LinkEscapes);
        assert!(!sandbox.sealed().exists());
    }
    let sandbox = GitSandbox::new(&[("a", "1\n")]);
    check_refused(&sandbox.link("out", ".git/config").take(None).await, "out", &Flaw::GitInternal);
}

#[tokio::test]
async fn a_folder_swapped_for_a_link_is_not_followed() {
    let sandbox = GitSandbox::new(&[("dir/secret", "1\n"), ("a", "1\n")]);
    fs::create_dir(sandbox.outside("elsewhere")).unwrap();
    fs::write(sandbox.outside("elsewhere/secret"), "of the host\n").unwrap();
    sandbox.remove("dir/secret");
    fs::remove_dir(sandbox.path("dir")).unwrap();
    sandbox.link("dir", sandbox.outside("elsewhere"));
    check_refused(&sandbox.take(None).await, "dir", &Flaw::LinkEscapes);
    // A link that stays inside is a link, and what it replaced is deleted, not read through it.
    sandbox.remove("dir").write("other/secret", "inside\n").link("dir", "other");
    let set = sandbox.take(None).await.unwrap();
    let paths: Vec<_> = set.changes.iter().map(|change| change.path.as_str()).collect();
    assert_eq!(paths, ["dir", "dir/secret", "other/secret"]);
    assert_eq!(change(&set, "dir/secret").new_sha256, None);
}

#[tokio::test]
async fn what_is_no_file_is_refused_unless_ignored() {
    let sandbox = GitSandbox::new(&[("a", "1\n"), (".gitignore", "run/\n*.sock\n")]);
    sandbox.write("a", "2\n").write("run/x", "");
    rustix::fs::mkfifoat(CWD, sandbox.path("run/pipe"), Mode::RWXU).unwrap();
    let _ignored = UnixListener::bind(sandbox.path("dev.sock")).unwrap();
    sandbox.take(None).await.unwrap();
    fs::remove_dir_all(sandbox.sealed()).unwrap();
    rustix::fs::mkfifoat(CWD, sandbox.path("pipe"), Mode::RWXU).unwrap();
    check_refused(&sandbox.take(None).await, "pipe", &Flaw::Special);
    sandbox.remove("pipe").remove("a");
    rustix::fs::mkfifoat(CWD, sandbox.path("a"), Mode::RWXU).unwrap();
    check_refused(&sandbox.take(None).await, "a", &Flaw::Special);
}

#[tokio::test]
async fn git_folders_below_the_root_are_refused_unless_ignored() {
    let sandbox = GitSandbox::new(&[("a", "1\n"), (".gitignore", "node_modules/\n")]);
    sandbox.write("a", "2\n").write("node_modules/x/.git/config", "x");
    sandbox.take(None).await.unwrap();
    fs::remove_dir_all(sandbox.sealed()).unwrap();
    for path in ["sub/.git/config", "sub/.GIT/hooks/x", ".Git/x"] {
        sandbox.write(path, "x");
        let (folder, _) = path.to_lowercase().find(".git").map(|at| path.split_at(at + 4)).unwrap();
        check_refused(&sandbox.take(None).await, folder, &Flaw::GitInternal);
        fs::remove_dir_all(sandbox.path(folder)).unwrap();
    }
    fs::create_dir(sandbox.path("nested")).unwrap();
    sandbox.git(&["init", "--quiet", "nested"]).write("nested/x", "x");
    check_refused(&sandbox.take(None).await, "nested/.git", &Flaw::GitInternal);
}

#[tokio::test]
async fn submodules_are_refused() {
    let sandbox = GitSandbox::new(&[("a", "1\n")]);
    let entry = format!("160000,{},lib", sandbox.head());
    sandbox.git(&["update-index", "--add", "--cacheinfo", &entry]).git(&["commit", "--quiet", "-m", "lib"]);
    check_refused(&sandbox.write("a", "2\n").take(None).await, "lib", &Flaw::Repository);
}

#[tokio::test]
async fn history_that_is_elsewhere_or_incomplete_is_refused() {
    let elsewhere = GitSandbox::new(&[("a", "1\n")]);
    let unusable = async |prepare: &dyn Fn(&GitSandbox)| {
        let sandbox = GitSandbox::new(&[("a", "1\n")]);
        sandbox.write("a", "2\n");
        prepare(&sandbox);
        let result = sandbox.take(None).await;
        assert!(matches!(result, Err(TakeError::Unusable(_))), "{result:?}");
    };
    let replace_git =
        |sandbox: &GitSandbox| fs::rename(sandbox.path(".git"), sandbox.outside("git")).unwrap();
    unusable(&|sandbox| {
        replace_git(sandbox);
        sandbox.write(".git", &format!("gitdir: {}\n", elsewhere.path(".git").display()));
    })
    .await;
    unusable(&|sandbox| {
        replace_git(sandbox);
        sandbox.link(".git", elsewhere.path(".git"));
    })
    .await;
    unusable(&|sandbox| {
        fs::rename(sandbox.path(".git/objects"), sandbox.outside("objects")).unwrap();
        sandbox.link(".git/objects", elsewhere.path(".git/objects"));
    })
    .await;
    unusable(&|sandbox| {
        let objects = elsewhere.path(".git/objects");
        sandbox.write(".git/objects/info/alternates", &format!("{}\n", objects.display()));
    })
    .await;
    unusable(&|sandbox| {
        sandbox.git(&["sparse-checkout", "set", "sub"]);
    })
    .await;
    for head in ["ref: refs/heads/../../../x\n", "ref: refs/heads/unborn\n", "ref: /etc/passwd\n"] {
        unusable(&|sandbox| {
            sandbox.write(".git/HEAD", head);
        })
        .await;
    }
}

#[tokio::test]
async fn objects_that_are_links_are_not_followed() {
    let sandbox = GitSandbox::new(&[("a", "1\n")]);
    sandbox.write("a", "2\n");
    let id = sandbox.head();
    let object = format!(".git/objects/{}/{}", &id[..2], &id[2..]);
    fs::rename(sandbox.path(&object), sandbox.outside("object")).unwrap();
    sandbox.link(&object, sandbox.outside("object"));
    assert!(matches!(sandbox.take(None).await, Err(TakeError::Unavailable(_))));
}

#[tokio::test]
async fn names_that_cannot_be_shown_are_refused() {
    let table: &[(&[u8], &str, Flaw)] = &[
        (b"bad\xff", "bad\u{fffd}", Flaw::NotText),
        (b"two\nlines", "two\nlines", Flaw::Invisible),
        (b"slipway.json", "slipway.json", Flaw::Reserved),
    ];
    for (name, shown, flaw) in table {
        let sandbox = GitSandbox::new(&[("a", "1\n")]);
        fs::write(sandbox.path("").join(OsStr::from_bytes(name)), "x").unwrap();
        check_refused(&sandbox.take(None).await, shown, flaw);
    }
}

/// Added files, the one that is refused, and why.
type Excess<'content> = (&'content [(&'content str, &'content str)], &'static str, Flaw);

#[tokio::test]
async fn everything_beyond_a_limit_is_refused_whole_and_named() {
    let limits =
        Limits { files: 3, file_bytes: 100, total_bytes: 150, depth: 3, path_bytes: 20, ..Limits::default() };
    let (big, half) = ("x".repeat(101), "x".repeat(80));
    let table: &[Excess] = &[
        (&[("1", ""), ("2", ""), ("3", ""), ("4", "")], "4", Flaw::Many(3)),
        (&[("big", &big)], "big", Flaw::Large(100)),
        (&[("1", &half), ("2", &half)], "2", Flaw::TotalLarge(150)),
        (&[("x/b/c/d", "")], "x/b/c/d", Flaw::Deep(3)),
        (&[("a-name-of-21-characte", "")], "a-name-of-21-characte", Flaw::Long(20)),
    ];
    for (files, path, flaw) in table {
        let sandbox = GitSandbox::new(&[("a", "1\n")]);
        for (path, content) in *files {
            sandbox.write(path, content);
        }
        check_refused(&sandbox.take_within(None, &limits).await, path, flaw);
        assert_eq!(sandbox.beside_sealed(), [""; 0], "something was left behind");
    }
    let sandbox = GitSandbox::new(&[("was big", &big)]);
    check_refused(&sandbox.remove("was big").take_within(None, &limits).await, "was big", &Flaw::Large(100));
}

#[tokio::test]
async fn a_flood_of_files_or_of_history_is_refused() {
    let sandbox = GitSandbox::new(&[("a", "1\n"), (".gitignore", "cache/\n")]);
    for number in 0..50 {
        sandbox.write(&format!("cache/{number:02}"), "");
    }
    let limits = Limits { sandbox_entries: 20, ..Limits::default() };
    let result = sandbox.write("a", "2\n").take_within(None, &limits).await;
    assert!(matches!(result, Err(TakeError::Refused { flaw: Flaw::Many(20), .. })), "{result:?}");
    let limits = Limits { sandbox_bytes: 64, ..Limits::default() };
    let result = sandbox.take_within(None, &limits).await;
    assert!(matches!(result, Err(TakeError::Refused { flaw: Flaw::TotalLarge(64), .. })), "{result:?}");
}

#[tokio::test]
async fn a_baseline_whose_few_objects_stand_for_billions_of_files_is_refused() {
    let sandbox = GitSandbox::new(&[("a", "1\n")]);
    let mut tree = sandbox.git_output(&["rev-parse", "HEAD^{tree}"]).trim().to_owned();
    for _ in 0..10 {
        let entries = (0..10).map(|name| format!("040000 tree {tree}\t{name}\n"));
        fs::write(sandbox.outside("entries"), entries.collect::<Vec<_>>().concat()).unwrap();
        tree = sandbox.git_from("entries", &["mktree"]);
    }
    let bomb = sandbox.git_output(&["commit-tree", "-m", "bomb", &tree]);
    let result = sandbox.take(Some(bomb.trim())).await;
    assert!(matches!(result, Err(TakeError::Refused { flaw: Flaw::Many(_), .. })), "{result:?}");
}

#[tokio::test]
async fn more_files_than_the_default_limit_are_refused() {
    let sandbox = GitSandbox::new(&[("a", "1\n")]);
    for number in 0..=Limits::FILES {
        sandbox.write(&format!("many/{number}"), "");
    }
    let result = sandbox.take(None).await;
    assert!(matches!(result, Err(TakeError::Refused { flaw: Flaw::Many(20_000), .. })), "{result:?}");
}

#[test]
fn a_refusal_is_a_plain_sentence_that_names_the_path() {
    let refusal = TakeError::Refused { path: "dev/pipe".into(), flaw: Flaw::Large(64 << 20) };
    assert_eq!(
        refusal.to_string(),
        "The feature was not taken because of \"dev/pipe\": it is larger than the 64 MB that one file may have; \
         change that in the sandbox and ship it again."
    );
}
