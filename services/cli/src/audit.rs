//! `slipway audit`: who decided what.

use clap::Subcommand;
use jiff::Timestamp;
use protocol::http::{AuditEntry, AuditVerdict};
use serde::Deserialize;
use serde_json::Value;

use crate::api::Api;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::{table, units};

/// Longest change in a table, in characters; the export has all of it.
const CHANGE_LENGTH_MAX: usize = 100;

/// What can be asked of the audit trail.
#[derive(Debug, Clone, Subcommand)]
pub enum AuditCommand {
    /// List what was decided and changed, the latest first
    List {
        /// Only what is older than this entry; a list holds 500
        #[arg(long, value_name = "NUMBER")]
        before: Option<i64>,
    },
    /// Prove that no entry was changed or removed
    Verify,
    /// Print the whole trail, the oldest entry first, as JSON lines
    Export,
}

/// What an entry says.
#[derive(Debug, Deserialize)]
struct Said {
    at: Timestamp,
    who: String,
    from: String,
    action: String,
    subject: Option<String>,
    before: Option<Value>,
    after: Option<Value>,
}

pub(crate) async fn run(command: AuditCommand, api: &Api, output: &mut Output) -> Result<Exit, Failure> {
    match command {
        AuditCommand::List { before } => {
            let before = before.map(|number| number.to_string());
            let query: Vec<_> = before.iter().map(|number| ("before", number.as_str())).collect();
            let entries: Vec<AuditEntry> = api.get(&["audit"], &query).await?;
            output.result(entries.as_slice(), list)?;
        }
        AuditCommand::Verify => {
            let verdict: AuditVerdict = api.get(&["audit", "verify"], &[]).await?;
            output.result(&verdict, sentence)?;
            if !verdict.problems.is_empty() {
                return Ok(Exit::Failed);
            }
        }
        AuditCommand::Export => export(api, output).await?,
    }
    Ok(Exit::Done)
}

async fn export(api: &Api, output: &mut Output) -> Result<(), Failure> {
    let mut last = 0;
    loop {
        let page: Vec<AuditEntry> = api.get(&["audit"], &[("after", &last.to_string())]).await?;
        let Some(end) = page.last() else { return Ok(()) };
        last = end.number;
        for entry in &page {
            output.result(entry, |entry| serde_json::json!(entry).to_string())?;
        }
    }
}

fn sentence(verdict: &AuditVerdict) -> String {
    let AuditVerdict { entries, head, problems } = verdict;
    if problems.is_empty() {
        return format!("All {entries} entries are as they were written. The last one has the hash {head}.");
    }
    let list: Vec<_> = problems.iter().map(|problem| format!("  {problem}")).collect();
    format!(
        "Somebody changed the audit trail:\n{}\nCompare it with an earlier export, and find out who could write to \
         Slipway's own database.",
        list.join("\n")
    )
}

fn list(entries: &[AuditEntry]) -> String {
    if entries.is_empty() {
        return "Nobody has decided anything yet.".to_owned();
    }
    let rows: Vec<_> = entries.iter().map(row).collect();
    table::render(["NUMBER", "WHEN", "WHO", "FROM", "WHAT", "ON", "CHANGE"], &rows)
}

fn row(entry: &AuditEntry) -> [String; 7] {
    let number = entry.number.to_string();
    let Ok(said) = serde_json::from_str::<Said>(&entry.entry) else {
        let unknown = || "?".to_owned();
        return [number, unknown(), unknown(), unknown(), unknown(), unknown(), "cannot be read".to_owned()];
    };
    let change = match (said.before, said.after) {
        (Some(before), Some(after)) => format!("{before} → {after}"),
        (None, Some(one)) | (Some(one), None) => one.to_string(),
        (None, None) => String::new(),
    };
    let shortened = match change.char_indices().nth(CHANGE_LENGTH_MAX) {
        Some((end, _)) => format!("{}…", &change[..end]),
        None => change,
    };
    [
        number,
        units::instant(said.at),
        said.who,
        said.from,
        said.action,
        said.subject.unwrap_or_default(),
        shortened,
    ]
}
