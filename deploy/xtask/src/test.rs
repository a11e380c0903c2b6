//! `cargo xtask test`: everything that must hold before a change is merged.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use servers::interrupt::Interrupt;
use servers::packages;

use crate::test_servers::{NEEDS, TestServers};
use crate::{cargo, chaos, second_try, sqlx};

/// The short chaos run; the long one is made by hand, and its report is in the repository.
const CHAOS: [&str; 4] = ["--promotions", "50", "--seed", "1"];

/// The long tests wait most of the time: for leases, for servers that are away.
const TEST_THREADS: &str = "4";

/// Runs every check; with filters only the tests whose names contain one of them.
///
/// # Errors
/// The first check that fails ends the run; checks that need a missing tool are named and left out.
pub(crate) fn run(interrupt: &Interrupt, filters: &[String]) -> Result<()> {
    let mut stages = Stages { interrupt, done: Vec::new() };
    let result = if filters.is_empty() { all(&mut stages) } else { only_tests(&mut stages, filters) };
    stages.print();
    result
}

fn all(stages: &mut Stages<'_>) -> Result<()> {
    let servers = stages.run("servers", start_servers)?;
    stages.cargo("format", &["fmt", "--all", "--check"])?;
    // Before anything is built: it makes cargo compile the store crate once more.
    stages.run("query data", |interrupt| sqlx::compare(interrupt, &servers.postgres))?;
    stages.cargo("lints", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    let engine = ["clippy", "--package", "engine", "--features", "failpoints", "--all-targets"];
    stages.cargo("lints of crash points", &[&engine[..], &["--", "-D", "warnings"]].concat())?;
    stages.tests(&servers, &[])?;
    // It starts servers of its own, and stops them.
    drop(servers);
    stages.run("chaos", |interrupt| {
        let passed = chaos::run(interrupt, cargo::WITH_CRASH_POINTS, &CHAOS)? == ExitCode::SUCCESS;
        if passed { Ok(()) } else { bail!("the world is not as Slipway says") }
    })?;
    stages.run("documentation", |interrupt| {
        let mut command = cargo::command(&["doc", "--workspace", "--no-deps", "--document-private-items"]);
        succeed(interrupt, command.env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    if packages::find("cargo-deny").is_some() {
        stages.cargo("licenses and sources", &["deny", "check", "bans", "licenses", "sources"])?;
    } else {
        stages.leave_out("licenses and sources: cargo-deny is not installed");
    }
    if packages::find("docker-compose").is_some() {
        stages.run("compose file", |interrupt| {
            let mut command = Command::new("docker-compose");
            let arguments = ["--env-file", "deploy/bootstrap/env.example", "config", "--quiet"];
            succeed(interrupt, command.args(arguments).current_dir(cargo::root()))
        })?;
    } else {
        stages.leave_out("compose file: docker-compose is not installed");
    }
    Ok(())
}

fn only_tests(stages: &mut Stages<'_>, filters: &[String]) -> Result<()> {
    let servers = stages.run("servers", start_servers)?;
    stages.tests(&servers, filters)
}

fn start_servers(interrupt: &Interrupt) -> Result<TestServers> {
    packages::ensure(NEEDS)?;
    TestServers::start(interrupt)
}

/// Runs a command and takes everything but success for an error.
pub(crate) fn succeed(interrupt: &Interrupt, command: &mut Command) -> Result<()> {
    let status = interrupt.run(command)?;
    if !status.success() {
        let program = command.get_program().to_string_lossy();
        let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
        bail!("`{program} {}` failed ({status})", arguments.join(" "));
    }
    Ok(())
}

/// The checks of this run, each timed.
struct Stages<'a> {
    interrupt: &'a Interrupt,
    done: Vec<(String, Outcome)>,
}

enum Outcome {
    Passed(Duration),
    Failed(Duration),
    LeftOut,
}

impl Stages<'_> {
    fn run<T>(&mut self, name: &str, check: impl FnOnce(&Interrupt) -> Result<T>) -> Result<T> {
        println!("\n==> {name}");
        let begin = Instant::now();
        let result = check(self.interrupt).with_context(|| format!("{name} failed"));
        let outcome = match &result {
            Ok(_) => Outcome::Passed(begin.elapsed()),
            Err(_) => Outcome::Failed(begin.elapsed()),
        };
        self.done.push((name.to_owned(), outcome));
        result
    }

    fn cargo(&mut self, name: &str, arguments: &[&str]) -> Result<()> {
        self.run(name, |interrupt| succeed(interrupt, &mut cargo::command(arguments)))
    }

    fn tests(&mut self, servers: &TestServers, filters: &[String]) -> Result<()> {
        let portal = self.run("sample application", cargo::build_portal)?;
        let slipway =
            self.run("slipway", |interrupt| cargo::build_slipway(interrupt, cargo::WITH_CRASH_POINTS))?;
        self.run("tests", |interrupt| {
            let command = |arguments: &[&str]| {
                let mut command = cargo::command(&["test", "--workspace", "--no-fail-fast"]);
                command.args(cargo::WITH_CRASH_POINTS);
                if !arguments.is_empty() {
                    command.args(["--all-targets", "--"]).args(arguments);
                }
                command
                    .env("RUST_TEST_THREADS", TEST_THREADS)
                    .env("SLIPWAY_TEST_PORTAL", &portal)
                    .env("SLIPWAY_TEST_BINARY", &slipway)
                    .envs(servers.variables());
                command
            };
            let filters: Vec<&str> = filters.iter().map(String::as_str).collect();
            second_try::run(interrupt, command, &filters)
        })
    }

    fn leave_out(&mut self, what: &str) {
        self.done.push((what.to_owned(), Outcome::LeftOut));
    }

    fn print(&self) {
        println!();
        for (name, outcome) in &self.done {
            match outcome {
                Outcome::Passed(time) => println!("{:>5} s  passed    {name}", time.as_secs()),
                Outcome::Failed(time) => println!("{:>5} s  FAILED    {name}", time.as_secs()),
                Outcome::LeftOut => println!("         left out  {name}"),
            }
        }
    }
}
