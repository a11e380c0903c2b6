//! What is known of a value: how much say others have in it, what else it is, and what it was made harmless for.

use super::tree::Id;

/// How much say others have in a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// It is written in the program.
    Constant,
    /// It comes from elsewhere but cannot do harm, as a number cannot.
    Safe,
    /// It cannot be seen.
    Unknown,
    /// A stranger chooses it.
    Tainted,
}

/// What else is known of a value: a set of the constants below.
pub(crate) type Marks = u32;

/// What a visitor sends, before a part of it is chosen.
pub(crate) const REQUEST: Marks = 1;
/// What a framework gives, of which some parts come from a visitor.
pub(crate) const PROPS: Marks = 1 << 1;
/// A parameter of a function that others may call.
pub(crate) const PARAMETER: Marks = 1 << 2;
/// What another computer answered.
pub(crate) const REMOTE: Marks = 1 << 3;
/// The whole environment, with every secret in it.
pub(crate) const ENVIRONMENT: Marks = 1 << 4;
/// One secret of the environment.
pub(crate) const SETTING: Marks = 1 << 5;
/// Cookies and what else a browser keeps of a visitor.
pub(crate) const VISITOR: Marks = 1 << 6;
/// Files that hold keys and passwords.
pub(crate) const KEYS: Marks = 1 << 7;
/// What the machine is, and who uses it.
pub(crate) const MACHINE: Marks = 1 << 8;
/// A text that was made unreadable and is made readable again.
pub(crate) const DECODED: Marks = 1 << 9;
/// What somebody types, or a password field holds.
pub(crate) const TYPED: Marks = 1 << 10;
/// Rows of the database.
pub(crate) const DATABASE: Marks = 1 << 12;
/// The command line of this program.
pub(crate) const ARGUMENTS: Marks = 1 << 11;

/// What a value was made harmless for: a set of the constants below.
pub(crate) type Cleaned = u8;

pub(crate) const FOR_MARKUP: Cleaned = 1;
pub(crate) const FOR_SQL: Cleaned = 1 << 1;
pub(crate) const FOR_SHELL: Cleaned = 1 << 2;
pub(crate) const FOR_URL: Cleaned = 1 << 3;
pub(crate) const FOR_ALL: Cleaned = 0xff;

/// What is known of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) level: Level,
    pub(crate) marks: Marks,
    pub(crate) cleaned: Cleaned,
    /// What the parts of a tainted value were made harmless for that cannot be seen.
    pub(crate) rest: Cleaned,
    /// Where it enters, if a stranger chooses it.
    pub(crate) entry: Option<Id>,
}

pub(crate) const CONSTANT: Value =
    Value { level: Level::Constant, marks: 0, cleaned: FOR_ALL, rest: FOR_ALL, entry: None };
pub(crate) const SAFE: Value = Value { level: Level::Safe, ..CONSTANT };
pub(crate) const UNKNOWN: Value =
    Value { level: Level::Unknown, marks: 0, cleaned: 0, rest: FOR_ALL, entry: None };

impl Value {
    pub(crate) fn tainted(entry: Id) -> Self {
        Value { level: Level::Tainted, entry: Some(entry), ..UNKNOWN }
    }

    pub(crate) fn marked(self, marks: Marks) -> Self {
        Value { marks: self.marks | marks, ..self }
    }

    pub(crate) fn has(self, marks: Marks) -> bool {
        self.marks & marks != 0
    }

    /// The same value for a purpose that it may have been made harmless for.
    pub(crate) fn used_for(self, purpose: Cleaned) -> Self {
        if self.level <= Level::Safe || self.cleaned & purpose == 0 {
            return self;
        }
        let is_whole = self.level == Level::Unknown || self.rest & purpose != 0;
        Value { level: if is_whole { Level::Safe } else { Level::Unknown }, ..self }
    }

    /// The same value, made harmless for a purpose.
    pub(crate) fn cleaned_for(self, purpose: Cleaned) -> Self {
        Value { cleaned: self.cleaned | purpose, rest: self.rest | purpose, ..self }
    }

    pub(super) fn join(self, other: Value) -> Value {
        let (most, least) = if other.level > self.level { (other, self) } else { (self, other) };
        let marks = most.marks | least.marks;
        let (cleaned, rest) = match (most.level, least.level) {
            (Level::Tainted, Level::Unknown) => (most.cleaned, most.rest & least.cleaned),
            (_, Level::Constant | Level::Safe) => (most.cleaned, most.rest),
            _ => (most.cleaned & least.cleaned, most.rest & least.rest),
        };
        Value { marks, cleaned, rest, ..most }
    }
}
