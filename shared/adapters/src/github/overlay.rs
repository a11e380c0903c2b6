//! What a change set makes of a tree. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::wire::Entry;
use crate::change_set::{Change, Kind, Mode};

/// A tree of the repository, by path.
#[derive(Debug, Clone, Default)]
pub(super) struct Listing {
    pub(super) entries: BTreeMap<String, Entry>,
    /// Whether all of it is known, or only the folders that the change set touches.
    pub(super) is_whole: bool,
}

/// Git's ids of contents, by their SHA-256.
pub(super) type Ids = BTreeMap<String, String>;

/// A line of a tree that has to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// The file goes.
    Remove { path: String, mode: Mode },
    /// The file comes, or changes.
    Put { path: String, mode: Mode, sha256: String, id: String },
}

/// How git calls it.
pub(super) fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Regular => "100644",
        Mode::Executable => "100755",
        Mode::Symlink => "120000",
    }
}

/// What has to change in the tree, removals first; or the paths at which it is not what the feature was built on.
///
/// As when a feature is laid over the base source: each path must be as in the feature's baseline, or as the
/// feature has it already.
pub(super) fn overlay(base: &Listing, changes: &[Change], ids: &Ids) -> Result<Vec<Step>, Vec<String>> {
    let gone = gone(base, changes);
    let steps = steps(base, changes, ids, &gone);
    if steps.is_empty() {
        return Ok(steps);
    }
    let conflicts: BTreeSet<_> =
        changes.iter().filter_map(|change| conflict(base, change, ids, &gone)).collect();
    if conflicts.is_empty() { Ok(steps) } else { Err(conflicts.into_iter().map(str::to_owned).collect()) }
}

/// The files of the tree that the changes take away or replace.
fn gone<'a>(base: &Listing, changes: &'a [Change]) -> BTreeSet<&'a str> {
    let is_file = |path: &str| base.entries.get(path).is_some_and(|entry| entry.kind != "tree");
    changes.iter().filter_map(leaves).filter(|path| is_file(path)).collect()
}

/// What differs between the tree and the tree with the changes, whatever stands there now.
fn steps(base: &Listing, changes: &[Change], ids: &Ids, gone: &BTreeSet<&str>) -> Vec<Step> {
    let comes: BTreeSet<&str> =
        changes.iter().filter(|it| it.new_sha256.is_some()).map(|it| it.path.as_str()).collect();
    let goes = |change| leaves(change).filter(|path| gone.contains(path) && !comes.contains(path));
    let removals = changes.iter().filter_map(|change| {
        goes(change).map(|path| Step::Remove { path: path.to_owned(), mode: old_mode(change) })
    });
    removals.chain(changes.iter().filter_map(|change| put(base, change, ids))).collect()
}

fn leaves(change: &Change) -> Option<&str> {
    match &change.kind {
        Kind::Deleted => Some(&change.path),
        Kind::Renamed { from } => Some(from),
        Kind::Added | Kind::Modified => None,
    }
}

fn old_mode(change: &Change) -> Mode {
    change.old_mode.unwrap_or(change.mode)
}

fn put(base: &Listing, change: &Change, ids: &Ids) -> Option<Step> {
    let sha256 = change.new_sha256.clone()?;
    let id = ids.get(&sha256)?.clone();
    let is_there = base
        .entries
        .get(&change.path)
        .is_some_and(|entry| entry.sha == id && entry.mode == mode_name(change.mode));
    (!is_there).then(|| Step::Put { path: change.path.clone(), mode: change.mode, sha256, id })
}

/// The path at which the tree does not allow the change.
fn conflict<'a>(base: &Listing, change: &'a Change, ids: &Ids, gone: &BTreeSet<&str>) -> Option<&'a str> {
    let is_free = |path: &str| is_free(base, path, gone);
    let at = |path: &str, sha256: &Option<String>, mode: Mode| match (base.entries.get(path), sha256) {
        (None, None) => true,
        (Some(entry), Some(sha256)) => {
            let is_link = entry.mode == mode_name(Mode::Symlink);
            let is_file = entry.kind == "blob";
            is_file && ids.get(sha256) == Some(&entry.sha) && is_link == (mode == Mode::Symlink)
        }
        (Some(_) | None, _) => false,
    };
    let is_old = |path: &str| at(path, &change.old_sha256, old_mode(change));
    let is_new = || at(&change.path, &change.new_sha256, change.mode);
    let path = change.path.as_str();
    match &change.kind {
        Kind::Deleted | Kind::Modified => (!is_old(path) && !is_new()).then_some(path),
        Kind::Added => (!is_free(path) && !is_new()).then_some(path),
        Kind::Renamed { from } => {
            let is_moved = !base.entries.contains_key(from) && is_new();
            if !is_moved && !is_old(from) {
                return Some(from);
            }
            (!is_free(path) && !is_new()).then_some(path)
        }
    }
}

/// Whether a file may come to the path: nothing stands there or on the way to it that does not go.
fn is_free(base: &Listing, path: &str, gone: &BTreeSet<&str>) -> bool {
    let above = path.match_indices('/').map(|(end, _)| &path[..end]);
    let mut above = above.filter_map(|folder| base.entries.get(folder));
    if above.any(|entry| entry.kind != "tree" && !gone.contains(entry.path.as_str())) {
        return false;
    }
    let Some(entry) = base.entries.get(path) else { return true };
    if entry.kind != "tree" {
        return gone.contains(path);
    }
    let inside = format!("{path}/");
    let mut below = base.entries.values().filter(|it| it.path.starts_with(&inside) && it.kind != "tree");
    base.is_whole && below.all(|it| gone.contains(it.path.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &[(&str, &str, &str)] = &[
        ("a", "100644", "blob"),
        ("link", "120000", "blob"),
        ("dir", "040000", "tree"),
        ("dir/a", "100755", "blob"),
        ("dir/b", "100644", "blob"),
        ("module", "160000", "commit"),
    ];

    /// Contents are named by what they are; the base's are called after their paths.
    fn base() -> Listing {
        let entry = |(path, mode, kind): &(&str, &str, &str)| {
            let entry = Entry {
                path: (*path).to_owned(),
                mode: (*mode).to_owned(),
                kind: (*kind).to_owned(),
                sha: format!("id of {path}"),
            };
            ((*path).to_owned(), entry)
        };
        Listing { entries: BASE.iter().map(entry).collect(), is_whole: true }
    }

    fn change(kind: Kind, path: &str, old: Option<&str>, new: Option<&str>) -> Change {
        let own = |text: Option<&str>| text.map(str::to_owned);
        let mode = if new == Some("link") || old == Some("link") { Mode::Symlink } else { Mode::Regular };
        Change {
            path: path.to_owned(),
            kind,
            mode,
            old_mode: old.map(|_| mode),
            old_sha256: own(old),
            new_sha256: own(new),
            size: 0,
        }
    }

    fn moved(from: &str, path: &str, old: &str, new: &str) -> Change {
        change(Kind::Renamed { from: from.to_owned() }, path, Some(old), Some(new))
    }

    fn check(name: &str, changes: &[Change], expected: Result<&[&str], &[&str]>) {
        let names = ["a", "link", "dir", "dir/a", "dir/b", "module", "new", "other"];
        let ids = names.iter().map(|it| ((*it).to_owned(), format!("id of {it}"))).collect();
        let found = overlay(&base(), changes, &ids).map(|steps| {
            let shown = steps.iter().map(|step| match step {
                Step::Remove { path, .. } => format!("- {path}"),
                Step::Put { path, mode, id, .. } => format!("{} {path} {id}", mode_name(*mode)),
            });
            shown.collect::<Vec<_>>()
        });
        let own = |lines: &[&str]| lines.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        assert_eq!(found, expected.map(own).map_err(own), "{name}");
    }

    #[test]
    fn changes_become_lines_of_the_tree() {
        use Kind::{Added, Deleted, Modified};
        let edit = change(Modified, "a", Some("a"), Some("new"));
        check("edited", &[edit], Ok(&["100644 a id of new"]));
        check("added", &[change(Added, "dir/c", None, Some("new"))], Ok(&["100644 dir/c id of new"]));
        check("deleted", &[change(Deleted, "a", Some("a"), None)], Ok(&["- a"]));
        check("moved", &[moved("a", "b", "a", "a")], Ok(&["- a", "100644 b id of a"]));
        let swapped = [moved("a", "dir/b", "a", "a"), moved("dir/b", "a", "dir/b", "dir/b")];
        check("swapped", &swapped, Ok(&["100644 dir/b id of a", "100644 a id of dir/b"]));
        let into = [change(Deleted, "a", Some("a"), None), change(Added, "a/b", None, Some("new"))];
        check("a file becomes a folder", &into, Ok(&["- a", "100644 a/b id of new"]));
        let flat = [change(Deleted, "dir/a", Some("dir/a"), None), moved("dir/b", "dir", "dir/b", "dir/b")];
        check("a folder becomes a file", &flat, Ok(&["- dir/a", "- dir/b", "100644 dir id of dir/b"]));
        check("to a link", &[change(Added, "l", None, Some("link"))], Ok(&["120000 l id of link"]));
        let mode = change(Modified, "dir/a", Some("dir/a"), Some("dir/a"));
        check("only its mode", &[mode], Ok(&["100644 dir/a id of dir/a"]));
    }

    #[test]
    fn what_is_there_already_is_left_alone() {
        use Kind::{Added, Deleted, Modified};
        check("edited", &[change(Modified, "a", Some("other"), Some("a"))], Ok(&[]));
        check("added", &[change(Added, "dir/b", None, Some("dir/b"))], Ok(&[]));
        check("deleted", &[change(Deleted, "c", Some("other"), None)], Ok(&[]));
        check("moved", &[moved("gone", "a", "a", "a")], Ok(&[]));
    }

    #[test]
    fn what_differs_from_the_baseline_is_for_people() {
        use Kind::{Added, Deleted, Modified};
        check("edited", &[change(Modified, "a", Some("other"), Some("new"))], Err(&["a"]));
        check("edited, gone", &[change(Modified, "c", Some("a"), Some("new"))], Err(&["c"]));
        check("edited, is a link", &[change(Modified, "link", Some("a"), Some("new"))], Err(&["link"]));
        check("deleted", &[change(Deleted, "a", Some("other"), None)], Err(&["a"]));
        check("added", &[change(Added, "a", None, Some("new"))], Err(&["a"]));
        check("added over a folder", &[change(Added, "dir", None, Some("new"))], Err(&["dir"]));
        check("added over a module", &[change(Added, "module", None, Some("module"))], Err(&["module"]));
        check("added below a file", &[change(Added, "a/b", None, Some("new"))], Err(&["a/b"]));
        check("moved, differs", &[moved("a", "b", "other", "other")], Err(&["a"]));
        check("moved, gone", &[moved("c", "b", "other", "other")], Err(&["c"]));
        check("moved to where something is", &[moved("a", "dir/b", "a", "a")], Err(&["dir/b"]));
    }
}
