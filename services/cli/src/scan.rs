//! `slipway scan`: the security gates as a tool of their own, without a console.

mod git;
mod tree;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use clap::{Args, ValueEnum};
use scanner::change::ChangeSet;
use scanner::finding::{Category, Gate, Verdict};
use scanner::policy::Policy;
use scanner::{Baseline, FileScan, Report};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// What to look at, and how to say what is found. Exit code 0: nothing blocks; 1: something does, or could not be
/// checked; 2: asked wrongly.
#[derive(Debug, Clone, Args)]
pub struct ScanArgs {
    /// A folder or file: all of it is looked at, as if it were added; with --git, the repository
    #[arg(value_name = "PATH", required_unless_present_any = ["diff", "git"])]
    path: Option<PathBuf>,

    /// A text diff, as `git diff` writes it; `-` reads it from standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["path", "git"])]
    diff: Option<PathBuf>,

    /// What a range of commits brings, such as main..HEAD; every commit in it is looked at for secrets
    #[arg(long, value_name = "RANGE")]
    git: Option<String>,

    /// The gates to ask; all unless said
    #[arg(long, value_enum, value_delimiter = ',', value_name = "GATES")]
    gates: Vec<GateName>,

    /// How to print what is found
    #[arg(long, value_enum)]
    format: Option<ScanFormat>,

    /// What is allowed, a TOML file; take it from the base of a change, not from the change
    #[arg(long, value_name = "FILE.toml")]
    policy: Option<PathBuf>,

    /// Findings that people accepted, a JSON file; take it from the base of a change, not from the change
    #[arg(long, value_name = "FILE.json")]
    baseline: Option<PathBuf>,

    /// Which findings end the command with exit code 1: those that block, or also those that a person must look at
    #[arg(long, value_enum, default_value_t)]
    fail_on: FailOn,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum GateName {
    Security,
    Destructive,
    Architecture,
    Dependencies,
}

impl From<GateName> for Gate {
    fn from(name: GateName) -> Self {
        match name {
            GateName::Security => Gate::Security,
            GateName::Destructive => Gate::Destructive,
            GateName::Architecture => Gate::Architecture,
            GateName::Dependencies => Gate::Dependencies,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ScanFormat {
    /// For people
    Text,
    /// One array of findings
    Json,
    /// SARIF 2.1.0, for code hosts and editors
    Sarif,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum FailOn {
    /// Those that block
    #[default]
    Block,
    /// Those that block, and those that a person must look at
    Review,
}

pub(crate) fn run(args: &ScanArgs, output: &mut Output) -> Result<Exit, Failure> {
    let policy = policy(args.policy.as_deref())?;
    let baseline = baseline(args.baseline.as_deref())?;
    let mut report = report(args, &policy)?;
    if !args.gates.is_empty() {
        let gates: Vec<Gate> = args.gates.iter().copied().map(Gate::from).collect();
        report.only(&gates);
    }
    report.accept(&baseline);
    let format = args.format.unwrap_or(if output.is_json() { ScanFormat::Json } else { ScanFormat::Text });
    match format {
        ScanFormat::Text => output.text(&report.text())?,
        ScanFormat::Json => output.json(&report.json())?,
        ScanFormat::Sarif => output.json(&report.sarif())?,
    }
    let fails = match args.fail_on {
        FailOn::Block => report.blocks(),
        FailOn::Review => report.open().next().is_some(),
    };
    Ok(if fails { Exit::Failed } else { Exit::Done })
}

fn report(args: &ScanArgs, policy: &Policy) -> Result<Report, Failure> {
    let path = args.path.as_deref().unwrap_or(Path::new("."));
    if let Some(range) = &args.git {
        let range = git::Range::find(path, range)?;
        let mut report = scan(&range.change()?, policy);
        add_commits(&mut report, &range, policy)?;
        return Ok(report);
    }
    if let Some(path) = &args.diff {
        let change = scanner::diff::parse(&bytes(path)?)
            .map_err(|wrong| Failure::file(path, format_args!("is no diff that can be trusted: {wrong}.")))?;
        return Ok(scan(&change, policy));
    }
    Ok(scan(&tree::read(path)?, policy))
}

/// Looks at a change with every core.
fn scan(change: &ChangeSet, policy: &Policy) -> Report {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut own = Vec::new();
        while let Some(file) = change.files.get(next.fetch_add(1, Ordering::Relaxed)) {
            own.push((std::ptr::from_ref(file), scanner::scan_file(file, change.origin, policy)));
        }
        own.into_iter().map(|(file, scan)| (file as usize, scan)).collect::<Vec<_>>()
    };
    let threads = thread::available_parallelism().map_or(1, usize::from).min(change.files.len().max(1));
    let mut scans: Vec<(usize, FileScan)> = thread::scope(|scope| {
        let start = |_| thread::Builder::new().stack_size(scanner::STACK_BYTES).spawn_scoped(scope, work);
        let started: Vec<_> = (0..threads).filter_map(|at| start(at).ok()).collect();
        started.into_iter().filter_map(|it| it.join().ok()).flatten().collect()
    });
    // A thread that did not start or end leaves files unread; the report tells, because they are counted.
    scans.sort_by_key(|(at, _)| *at);
    scanner::assemble(change, policy, scans.into_iter().map(|(_, scan)| scan).collect())
}

/// Adds the secrets that a commit of the range would make public although a later one takes them away again.
fn add_commits(report: &mut Report, range: &git::Range, policy: &Policy) -> Result<(), Failure> {
    for commit in range.commits()? {
        let change = range.change_of(&commit)?;
        for mut finding in scan(&change, policy).findings {
            let is_secret = matches!(finding.category, Category::Secret | Category::Token);
            let is_known = report.findings.iter().any(|it| it.fingerprint == finding.fingerprint);
            if is_secret && finding.verdict > Verdict::Note && !is_known {
                let short = commit.get(..10).unwrap_or(&commit);
                let message = &finding.message;
                finding.message =
                    format!("{message} It stands in the commit {short} and becomes public with it.");
                report.findings.push(finding);
            }
        }
    }
    Ok(())
}

fn policy(path: Option<&Path>) -> Result<Policy, Failure> {
    let Some(path) = path else { return Ok(Policy::default()) };
    toml::from_str(&text(path)?).map_err(|wrong| Failure::file(path, format_args!("is no policy: {wrong}")))
}

fn baseline(path: Option<&Path>) -> Result<Baseline, Failure> {
    let Some(path) = path else { return Ok(Baseline::default()) };
    Baseline::parse(&text(path)?).map_err(|wrong| Failure::file(path, format_args!("{wrong}.")))
}

fn text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(bytes(path)?).map_err(|_| Failure::file(path, "is not UTF-8."))
}

fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().read_to_end(&mut bytes)
    } else {
        fs::File::open(path).and_then(|mut file| file.read_to_end(&mut bytes))
    };
    read.map_err(|error| Failure::file(path, format_args!("cannot be read: {error}.")))?;
    Ok(bytes)
}
