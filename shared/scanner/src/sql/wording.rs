//! Losses in words for people who never saw SQL.

use crate::finding::Severity;

use super::deed::Act;
use super::inner::InnerKind;
use super::script::{Harm, Hint, Loss};

/// The longest name that is shown.
const NAME_MAX: usize = 80;

/// The name of the rule that a loss falls under.
pub(super) fn rule(act: &Act) -> &'static str {
    match act {
        Act::DropTable => "destructive.drop-table",
        Act::DropColumn => "destructive.drop-column",
        Act::DropSchema => "destructive.drop-schema",
        Act::DropDatabase => "destructive.drop-database",
        Act::DropOwned => "destructive.drop-owned",
        Act::DropAttribute => "destructive.drop-attribute",
        Act::DropValue => "destructive.drop-value",
        Act::Truncate => "destructive.truncate",
        Act::DeleteAll => "destructive.delete-all",
        Act::UpdateAll { .. } => "destructive.update-all",
        Act::DeleteSome => "destructive.delete",
        Act::MergeDelete => "destructive.merge-delete",
        Act::ChangeType { .. } => "destructive.change-type",
        Act::Require => "destructive.set-not-null",
        Act::DropCascade(_) => "destructive.cascade",
        Act::DropCounter => "destructive.drop-sequence",
        Act::Rename { .. } | Act::RenameColumn { .. } | Act::RenameSchema | Act::RenameValue { .. } => {
            "destructive.rename"
        }
        Act::Detach => "destructive.detach-partition",
        Act::Unlog => "destructive.set-unlogged",
        Act::DropUnique => "destructive.drop-unique",
        Act::Unguard => "destructive.row-security-off",
        Act::DropRebuildable(_) => "destructive.rebuildable",
        Act::AddRequired => "destructive.required-column",
        Act::AddColumn | Act::CreateTable | Act::Create | Act::RenameType { .. } | Act::CopyTo { .. } => {
            "destructive.none"
        }
    }
}

pub(super) fn severity(loss: &Loss) -> Severity {
    let part = matches!(loss.step.deed.act, Act::DropValue | Act::DropAttribute);
    let rows =
        matches!(loss.step.deed.act, Act::Unguard | Act::DropCascade(_) | Act::MergeDelete | Act::DeleteSome);
    match loss.harm {
        Harm::Sure if !part => Severity::Critical,
        Harm::Possible if !rows => Severity::Medium,
        Harm::Sure | Harm::Possible => Severity::High,
        Harm::Rebuildable => Severity::Low,
    }
}

/// What would happen and what it means.
pub(super) fn message(loss: &Loss) -> String {
    let deed = &loss.step.deed;
    let what = what(&deed.act, &shown(&deed.on), deed.part.as_deref());
    let start = match loss.step.inside {
        None | Some(InnerKind::Block) => "This would",
        Some(InnerKind::Function) => "Each time this function runs, it would",
        Some(InnerKind::Made) => {
            "This statement is put together while it runs; as far as it can be read, it would"
        }
    };
    let hint = match &loss.hint {
        None => String::new(),
        Some(Hint::LooksLikeRename(name)) => format!(
            " It looks like a rename to {}, but the new one starts empty: the data does not move along.",
            shown(name)
        ),
        Some(Hint::Copied) => {
            " Its rows are copied to another table first; what that table has no column for is lost."
                .to_owned()
        }
        Some(Hint::AddedEmpty) => " One of the same name is made in its place, and starts empty.".to_owned(),
    };
    format!("{start} {what}{hint}")
}

fn what(act: &Act, on: &str, part: Option<&str>) -> String {
    let column = part.map(shown).unwrap_or_default();
    match act {
        Act::DropTable => format!("delete the table {on} and every row in it."),
        Act::DropColumn => {
            format!("delete the column {column} of {on} and every {} in it.", noun(part.unwrap_or_default()))
        }
        Act::DropSchema => format!("delete {on} with every table in it and all their rows."),
        Act::DropDatabase => format!("delete the whole database {on} with everything in it."),
        Act::DropOwned => {
            format!("delete everything that belongs to the database user {on}, tables and rows included.")
        }
        Act::DropAttribute => {
            format!("delete the part {column} of {on}, and its value wherever {on} is stored.")
        }
        Act::DropValue => match part {
            Some(_) => {
                format!("remove the value {column} from the list {on}; rows that hold it cannot keep it.")
            }
            None => format!(
                "replace the list of allowed values of {on}; rows that hold a value that is no longer on it cannot keep it."
            ),
        },
        Act::Truncate => format!("empty {on}: every row in it would be deleted."),
        Act::DeleteAll => {
            format!("delete every row of {on}, because no condition says which rows are meant.")
        }
        Act::UpdateAll { columns, .. } => overwritten(columns, on),
        Act::DeleteSome => format!("delete the rows of {on} that meet a condition."),
        Act::MergeDelete => format!("delete the rows of {on} that the comparison with other data picks out."),
        Act::ChangeType { to, .. } => format!(
            "turn the column {column} of {on} into {}; values that do not fit would be cut, rounded or refused.",
            shown(to)
        ),
        Act::Require => {
            format!("make {column} of {on} required; the release fails if a single row has no value there.")
        }
        Act::DropCascade(kind) => {
            format!(
                "delete the {kind} {on} and, unseen, everything that depends on it; that can be columns with data."
            )
        }
        Act::DropCounter => {
            format!("delete the counter {on}; numbers that it gave out could be given out again.")
        }
        Act::Rename { to } => renamed(on, to),
        Act::RenameColumn { to } | Act::RenameValue { to } => renamed(&format!("{column} of {on}"), to),
        Act::RenameSchema => format!("rename {on}; whatever still uses the old name would fail."),
        Act::Detach => format!("take {column} out of {on}; its rows would no longer be found there."),
        Act::Unlog => {
            format!("store {on} without protection; after a crash of the database it would be empty.")
        }
        Act::DropUnique => {
            format!(
                "no longer keep entries of {on} apart; duplicates could come in, and be hard to get out again."
            )
        }
        Act::Unguard => format!("switch off the rules that say who may see which rows of {on}."),
        Act::DropRebuildable(kind) => {
            format!("delete the {kind} {on}. No data is lost; it can be made again.")
        }
        Act::AddRequired => {
            format!(
                "add the required column {column} to {on} with no value to start from; the release fails if {on} has any row."
            )
        }
        Act::AddColumn | Act::CreateTable | Act::Create | Act::RenameType { .. } | Act::CopyTo { .. } => {
            format!("change {on}.")
        }
    }
}

fn overwritten(columns: &[String], on: &str) -> String {
    let columns: Vec<_> = columns.iter().take(5).map(|it| shown(it)).collect();
    format!(
        "overwrite {} in every row of {on}, because no condition says which rows are meant; the old values would be gone.",
        if columns.is_empty() { "values".to_owned() } else { columns.join(", ") }
    )
}

fn renamed(what: &str, to: &str) -> String {
    format!(
        "rename {what} to {}; whatever still uses the old name, such as the version that runs now, would fail.",
        shown(to)
    )
}

/// What a person can do.
pub(super) fn remedy(loss: &Loss) -> &'static str {
    match (&loss.step.deed.act, &loss.hint) {
        (_, Some(Hint::LooksLikeRename(_))) => {
            "If a rename is meant, rename it instead of deleting and adding; otherwise copy the data over first."
        }
        (Act::Rename { .. } | Act::RenameColumn { .. } | Act::RenameSchema | Act::RenameValue { .. }, _) => {
            "Add the new name beside the old one, and remove the old one in a later release; or confirm it, if nothing uses the old name."
        }
        (Act::DeleteAll | Act::UpdateAll { .. }, _) => {
            "Add a condition that says which rows are meant. If all rows are meant, a person has to confirm the loss."
        }
        (Act::Require | Act::AddRequired, _) => "Give every row a value first.",
        (Act::DropRebuildable(_), _) => "Nothing, if it is no longer needed.",
        _ if loss.harm == Harm::Sure => {
            "Keep what is still needed, or copy it elsewhere first. If it is meant to go, a person has to confirm the loss."
        }
        _ => "Check that nothing is lost that is still needed; a person has to confirm it.",
    }
}

/// A name as it may stand in a sentence.
pub(super) fn shown(name: &str) -> String {
    let clean: String = name.chars().filter(|c| !c.is_control() && *c != '`').take(NAME_MAX).collect();
    if clean.is_empty() { "something that has no readable name".to_owned() } else { format!("`{clean}`") }
}

/// What people call an entry of a column.
fn noun(column: &str) -> &'static str {
    const NOUNS: &[(&str, &str)] = &[
        ("phone", "phone number"),
        ("mobile", "phone number"),
        ("email", "e-mail address"),
        ("address", "address"),
        ("birth", "date of birth"),
        ("name", "name"),
        ("price", "amount"),
        ("amount", "amount"),
        ("total", "amount"),
        ("balance", "amount"),
        ("date", "date"),
        ("url", "link"),
        ("link", "link"),
        ("note", "note"),
        ("comment", "comment"),
        ("description", "description"),
        ("status", "status"),
    ];
    let lower = column.to_ascii_lowercase();
    let found = NOUNS.iter().find(|(part, _)| lower.contains(part)).map(|(_, noun)| *noun);
    found.unwrap_or(if column.ends_with("At") || lower.ends_with("_at") { "date" } else { "entry" })
}
