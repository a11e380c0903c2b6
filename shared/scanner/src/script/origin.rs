//! Where a value comes from: constant < safe < unknown < tainted.
//!
//! Each question is answered on demand and without order in time: a variable is all that is ever put into it. A
//! parameter is what the calls in this file give it, and unknown where other files may call too.

use super::facts::Facts;
use super::sources;
use super::tree::{Entry, Form, From, FunctionId, Id, Key, Kind, Step, VariableId};
use super::value::{CONSTANT, DECODED, KEYS, Level, PARAMETER, PROPS, REMOTE, REQUEST, SAFE, UNKNOWN, Value};
use super::words;

/// The arguments with which functions were entered, innermost first.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'f> {
    function: FunctionId,
    call: Id,
    outer: Option<&'f Frame<'f>>,
    depth: u32,
}

/// How deep calls are followed with their own arguments.
const CALLS_MAX: u32 = 4;
const DEPTH_MAX: u32 = 64;

impl Facts<'_, '_> {
    /// Where the value of an expression comes from.
    pub(crate) fn value(&self, id: Id) -> Value {
        self.value_at(id, None, 0)
    }

    fn value_at(&self, id: Id, frame: Option<&Frame<'_>>, depth: u32) -> Value {
        if depth > DEPTH_MAX || !self.step() {
            return UNKNOWN;
        }
        if frame.is_some() {
            return self.value_of(id, frame, depth + 1);
        }
        if let Some(known) = self.values.borrow().get(&id) {
            return *known;
        }
        // Whoever asks again on the way learns nothing new from the answer.
        self.values.borrow_mut().insert(id, CONSTANT);
        let value = self.value_of(id, frame, depth + 1);
        self.values.borrow_mut().insert(id, value);
        value
    }

    fn join_of<'i>(
        &self,
        ids: impl IntoIterator<Item = &'i Id>,
        frame: Option<&Frame<'_>>,
        depth: u32,
    ) -> Value {
        ids.into_iter().map(|it| self.value_at(*it, frame, depth)).fold(CONSTANT, Value::join)
    }

    fn value_of(&self, id: Id, frame: Option<&Frame<'_>>, depth: u32) -> Value {
        match self.tree.kind(id) {
            Kind::Text(_) | Kind::Number(_) | Kind::Literal | Kind::Pattern(_) | Kind::Function(_) => {
                CONSTANT
            }
            Kind::Measure(parts) => match self.join_of(parts, frame, depth).level {
                Level::Constant => CONSTANT,
                _ => SAFE,
            },
            Kind::Name { variable: Some(variable), .. } => self.variable_value(*variable, frame, depth),
            Kind::Name { name, variable: None } => sources::global(name, id).unwrap_or(UNKNOWN),
            Kind::This | Kind::Unknown => UNKNOWN,
            Kind::Member { object, key } => self.member_value(id, *object, *key, frame, depth),
            Kind::Call { callee, arguments, form } => {
                self.call_value(id, *callee, arguments, *form, frame, depth)
            }
            Kind::Tagged { tag, values } => {
                let value = self.join_of(values, frame, depth);
                let tag = self.member_name(*tag).unwrap_or_default();
                match (tag.as_str(), sources::cleans(&tag)) {
                    ("raw", _) => value,
                    _ if value.level == Level::Constant => CONSTANT,
                    (_, Some((purpose, _))) => UNKNOWN.cleaned_for(purpose),
                    _ => UNKNOWN,
                }
            }
            Kind::Join(parts) => written_out(self.join_of(parts, frame, depth), id),
            Kind::Choice(parts) | Kind::List(parts) => self.join_of(parts, frame, depth),
            Kind::Spread(value) | Kind::Assign { value, .. } => self.value_at(*value, frame, depth),
            Kind::Object(entries) => self.entries_value(entries, frame, depth),
            Kind::Element { .. } => SAFE,
        }
    }

    fn entries_value(&self, entries: &[Entry<'_>], frame: Option<&Frame<'_>>, depth: u32) -> Value {
        let value = self.join_of(entries.iter().map(|it| &it.value), frame, depth);
        // An object that holds a request is no request.
        Value { marks: value.marks & !(REQUEST | PROPS), ..value }
    }

    fn variable_value(&self, variable: VariableId, frame: Option<&Frame<'_>>, depth: u32) -> Value {
        let found = self.tree.variable(variable);
        let mut value = CONSTANT;
        for definition in &found.definitions {
            let base = self.source_value(definition.from, &definition.path, frame, depth);
            value = value.join(base);
        }
        for (_, member) in &found.members {
            value = value.join(self.value_at(*member, frame, depth));
        }
        // `let a;` that nothing is ever put into stays empty.
        if found.definitions.is_empty() && (found.exported || !found.begins_empty) {
            value = value.join(UNKNOWN);
        }
        if value.level > Level::Safe && self.checked.contains(&variable) {
            return Value { level: Level::Safe, ..value };
        }
        if value.level == Level::Unknown && found.typed.is_some_and(sources::is_harmless_type) {
            return Value { level: Level::Safe, ..value };
        }
        value
    }

    fn source_value(
        &self,
        from: From<'_>,
        path: &[Step<'_>],
        frame: Option<&Frame<'_>>,
        depth: u32,
    ) -> Value {
        let base = match from {
            From::Value(value) => {
                if let [Step::Key(key), rest @ ..] = path {
                    let inner = self.key_value(value, key, frame, depth);
                    return project(inner, rest);
                }
                self.value_at(value, frame, depth)
            }
            From::Each(list) => self.value_at(list, frame, depth),
            From::Counted => SAFE,
            From::Parameter(function, index) => {
                return self.parameter_value(function, index, path, frame, depth);
            }
            From::Import { .. } | From::Unknown => UNKNOWN,
        };
        project(base, path)
    }

    /// A member of a value, seen through object literals that are written out.
    fn key_value(&self, object: Id, key: &str, frame: Option<&Frame<'_>>, depth: u32) -> Value {
        if let Some(entry) = self.object_of(object).and_then(|it| self.tree.entry(it, key)) {
            return self.value_at(entry, frame, depth);
        }
        if let Some(name) = self.name(object)
            && let Some(value) = sources::named(&format!("{name}.{key}"), object)
        {
            return value;
        }
        member(self.value_at(object, frame, depth), key)
    }

    fn member_value(&self, id: Id, object: Id, key: Key<'_>, frame: Option<&Frame<'_>>, depth: u32) -> Value {
        if let Some(name) = self.name(id)
            && let Some(value) = sources::named(&name, id)
        {
            return value;
        }
        let Some(key) = self.key(key) else {
            // What a table holds decides, not which of its rows is chosen.
            return member(self.value_at(object, frame, depth), "");
        };
        if let Some(variable) = self.variable_of(object) {
            let found = self.tree.variable(variable);
            let put: Vec<Id> = found
                .members
                .iter()
                .filter(|(it, _)| matches!(it, Key::Fixed(name) if *name == key))
                .map(|it| it.1)
                .collect();
            if !put.is_empty() && self.object_of(object).is_some_and(|it| self.tree.entry(it, &key).is_none())
            {
                return self.join_of(&put, frame, depth);
            }
        }
        let mut value = self.key_value(object, &key, frame, depth);
        if value.level == Level::Tainted && value.entry.is_none() {
            value.entry = Some(id);
        }
        value
    }

    fn parameter_value(
        &self,
        function: FunctionId,
        index: usize,
        path: &[Step<'_>],
        frame: Option<&Frame<'_>>,
        depth: u32,
    ) -> Value {
        let mut at = frame;
        while let Some(entered) = at {
            if entered.function == function {
                return self.argument_value(entered.call, function, index, path, entered.outer, depth);
            }
            at = entered.outer;
        }
        if let Some(value) = sources::parameter(self, function, index) {
            return project(value, path);
        }
        let parameter = self.tree.function(function).parameters.get(index);
        if parameter.and_then(|it| it.typed).is_some_and(sources::is_harmless_type) {
            return SAFE;
        }
        if let Some((call, _)) = self.argument_of.get(&function)
            && let Some(value) = self.callback_value(*call, index, depth)
        {
            return project(value, path);
        }
        let calls = self.calls.get(&function).map(Vec::as_slice).unwrap_or_default();
        let known =
            calls.iter().take(16).map(|it| self.argument_value(*it, function, index, path, None, depth));
        let value = known.fold(CONSTANT, Value::join);
        let holder = self.tree.function(function);
        let is_closed = !calls.is_empty() && !holder.exported && !self.handed_on.contains(&function);
        if is_closed { value } else { value.join(UNKNOWN.marked(PARAMETER)) }
    }

    fn argument_value(
        &self,
        call: Id,
        function: FunctionId,
        index: usize,
        path: &[Step<'_>],
        frame: Option<&Frame<'_>>,
        depth: u32,
    ) -> Value {
        let Kind::Call { arguments, .. } = self.tree.kind(call) else { return UNKNOWN };
        let spreads = arguments.iter().any(|it| matches!(self.tree.kind(*it), Kind::Spread(_)));
        let is_rest = self.tree.function(function).parameters.get(index).is_some_and(|it| it.is_rest);
        if spreads || is_rest {
            return self.join_of(arguments.iter().skip(if spreads { 0 } else { index }), frame, depth);
        }
        match arguments.get(index) {
            Some(argument) => self.source_value(From::Value(*argument), path, frame, depth),
            None => CONSTANT,
        }
    }

    /// What a function that is handed on is called with, as in `list.map(x => …)` and `answer.then(x => …)`.
    fn callback_value(&self, call: Id, index: usize, depth: u32) -> Option<Value> {
        let Kind::Call { callee, .. } = self.tree.kind(call) else { return None };
        let Kind::Member { object, key } = self.tree.kind(*callee) else {
            return self.name(*callee).and_then(|it| sources::handed_back(&it, index));
        };
        let method = self.key(*key)?;
        match (method.as_str(), index) {
            (
                "map" | "forEach" | "filter" | "find" | "some" | "every" | "flatMap" | "findIndex" | "then",
                0,
            )
            | ("reduce", 1) => Some(self.value_at(*object, None, depth)),
            ("map" | "forEach" | "filter" | "flatMap", 1) => Some(SAFE),
            ("on" | "once" | "addListener", 0) => {
                let value = self.value_at(*object, None, depth);
                if value.has(REQUEST) {
                    Some(Value::tainted(call))
                } else {
                    value.has(REMOTE).then_some(value)
                }
            }
            _ => self.name(*callee).and_then(|it| sources::handed_back(&it, index)),
        }
    }

    /// What a function that is written out makes of each element.
    fn made_by(&self, arguments: &[Id], frame: Option<&Frame<'_>>, depth: u32) -> Option<Value> {
        let Kind::Function(function) = *self.tree.kind(*arguments.first()?) else { return None };
        let returns = &self.tree.function(function).returns;
        (!returns.is_empty()).then(|| self.join_of(returns, frame, depth))
    }

    fn call_value(
        &self,
        id: Id,
        callee: Id,
        arguments: &[Id],
        form: Form,
        frame: Option<&Frame<'_>>,
        depth: u32,
    ) -> Value {
        let name = self.name(callee);
        let given = |this: &Self| this.join_of(arguments, frame, depth);
        if let Some(name) = &name {
            if name.starts_with("fs") && name.contains(".readFile") {
                let holds_keys = arguments.first().is_some_and(|it| words::is_key_file(&self.outline(*it)));
                return if holds_keys { UNKNOWN.marked(KEYS) } else { UNKNOWN };
            }
            if let Some(value) = sources::call(name, id) {
                return value;
            }
            match sources::treatment(name) {
                Some(sources::Treatment::Safe) => return SAFE,
                Some(sources::Treatment::Passes) => return written_out(given(self), id),
                Some(sources::Treatment::Cleans(purpose)) => {
                    return given(self).cleaned_for(purpose);
                }
                Some(sources::Treatment::Decodes) => {
                    let value = given(self);
                    let encoding = arguments.get(1).and_then(|it| self.text(*it));
                    let is_plain = name.starts_with("Buffer")
                        && !encoding.is_some_and(|it| it.starts_with("base64") || it == "hex");
                    return if is_plain { value } else { value.marked(DECODED) };
                }
                None => {}
            }
        }
        let own = self.functions_of(callee);
        if !own.is_empty() && form == Form::Plain {
            return self.own_call_value(id, &own, frame, depth);
        }
        if let Kind::Member { object, key } = *self.tree.kind(callee) {
            return self.method_value(id, object, key, arguments, frame, depth);
        }
        let value = given(self);
        if value.level == Level::Constant && form == Form::New {
            return UNKNOWN;
        }
        // What a function of another file makes of it cannot be seen.
        Value { marks: value.marks & !(REQUEST | PROPS | PARAMETER), ..UNKNOWN }
    }

    fn own_call_value(
        &self,
        id: Id,
        functions: &[FunctionId],
        frame: Option<&Frame<'_>>,
        depth: u32,
    ) -> Value {
        let entered = frame.map_or(0, |it| it.depth) + 1;
        let mut value = CONSTANT;
        for function in functions {
            let returns = &self.tree.function(*function).returns;
            if returns.is_empty() || entered > CALLS_MAX {
                value = value.join(UNKNOWN);
                continue;
            }
            let frame = Frame { function: *function, call: id, outer: frame, depth: entered };
            value = value.join(self.join_of(returns, Some(&frame), depth));
        }
        value
    }

    fn method_value(
        &self,
        id: Id,
        object: Id,
        key: Key<'_>,
        arguments: &[Id],
        frame: Option<&Frame<'_>>,
        depth: u32,
    ) -> Value {
        let key = self.key(key).unwrap_or_default();
        if matches!(key.as_str(), "map" | "flatMap")
            && let Some(value) = self.made_by(arguments, frame, depth)
        {
            return value;
        }
        let receiver = self.value_at(object, frame, depth);
        let mut value = match sources::method(&key) {
            sources::Method::Measures => return SAFE,
            sources::Method::Keeps => receiver.join(self.join_of(arguments, frame, depth)),
            sources::Method::Reads => member(receiver, &key),
            sources::Method::Other if receiver.level == Level::Tainted || receiver.has(REQUEST | PROPS) => {
                member(receiver, &key)
            }
            sources::Method::Other => {
                let kept = (receiver.marks | self.join_of(arguments, frame, depth).marks)
                    & !(REQUEST | PROPS | PARAMETER);
                let kept = if kept & REMOTE != 0 && receiver.has(REMOTE) { kept } else { kept & !REMOTE };
                UNKNOWN.marked(kept)
            }
        };
        if let Some((purpose, _)) = sources::cleans(&key) {
            value = value.cleaned_for(purpose);
        }
        if value.level == Level::Tainted && value.entry.is_none() {
            value.entry = Some(id);
        }
        value
    }
}

/// A whole request that becomes text holds all that a visitor sends.
fn written_out(value: Value, id: Id) -> Value {
    if value.has(REQUEST) { Value::tainted(id) } else { value }
}

/// A member of a value.
fn member(value: Value, key: &str) -> Value {
    if value.has(REQUEST | PROPS) {
        return sources::part_of_request(value, key);
    }
    if matches!(key, "length" | "size" | "byteLength" | "index" | "lastIndex") {
        return SAFE;
    }
    value
}

fn project(value: Value, path: &[Step<'_>]) -> Value {
    path.iter().fold(value, |value, step| match step {
        Step::Key(key) => member(value, key),
        Step::Any => member(value, ""),
    })
}
