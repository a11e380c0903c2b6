//! Which paths and which links stay inside a tree.

use super::{Flaw, Limits};

/// Written into the root of every context; no feature may bring its own.
pub(super) const STAMP_FILE: &str = "slipway.json";

/// Accepts a changed path of a feature.
pub(super) fn check(path: &str, limits: &Limits) -> Result<(), Flaw> {
    check_shape(path)?;
    if path == STAMP_FILE {
        return Err(Flaw::Reserved);
    }
    if path.len() > limits.path_bytes {
        return Err(Flaw::Long(limits.path_bytes));
    }
    if path.split('/').count() > limits.depth {
        return Err(Flaw::Deep(limits.depth));
    }
    Ok(())
}

/// Accepts a path that names something inside a tree, and nothing of git's own.
pub(super) fn check_shape(path: &str) -> Result<(), Flaw> {
    for part in path.split('/') {
        if matches!(part, "" | "." | "..") {
            return Err(Flaw::Escapes);
        }
        if is_git(part) {
            return Err(Flaw::GitInternal);
        }
        if part.chars().any(char::is_control) {
            return Err(Flaw::Invisible);
        }
    }
    Ok(())
}

/// Accepts the target of a link at `path` if following it cannot leave the tree.
///
/// `..` is allowed at the start only. There it climbs real folders, because no path of a tree runs through
/// a link; after a name it would climb from wherever that name, a link perhaps, leads to.
pub(super) fn check_link(path: &str, target: &[u8]) -> Result<(), Flaw> {
    let target = str::from_utf8(target).map_err(|_| Flaw::NotText)?;
    if target.starts_with('/') {
        return Err(Flaw::LinkEscapes);
    }
    let mut climbable = path.split('/').count() - 1;
    let mut named = false;
    for part in target.split('/').filter(|part| !matches!(*part, "" | ".")) {
        if part == ".." {
            if named || climbable == 0 {
                return Err(Flaw::LinkEscapes);
            }
            climbable -= 1;
        } else if is_git(part) {
            return Err(Flaw::GitInternal);
        } else {
            named = true;
        }
    }
    Ok(())
}

/// Whether some file system takes the name for git's own folder.
pub(super) fn is_git(part: &str) -> bool {
    let plain = part.trim_end_matches([' ', '.']);
    plain.eq_ignore_ascii_case(".git") || plain.eq_ignore_ascii_case("git~1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_accepted_only_inside_the_tree() {
        let table: &[(&str, Result<(), Flaw>)] = &[
            ("a", Ok(())),
            ("a b/ü/\u{65e5}\u{672c}.ts", Ok(())),
            (".github/x", Ok(())),
            (".gitignore", Ok(())),
            ("...", Ok(())),
            ("sub/slipway.json", Ok(())),
            ("", Err(Flaw::Escapes)),
            ("/etc/passwd", Err(Flaw::Escapes)),
            ("../a", Err(Flaw::Escapes)),
            ("a/../../b", Err(Flaw::Escapes)),
            ("a//b", Err(Flaw::Escapes)),
            ("a/./b", Err(Flaw::Escapes)),
            ("a/", Err(Flaw::Escapes)),
            ("sub/.git/config", Err(Flaw::GitInternal)),
            (".GIT/config", Err(Flaw::GitInternal)),
            ("a/.git. /config", Err(Flaw::GitInternal)),
            ("GIT~1", Err(Flaw::GitInternal)),
            ("a\nb", Err(Flaw::Invisible)),
            ("slipway.json", Err(Flaw::Reserved)),
        ];
        for (path, expected) in table {
            assert_eq!(&check(path, &Limits::default()), expected, "{path:?}");
        }
    }

    #[test]
    fn long_and_deep_paths_are_refused() {
        let limits = Limits { path_bytes: 10, depth: 3, ..Limits::default() };
        assert_eq!(check("a/b/c", &limits), Ok(()));
        assert_eq!(check("a/b/c/d", &limits), Err(Flaw::Deep(3)));
        assert_eq!(check("0123456789", &limits), Ok(()));
        assert_eq!(check("0123456789a", &limits), Err(Flaw::Long(10)));
    }

    #[test]
    fn a_link_is_accepted_only_when_it_cannot_leave_the_tree() {
        let table: &[(&str, &[u8], Result<(), Flaw>)] = &[
            ("link", b"file", Ok(())),
            ("link", b"./dir/file", Ok(())),
            ("a/b/link", b"../../file", Ok(())),
            ("a/link", b"..", Ok(())),
            ("link", b"..", Err(Flaw::LinkEscapes)),
            ("a/link", b"../../x", Err(Flaw::LinkEscapes)),
            ("a/link", b"up/../x", Err(Flaw::LinkEscapes)),
            ("link", b"/etc/passwd", Err(Flaw::LinkEscapes)),
            ("link", b".git/config", Err(Flaw::GitInternal)),
            ("link", b"\xff", Err(Flaw::NotText)),
        ];
        for (path, target, expected) in table {
            assert_eq!(&check_link(path, target), expected, "{path} -> {target:?}");
        }
    }
}
