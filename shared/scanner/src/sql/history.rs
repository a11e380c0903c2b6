//! Migrations that databases have already run: they are history, and history is not edited.

use crate::change::{ChangeSet, ChangedFile, Content};
use crate::finding::{Category, Confidence, Gate, Severity, Verdict};
use crate::sighting::Sighting;

/// Files of the change that edit, move or remove a migration that was there before.
pub(super) fn look(change: &ChangeSet) -> Vec<(&ChangedFile, Sighting)> {
    change.files.iter().filter_map(|file| Some((file, sighting(file)?))).collect()
}

fn sighting(file: &ChangedFile) -> Option<Sighting> {
    let before = file.before.as_ref()?;
    let old = file.moved_from.as_deref().unwrap_or(&file.path);
    if !is_migration(old) {
        return None;
    }
    let what = match &file.after {
        None => "remove",
        Some(_) if old != file.path => "move",
        Some(after) if is_same(before, after) => return None,
        Some(_) => "edit",
    };
    Some(Sighting {
        gate: Gate::Destructive,
        rule: "destructive.edited-migration",
        category: Category::Destructive,
        verdict: Verdict::Block,
        severity: Severity::High,
        confidence: Confidence::High,
        place: 0..file.after.as_ref().map_or(0, |it| it.bytes.len().min(1)),
        via: Vec::new(),
        message: format!(
            "This would {what} a database change that was released before. Databases that already ran it do not run \
             it again, so they would differ from new ones, and the next release can fail on them."
        ),
        remedy: "Leave it as it was, and make the change in a new one.".to_owned(),
        identity: what.to_owned(),
    })
}

/// Line endings are no edit.
fn is_same(before: &Content, after: &Content) -> bool {
    let bare =
        |content: &Content| -> Vec<u8> { content.bytes.iter().copied().filter(|it| *it != b'\r').collect() };
    bare(before) == bare(after)
}

/// Whether a file is one step of a numbered row: `migrations/20260311140000_init/migration.sql`, `V2__phone.sql`.
pub(super) fn is_migration(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let parts: Vec<&str> = lower.split('/').collect();
    let Some((file, folders)) = parts.split_last() else { return false };
    let Some(at) = folders.iter().rposition(|it| {
        matches!(*it, "migrations" | "migration" | "migrate" | "drizzle")
            || it.ends_with("-migrations")
            || it.ends_with("_migrations")
    }) else {
        return false;
    };
    let script = [".sql", ".ts", ".js", ".mjs", ".cjs"].iter().any(|it| file.ends_with(it));
    script && folders[at + 1..].iter().chain([file]).any(|it| is_numbered(it))
}

/// `20260311140000_init`, `0001-init`, `V2__phone`.
fn is_numbered(name: &str) -> bool {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let versioned = name.strip_prefix('v').is_some_and(|it| digits(it) > 0 && it.contains("__"));
    versioned || digits(name) >= 3 && name[digits(name)..].starts_with(['_', '-', '.'])
}
