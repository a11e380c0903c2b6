//! The report of a run.

use std::fmt::{self, Write as _};
use std::time::Duration;

use crate::Arguments;
use crate::check::{Findings, Wrong};
use crate::faults::{Happened, Selection};
use crate::load::Load;
use crate::measure::{Measured, Spans};
use crate::shop::Place;

/// The report as Markdown.
pub(crate) fn write(
    arguments: &Arguments,
    load: &Load,
    happened: &Happened,
    findings: &Findings,
    measured: &Measured,
    duration: Duration,
) -> String {
    let mut text = String::new();
    // Writing to a text cannot fail.
    compose(&mut text, arguments, load, happened, findings, measured, duration).unwrap_or_default();
    text
}

fn compose(
    text: &mut String,
    arguments: &Arguments,
    load: &Load,
    happened: &Happened,
    findings: &Findings,
    measured: &Measured,
    duration: Duration,
) -> fmt::Result {
    let verdict = if findings.is_empty() { "nothing lost, stuck, doubled or untruthful" } else { "FAILED" };
    writeln!(text, "# Chaos: {verdict}\n")?;
    writeln!(
        text,
        "`cargo xtask chaos{} --promotions {} --seed {} --shops {} --lease-seconds {}{}`, {}, {}.\n",
        if arguments.docker { " --docker" } else { "" },
        arguments.promotions,
        arguments.seed,
        arguments.shops,
        arguments.lease_seconds,
        match arguments.faults {
            Selection::All => "",
            Selection::Kills => " --faults kills",
            Selection::None => " --faults none",
        },
        jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC"),
        machine(),
    )?;
    writeln!(
        text,
        "{} promotions and {} faults in {} min {} s. Real processes: two of each role, one console; RabbitMQ, Slipway's\n\
         database and the shops' databases on private servers; the shops' applications as {}.\n",
        load.shipments().len(),
        happened.total(),
        duration.as_secs() / 60,
        duration.as_secs() % 60,
        match arguments.place() {
            Place::Processes => "local processes",
            Place::Docker => "containers on a private Docker engine, which comes back without `live-restore`",
        },
    )?;
    write_verdict(text, arguments, findings)?;
    writeln!(
        text,
        "{} times a person had a rollback tried again. {} deployments say that they could not clean up.\n",
        load.shipments().iter().map(|shipment| shipment.resumes).sum::<usize>(),
        findings.warnings,
    )?;
    write_outcomes(text, findings)?;
    write_causes(text, measured)?;
    write_spans(text, arguments, measured)?;
    write_slowest(text, measured)?;
    write_faults(text, happened)?;
    writeln!(text, "\n## Where the time goes\n\n| job | times | median |\n|---|---|---|")?;
    for (job, count, median) in &measured.jobs {
        writeln!(text, "| `{job}` | {count} | {:.0} ms |", median * 1_000.0)?;
    }
    Ok(())
}

/// What the check found, in numbers and in words.
fn write_verdict(text: &mut String, arguments: &Arguments, findings: &Findings) -> fmt::Result {
    let (what, times) = match arguments.place() {
        Place::Processes => ("starts of applications", findings.starts),
        Place::Docker => ("looks at a shop's running containers meanwhile", findings.looks),
    };
    writeln!(
        text,
        "| lost | stuck | doubled | untruthful | facts compared | {what} |\n|---|---|---|---|---|---|"
    )?;
    let count = |kind| findings.count(kind);
    writeln!(
        text,
        "| {} | {} | {} | {} | {} | {} |\n",
        count(Wrong::Lost),
        count(Wrong::Stuck),
        count(Wrong::Doubled),
        count(Wrong::Untruthful),
        findings.compared,
        times,
    )?;
    if !findings.is_empty() {
        writeln!(text, "## What is wrong\n")?;
        for (kind, what) in &findings.wrong {
            writeln!(text, "- **{kind}**: {what}")?;
        }
        writeln!(text)?;
    }
    if !findings.unchecked.is_empty() {
        writeln!(
            text,
            "Not compared with the world, because Slipway itself calls for a person there: {}.\n",
            findings.unchecked.join(", ")
        )?;
    }
    Ok(())
}

fn write_causes(text: &mut String, measured: &Measured) -> fmt::Result {
    writeln!(text, "## Why runs were undone\n\n| cause | at | runs |\n|---|---|---|")?;
    for (cause, job, count) in &measured.causes {
        writeln!(text, "| {cause} | {job} | {count} |")?;
    }
    writeln!(text)
}

fn write_outcomes(text: &mut String, findings: &Findings) -> fmt::Result {
    writeln!(text, "## How the promotions ended\n\n| feature | ended as | promotions |\n|---|---|---|")?;
    for ((kind, status), count) in &findings.outcomes {
        writeln!(text, "| {kind} | {status} | {count} |")?;
    }
    writeln!(text)
}

fn write_spans(text: &mut String, arguments: &Arguments, measured: &Measured) -> fmt::Result {
    writeln!(text, "## How long it took\n\n| | count | median | p99 | longest |\n|---|---|---|---|---|")?;
    for (what, spans) in [
        ("from the kill of a job's holder to the claim of what follows", &measured.recovery),
        ("the same, where no server was away meanwhile", &measured.recovery_alone),
        (
            "the same, where a supervisor and a worker of the kind that goes on were there, too, at every moment",
            &measured.recovery_attended,
        ),
        ("from a deadline to its run being told", &measured.deadline),
        ("the same, where no server was away meanwhile", &measured.deadline_alone),
        ("a run", &measured.runs),
        ("downtime of a shop, as Slipway says", &measured.downtime),
    ] {
        writeln!(
            text,
            "| {what} | {} | {} | {} | {} |",
            spans.count(),
            seconds(spans, 50),
            seconds(spans, 99),
            seconds(spans, 100),
        )?;
    }
    writeln!(
        text,
        "\nThe lease was {} s, so the goal for what follows a kill is {} s at p99; a process that was killed came\n\
         back at once or within 4 s.\n",
        arguments.lease_seconds,
        arguments.lease_seconds + 2,
    )
}

fn write_slowest(text: &mut String, measured: &Measured) -> fmt::Result {
    writeln!(
        text,
        "The slowest recoveries where no server was away meanwhile:\n\n\
         | killed at (UTC) | took | lost | followed by | run |\n|---|---|---|---|---|"
    )?;
    for slow in &measured.slowest {
        let since = Duration::try_from_secs_f64(slow.killed).unwrap_or_default();
        let killed = jiff::Timestamp::UNIX_EPOCH.checked_add(since).unwrap_or_default();
        let (lost, next, run) = (&slow.lost, &slow.next, slow.run);
        let (killed, took) = (killed.strftime("%T%.3f"), slow.took());
        writeln!(text, "| {killed} | {took:.2} s | {lost} | {next} | {run} |")?;
    }
    writeln!(text)
}

fn write_faults(text: &mut String, happened: &Happened) -> fmt::Result {
    writeln!(text, "## What went wrong\n\n| fault | times |\n|---|---|")?;
    for (fault, count) in happened.counts() {
        writeln!(text, "| {fault} | {count} |")?;
    }
    let held = happened.kills().iter().map(|kill| kill.held.len()).sum::<usize>();
    writeln!(
        text,
        "\nThe kills hit {} processes that held {held} jobs between them. {} processes ended by themselves because a server was \
         away for too long, and were started again.",
        happened.kills().len(),
        happened.ended_by_themselves(),
    )?;
    if happened.in_swaps() > 0 {
        writeln!(
            text,
            "\n{} times the engine was taken away while a swap was under way. {} containers it left half started, so that\n\
             it could neither start nor end them again: their shims were ended, as an operator must.",
            happened.in_swaps(),
            happened.half_started(),
        )?;
    }
    Ok(())
}

fn seconds(spans: &Spans, percent: usize) -> String {
    spans.percentile(percent).map_or_else(|| "–".to_owned(), |span| format!("{span:.2} s"))
}

/// The machine, as far as it matters.
fn machine() -> String {
    let processors = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total =
        memory.lines().next().and_then(|line| line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok());
    format!("{processors} processors, {} GB of memory", total.unwrap_or_default() / 1_000_000)
}
