//! What a range of commits brings, asked of git by its plumbing: names and modes are never read from text.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use scanner::change::{ChangeSet, ChangedFile, Content, Origin, describes_tree};

use crate::failure::Failure;

/// The mode of a submodule, whose content lies in another repository.
const SUBMODULE: u32 = 0o160_000;

/// Two commits of a repository.
pub(super) struct Range {
    repository: PathBuf,
    base: String,
    head: String,
}

/// One file of `git diff-tree --raw -z`.
struct Entry {
    modes: (u32, u32),
    blobs: (String, String),
    from: String,
    to: String,
}

impl Range {
    /// Finds the commits of `base..head`; `base...head` begins where they parted, and without a head the current
    /// commit is meant.
    pub(super) fn find(repository: &Path, range: &str) -> Result<Self, Failure> {
        let (base, head, parted) = match (range.split_once("..."), range.split_once("..")) {
            (Some((base, head)), _) => (base, head, true),
            (None, Some((base, head))) => (base, head, false),
            (None, None) => (range, "HEAD", false),
        };
        let commit = |name: &str| {
            let name = if name.is_empty() { "HEAD" } else { name };
            line(
                repository,
                &["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{name}^{{commit}}")],
            )
        };
        let (mut base, head) = (commit(base)?, commit(head)?);
        if parted {
            base = line(repository, &["merge-base", &base, &head])?;
        }
        Ok(Self { repository: repository.to_owned(), base, head })
    }

    /// What the head has and the base has not, and what the scanner has to know of the base.
    pub(super) fn change(&self) -> Result<ChangeSet, Failure> {
        let change = change(&self.repository, &[&self.base, &self.head])?;
        let touched: HashSet<_> =
            change.files.iter().flat_map(|it| [Some(&it.path), it.moved_from.as_ref()]).flatten().collect();
        let tree = git(&self.repository, &["ls-tree", "-r", "-z", "--full-tree", &self.base], &[])?;
        let (mut base_paths, mut describing) = (Vec::new(), Vec::new());
        for entry in pieces(&tree).map(String::from_utf8_lossy) {
            let Some((head, path)) = entry.split_once('\t') else { return Err(foreign()) };
            if describes_tree(path) && !touched.contains(&path.to_owned()) {
                let blob = head.rsplit(' ').next().unwrap_or_default();
                describing.push((path.to_owned(), blob.to_owned()));
            }
            base_paths.push(path.to_owned());
        }
        let texts = blobs(&self.repository, describing.iter().map(|(_, blob)| blob))?;
        let text = |blob: &String| texts.get(blob).map(|it| String::from_utf8_lossy(it).into_owned());
        let context =
            describing.iter().filter_map(|(path, blob)| Some((path.clone(), text(blob)?))).collect();
        drop(touched);
        Ok(ChangeSet { base_paths, context, ..change })
    }

    /// The commits that would become public, newest first; one alone is the change itself.
    pub(super) fn commits(&self) -> Result<Vec<String>, Failure> {
        let listed = git(&self.repository, &["rev-list", &format!("{}..{}", self.base, self.head)], &[])?;
        let commits: Vec<_> = String::from_utf8_lossy(&listed).lines().map(str::to_owned).collect();
        Ok(if commits.len() > 1 { commits } else { Vec::new() })
    }

    /// What one commit brings.
    pub(super) fn change_of(&self, commit: &str) -> Result<ChangeSet, Failure> {
        match line(&self.repository, &["rev-parse", "--verify", "--quiet", &format!("{commit}^1")]) {
            Ok(parent) => change(&self.repository, &[&parent, commit]),
            Err(_) => change(&self.repository, &["--root", commit]),
        }
    }
}

/// The names of the files that git keeps in a folder or would keep.
pub(super) fn kept(root: &Path) -> Result<Vec<String>, Failure> {
    let listed = git(root, &["ls-files", "-z", "--cached", "--others", "--exclude-standard"], &[])?;
    let mut names: Vec<_> = pieces(&listed).map(|it| String::from_utf8_lossy(it).into_owned()).collect();
    names.sort();
    names.dedup();
    Ok(names)
}

fn change(repository: &Path, trees: &[&str]) -> Result<ChangeSet, Failure> {
    let raw = ["diff-tree", "-r", "-z", "-M", "--raw", "--no-abbrev", "--no-commit-id"];
    let entries = entries(&git(repository, &[&raw, trees].concat(), &[])?)?;
    let sides = entries.iter().flat_map(|it| [(it.modes.0, &it.blobs.0), (it.modes.1, &it.blobs.1)]);
    let files = sides.filter(|(mode, _)| *mode != 0 && *mode != SUBMODULE).map(|(_, blob)| blob);
    let blobs = blobs(repository, files)?;
    let content = |mode: u32, blob: &str| {
        let bytes = blobs.get(blob).cloned().unwrap_or_default();
        (mode != 0).then_some(Content { mode, bytes })
    };
    let files = entries.iter().map(|it| ChangedFile {
        path: it.to.clone(),
        moved_from: (it.from != it.to).then(|| it.from.clone()),
        before: content(it.modes.0, &it.blobs.0),
        after: content(it.modes.1, &it.blobs.1),
    });
    Ok(ChangeSet::of(Origin::Trees, files.collect()))
}

/// Reads `:MODE MODE BLOB BLOB STATUS\0PATH\0[PATH\0]`.
fn entries(raw: &[u8]) -> Result<Vec<Entry>, Failure> {
    let mut entries = Vec::new();
    let mut parts = pieces(raw).map(|it| String::from_utf8_lossy(it).into_owned());
    while let Some(head) = parts.next() {
        let words: Vec<_> = head.trim_start_matches(':').split(' ').collect();
        let [before, after, old, new, status] = words[..] else { return Err(foreign()) };
        let mode = |text| u32::from_str_radix(text, 8).map_err(|_| foreign());
        let from = parts.next().ok_or_else(foreign)?;
        let is_moved = status.starts_with(['R', 'C']);
        let to = if is_moved { parts.next().ok_or_else(foreign)? } else { from.clone() };
        let modes = (mode(before)?, mode(after)?);
        entries.push(Entry { modes, blobs: (old.to_owned(), new.to_owned()), from, to });
    }
    Ok(entries)
}

/// The contents of these files, each read once.
fn blobs<'b>(
    repository: &Path,
    names: impl Iterator<Item = &'b String>,
) -> Result<HashMap<String, Vec<u8>>, Failure> {
    let mut names: Vec<_> = names.collect();
    names.sort();
    names.dedup();
    let asked: Vec<u8> = names.iter().flat_map(|it| [it.as_bytes(), b"\n"].concat()).collect();
    let answer = git(repository, &["cat-file", "--batch"], &asked)?;
    let mut rest = answer.as_slice();
    let mut blobs = HashMap::new();
    for name in names {
        let lost =
            || Failure::Usage(format!("git does not have the content {name}; fetch the whole history."));
        let end = rest.iter().position(|it| *it == b'\n').ok_or_else(lost)?;
        let head = String::from_utf8_lossy(&rest[..end]).into_owned();
        let length: usize = head.rsplit(' ').next().and_then(|it| it.parse().ok()).ok_or_else(lost)?;
        let bytes = rest.get(end + 1..end + 1 + length).ok_or_else(lost)?;
        blobs.insert(name.clone(), bytes.to_vec());
        rest = rest.get(end + 2 + length..).unwrap_or_default();
    }
    Ok(blobs)
}

fn foreign() -> Failure {
    Failure::Usage("git answered with something that it does not say; is it git?".to_owned())
}

fn pieces(raw: &[u8]) -> impl Iterator<Item = &[u8]> {
    raw.split(|it| *it == 0).filter(|it| !it.is_empty())
}

fn line(repository: &Path, arguments: &[&str]) -> Result<String, Failure> {
    Ok(String::from_utf8_lossy(&git(repository, arguments, &[])?).trim().to_owned())
}

/// Asks git in the folder of a repository; nothing that its settings name is started.
fn git(repository: &Path, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::Usage(format!("git cannot be asked: {error}."));
    let mut command = Command::new("git");
    command.arg("-C").arg(repository).args(["-c", "core.fsmonitor=false"]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| failed(&error))?;
    let stdin = child.stdin.take();
    let output = std::thread::scope(|scope| {
        // Git answers while it is asked: somebody has to listen.
        scope.spawn(move || stdin.map(|mut it| it.write_all(input)));
        child.wait_with_output()
    });
    let output = output.map_err(|error| failed(&error))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim();
    let asked = arguments.first().copied().unwrap_or_default();
    let said = if said.is_empty() { "there is no such commit, or no repository here" } else { said };
    Err(Failure::Usage(format!("git {asked}: {said}.")))
}
