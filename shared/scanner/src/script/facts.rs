//! What is known of a program before any rule asks: who calls whom, and which values a condition lets pass.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::tree::{Form, From, Function, FunctionId, Id, Key, Kind, Tree, VariableId};
use super::value::Value;

/// How many steps all questions about one program may take; what is not answered by then counts as unknown.
const STEPS_MAX: u32 = 1_000_000;

/// A program, with answers that were given before.
pub(crate) struct Facts<'t, 'a> {
    pub(crate) tree: &'t Tree<'a>,
    /// Where the file lies.
    pub(crate) path: &'t str,
    /// The calls of each function that this file holds.
    pub(super) calls: HashMap<FunctionId, Vec<Id>>,
    /// Functions that are handed on as values.
    pub(super) handed_on: HashSet<FunctionId>,
    /// The call that a function is an argument of, and which one it is.
    pub(super) argument_of: HashMap<FunctionId, (Id, usize)>,
    /// What functions are put into, such as `window.onmessage`.
    pub(super) put_into: HashMap<FunctionId, Id>,
    /// Variables whose value is compared with what is allowed.
    pub(super) checked: HashSet<VariableId>,
    methods: HashMap<&'a str, Vec<FunctionId>>,
    pub(super) paths: RefCell<HashMap<Id, Option<Rc<str>>>>,
    pub(super) values: RefCell<HashMap<Id, Value>>,
    steps: Cell<u32>,
}

impl<'t, 'a> Facts<'t, 'a> {
    pub(crate) fn new(tree: &'t Tree<'a>, path: &'t str) -> Self {
        let mut facts = Facts {
            tree,
            path,
            calls: HashMap::new(),
            handed_on: HashSet::new(),
            argument_of: HashMap::new(),
            put_into: HashMap::new(),
            checked: HashSet::new(),
            methods: HashMap::new(),
            paths: RefCell::default(),
            values: RefCell::default(),
            steps: Cell::new(STEPS_MAX),
        };
        for (index, function) in tree.functions.iter().enumerate() {
            if let (Some(name), Ok(index)) = (function.name, u32::try_from(index)) {
                facts.methods.entry(name).or_default().push(FunctionId(index));
            }
        }
        facts.read_uses();
        facts.read_tests();
        facts
    }

    /// Whether there is patience left; each question asks once.
    pub(super) fn step(&self) -> bool {
        let left = self.steps.get();
        self.steps.set(left.saturating_sub(1));
        left > 0
    }

    fn read_uses(&mut self) {
        let mut callees = HashSet::new();
        for id in self.tree.ids() {
            match self.tree.kind(id) {
                Kind::Call { callee, arguments, form } => {
                    if *form != Form::Import {
                        callees.insert(*callee);
                        for function in self.functions_of(*callee) {
                            self.calls.entry(function).or_default().push(id);
                        }
                    }
                    for (index, argument) in arguments.iter().enumerate() {
                        for function in self.functions_of(*argument) {
                            self.argument_of.entry(function).or_insert((id, index));
                        }
                    }
                }
                Kind::Assign { target, value, .. } => {
                    if let Kind::Function(function) = self.tree.kind(*value) {
                        self.put_into.insert(*function, *target);
                    }
                }
                _ => {}
            }
        }
        for id in self.tree.ids() {
            if let Kind::Name { variable: Some(variable), .. } = self.tree.kind(id)
                && !callees.contains(&id)
            {
                self.handed_on.extend(self.functions_in(*variable));
            }
        }
    }

    fn functions_in(&self, variable: VariableId) -> Vec<FunctionId> {
        let definitions = &self.tree.variable(variable).definitions;
        definitions
            .iter()
            .take(4)
            .filter(|it| it.path.is_empty())
            .filter_map(|it| match it.from {
                From::Value(value) => self.function_value(value),
                _ => None,
            })
            .collect()
    }

    /// A function, also in `useCallback` and the like.
    fn function_value(&self, value: Id) -> Option<FunctionId> {
        match self.tree.kind(value) {
            Kind::Function(function) => Some(*function),
            Kind::Call { arguments, .. } => match self.tree.kind(*arguments.first()?) {
                Kind::Function(function) => Some(*function),
                _ => None,
            },
            _ => None,
        }
    }

    /// The functions of this file that an expression may stand for.
    pub(crate) fn functions_of(&self, id: Id) -> Vec<FunctionId> {
        match self.tree.kind(id) {
            Kind::Function(function) => vec![*function],
            Kind::Name { variable: Some(variable), .. } => self.functions_in(*variable),
            Kind::Member { object, key: Key::Fixed(name) } => {
                let is_own = match self.tree.kind(*object) {
                    Kind::This => true,
                    Kind::Name { variable: Some(variable), .. } => self.is_object(*variable),
                    _ => false,
                };
                match self.methods.get(name) {
                    Some(found) if is_own && found.len() <= 4 => found.clone(),
                    _ => Vec::new(),
                }
            }
            _ => Vec::new(),
        }
    }

    /// Whether a variable is an object or class that is written out in this file, or made from one.
    fn is_object(&self, variable: VariableId) -> bool {
        self.tree.variable(variable).definitions.iter().any(|it| match it.from {
            From::Value(value) => match self.tree.kind(value) {
                Kind::Object(_) => true,
                Kind::Call { callee, form: Form::New, .. } => match self.tree.kind(*callee) {
                    Kind::Name { variable: Some(class), .. } => {
                        self.tree.variable(*class).definitions.iter().any(|it| match it.from {
                            From::Value(value) => matches!(self.tree.kind(value), Kind::Object(_)),
                            _ => false,
                        })
                    }
                    _ => false,
                },
                _ => false,
            },
            _ => false,
        })
    }

    pub(crate) fn function(&self, id: FunctionId) -> &'t Function<'a> {
        self.tree.function(id)
    }

    /// Finds `if (!ALLOWED.includes(x)) return` and its kin: whoever asks such a question means its answer.
    fn read_tests(&mut self) {
        let tests = self.tree.tests.clone();
        for id in tests.into_iter().flatten().map(Id) {
            let Kind::Call { callee, arguments, .. } = self.tree.kind(id) else { continue };
            let Kind::Member { object, key: Key::Fixed(method) } = *self.tree.kind(*callee) else { continue };
            let asks = match method {
                "includes" | "has" | "hasOwnProperty" | "indexOf" | "hasOwn" => {
                    !self.is_name_asked(object, arguments)
                }
                "test" => self.is_whole_pattern(object),
                "isInteger" | "isSafeInteger" | "isFinite" | "isUUID" | "isInt" | "isNumeric"
                | "isAlphanumeric" | "isAlpha" | "isMongoId" => true,
                _ => false,
            };
            if asks {
                let asked: Vec<VariableId> =
                    arguments.iter().filter_map(|it| self.variable_of(*it)).collect();
                self.checked.extend(asked);
            }
        }
    }

    /// Whether the text itself is searched, as in `x.includes("..")`: that allows nearly everything.
    fn is_name_asked(&self, object: Id, arguments: &[Id]) -> bool {
        arguments
            .first()
            .is_none_or(|it| !matches!(self.tree.kind(*it), Kind::Name { .. } | Kind::Member { .. }))
            || matches!(self.tree.kind(object), Kind::Text(_))
    }

    fn is_whole_pattern(&self, id: Id) -> bool {
        let written = match self.tree.kind(id) {
            Kind::Pattern(written) => written,
            Kind::Name { variable: Some(variable), .. } => {
                let [only] = &self.tree.variable(*variable).definitions[..] else { return false };
                match only.from {
                    From::Value(value) => match self.tree.kind(value) {
                        Kind::Pattern(written) => written,
                        _ => return false,
                    },
                    _ => return false,
                }
            }
            _ => return false,
        };
        let body = written.trim_end_matches(|it: char| it.is_ascii_alphabetic());
        body.starts_with("/^") && body.ends_with("$/") && !body.contains(".*") && !body.contains(".+")
    }

    pub(crate) fn variable_of(&self, id: Id) -> Option<VariableId> {
        match self.tree.kind(id) {
            Kind::Name { variable, .. } => *variable,
            _ => None,
        }
    }

    /// The object literal that an expression stands for.
    pub(crate) fn object_of(&self, id: Id) -> Option<Id> {
        let mut id = id;
        for _ in 0..8 {
            match self.tree.kind(id) {
                Kind::Object(_) => return Some(id),
                Kind::Name { variable: Some(variable), .. } => {
                    let [only] = &self.tree.variable(*variable).definitions[..] else { return None };
                    match only.from {
                        From::Value(value) if only.path.is_empty() => id = value,
                        _ => return None,
                    }
                }
                // `Object.freeze({…})`.
                Kind::Call { callee, arguments, form: Form::Plain } => {
                    let Kind::Member { key: Key::Fixed("freeze" | "seal"), .. } = self.tree.kind(*callee)
                    else {
                        return None;
                    };
                    id = *arguments.first()?;
                }
                _ => return None,
            }
        }
        None
    }
}
