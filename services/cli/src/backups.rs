//! `slipway backups`: see, verify, restore and remove backups.

use std::time::Duration;

use clap::Subcommand;
use clap::builder::NonEmptyStringValueParser;
use protocol::http::{BackupRecord, BackupSummary, Decision, PruneRequest};
use tokio::time::sleep;

use crate::api::Api;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::rollback::{self, Consent};
use crate::{table, units};

const VERIFY_POLL_EVERY: Duration = Duration::from_millis(500);

/// What can be done with backups.
#[derive(Debug, Clone, Subcommand)]
pub enum BackupsCommand {
    /// List backups, the latest first
    List {
        /// Only those of this installation
        #[arg(long, value_name = "NAME")]
        installation: Option<String>,
    },
    /// Show a backup, and how to restore it by hand
    Show {
        /// The backup
        id: i64,
    },
    /// Have a backup read again, whole; stays until that is done
    Verify {
        /// The backup
        id: i64,
        /// Who asks for it
        #[arg(long, env = "USER", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
        by: String,
    },
    /// Put a backup back under the version that serves now; says what that would do and asks
    Restore {
        /// The backup
        id: i64,
        /// Who asks for it, and answers for it
        #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
        by: String,
        /// Why
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        reason: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// Stay until it is over, and exit with its outcome
        #[arg(long)]
        follow: bool,
    },
    /// Remove backups that nobody needs any more
    Prune {
        /// Only those of this installation
        #[arg(long, value_name = "NAME")]
        installation: Option<String>,
        /// Say only which would go
        #[arg(long)]
        dry_run: bool,
    },
}

pub(crate) async fn run(command: BackupsCommand, api: &Api, output: &mut Output) -> Result<Exit, Failure> {
    match command {
        BackupsCommand::List { installation } => {
            let query: Vec<_> = installation.iter().map(|name| ("installation", name.as_str())).collect();
            let all: Vec<BackupSummary> = api.get(&["backups"], &query).await?;
            output.result(all.as_slice(), |all| list(all, "There are no backups."))?;
        }
        BackupsCommand::Show { id } => {
            let backup: BackupRecord = api.get(&["backups", &id.to_string()], &[]).await?;
            output.result(&backup, show)?;
        }
        BackupsCommand::Verify { id, by } => return verify(api, id, by, output).await,
        BackupsCommand::Restore { id, by, reason, yes, follow } => {
            let decision = Decision::with_reason(by, reason);
            return rollback::backup(api, id, &decision, &Consent { yes, follow }, output).await;
        }
        BackupsCommand::Prune { installation, dry_run } => {
            let request = PruneRequest { installation, dry_run };
            let gone: Vec<BackupSummary> = api.post(&["backups", "prune"], &request).await?;
            output.result(gone.as_slice(), |gone| pruned(gone, dry_run))?;
        }
    }
    Ok(Exit::Done)
}

/// Waits for the verdict: a backup that is not good is a failure.
async fn verify(api: &Api, id: i64, by: String, output: &mut Output) -> Result<Exit, Failure> {
    let number = id.to_string();
    let decision = Decision::by(by);
    let mut backup: BackupRecord = api.post(&["backups", &number, "verify"], &decision).await?;
    while is_under_way(&backup) {
        sleep(VERIFY_POLL_EVERY).await;
        backup = api.get_patiently(&["backups", &number], &[]).await?;
    }
    output.result(&backup, verdict)?;
    let is_good = backup.summary.state == "kept" && !has_failed(&backup);
    Ok(if is_good { Exit::Done } else { Exit::Failed })
}

fn is_under_way(backup: &BackupRecord) -> bool {
    backup.verification.as_ref().is_some_and(|it| it.state == "running")
}

fn has_failed(backup: &BackupRecord) -> bool {
    backup.verification.as_ref().is_some_and(|it| it.state == "failed")
}

fn verdict(backup: &BackupRecord) -> String {
    let BackupSummary { id, path, .. } = &backup.summary;
    if let Some(problem) = &backup.summary.problem {
        return format!("Backup {id} must not be used. {problem}");
    }
    match &backup.verification {
        Some(verification) if verification.state == "failed" => {
            let reason = verification.reason.as_deref().unwrap_or("Nobody said why.");
            format!("Nobody could say whether backup {id} is good. {reason}")
        }
        Some(_) | None => format!("Backup {id} is good: {path} was read back whole."),
    }
}

fn list(all: &[BackupSummary], nothing: &str) -> String {
    if all.is_empty() {
        return nothing.to_owned();
    }
    let rows: Vec<_> = all
        .iter()
        .map(|it| {
            [
                it.id.to_string(),
                it.state.clone(),
                it.installation.clone(),
                units::instant(it.taken_at),
                it.verified_at.map_or_else(|| "never".to_owned(), units::instant),
                units::size(it.size_bytes),
                it.promotion.clone(),
                it.title.clone(),
            ]
        })
        .collect();
    let headings = ["ID", "STATE", "INSTALLATION", "TAKEN", "VERIFIED", "SIZE", "BEFORE", "FEATURE"];
    table::render(headings, &rows)
}

fn pruned(gone: &[BackupSummary], dry_run: bool) -> String {
    let nothing = "No backup is beyond what is kept: nothing goes.";
    let heading = match (gone.is_empty(), dry_run) {
        (true, _) => return nothing.to_owned(),
        (false, true) => "These would go:",
        (false, false) => "These go now:",
    };
    format!("{heading}\n{}", list(gone, nothing))
}

fn show(backup: &BackupRecord) -> String {
    let it = &backup.summary;
    let facts = [
        ("State", it.state.clone()),
        ("Installation", it.installation.clone()),
        ("Taken", format!("{}, before {} ({})", units::instant(it.taken_at), it.promotion, it.title)),
        ("Verified", it.verified_at.map_or_else(|| "never".to_owned(), units::instant)),
        ("Proven", proven(&it.rung).to_owned()),
        ("File", format!("{} ({})", it.path, units::size(it.size_bytes))),
        ("SHA-256", backup.sha256.clone()),
        ("Server", format!("PostgreSQL {}", backup.server_version)),
    ];
    let not_covered = backup.not_covered.clone().map(|it| ("Contents", it));
    let mut lines = vec![format!("Backup {}", it.id)];
    lines.extend(it.problem.clone());
    lines.push(String::new());
    lines.extend(facts.into_iter().chain(not_covered).map(|(label, value)| format!("  {label:<13} {value}")));
    if it.state == "kept" {
        let instructions = backup.restore_instructions.trim_end();
        lines.push(format!("\nHow to restore it by hand:\n{instructions}"));
    }
    lines.join("\n")
}

/// How far it was proven, for people.
fn proven(rung: &str) -> &str {
    match rung {
        "written" => "it was written, no more",
        "hashed" => "compared with its hash",
        "read_back" => "read back whole",
        "rehearsed" => "restored beside the production database and compared",
        newer => newer,
    }
}
