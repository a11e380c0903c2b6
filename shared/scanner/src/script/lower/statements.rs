//! Statements: only what they say about values is kept.

use oxc_ast::ast::{
    Class, ClassElement, Declaration, ExportDefaultDeclarationKind, ForStatementInit, ForStatementLeft,
    Function, FunctionBody, ImportDeclarationSpecifier, MethodDefinitionKind, ModuleExportName, Program,
    Statement, TSNamespaceDeclarationBody, VariableDeclaration,
};
use oxc_span::Span;

use super::super::tree::{self, Definition, Entry, From, FunctionId, Id, Key, Kind, VariableId};
use super::Lowering;

impl<'a> Lowering<'a> {
    pub(super) fn program(&mut self, program: &Program<'a>) {
        self.tree.serves = program.directives.iter().any(|it| it.directive.as_str() == "use server");
        self.statements(&program.body);
        for statement in &program.body {
            self.export(statement);
        }
    }

    pub(super) fn statements(&mut self, statements: &[Statement<'a>]) {
        for statement in statements {
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &Statement<'a>) {
        match statement {
            Statement::BlockStatement(it) => self.statements(&it.body),
            Statement::ExpressionStatement(it) => drop(self.expression(&it.expression)),
            Statement::ReturnStatement(it) => {
                if let Some(argument) = &it.argument {
                    let value = self.expression(argument);
                    let within = self.within;
                    self.function_mut(within).returns.push(value);
                }
            }
            Statement::ThrowStatement(it) => drop(self.expression(&it.argument)),
            Statement::IfStatement(it) => {
                self.test(&it.test);
                self.statement(&it.consequent);
                if let Some(alternate) = &it.alternate {
                    self.statement(alternate);
                }
            }
            Statement::SwitchStatement(it) => {
                self.expression(&it.discriminant);
                for case in &it.cases {
                    if let Some(test) = &case.test {
                        self.expression(test);
                    }
                    self.statements(&case.consequent);
                }
            }
            Statement::TryStatement(it) => {
                self.statements(&it.block.body);
                if let Some(handler) = &it.handler {
                    if let Some(parameter) = &handler.param {
                        self.bind(&parameter.pattern, From::Unknown, &[]);
                    }
                    self.statements(&handler.body.body);
                }
                if let Some(finalizer) = &it.finalizer {
                    self.statements(&finalizer.body);
                }
            }
            Statement::LabeledStatement(it) => self.statement(&it.body),
            Statement::WithStatement(it) => {
                self.expression(&it.object);
                self.statement(&it.body);
            }
            other => self.other_statement(other),
        }
    }

    fn other_statement(&mut self, statement: &Statement<'a>) {
        match statement {
            Statement::DoWhileStatement(it) => {
                self.statement(&it.body);
                self.test(&it.test);
            }
            Statement::WhileStatement(it) => {
                self.test(&it.test);
                self.statement(&it.body);
            }
            Statement::ForStatement(it) => {
                match &it.init {
                    Some(ForStatementInit::VariableDeclaration(it)) => self.variables(it),
                    Some(other) => {
                        if let Some(expression) = other.as_expression() {
                            self.expression(expression);
                        }
                    }
                    None => {}
                }
                for part in it.test.iter().chain(&it.update) {
                    self.expression(part);
                }
                self.statement(&it.body);
            }
            Statement::ForInStatement(it) => {
                self.expression(&it.right);
                self.each(&it.left, From::Counted);
                self.statement(&it.body);
            }
            Statement::ForOfStatement(it) => {
                let list = self.expression(&it.right);
                self.each(&it.left, From::Each(list));
                self.statement(&it.body);
            }
            other => {
                if let Some(declaration) = other.as_declaration() {
                    self.declaration(declaration);
                } else {
                    self.module(other);
                }
            }
        }
    }

    /// A condition, whose questions may make values safe.
    pub(super) fn test(&mut self, test: &oxc_ast::ast::Expression<'a>) -> Id {
        let start = u32::try_from(self.tree.nodes.len()).unwrap_or(u32::MAX);
        let id = self.expression(test);
        let end = u32::try_from(self.tree.nodes.len()).unwrap_or(u32::MAX);
        self.tree.tests.push(start..end);
        id
    }

    fn each(&mut self, left: &ForStatementLeft<'a>, from: From<'a>) {
        match left {
            ForStatementLeft::VariableDeclaration(it) => {
                for declarator in &it.declarations {
                    self.bind(&declarator.id, from, &[]);
                }
            }
            other => {
                if let Some(target) = other.as_assignment_target() {
                    self.assign(target, from, &[]);
                }
            }
        }
    }

    pub(super) fn variables(&mut self, declaration: &VariableDeclaration<'a>) {
        for declarator in &declaration.declarations {
            let Some(init) = &declarator.init else {
                self.begins_empty(declaration, &declarator.id);
                continue;
            };
            let name = declarator.id.get_identifier_name();
            let from = From::Value(self.named(init, name.map(|it| it.as_str())));
            self.bind(&declarator.id, from, &[]);
            if let (From::Value(value), oxc_ast::ast::BindingPattern::BindingIdentifier(name)) =
                (from, &declarator.id)
                && let Some(variable) = self.binding(name)
            {
                self.tree.variables[variable.0 as usize].typed =
                    declarator.type_annotation.as_ref().map(|it| self.written(it.span));
                if let Kind::Function(function) = *self.tree.kind(value) {
                    self.function_mut(function).variable = Some(variable);
                }
            }
        }
    }

    fn begins_empty(
        &mut self,
        declaration: &VariableDeclaration<'a>,
        name: &oxc_ast::ast::BindingPattern<'a>,
    ) {
        if let oxc_ast::ast::BindingPattern::BindingIdentifier(name) = name
            && let Some(variable) = self.binding(name)
        {
            self.tree.variables[variable.0 as usize].begins_empty = !declaration.declare;
        }
    }

    pub(super) fn declaration(&mut self, declaration: &Declaration<'a>) {
        match declaration {
            Declaration::VariableDeclaration(it) => self.variables(it),
            Declaration::FunctionDeclaration(it) => drop(self.function_declaration(it)),
            Declaration::ClassDeclaration(it) => drop(self.class(it)),
            Declaration::TSNamespaceDeclaration(it) => {
                let mut body = &it.body;
                while let TSNamespaceDeclarationBody::TSNamespaceDeclaration(inner) = body {
                    body = &inner.body;
                }
                if let TSNamespaceDeclarationBody::TSModuleBlock(block) = body {
                    self.statements(&block.body);
                }
            }
            _ => {}
        }
    }

    fn function_declaration(&mut self, function: &Function<'a>) -> Id {
        let id = self.function(function, None);
        if let Some(name) = &function.id
            && let Some(variable) = self.binding(name)
            && let Kind::Function(made) = *self.tree.kind(id)
        {
            self.function_mut(made).variable = Some(variable);
            if function.body.is_some() {
                self.define(variable, Definition { from: From::Value(id), path: Vec::new() });
            }
        }
        id
    }

    /// A function of the usual spelling; an arrow is in `expressions`.
    pub(super) fn function(&mut self, function: &Function<'a>, name: Option<&'a str>) -> Id {
        let name = function.id.as_ref().map(|it| it.name.as_str()).or(name);
        let (made, node) = self.open_function(function.span, name);
        let outer = std::mem::replace(&mut self.within, made);
        self.parameters(made, &function.params);
        if let Some(body) = &function.body {
            self.body(made, body);
        }
        self.within = outer;
        node
    }

    pub(super) fn open_function(&mut self, span: Span, name: Option<&'a str>) -> (FunctionId, Id) {
        let made = FunctionId(u32::try_from(self.tree.functions.len()).unwrap_or(u32::MAX));
        let node = self.push(span, Kind::Function(made));
        self.tree.functions.push(tree::Function { name, node: Some(node), ..tree::Function::default() });
        (made, node)
    }

    pub(super) fn body(&mut self, function: FunctionId, body: &FunctionBody<'a>) {
        self.function_mut(function).serves =
            body.directives.iter().any(|it| it.directive.as_str() == "use server");
        self.statements(&body.statements);
    }

    /// A class, as the object of its members.
    pub(super) fn class(&mut self, class: &Class<'a>) -> Id {
        if let Some(base) = &class.heritage {
            self.expression(&base.expression);
        }
        for decorator in &class.decorators {
            self.expression(&decorator.expression);
        }
        let entries = class.body.body.iter().filter_map(|it| self.class_element(it)).collect();
        let id = self.push(class.span, Kind::Object(entries));
        if let Some(name) = &class.id
            && let Some(variable) = self.binding(name)
        {
            self.define(variable, Definition { from: From::Value(id), path: Vec::new() });
        }
        id
    }

    fn class_element(&mut self, element: &ClassElement<'a>) -> Option<Entry<'a>> {
        match element {
            ClassElement::StaticBlock(it) => {
                self.statements(&it.body);
                None
            }
            ClassElement::MethodDefinition(it) => {
                let key = self.key(&it.key);
                let name = match key {
                    Key::Fixed(name) => Some(name),
                    Key::Computed(_) => None,
                };
                let value = self.function(&it.value, name);
                let decorators =
                    it.decorators.iter().filter_map(|it| self.decorator(it)).map(|it| it.0).collect();
                for decorator in &it.decorators {
                    self.expression(&decorator.expression);
                }
                if let Kind::Function(made) = *self.tree.kind(value) {
                    let function = self.function_mut(made);
                    function.is_method = true;
                    function.exported = it.kind != MethodDefinitionKind::Constructor;
                    function.decorators = decorators;
                }
                Some(Entry { key: Some(key), value })
            }
            ClassElement::PropertyDefinition(it) => {
                let key = self.key(&it.key);
                let value = self.expression(it.value.as_ref()?);
                Some(Entry { key: Some(key), value })
            }
            ClassElement::AccessorProperty(_) | ClassElement::TSIndexSignature(_) => None,
        }
    }

    fn module(&mut self, statement: &Statement<'a>) {
        match statement {
            Statement::ImportDeclaration(it) => {
                let module = it.source.value.as_str();
                for specifier in it.specifiers.iter().flatten() {
                    let (local, name) = match specifier {
                        ImportDeclarationSpecifier::ImportSpecifier(it) => {
                            (&it.local, Some(it.imported.name().as_str()))
                        }
                        ImportDeclarationSpecifier::ImportDefaultSpecifier(it) => (&it.local, None),
                        ImportDeclarationSpecifier::ImportNamespaceSpecifier(it) => (&it.local, None),
                    };
                    if let Some(variable) = self.binding(local) {
                        self.define(
                            variable,
                            Definition { from: From::Import { module, name }, path: Vec::new() },
                        );
                    }
                }
            }
            Statement::ExportDeclaration(it) => self.declaration(&it.declaration),
            Statement::ExportDefaultDeclaration(it) => {
                let id = match &it.declaration {
                    ExportDefaultDeclarationKind::FunctionDeclaration(it) => self.function_declaration(it),
                    ExportDefaultDeclarationKind::ClassDeclaration(it) => self.class(it),
                    other => match other.as_expression() {
                        Some(expression) => self.expression(expression),
                        None => return,
                    },
                };
                if let Some(function) = self.function_behind(id) {
                    self.function_mut(function).exported = true;
                    self.function_mut(function).is_default = true;
                }
            }
            Statement::TSExportAssignment(it) => drop(self.expression(&it.expression)),
            _ => {}
        }
    }

    /// Marks what other files can reach; everything is known by now.
    fn export(&mut self, statement: &Statement<'a>) {
        let mut found = Vec::new();
        match statement {
            Statement::ExportDeclaration(export) => match &export.declaration {
                Declaration::VariableDeclaration(it) => {
                    for declarator in &it.declarations {
                        found.extend(
                            declarator
                                .id
                                .get_binding_identifiers()
                                .iter()
                                .filter_map(|it| it.symbol_id.get()),
                        );
                    }
                }
                Declaration::FunctionDeclaration(it) => {
                    found.extend(it.id.as_ref().and_then(|it| it.symbol_id.get()));
                }
                _ => {}
            },
            Statement::ExportNamedDeclaration(export) => {
                for specifier in &export.specifiers {
                    if let ModuleExportName::IdentifierReference(name) = &specifier.local
                        && let Some(VariableId(variable)) = self.variable(name)
                    {
                        self.mark_exported(variable as usize);
                    }
                }
            }
            _ => {}
        }
        for symbol in found {
            self.mark_exported(symbol.index());
        }
    }

    fn mark_exported(&mut self, variable: usize) {
        let Some(found) = self.tree.variables.get_mut(variable) else { return };
        found.exported = true;
        let values: Vec<Id> = found
            .definitions
            .iter()
            .filter_map(|it| match it.from {
                From::Value(id) => Some(id),
                _ => None,
            })
            .collect();
        for value in values {
            if let Some(function) = self.function_behind(value) {
                self.function_mut(function).exported = true;
            }
        }
    }

    /// The function that a value is, also when something is wrapped around it.
    fn function_behind(&self, id: Id) -> Option<FunctionId> {
        match self.tree.kind(id) {
            Kind::Function(function) => Some(*function),
            Kind::Name { variable: Some(variable), .. } => {
                self.tree.variable(*variable).definitions.iter().find_map(|it| match it.from {
                    From::Value(value) => match self.tree.kind(value) {
                        Kind::Function(function) => Some(*function),
                        _ => None,
                    },
                    _ => None,
                })
            }
            Kind::Call { arguments, .. } => arguments.iter().find_map(|it| match self.tree.kind(*it) {
                Kind::Function(function) => Some(*function),
                _ => None,
            }),
            _ => None,
        }
    }
}
