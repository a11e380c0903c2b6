//! How variables get their values: declarations, parameters, assignments, taken apart or not.

use oxc_ast::ast::{
    AssignmentTarget, AssignmentTargetMaybeDefault, AssignmentTargetProperty, BindingPattern, Decorator,
    Expression, FormalParameter, FormalParameters, PropertyKey,
};
use oxc_span::GetSpan;

use super::super::tree::{Definition, From, FunctionId, Id, Key, Kind, Parameter, Step, VariableId};
use super::Lowering;

impl<'a> Lowering<'a> {
    /// Gives the names in a pattern their values.
    pub(super) fn bind(&mut self, pattern: &BindingPattern<'a>, from: From<'a>, path: &[Step<'a>]) {
        match pattern {
            BindingPattern::BindingIdentifier(name) => {
                if let Some(variable) = self.binding(name) {
                    self.define(variable, Definition { from, path: path.to_vec() });
                }
            }
            BindingPattern::ObjectPattern(object) => {
                for property in &object.properties {
                    let step = self.step(&property.key);
                    self.bind(&property.value, from, &deeper(path, step));
                }
                if let Some(rest) = &object.rest {
                    self.bind(&rest.argument, from, path);
                }
            }
            BindingPattern::ArrayPattern(array) => {
                for element in array.elements.iter().flatten() {
                    self.bind(element, from, &deeper(path, Step::Any));
                }
                if let Some(rest) = &array.rest {
                    self.bind(&rest.argument, from, path);
                }
            }
            BindingPattern::AssignmentPattern(default) => {
                let value = self.expression(&default.right);
                self.bind(&default.left, from, path);
                self.bind(&default.left, From::Value(value), &[]);
            }
        }
    }

    fn step(&mut self, key: &PropertyKey<'a>) -> Step<'a> {
        match self.key(key) {
            Key::Fixed(name) => Step::Key(name),
            Key::Computed(_) => Step::Any,
        }
    }

    /// The name of a member in an object, class or pattern.
    pub(super) fn key(&mut self, key: &PropertyKey<'a>) -> Key<'a> {
        match key {
            PropertyKey::StaticIdentifier(name) => Key::Fixed(name.name.as_str()),
            PropertyKey::PrivateIdentifier(name) => Key::Fixed(name.name.as_str()),
            PropertyKey::StringLiteral(text) => Key::Fixed(text.value.as_str()),
            other => match other.as_expression() {
                Some(expression) => Key::Computed(self.expression(expression)),
                None => Key::Fixed(""),
            },
        }
    }

    pub(super) fn parameters(&mut self, function: FunctionId, parameters: &FormalParameters<'a>) {
        for (index, parameter) in parameters.items.iter().enumerate() {
            let lowered = self.parameter(parameter);
            let default = lowered.default;
            self.function_mut(function).parameters.push(lowered);
            self.bind(&parameter.pattern, From::Parameter(function, index), &[]);
            if let Some(default) = default {
                self.bind(&parameter.pattern, From::Value(default), &[]);
            }
            if let (BindingPattern::BindingIdentifier(name), Some(typed)) =
                (&parameter.pattern, &parameter.type_annotation)
            {
                let typed = self.written(typed.span);
                if let Some(variable) = self.binding(name) {
                    self.tree.variables[variable.0 as usize].typed = Some(typed);
                }
            }
        }
        if let Some(rest) = &parameters.rest {
            let index = parameters.items.len();
            self.function_mut(function).parameters.push(Parameter { is_rest: true, ..Parameter::default() });
            self.bind(&rest.rest.argument, From::Parameter(function, index), &[]);
        }
    }

    fn parameter(&mut self, parameter: &FormalParameter<'a>) -> Parameter<'a> {
        let name = match &parameter.pattern {
            BindingPattern::BindingIdentifier(name) => Some(name.name.as_str()),
            _ => None,
        };
        Parameter {
            name,
            typed: parameter.type_annotation.as_ref().map(|it| self.written(it.span)),
            decorators: parameter.decorators.iter().filter_map(|it| self.decorator(it)).collect(),
            default: parameter.initializer.as_ref().map(|it| self.expression(it)),
            is_rest: false,
        }
    }

    /// The name of a decorator, and whether an argument of it makes a number or the like.
    pub(super) fn decorator(&self, decorator: &Decorator<'a>) -> Option<(&'a str, bool)> {
        let (callee, arguments) = match &decorator.expression {
            Expression::CallExpression(call) => (&call.callee, self.written(call.span)),
            other => (other, ""),
        };
        let Expression::Identifier(name) = callee else { return None };
        let converts = ["ParseIntPipe", "ParseFloatPipe", "ParseBoolPipe", "ParseUUIDPipe", "ParseEnumPipe"];
        Some((name.name.as_str(), converts.iter().any(|it| arguments.contains(it))))
    }

    /// Gives the targets of an assignment their values, and says what stands for the target as a whole.
    pub(super) fn assign(
        &mut self,
        target: &AssignmentTarget<'a>,
        from: From<'a>,
        path: &[Step<'a>],
    ) -> Option<Id> {
        match target {
            AssignmentTarget::AssignmentTargetIdentifier(name) => {
                let variable = self.variable(name);
                if let Some(variable) = variable {
                    self.define(variable, Definition { from, path: path.to_vec() });
                }
                Some(self.push(name.span(), Kind::Name { name: name.name.as_str(), variable }))
            }
            AssignmentTarget::ObjectAssignmentTarget(object) => {
                for property in &object.properties {
                    self.assign_property(property, from, path);
                }
                None
            }
            AssignmentTarget::ArrayAssignmentTarget(array) => {
                for element in array.elements.iter().flatten() {
                    self.assign_maybe(element, from, &deeper(path, Step::Any));
                }
                None
            }
            other => {
                let member = other.as_simple_assignment_target()?.get_expression();
                let id = match (member, other.as_member_expression()) {
                    (_, Some(member)) => self.member(member),
                    (Some(expression), None) => self.expression(expression),
                    (None, None) => return None,
                };
                if let (From::Value(value), []) = (from, path) {
                    self.put_member(id, value);
                }
                Some(id)
            }
        }
    }

    fn assign_property(
        &mut self,
        property: &AssignmentTargetProperty<'a>,
        from: From<'a>,
        path: &[Step<'a>],
    ) {
        match property {
            AssignmentTargetProperty::AssignmentTargetPropertyIdentifier(it) => {
                if let Some(variable) = self.variable(&it.binding) {
                    let path = deeper(path, Step::Key(it.binding.name.as_str()));
                    self.define(variable, Definition { from, path });
                }
            }
            AssignmentTargetProperty::AssignmentTargetPropertyProperty(it) => {
                let step = self.step(&it.name);
                self.assign_maybe(&it.binding, from, &deeper(path, step));
            }
        }
    }

    fn assign_maybe(&mut self, target: &AssignmentTargetMaybeDefault<'a>, from: From<'a>, path: &[Step<'a>]) {
        match target {
            AssignmentTargetMaybeDefault::AssignmentTargetWithDefault(it) => {
                let default = self.expression(&it.init);
                self.assign(&it.binding, from, path);
                self.assign(&it.binding, From::Value(default), &[]);
            }
            other => {
                if let Some(target) = other.as_assignment_target() {
                    self.assign(target, from, path);
                }
            }
        }
    }

    /// Remembers what is put into a member of a variable.
    fn put_member(&mut self, target: Id, value: Id) {
        let Kind::Member { object, key } = *self.tree.kind(target) else { return };
        if let Kind::Name { variable: Some(VariableId(variable)), .. } = *self.tree.kind(object) {
            self.tree.variables[variable as usize].members.push((key, value));
        }
    }
}

/// How many members deep a value is followed.
const PATH_MAX: usize = 8;

fn deeper<'a>(path: &[Step<'a>], step: Step<'a>) -> Vec<Step<'a>> {
    path.iter().copied().chain([step]).take(PATH_MAX).collect()
}
