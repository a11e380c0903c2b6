//! A plan for people.

use protocol::gates::Gated;
use protocol::output::{Proposed, Sealed};
use serde_json::Value;

use super::{Change, Plan, Start};

/// What a plan is told with, beside what is in it.
#[derive(Debug, Clone)]
pub struct Circumstances {
    /// The feature's name.
    pub title: String,
    /// The installation's name.
    pub installation: String,
    /// When it could start as things are now, as a sentence.
    pub opening: String,
    /// How long nobody was served when something was last deployed there.
    pub last_downtime_ms: Option<i64>,
    /// What is in its sealed change set; `None` where it brings back a version.
    pub sealed: Option<Sealed>,
    /// What the gates found in it.
    pub gated: Option<Gated>,
    /// What became of its pull request.
    pub proposed: Option<Proposed>,
}

impl Plan {
    /// The plan, one sentence or two each, in the order in which things happen.
    pub fn sentences(&self, now: &Circumstances) -> Vec<String> {
        let mut all = vec![
            format!(
                "{}, to {} ({} change, {} risk).",
                self.what(&now.title),
                now.installation,
                self.change_type,
                self.risk
            ),
            format!("{} {}", self.when(), now.opening),
            self.backup(),
            self.version(),
        ];
        let sealed = now.sealed.iter().flat_map(|sealed| [vec![contents(sealed)], risks(sealed)].concat());
        let gates = now.gated.iter().map(gates);
        let proposed = now.proposed.iter().flat_map(|proposed| proposed.notes.clone());
        all.splice(1..1, sealed.chain(gates).chain(proposed));
        all.extend(self.migration());
        all.push(format!("{} {}", self.swap(), outage(now.last_downtime_ms)));
        all.push(
            "The new version must show that it works. If that or any other step fails, the version that serves now is \
             put back, checked."
                .to_owned(),
        );
        all
    }

    fn what(&self, title: &str) -> String {
        match &self.change {
            Change::Sealed { sha256 } => format!("“{title}” as it was sealed ({sha256})"),
            Change::Unsealed => format!("“{title}”, whose files are not sealed"),
            Change::Version { promotion, .. } => format!("“{title}” as {promotion} deployed it"),
        }
    }

    fn when(&self) -> String {
        match &self.start {
            Start::AtAnyTime => "It may start at any time but that of a blackout.".to_owned(),
            Start::InWindow(windows) if windows.is_empty() => {
                "There are deployment windows, but none admits such a change.".to_owned()
            }
            Start::InWindow(windows) => {
                let windows: Vec<_> = windows.iter().map(String::as_str).collect();
                format!("It starts in a deployment window: {}.", windows.join(" or "))
            }
            Start::PastWindows => {
                "It waits for no deployment window, only for the end of a blackout.".to_owned()
            }
            Start::Emergency => {
                "It is an emergency, which waits for no deployment window and no blackout.".to_owned()
            }
        }
    }

    fn backup(&self) -> String {
        let rehearsed = match self.says("/database/rehearse").and_then(Value::as_bool) {
            Some(true) => " It is restored on trial, and nothing is stopped before that went well.",
            Some(false) | None => "",
        };
        let restored = match &self.restore_from {
            Some(file) => format!(" While nothing runs, {file} is put back; what it replaces is kept."),
            None => String::new(),
        };
        format!("The database is backed up first, and the backup is read back.{rehearsed}{restored}")
    }

    fn version(&self) -> String {
        if let Change::Version { image, .. } = &self.change {
            let image = image.as_deref().unwrap_or("which is looked for");
            return format!("Nothing is built: the image of that version, {image}, was kept.");
        }
        match self.says("/application/docker/image").and_then(Value::as_str) {
            Some(image) => format!("A new image “{image}” is built from it and the source in production."),
            None => "A new version is built from it and the source in production.".to_owned(),
        }
    }

    /// What is said only of a new version: an earlier one finds its data as they are.
    fn migration(&self) -> Option<String> {
        let command = ["/application/docker/migrate", "/application/process/migrate"];
        let command = command.iter().find_map(|path| self.says(path)?.as_array())?;
        let words: Vec<_> = command.iter().filter_map(Value::as_str).collect();
        (!words.is_empty()).then(|| {
            format!(
                "Before it is started, `{}` brings the data up to date; what that changes is undone if the promotion \
                 fails.",
                words.join(" ")
            )
        })
    }

    fn swap(&self) -> &'static str {
        match self.says("/swap").and_then(Value::as_str) {
            Some("warm") => {
                "The new version is started beside the one that serves, and takes over from it running where that can \
                 be done."
            }
            Some(_) | None => "The version that serves now is stopped, then the new one is started.",
        }
    }

    fn says(&self, path: &str) -> Option<&Value> {
        self.installation.pointer(path)
    }
}

/// What the change set does to the source, and whether to the database's structure.
fn contents(sealed: &Sealed) -> String {
    let counts = [
        ("adds", sealed.added),
        ("changes", sealed.modified),
        ("moves", sealed.renamed),
        ("deletes", sealed.deleted),
    ];
    let counts: Vec<_> = counts.iter().filter(|(_, count)| *count > 0).collect();
    let told: Vec<_> = counts
        .iter()
        .enumerate()
        .map(|(at, (what, count))| match (at, count) {
            (0, 1) => format!("{what} 1 file"),
            (0, count) => format!("{what} {count} files"),
            (_, count) => format!("{what} {count}"),
        })
        .collect();
    let structure = if sealed.changes_schema {
        "It changes the structure of the database, as far as the names of its files tell."
    } else {
        "It leaves the structure of the database as it is, as far as the names of its files tell."
    };
    let files = match told.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => "holds no file".to_owned(),
    };
    format!("It {files}. {structure}")
}

/// What of it would lose data; before anything else that is asked of whoever approves it.
fn risks(sealed: &Sealed) -> Vec<String> {
    let untold = sealed.risks_total.saturating_sub(sealed.risks.len());
    let more = (untold > 0).then(|| format!("{untold} more like this stand in the promotion's log."));
    let told = sealed.risks.iter().map(|risk| format!("Think about this before you approve it: {risk}"));
    told.chain(more).collect()
}

/// What the gates found, in numbers; the findings themselves have a page of their own.
fn gates(gated: &Gated) -> String {
    let open = gated.gates.iter().filter(|gate| gate.open > 0);
    let open: Vec<_> = open.map(|gate| format!("{} {}", gate.gate, gate.open)).collect();
    if open.is_empty() {
        return "The four security gates found nothing that somebody has to look at.".to_owned();
    }
    format!(
        "Look at what the security gates found before you approve it ({}): it stands in the promotion's findings.",
        open.join(", ")
    )
}

fn outage(last_ms: Option<i64>) -> String {
    match last_ms {
        Some(ms) => {
            format!(
                "Expect about {}.{} s in which nobody is served, as the last time.",
                ms / 1000,
                ms % 1000 / 100
            )
        }
        None => "How long nobody is served meanwhile is not known yet: nothing was deployed there before."
            .to_owned(),
    }
}
