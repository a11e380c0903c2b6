//! Runs tests, and what failed once more, alone.
//!
//! The tests work with real servers, processes and leases of seconds; on a busy machine one of hundreds may have
//! a bad moment. It is printed with both of its outcomes, and whatever fails twice fails the run.

use std::io::{self, BufRead as _, BufReader, PipeReader};
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use servers::interrupt::Interrupt;

/// More than this is no bad moment.
const FAILED_MAX: usize = 5;

/// A process that a test left behind may keep the output open.
const OUTPUT_WITHIN: Duration = Duration::from_secs(5);

/// Runs `command`, given what follows its `--`.
///
/// # Errors
/// A test failed twice, too many failed, or something else than a test went wrong.
pub(crate) fn run(
    interrupt: &Interrupt,
    command: impl Fn(&[&str]) -> Command,
    arguments: &[&str],
) -> Result<()> {
    let first = listen(interrupt, command(arguments))?;
    if first.is_success {
        return Ok(());
    }
    if !first.is_whole()
        || first.failed.is_empty()
        || first.failed.len() > FAILED_MAX
        || interrupt.is_raised()
    {
        bail!("the tests failed");
    }
    let names: Vec<&str> = first.failed.iter().map(String::as_str).collect();
    println!("\n==> once more, alone: {}", names.join(", "));
    let second = listen(interrupt, command(&[&["--exact", "--test-threads=1"], &names[..]].concat()))?;
    if !second.is_success
        || !second.is_whole()
        || first.failed.iter().any(|name| !second.passed.contains(name))
    {
        bail!("the tests failed: {}", names.join(", "));
    }
    println!("\nFailed at first and passed when run once more, alone: {}", names.join(", "));
    Ok(())
}

/// What the runners said.
#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    is_success: bool,
    begun: usize,
    ended: usize,
    passed: Vec<String>,
    failed: Vec<String>,
}

impl Heard {
    fn hear(&mut self, line: &str) {
        if line.starts_with("running ") && (line.ends_with(" tests") || line.ends_with(" test")) {
            self.begun += 1;
        }
        if line.starts_with("test result: ") {
            self.ended += 1;
        }
        let Some((name, outcome)) = line.strip_prefix("test ").and_then(|it| it.rsplit_once(" ... ")) else {
            return;
        };
        match outcome.trim_end() {
            "ok" => self.passed.push(name.to_owned()),
            "FAILED" => self.failed.push(name.to_owned()),
            _ => {}
        }
    }

    /// Whether every runner came to its end.
    fn is_whole(&self) -> bool {
        self.begun == self.ended
    }
}

/// Runs the command, passes its output on, and listens to it.
fn listen(interrupt: &Interrupt, mut command: Command) -> Result<Heard> {
    let (output, ours) = io::pipe().context("make a pipe")?;
    command.stdout(ours);
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in lines(output) {
            println!("{line}");
            // Nobody listens any more: the line was passed on all the same.
            let _is_heard = sender.send(line);
        }
    });
    let status = interrupt.run(&mut command)?;
    // Its end of the pipe: without it the output has an end.
    drop(command);
    let mut heard = Heard { is_success: status.success(), ..Heard::default() };
    while let Ok(line) = receiver.recv_timeout(OUTPUT_WITHIN) {
        heard.hear(&line);
    }
    Ok(heard)
}

/// Lines as they come, whatever bytes they hold.
fn lines(output: PipeReader) -> impl Iterator<Item = String> {
    let chunks = BufReader::new(output).split(b'\n');
    chunks.map_while(Result::ok).map(|line| String::from_utf8_lossy(&line).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &'static str) -> impl Fn(&[&str]) -> Command {
        move |arguments| {
            let mut command = Command::new("sh");
            command.args(["-c", script, "sh"]).args(arguments);
            command
        }
    }

    #[test]
    fn what_fails_twice_fails_and_what_fails_once_does_not() {
        let cases = [
            ("echo running 1 test; echo test a ... ok; echo test result: ok.; exit 0", true),
            (
                "echo running 1 test; if [ \"$1\" = --exact ]; then echo \"test $3 ... ok\"; echo test result: ok.; exit 0; fi; \
                 echo test a ... FAILED; echo test result: FAILED.; exit 1",
                true,
            ),
            ("echo running 1 test; echo test a ... FAILED; echo test result: FAILED.; exit 1", false),
            // The second run finds no such test.
            (
                "if [ \"$1\" = --exact ]; then exit 0; fi; \
                 echo running 1 test; echo test a ... FAILED; echo test result: FAILED.; exit 1",
                false,
            ),
            // Another runner died without a word.
            (
                "echo running 1 test; if [ \"$1\" = --exact ]; then echo \"test a ... ok\"; echo test result: ok.; exit 0; fi; \
                 echo test a ... FAILED; echo test result: FAILED.; echo running 7 tests; exit 1",
                false,
            ),
            // It does not build.
            ("exit 101", false),
        ];
        for (script, passes) in cases {
            let outcome = run(&Interrupt::never(), shell(script), &[]);
            assert_eq!(outcome.is_ok(), passes, "{script}");
        }
    }

    #[test]
    fn many_failures_are_no_bad_moment() {
        let script = "echo running 9 tests; for it in 1 2 3 4 5 6; do echo \"test $it ... FAILED\"; done; \
                      echo test result: FAILED.; exit 1";
        assert!(run(&Interrupt::never(), shell(script), &[]).is_err());
    }
}
