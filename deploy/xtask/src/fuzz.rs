//! `cargo xtask fuzz`: gives the scanner texts that libFuzzer makes, as long as it is told to.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use servers::interrupt::Interrupt;
use servers::packages;

use crate::cargo;

/// How long one text may take, in seconds, with everything that slows the scanner down here.
const TEXT_SECONDS: u32 = 20;

/// How much memory the scanner may have, in megabytes: in all, and in one piece.
const MEMORY_MB: (u32, u32) = (2_048, 512);

/// How long a text may be, in bytes; longer ones are for the tests.
const LENGTH_MAX: u32 = 8_192;

/// Fuzzes these targets, or all, one after the other, and says what came of it.
///
/// # Errors
/// What is needed is not installed, a target has another name, or the programs do not build.
pub(crate) fn run(interrupt: &Interrupt, targets: &[String], seconds: u64) -> Result<ExitCode> {
    if packages::find("cargo-fuzz").is_none() {
        bail!(
            "cargo-fuzz is not installed: `cargo install cargo-fuzz`, and `rustup toolchain install nightly`"
        );
    }
    let known = targets_known()?;
    if let Some(other) = targets.iter().find(|it| !known.contains(it)) {
        bail!("there is nothing called `{other}` to fuzz; there are {}", known.join(", "));
    }
    let chosen = if targets.is_empty() { &known } else { targets };
    if !interrupt.run(&mut fuzz("build", &[]))?.success() {
        bail!("the fuzz programs do not build; they need `rustup toolchain install nightly`");
    }
    let mut is_clean = true;
    for target in chosen.iter().take_while(|_| !interrupt.is_raised()) {
        is_clean &= one(interrupt, target, seconds)?;
    }
    Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Where all of it lies.
fn folder() -> PathBuf {
    cargo::root().join("tests/hostile")
}

/// Each folder of seeds is a target.
fn targets_known() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder().join("seeds")).context("read the folder of seeds")? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// `cargo fuzz` with the compiler that it needs. The scanner has no unsafe code, so nobody watches over its memory: that
/// makes it three times as fast.
fn fuzz(task: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo", "fuzz", task, "--sanitizer", "none", "--fuzz-dir", "."]);
    command.args(arguments).current_dir(folder().join("fuzz"));
    command
}

/// Fuzzes one target; whether every promise was kept.
fn one(interrupt: &Interrupt, target: &str, seconds: u64) -> Result<bool> {
    let corpus = format!("corpus/{target}");
    let found = folder().join("fuzz").join(&corpus);
    fs::create_dir_all(&found).context("make the folder for what is worth keeping")?;
    let log = folder().join("fuzz/target").join(format!("{target}.log"));
    let (memory, piece) = MEMORY_MB;
    let limits = [
        format!("-max_total_time={seconds}"),
        format!("-timeout={TEXT_SECONDS}"),
        format!("-rss_limit_mb={memory}"),
        format!("-malloc_limit_mb={piece}"),
        format!("-max_len={LENGTH_MAX}"),
        format!("-dict=../words/{target}.dict"),
        "-print_final_stats=1".to_owned(),
    ];
    println!("{target}: {seconds} s …");
    let mut command = fuzz("run", &[target, &corpus, &format!("../seeds/{target}"), "--"]);
    let output = File::create(&log).context("write what the fuzzer says")?;
    command.args(limits).stdout(output.try_clone()?).stderr(output);
    let is_clean = interrupt.run(&mut command)?.success();
    println!("{target}: {}", if is_clean { kept(&log)? } else { broken(target, &log)? });
    Ok(is_clean)
}

/// What is said of a run in which nothing was found.
fn kept(log: &Path) -> Result<String> {
    let said = read(log)?;
    let texts = said.lines().find_map(|it| it.strip_prefix("stat::number_of_executed_units:"));
    let edges = said.lines().rev().find_map(|it| it.split_once(" cov: ")?.1.split(' ').next());
    let (texts, edges) = (texts.unwrap_or("?").trim(), edges.unwrap_or("?"));
    Ok(format!("{texts} texts, and the scanner kept every promise ({edges} places of its code were reached)"))
}

/// What is said of a text on which the scanner broke a promise.
fn broken(target: &str, log: &Path) -> Result<String> {
    let said = read(log)?;
    let reason = said.lines().skip_while(|it| !it.contains("panicked at")).nth(1);
    let reason = reason.or_else(|| said.lines().find(|it| it.contains("ERROR: libFuzzer")));
    let text = said.lines().find_map(|it| Some(it.split_once("Test unit written to ")?.1));
    let Some(text) = text else {
        return Ok(format!("the fuzzer ended before its time; {} says why", log.display()));
    };
    Ok(format!(
        "the scanner broke a promise: {}\n  The text is {text}; all that was said is in {}.\n  To try it again: cd \
         tests/hostile/fuzz && cargo +nightly fuzz run --sanitizer none --fuzz-dir . {target} {text}",
        reason.unwrap_or("it says nothing more"),
        log.display()
    ))
}

fn read(log: &Path) -> Result<String> {
    let bytes = fs::read(log).context("read what the fuzzer said")?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
