//! Expressions. Parentheses, type assertions and waiting vanish: they give the value on.

use oxc_ast::ast::{
    Argument, ArrayExpressionElement, ArrowFunctionBody, AssignmentTarget, BinaryOperator, CallExpression,
    ChainElement, Expression, JSXAttributeItem, JSXAttributeName, JSXAttributeValue, JSXChild, JSXElement,
    JSXExpression, MemberExpression, ObjectExpression, ObjectPropertyKind, TemplateLiteral,
};
use oxc_span::{GetSpan, Span};
use oxc_syntax::operator::AssignmentOperator;

use super::super::tree::{Entry, Form, From, Id, Key, Kind};
use super::Lowering;

impl<'a> Lowering<'a> {
    pub(super) fn expression(&mut self, expression: &Expression<'a>) -> Id {
        self.named(expression, None)
    }

    /// The same; a function in it gets this name.
    pub(super) fn named(&mut self, expression: &Expression<'a>, name: Option<&'a str>) -> Id {
        let span = expression.span();
        match expression {
            Expression::StringLiteral(it) => self.push(span, Kind::Text(it.value.as_str())),
            Expression::NumericLiteral(it) => self.push(span, Kind::Number(it.value)),
            Expression::RegExpLiteral(it) => {
                let written = self.written(it.span);
                self.push(span, Kind::Pattern(written))
            }
            Expression::BooleanLiteral(_) | Expression::NullLiteral(_) | Expression::BigIntLiteral(_) => {
                self.push(span, Kind::Literal)
            }
            Expression::TemplateLiteral(it) => self.template(it),
            Expression::Identifier(it) => {
                let variable = self.variable(it);
                self.push(span, Kind::Name { name: it.name.as_str(), variable })
            }
            Expression::ImportMeta(_) => self.push(span, Kind::Name { name: "import.meta", variable: None }),
            Expression::ThisExpression(_) => self.push(span, Kind::This),
            Expression::ArrayExpression(it) => {
                let elements = it.elements.iter().filter_map(|it| self.element(it)).collect();
                self.push(span, Kind::List(elements))
            }
            Expression::ObjectExpression(it) => self.object(it),
            Expression::FunctionExpression(it) => self.function(it, name),
            Expression::ArrowFunctionExpression(it) => self.arrow(it, name),
            Expression::ClassExpression(it) => self.class(it),
            Expression::CallExpression(it) => self.call(it),
            Expression::NewExpression(it) => {
                let callee = self.expression(&it.callee);
                let arguments = self.arguments(&it.arguments);
                self.push(span, Kind::Call { callee, arguments, form: Form::New })
            }
            Expression::ImportExpression(it) => {
                let source = self.expression(&it.source);
                let callee = self.push(Span::new(span.start, span.start), Kind::Unknown);
                self.push(span, Kind::Call { callee, arguments: vec![source], form: Form::Import })
            }
            Expression::ParenthesizedExpression(it) => self.named(&it.expression, name),
            Expression::AwaitExpression(it) => self.expression(&it.argument),
            Expression::TSAsExpression(it) => self.named(&it.expression, name),
            Expression::TSSatisfiesExpression(it) => self.named(&it.expression, name),
            Expression::TSTypeAssertion(it) => self.named(&it.expression, name),
            Expression::TSNonNullExpression(it) => self.named(&it.expression, name),
            Expression::TSInstantiationExpression(it) => self.named(&it.expression, name),
            other => self.compound(other),
        }
    }

    fn compound(&mut self, expression: &Expression<'a>) -> Id {
        let span = expression.span();
        match expression {
            Expression::BinaryExpression(it) if it.operator == BinaryOperator::Addition => {
                let mut parts = Vec::new();
                self.sum(expression, &mut parts);
                self.push(span, Kind::Join(parts))
            }
            Expression::BinaryExpression(it) => {
                let parts = vec![self.expression(&it.left), self.expression(&it.right)];
                self.push(span, Kind::Measure(parts))
            }
            Expression::LogicalExpression(it) => {
                let parts = vec![self.expression(&it.left), self.expression(&it.right)];
                self.push(span, Kind::Choice(parts))
            }
            Expression::ConditionalExpression(it) => {
                self.test(&it.test);
                let parts = vec![self.expression(&it.consequent), self.expression(&it.alternate)];
                self.push(span, Kind::Choice(parts))
            }
            Expression::SequenceExpression(it) => {
                let parts: Vec<Id> = it.expressions.iter().map(|it| self.expression(it)).collect();
                parts.last().copied().unwrap_or_else(|| self.push(span, Kind::Unknown))
            }
            Expression::UnaryExpression(it) => {
                let part = self.expression(&it.argument);
                self.push(span, Kind::Measure(vec![part]))
            }
            Expression::UpdateExpression(_) | Expression::PrivateInExpression(_) => {
                self.push(span, Kind::Measure(Vec::new()))
            }
            Expression::AssignmentExpression(it) => self.assignment(span, &it.left, it.operator, &it.right),
            Expression::YieldExpression(it) => {
                if let Some(argument) = &it.argument {
                    let value = self.expression(argument);
                    let within = self.within;
                    self.function_mut(within).returns.push(value);
                }
                self.push(span, Kind::Unknown)
            }
            Expression::TaggedTemplateExpression(it) => {
                let tag = self.expression(&it.tag);
                let values = it.quasi.expressions.iter().map(|it| self.expression(it)).collect();
                self.push(span, Kind::Tagged { tag, values })
            }
            Expression::ChainExpression(it) => match &it.expression {
                ChainElement::CallExpression(call) => self.call(call),
                ChainElement::TSNonNullExpression(it) => self.expression(&it.expression),
                other => match other.as_member_expression() {
                    Some(member) => self.member(member),
                    None => self.push(span, Kind::Unknown),
                },
            },
            Expression::JSXElement(it) => self.markup(it),
            Expression::JSXFragment(it) => {
                let children = self.children(&it.children);
                self.push(span, Kind::Element { name: "", attributes: Vec::new(), children })
            }
            other => match other.as_member_expression() {
                Some(member) => self.member(member),
                None => self.push(span, Kind::Unknown),
            },
        }
    }

    /// The parts of a sum, from left to right, however long it is.
    fn sum(&mut self, expression: &Expression<'a>, parts: &mut Vec<Id>) {
        let mut rights = Vec::new();
        let mut left = expression;
        loop {
            match left {
                Expression::BinaryExpression(it) if it.operator == BinaryOperator::Addition => {
                    rights.push(&it.right);
                    left = &it.left;
                }
                Expression::ParenthesizedExpression(it) => left = &it.expression,
                other => {
                    parts.push(self.expression(other));
                    break;
                }
            }
        }
        while let Some(right) = rights.pop() {
            parts.push(self.expression(right));
        }
    }

    fn template(&mut self, template: &TemplateLiteral<'a>) -> Id {
        let mut parts = Vec::new();
        for (index, text) in template.quasis.iter().enumerate() {
            let value = text.value.cooked.as_ref().unwrap_or(&text.value.raw).as_str();
            if !value.is_empty() || template.expressions.is_empty() {
                parts.push(self.push(text.span, Kind::Text(value)));
            }
            if let Some(expression) = template.expressions.get(index) {
                parts.push(self.expression(expression));
            }
        }
        match parts[..] {
            [only] if template.expressions.is_empty() => only,
            _ => self.push(template.span, Kind::Join(parts)),
        }
    }

    fn element(&mut self, element: &ArrayExpressionElement<'a>) -> Option<Id> {
        match element {
            ArrayExpressionElement::SpreadElement(it) => {
                let value = self.expression(&it.argument);
                Some(self.push(it.span, Kind::Spread(value)))
            }
            other => Some(self.expression(other.as_expression()?)),
        }
    }

    pub(super) fn arguments(&mut self, arguments: &[Argument<'a>]) -> Vec<Id> {
        let argument = |this: &mut Self, it: &Argument<'a>| match it {
            Argument::SpreadElement(it) => {
                let value = this.expression(&it.argument);
                Some(this.push(it.span, Kind::Spread(value)))
            }
            other => Some(this.expression(other.as_expression()?)),
        };
        arguments.iter().filter_map(|it| argument(self, it)).collect()
    }

    fn object(&mut self, object: &ObjectExpression<'a>) -> Id {
        let mut entries = Vec::new();
        for property in &object.properties {
            match property {
                ObjectPropertyKind::ObjectProperty(it) => {
                    let key = self.key(&it.key);
                    let name = match key {
                        Key::Fixed(name) => Some(name),
                        Key::Computed(_) => None,
                    };
                    let value = self.named(&it.value, name);
                    entries.push(Entry { key: Some(key), value });
                }
                ObjectPropertyKind::SpreadProperty(it) => {
                    let value = self.expression(&it.argument);
                    entries.push(Entry { key: None, value });
                }
            }
        }
        self.push(object.span, Kind::Object(entries))
    }

    fn arrow(&mut self, arrow: &oxc_ast::ast::ArrowFunctionExpression<'a>, name: Option<&'a str>) -> Id {
        let (made, node) = self.open_function(arrow.span, name);
        let outer = std::mem::replace(&mut self.within, made);
        self.parameters(made, &arrow.params);
        match &arrow.body {
            ArrowFunctionBody::FunctionBody(body) => self.body(made, body),
            other => {
                if let Some(expression) = other.as_expression() {
                    let value = self.expression(expression);
                    self.function_mut(made).returns.push(value);
                }
            }
        }
        self.within = outer;
        node
    }

    fn call(&mut self, call: &CallExpression<'a>) -> Id {
        let callee = self.expression(&call.callee);
        let arguments = self.arguments(&call.arguments);
        self.push(call.span, Kind::Call { callee, arguments, form: Form::Plain })
    }

    pub(super) fn member(&mut self, member: &MemberExpression<'a>) -> Id {
        let span = member.span();
        let object = self.expression(member.object());
        let key = match member {
            MemberExpression::ComputedMemberExpression(it) => match &it.expression {
                Expression::StringLiteral(text) => Key::Fixed(text.value.as_str()),
                other => Key::Computed(self.expression(other)),
            },
            MemberExpression::StaticMemberExpression(it) => Key::Fixed(it.property.name.as_str()),
            MemberExpression::PrivateFieldExpression(it) => Key::Fixed(it.field.name.as_str()),
        };
        self.push(span, Kind::Member { object, key })
    }

    fn assignment(
        &mut self,
        span: Span,
        left: &AssignmentTarget<'a>,
        operator: AssignmentOperator,
        right: &Expression<'a>,
    ) -> Id {
        let name = match left {
            AssignmentTarget::AssignmentTargetIdentifier(it) => Some(it.name.as_str()),
            AssignmentTarget::StaticMemberExpression(it) => Some(it.property.name.as_str()),
            _ => None,
        };
        let value = self.named(right, name);
        let adds = operator == AssignmentOperator::Addition;
        let from = match operator {
            AssignmentOperator::Assign
            | AssignmentOperator::Addition
            | AssignmentOperator::LogicalOr
            | AssignmentOperator::LogicalAnd
            | AssignmentOperator::LogicalNullish => From::Value(value),
            _ => From::Counted,
        };
        match self.assign(left, from, &[]) {
            Some(target) => self.push(span, Kind::Assign { target, value, adds }),
            None => value,
        }
    }

    fn markup(&mut self, element: &JSXElement<'a>) -> Id {
        let name = self.written(element.opening_element.name.span());
        let mut attributes = Vec::new();
        for item in &element.opening_element.attributes {
            match item {
                JSXAttributeItem::Attribute(it) => {
                    let key = match &it.name {
                        JSXAttributeName::Identifier(name) => name.name.as_str(),
                        JSXAttributeName::NamespacedName(_) => self.written(it.name.span()),
                    };
                    let value = match &it.value {
                        Some(JSXAttributeValue::StringLiteral(text)) => {
                            self.push(text.span, Kind::Text(text.value.as_str()))
                        }
                        Some(JSXAttributeValue::ExpressionContainer(it)) => {
                            self.contained(&it.expression, it.span)
                        }
                        Some(JSXAttributeValue::Element(it)) => self.markup(it),
                        Some(JSXAttributeValue::Fragment(it)) => {
                            let children = self.children(&it.children);
                            self.push(it.span, Kind::Element { name: "", attributes: Vec::new(), children })
                        }
                        None => self.push(it.span, Kind::Literal),
                    };
                    attributes.push(Entry { key: Some(Key::Fixed(key)), value });
                }
                JSXAttributeItem::SpreadAttribute(it) => {
                    let value = self.expression(&it.argument);
                    attributes.push(Entry { key: None, value });
                }
            }
        }
        let children = self.children(&element.children);
        self.push(element.span, Kind::Element { name, attributes, children })
    }

    fn contained(&mut self, expression: &JSXExpression<'a>, span: Span) -> Id {
        match expression.as_expression() {
            Some(expression) => self.expression(expression),
            None => self.push(span, Kind::Literal),
        }
    }

    fn children(&mut self, children: &[JSXChild<'a>]) -> Vec<Id> {
        let mut found = Vec::new();
        for child in children {
            match child {
                JSXChild::Element(it) => found.push(self.markup(it)),
                JSXChild::Fragment(it) => found.extend(self.children(&it.children)),
                JSXChild::ExpressionContainer(it) => found.push(self.contained(&it.expression, it.span)),
                JSXChild::Spread(it) => found.push(self.expression(&it.expression)),
                JSXChild::Text(_) => {}
            }
        }
        found
    }
}
