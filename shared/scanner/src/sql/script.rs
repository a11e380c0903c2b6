//! What a whole script loses: deeds in their order, less those on what the script itself made.

use std::collections::{HashMap, HashSet};

use super::deed::{Act, Deed};
use super::inner::InnerKind;

/// Scripts that make more than this many things are not searched for what looks like a rename.
const COMPARED_MAX: usize = 200;

/// How sure a loss is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Harm {
    /// What is lost can be made again from what stays.
    Rebuildable,
    /// It depends on the data, or on who still uses the old name.
    Possible,
    /// Data is gone.
    Sure,
}

/// A deed, and how it comes to run: nothing is said where it stands in the script itself.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) deed: Deed,
    pub(super) inside: Option<InnerKind>,
}

/// What is lost.
#[derive(Debug, Clone)]
pub(super) struct Loss {
    pub(super) step: Step,
    pub(super) harm: Harm,
    /// What the rest of the script says about it.
    pub(super) hint: Option<Hint>,
}

/// What the rest of a script says about a loss.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hint {
    /// A new column or table stands where the old one was: its name.
    LooksLikeRename(String),
    /// The rows were copied to another table first.
    Copied,
    /// The same name is added again, empty.
    AddedEmpty,
}

/// What the deeds of a script lose together; they come in the order of the script.
pub(super) fn losses(steps: Vec<Step>) -> Vec<Loss> {
    let whole = Whole::new(&steps);
    let mut made = Made::default();
    steps.into_iter().filter_map(|step| made.loss(step, &whole)).collect()
}

/// What the script does somewhere, before or after.
#[derive(Default)]
struct Whole {
    added: HashMap<String, Vec<String>>,
    dropped: HashMap<String, usize>,
    tables: Vec<String>,
    created: HashSet<String>,
    /// Types that got another's place: the old one's last name, and the name that both had.
    replaced: HashMap<String, String>,
    /// New types that take the place of old ones.
    replacing: HashSet<String>,
}

impl Whole {
    fn new(steps: &[Step]) -> Self {
        let mut whole = Self::default();
        let mut renamed: Vec<(&str, &str)> = Vec::new();
        for Step { deed, .. } in steps {
            let on = &deed.on;
            if let Act::RenameType { to } = &deed.act {
                renamed.push((on, to));
            } else if deed.act == Act::DropColumn {
                *whole.dropped.entry(on.clone()).or_default() += 1;
            } else if let (Act::AddColumn | Act::AddRequired | Act::Create, Some(part)) =
                (&deed.act, &deed.part)
            {
                whole.added.entry(on.clone()).or_default().push(part.clone());
            } else if matches!(deed.act, Act::CreateTable | Act::Create) {
                whole.created.insert(on.clone());
            }
            whole.tables.extend((deed.act == Act::CreateTable).then(|| on.clone()));
        }
        renamed.truncate(COMPARED_MAX);
        for (from, to) in &renamed {
            let successor = renamed.iter().find(|(_, other)| other == from).map(|(new, _)| *new);
            if successor.is_some() || whole.created.contains(*from) {
                whole.replaced.insert((*to).to_owned(), (*from).to_owned());
                whole.replacing.insert(successor.unwrap_or(from).to_owned());
            }
        }
        whole
    }

    fn hint(&self, deed: &Deed) -> Option<Hint> {
        let only_one = self.dropped.get(&deed.on) == Some(&1);
        let (name, instead, only) = match (&deed.act, &deed.part) {
            (Act::DropColumn, Some(part)) => (part, self.added.get(&deed.on)?, only_one),
            (Act::DropTable, _) => (&deed.on, &self.tables, false),
            _ => return None,
        };
        if instead.len() > COMPARED_MAX {
            return None;
        }
        if instead.contains(name) {
            return Some(Hint::AddedEmpty);
        }
        let like = instead.iter().find(|it| only && instead.len() == 1 || is_like(it, name))?;
        Some(Hint::LooksLikeRename(like.clone()))
    }
}

/// Whether two names share a word of at least four letters.
fn is_like(a: &str, b: &str) -> bool {
    let words = |name: &str| -> Vec<String> {
        let mut words = vec![String::new()];
        for c in name.chars() {
            if !c.is_alphanumeric() || c.is_uppercase() {
                words.push(String::new());
            }
            if let Some(last) = words.last_mut().filter(|_| c.is_alphanumeric()) {
                last.extend(c.to_lowercase());
            }
        }
        words.retain(|it| it.chars().count() >= 4);
        words
    };
    let other = words(b);
    words(a).iter().any(|it| other.contains(it))
}

/// What the script has made so far, and nobody has filled yet.
#[derive(Default)]
struct Made {
    tables: HashSet<String>,
    columns: HashSet<(String, String)>,
    /// Columns that were added if they were not there: what is worked out for them from others is a start.
    perhaps: HashSet<(String, String)>,
    copied: HashSet<String>,
}

impl Made {
    fn loss(&mut self, step: Step, whole: &Whole) -> Option<Loss> {
        let Step { deed, inside } = &step;
        if self.is_own(deed) {
            self.follow(deed);
            return None;
        }
        if inside.is_none() {
            self.note(deed);
        }
        let harm = self.harm(deed, whole)?;
        // What a function deletes by a condition is its daily work, not this change's.
        let harm = match inside {
            Some(InnerKind::Function) if harm == Harm::Possible => Harm::Rebuildable,
            _ => harm,
        };
        let hint = if self.copied.contains(&deed.on) { Some(Hint::Copied) } else { whole.hint(deed) };
        let mut step = step;
        if let (Act::DropRebuildable(_), Some(name)) = (&step.deed.act, whole.replaced.get(&step.deed.on)) {
            step.deed.on.clone_from(name);
            step.deed.act = Act::DropValue;
        }
        Some(Loss { step, harm, hint })
    }

    /// Whether it is about what the script itself made.
    fn is_own(&self, deed: &Deed) -> bool {
        let column = |name: &String| self.columns.contains(&(deed.on.clone(), name.clone()));
        if deed.on.split(", ").all(|it| self.tables.contains(it)) {
            return true;
        }
        match (&deed.act, &deed.part) {
            (Act::UpdateAll { columns, same }, _) => {
                let maybe = |name: &String| !same && self.perhaps.contains(&(deed.on.clone(), name.clone()));
                !columns.is_empty() && columns.iter().all(|it| column(it) || maybe(it))
            }
            (
                Act::DropColumn | Act::Require | Act::ChangeType { .. } | Act::RenameColumn { .. },
                Some(part),
            ) => column(part),
            _ => false,
        }
    }

    /// What the script made has changed.
    fn follow(&mut self, deed: &Deed) {
        match (&deed.act, &deed.part) {
            (Act::DropTable, _) => {
                for name in deed.on.split(", ") {
                    self.tables.remove(name);
                }
            }
            (Act::Rename { to }, _) => {
                self.tables.remove(&deed.on);
                self.tables.insert(to.clone());
            }
            (Act::DropColumn, Some(part)) => {
                self.columns.remove(&(deed.on.clone(), part.clone()));
            }
            (Act::RenameColumn { to }, Some(part)) => {
                self.columns.remove(&(deed.on.clone(), part.clone()));
                self.columns.insert((deed.on.clone(), to.clone()));
            }
            _ => {}
        }
    }

    fn note(&mut self, deed: &Deed) {
        match (&deed.act, &deed.part) {
            (Act::CreateTable, _) => {
                self.tables.insert(deed.on.clone());
            }
            (Act::AddColumn | Act::AddRequired, Some(part)) => {
                self.columns.insert((deed.on.clone(), part.clone()));
            }
            (Act::Create, Some(part)) => {
                self.perhaps.insert((deed.on.clone(), part.clone()));
            }
            (Act::CopyTo { to }, _) if self.tables.contains(to) => {
                self.copied.insert(deed.on.clone());
            }
            _ => {}
        }
    }

    fn harm(&self, deed: &Deed, whole: &Whole) -> Option<Harm> {
        match &deed.act {
            Act::DropTable if self.copied.contains(&deed.on) => Some(Harm::Possible),
            Act::DropTable
            | Act::DropColumn
            | Act::DropSchema
            | Act::DropDatabase
            | Act::DropOwned
            | Act::DropAttribute
            | Act::DropValue
            | Act::Truncate
            | Act::DeleteAll
            | Act::UpdateAll { .. } => Some(Harm::Sure),
            Act::ChangeType { to, .. } if whole.replacing.iter().any(|it| to.starts_with(it.as_str())) => {
                None
            }
            Act::ChangeType { to, converts: false } if is_wide(to) => Some(Harm::Rebuildable),
            Act::DropUnique if deed.part.as_ref().is_some_and(|it| whole.created.contains(it)) => None,
            Act::DeleteSome
            | Act::MergeDelete
            | Act::ChangeType { .. }
            | Act::Require
            | Act::DropCascade(_)
            | Act::DropCounter
            | Act::Rename { .. }
            | Act::RenameColumn { .. }
            | Act::RenameSchema
            | Act::RenameValue { .. }
            | Act::Detach
            | Act::Unlog
            | Act::DropUnique
            | Act::Unguard => Some(Harm::Possible),
            Act::DropRebuildable("type") if whole.replaced.contains_key(&deed.on) => Some(Harm::Sure),
            Act::DropRebuildable(_) if whole.created.contains(&deed.on) => None,
            Act::DropRebuildable(_) | Act::AddRequired => Some(Harm::Rebuildable),
            Act::AddColumn | Act::CreateTable | Act::Create | Act::RenameType { .. } | Act::CopyTo { .. } => {
                None
            }
        }
    }
}

/// Types that hold what nearly every other type holds.
fn is_wide(to: &str) -> bool {
    const WIDE: &[&str] = &[
        "text",
        "citext",
        "varchar",
        "character varying",
        "bigint",
        "int8",
        "numeric",
        "decimal",
        "double precision",
        "float8",
        "jsonb",
        "timestamptz",
        "timestamp with time zone",
        "longtext",
    ];
    WIDE.contains(&to)
        || to.strip_suffix("[]").is_some_and(|it| WIDE.contains(&it))
        || to.starts_with("timestamptz(")
}
