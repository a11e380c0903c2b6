//! A program as the rules read it: a flat list of expressions with few kinds, in the order in which they are evaluated.
//!
//! It is made from the parser's tree once, so that no rule depends on the parser, and so that a rule can visit every
//! expression of a hostile file without recursion.

use std::ops::Range;

/// The place of an expression in [`Tree::nodes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Id(pub(crate) u32);

/// The place of a variable in [`Tree::variables`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct VariableId(pub(crate) u32);

/// The place of a function in [`Tree::functions`]; the first is the file itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct FunctionId(pub(crate) u32);

/// A whole file, or one script of it.
#[derive(Debug, Default)]
pub(crate) struct Tree<'a> {
    pub(crate) nodes: Vec<Node<'a>>,
    pub(crate) variables: Vec<Variable<'a>>,
    pub(crate) functions: Vec<Function<'a>>,
    /// What conditions ask before they let a value pass.
    pub(crate) tests: Vec<Range<u32>>,
    /// Whether everything that it exports may be called by a browser.
    pub(crate) serves: bool,
}

/// An expression.
#[derive(Debug)]
pub(crate) struct Node<'a> {
    pub(crate) kind: Kind<'a>,
    /// Where it stands, in bytes of the text.
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// The function that evaluates it.
    pub(crate) within: FunctionId,
}

#[derive(Debug)]
pub(crate) enum Kind<'a> {
    /// A text that is written out.
    Text(&'a str),
    Number(f64),
    /// Another constant, such as `true` or a pattern.
    Literal,
    /// A pattern, as it is written.
    Pattern(&'a str),
    Name {
        name: &'a str,
        variable: Option<VariableId>,
    },
    This,
    Member {
        object: Id,
        key: Key<'a>,
    },
    Call {
        callee: Id,
        arguments: Vec<Id>,
        form: Form,
    },
    /// A template that a function reads.
    Tagged {
        tag: Id,
        values: Vec<Id>,
    },
    /// Texts put together.
    Join(Vec<Id>),
    /// One of these.
    Choice(Vec<Id>),
    /// A number or a yes or no, whatever these are.
    Measure(Vec<Id>),
    Object(Vec<Entry<'a>>),
    List(Vec<Id>),
    Spread(Id),
    Function(FunctionId),
    Assign {
        target: Id,
        value: Id,
        /// Whether the value is put behind what was there.
        adds: bool,
    },
    /// An element of JSX.
    Element {
        name: &'a str,
        attributes: Vec<Entry<'a>>,
        children: Vec<Id>,
    },
    Unknown,
}

/// How something is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Plain,
    New,
    /// `import(…)`; its callee says nothing.
    Import,
}

/// The name of a member.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Key<'a> {
    Fixed(&'a str),
    Computed(Id),
}

/// A member of an object literal, a class or an element.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    /// Nothing when `value` is spread.
    pub(crate) key: Option<Key<'a>>,
    pub(crate) value: Id,
}

#[derive(Debug)]
pub(crate) struct Variable<'a> {
    pub(crate) name: &'a str,
    pub(crate) definitions: Vec<Definition<'a>>,
    /// What is put into members of it.
    pub(crate) members: Vec<(Key<'a>, Id)>,
    /// Whether other files can reach it.
    pub(crate) exported: bool,
    /// Whether it is declared without a value.
    pub(crate) begins_empty: bool,
    /// The type that is written beside it, if any.
    pub(crate) typed: Option<&'a str>,
}

/// One way in which a variable gets a value.
#[derive(Debug)]
pub(crate) struct Definition<'a> {
    pub(crate) from: From<'a>,
    /// The members that lead from there to the variable.
    pub(crate) path: Vec<Step<'a>>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum From<'a> {
    Value(Id),
    /// Each of its elements in turn.
    Each(Id),
    /// A number or a name of a member.
    Counted,
    Parameter(FunctionId, usize),
    /// A member of a module; without a name the module itself.
    Import {
        module: &'a str,
        name: Option<&'a str>,
    },
    Unknown,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Step<'a> {
    Key(&'a str),
    /// An element, or a member whose name is not known.
    Any,
}

#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each answers a question of its own")]
pub(crate) struct Function<'a> {
    /// What it is called, also as a member.
    pub(crate) name: Option<&'a str>,
    pub(crate) node: Option<Id>,
    pub(crate) variable: Option<VariableId>,
    pub(crate) parameters: Vec<Parameter<'a>>,
    /// What it gives back or yields.
    pub(crate) returns: Vec<Id>,
    /// Whether other files can reach it.
    pub(crate) exported: bool,
    /// Whether the file exports it as its main thing.
    pub(crate) is_default: bool,
    /// Whether it is a server action.
    pub(crate) serves: bool,
    /// Names of its decorators.
    pub(crate) decorators: Vec<&'a str>,
    /// Whether a class holds it.
    pub(crate) is_method: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Parameter<'a> {
    pub(crate) name: Option<&'a str>,
    /// The type that is written beside it, if any.
    pub(crate) typed: Option<&'a str>,
    /// Names of its decorators, each with whether a pipe makes it a number or the like.
    pub(crate) decorators: Vec<(&'a str, bool)>,
    pub(crate) default: Option<Id>,
    /// Whether it takes all further arguments.
    pub(crate) is_rest: bool,
}

/// The longest object literal whose members are told apart.
const ENTRIES_MAX: usize = 256;

impl<'a> Tree<'a> {
    pub(crate) fn node(&self, id: Id) -> &Node<'a> {
        &self.nodes[id.0 as usize]
    }

    pub(crate) fn kind(&self, id: Id) -> &Kind<'a> {
        &self.node(id).kind
    }

    pub(crate) fn variable(&self, id: VariableId) -> &Variable<'a> {
        &self.variables[id.0 as usize]
    }

    pub(crate) fn function(&self, id: FunctionId) -> &Function<'a> {
        &self.functions[id.0 as usize]
    }

    /// Every expression with its place.
    pub(crate) fn ids(&self) -> impl Iterator<Item = Id> + use<> {
        (0..u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)).map(Id)
    }

    pub(crate) fn place(&self, id: Id) -> Range<usize> {
        let node = self.node(id);
        node.start as usize..node.end as usize
    }

    /// The value of a member of an object literal that is written out.
    pub(crate) fn entry(&self, object: Id, name: &str) -> Option<Id> {
        let Kind::Object(entries) = self.kind(object) else { return None };
        // A table of that length is data, and is asked too often to be read each time.
        if entries.len() > ENTRIES_MAX {
            return None;
        }
        entries
            .iter()
            .rev()
            .find(|it| matches!(it.key, Some(Key::Fixed(key)) if key == name))
            .map(|it| it.value)
    }
}
