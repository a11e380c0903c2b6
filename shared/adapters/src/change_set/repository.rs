//! A git repository of our own that looks at a sandbox's work tree.
//!
//! It has its own configuration, index and attributes, and copies of the sandbox's stored objects: git reads
//! nothing of the sandbox but these copies, the names and contents of the work tree, and its ignore files.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use anyhow::{Context, Result, anyhow, ensure};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

use super::objects::Objects;
use super::{Flaw, Limits, Mode, TakeError, history};

/// Our repository over a sandbox's work tree, its index filled from the baseline.
#[derive(Debug)]
pub(super) struct Repository {
    git_dir: PathBuf,
    work_tree: PathBuf,
    baseline: String,
}

/// One line of the comparison of the baseline with what was staged.
#[derive(Debug)]
pub(super) struct Difference {
    pub(super) status: u8,
    pub(super) old: Option<(Mode, String)>,
    pub(super) new: Option<(Mode, String)>,
    pub(super) from: Option<String>,
    pub(super) path: String,
}

/// What a path shall be in the index: nothing, or a mode and the file that holds the content.
pub(super) type Staged = Option<(Mode, PathBuf)>;

impl Repository {
    /// Makes the repository below `scratch` and reads the baseline into its index.
    pub(super) async fn borrow(
        work_tree: &Path,
        scratch: &Path,
        baseline: Option<&str>,
        limits: &Limits,
    ) -> Result<Self, TakeError> {
        let git_dir = scratch.join("git");
        let (source, target, history_limits) = (work_tree.to_owned(), git_dir.clone(), limits.clone());
        let wanted = baseline.map(str::to_owned);
        let wanted =
            tokio::task::spawn_blocking(move || history::borrow(&source, &target, wanted, &history_limits))
                .await
                .context("wait for the sandbox's history")??;
        let mut repository = Self { git_dir, work_tree: work_tree.to_owned(), baseline: String::new() };
        let commit = format!("{wanted}^{{commit}}");
        let found = repository
            .output(&["rev-parse", "--verify", "--quiet", "--end-of-options", &commit], &[])
            .await?;
        if !found.status.success() {
            return Err(TakeError::Baseline(wanted));
        }
        String::from_utf8_lossy(&found.stdout).trim_ascii().clone_into(&mut repository.baseline);
        let head = repository.git_dir.join("HEAD");
        fs::write(head, format!("{}\n", repository.baseline)).context("note the baseline")?;
        repository.survey_baseline(limits).await?;
        repository.run(&["read-tree", &repository.baseline], &[]).await?;
        Ok(repository)
    }

    /// The commit that the feature is compared with.
    pub(super) fn baseline(&self) -> &str {
        &self.baseline
    }

    /// Paths, as bytes, that differ from the baseline or are untracked and not ignored. They are hints:
    /// the work tree may have moved on. A path with a `/` at its end is a repository inside the work tree.
    pub(super) async fn changed_paths(&self) -> Result<Vec<Vec<u8>>> {
        let arguments = ["status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames"];
        let status = self.run(&arguments, &[]).await?;
        let lines =
            fields(&status).map(|line| line.get(3..).map(<[u8]>::to_vec).context("read git's status"));
        lines.collect()
    }

    /// Those of the paths that no ignore file ignores.
    pub(super) async fn not_ignored(&self, paths: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>> {
        // Behind a dot, a name that begins with `:` is a name and not a pattern.
        let dotted = |path: &Vec<u8>| [b"./", path.as_slice()].concat();
        let input: Vec<u8> = paths.iter().flat_map(|path| [dotted(path), vec![0]].concat()).collect();
        let output = self.output(&["check-ignore", "-z", "--stdin"], &input).await?;
        ensure!(
            matches!(output.status.code(), Some(0 | 1)),
            "ask git what is ignored: {}",
            complaint(&output)
        );
        let ignored: HashSet<&[u8]> = fields(&output.stdout).collect();
        Ok(paths.into_iter().filter(|path| !ignored.contains(dotted(path).as_slice())).collect())
    }

    /// Puts each path into the index, and returns the object ids of the contents, in order.
    pub(super) async fn stage(&self, paths: &[(String, Staged)]) -> Result<Vec<Option<String>>> {
        let mut files = Vec::new();
        for (_, file) in paths.iter().filter_map(|(path, staged)| Some((path, staged.as_ref()?.1.as_path())))
        {
            files.extend_from_slice(file.to_str().context("the folder's own name is not UTF-8")?.as_bytes());
            files.push(b'\n');
        }
        let ids = self.run(&["hash-object", "-w", "--no-filters", "--stdin-paths"], &files).await?;
        let ids = String::from_utf8(ids).context("read git's object ids")?;
        let mut next = ids.lines().map(str::to_owned);
        let (mut gone, mut present, mut staged_ids) = (String::new(), String::new(), Vec::new());
        let nothing = "0".repeat(self.baseline.len());
        for (path, staged) in paths {
            let Some((mode, _)) = staged else {
                write!(gone, "0 {nothing}\t{path}\0")?;
                staged_ids.push(None);
                continue;
            };
            let id = next.next().context("git returned too few object ids")?;
            write!(present, "{} {id}\t{path}\0", octal(*mode))?;
            staged_ids.push(Some(id));
        }
        // What is gone goes first, so that a file may take the place of a folder.
        let input = gone + &present;
        self.run(&["update-index", "--add", "--remove", "--replace", "-z", "--index-info"], input.as_bytes())
            .await?;
        Ok(staged_ids)
    }

    /// Every path of the index.
    pub(super) async fn paths(&self) -> Result<Vec<String>> {
        let list = self.run(&["ls-files", "-z"], &[]).await?;
        Ok(fields(&list).map(|path| String::from_utf8_lossy(path).into_owned()).collect())
    }

    /// Compares the baseline with the index, renames found.
    pub(super) async fn differences(&self) -> Result<Vec<Difference>> {
        let arguments =
            ["diff-index", "--cached", "--raw", "-z", "--no-abbrev", "-M", "-l1000", &self.baseline, "--"];
        let raw = self.run(&arguments, &[]).await?;
        let mut fields = fields(&raw).map(str::from_utf8);
        let mut differences = Vec::new();
        while let Some(line) = fields.next() {
            let mut path = || anyhow::Ok(fields.next().context("git left a path out")??.to_owned());
            let mut words = line?.strip_prefix(':').context("read git's comparison")?.split(' ');
            let mut word = || words.next().context("read git's comparison");
            let (old_mode, new_mode, old_id, new_id, status) = (word()?, word()?, word()?, word()?, word()?);
            let status = *status.as_bytes().first().context("read git's comparison")?;
            let from = if status == b'R' { Some(path()?) } else { None };
            let (old, new) = (side(old_mode, old_id)?, side(new_mode, new_id)?);
            differences.push(Difference { status, old, new, from, path: path()? });
        }
        Ok(differences)
    }

    /// Writes the unified diff of the baseline and the index.
    pub(super) async fn write_diff(&self, into: fs::File) -> Result<()> {
        let flags = [
            "--cached",
            "-p",
            "-M",
            "-l1000",
            "--full-index",
            "--no-color",
            "--no-ext-diff",
            "--no-textconv",
        ];
        let mut command = self.command(&["diff-index"]);
        let child =
            command.args(flags).arg(&self.baseline).arg("--").stdin(Stdio::null()).stdout(into).spawn();
        let output = child.context("start git")?.wait_with_output().await.context("wait for git")?;
        ensure!(output.status.success(), "write the diff: {}", complaint(&output));
        Ok(())
    }

    /// Opens the stored objects for reading.
    pub(super) fn objects(&self) -> Result<Objects> {
        Objects::open(self.command(&["cat-file", "--batch"]))
    }

    /// Refuses submodules, and a baseline with more files than a sandbox may hold. Few objects can stand for
    /// billions of files, so the list is read as it comes, before git makes an index of it.
    async fn survey_baseline(&self, limits: &Limits) -> Result<(), TakeError> {
        let mut command = self.command(&["ls-tree", "-r", "-z", &self.baseline]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().context("start git")?;
        let mut list = BufReader::new(child.stdout.take().context("read from git")?);
        let mut line = Vec::new();
        let mut count = 0;
        while list.read_until(0, &mut line).await.context("list the baseline")? > 0 {
            count += 1;
            let text = String::from_utf8_lossy(&line);
            let path = text.split_once('\t').map_or("", |(_, path)| path.trim_end_matches('\0'));
            if text.starts_with("160000 ") {
                return Err(TakeError::refused(path, Flaw::Repository));
            }
            if count > limits.sandbox_entries {
                return Err(TakeError::refused(path, Flaw::Many(limits.sandbox_entries)));
            }
            line.clear();
        }
        let output = child.wait_with_output().await.context("wait for git")?;
        if !output.status.success() {
            return Err(anyhow!("list the baseline: {}", complaint(&output)).into());
        }
        Ok(())
    }

    async fn run(&self, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>> {
        let output = self.output(arguments, input).await?;
        ensure!(output.status.success(), "git {}: {}", arguments.join(" "), complaint(&output));
        Ok(output.stdout)
    }

    async fn output(&self, arguments: &[&str], input: &[u8]) -> Result<Output> {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("start git")?;
        let mut stdin = child.stdin.take().context("write to git")?;
        let feed = async {
            match stdin.write_all(input).await {
                // Git ended early; its complaint says more.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                other => other.context("write to git"),
            }?;
            drop(stdin);
            anyhow::Ok(())
        };
        let (output, ()) =
            tokio::try_join!(async { child.wait_with_output().await.context("wait for git") }, feed)?;
        Ok(output)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command
            .args(arguments)
            .current_dir(&self.work_tree)
            .kill_on_drop(true)
            .stderr(Stdio::piped())
            .env_clear();
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command
            .env("HOME", &self.git_dir)
            .env("GIT_DIR", &self.git_dir)
            .env("GIT_WORK_TREE", &self.work_tree);
        command.envs([
            ("LC_ALL", "C"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_CONFIG_SYSTEM", "/dev/null"),
            ("GIT_ATTR_NOSYSTEM", "1"),
            ("GIT_NO_LAZY_FETCH", "1"),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
            ("GIT_OPTIONAL_LOCKS", "0"),
            ("GIT_TERMINAL_PROMPT", "0"),
        ]);
        command
    }
}

fn side(mode: &str, id: &str) -> Result<Option<(Mode, String)>> {
    let mode = match mode {
        "000000" => return Ok(None),
        "100755" => Mode::Executable,
        "120000" => Mode::Symlink,
        other if other.starts_with("100") => Mode::Regular,
        other => return Err(anyhow!("a file of mode {other}")),
    };
    Ok(Some((mode, id.to_owned())))
}

fn octal(mode: Mode) -> &'static str {
    match mode {
        Mode::Regular => "100644",
        Mode::Executable => "100755",
        Mode::Symlink => "120000",
    }
}

fn fields(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| *byte == 0).filter(|field| !field.is_empty())
}

fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}
