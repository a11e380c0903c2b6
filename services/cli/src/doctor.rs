//! What the console finds wrong with the set-up.

use std::io;

use protocol::http::Check;

use crate::Options;
use crate::api::Api;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// What the console finds; that it does not answer is a finding, too.
pub async fn ask(options: &Options) -> Vec<Check> {
    let asked: Result<Vec<Check>, Failure> = match Api::new(options) {
        Ok(api) => api.get(&["doctor"], &[]).await,
        Err(failure) => Err(failure),
    };
    asked.unwrap_or_else(|failure| vec![unanswered(&failure)])
}

fn unanswered(failure: &Failure) -> Check {
    let (finding, remedy) = if let Failure::Unreachable { url } = failure {
        let remedy = "Start it with `slipway serve all`, or set SLIPWAY_API_URL to where it listens.";
        (format!("does not answer at {url}"), Some(remedy.to_owned()))
    } else {
        (failure.to_string(), None)
    };
    Check { name: "console".to_owned(), ok: false, finding, remedy }
}

/// Prints what was checked; done if all is as it should be, failed otherwise.
pub fn show(checks: &[Check], output: &mut Output) -> io::Result<Exit> {
    output.result(checks, render)?;
    Ok(if checks.iter().all(|check| check.ok) { Exit::Done } else { Exit::Failed })
}

fn render(checks: &[Check]) -> String {
    let width = checks.iter().map(|check| check.name.chars().count()).max().unwrap_or_default();
    let lines = checks.iter().map(|Check { name, ok, finding, remedy }| {
        let mark = if *ok { "✓" } else { "✗" };
        let remedy =
            remedy.as_ref().map_or_else(String::new, |remedy| format!("\n  {:width$}  → {remedy}", ""));
        format!("{mark} {name:<width$}  {finding}{remedy}")
    });
    lines.collect::<Vec<_>>().join("\n")
}
