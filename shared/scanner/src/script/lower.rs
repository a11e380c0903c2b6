//! The parser's tree, made into ours. Nothing else knows the parser.

mod expressions;
mod patterns;
mod statements;

use oxc_allocator::Allocator;
use oxc_ast::ast::{BindingIdentifier, IdentifierReference, Program};
use oxc_parser::Parser;
use oxc_semantic::{Scoping, SemanticBuilder};
use oxc_span::{SourceType, Span};

use super::tree::{Definition, Function, FunctionId, Id, Kind, Node, Tree, Variable, VariableId};

/// Which spelling of the language a text is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Script,
    Typed,
    TypedWithMarkup,
}

/// Reads a program and hands its tree on, with whether it is spelled correctly; `None` when it cannot be read at all.
///
/// The caller has given it the stack that [`super::depth::room`] asks for.
pub(crate) fn with_tree<T>(
    text: &str,
    language: Language,
    then: impl FnOnce(&Tree<'_>, bool) -> T,
) -> Option<T> {
    let allocator = Allocator::default();
    let (parsed, is_correct) = parse(&allocator, text, language)?;
    let scoping = SemanticBuilder::new().build(&parsed).semantic.into_scoping();
    let mut lowering = Lowering::new(text, scoping);
    lowering.program(&parsed);
    Some(then(&lowering.tree, is_correct))
}

/// Tries the likely spelling first, and others that give a tree where it does not.
fn parse<'a>(allocator: &'a Allocator, text: &'a str, language: Language) -> Option<(Program<'a>, bool)> {
    let types: &[SourceType] = match language {
        Language::Script => &[
            SourceType::mjs().with_jsx(true),
            SourceType::cjs().with_jsx(true),
            SourceType::tsx(),
            SourceType::ts(),
        ],
        Language::Typed => &[SourceType::ts(), SourceType::tsx()],
        Language::TypedWithMarkup => &[SourceType::tsx(), SourceType::ts()],
    };
    let mut second_best = None;
    for &it in types {
        let parsed = Parser::new(allocator, text, it).parse();
        if !parsed.panicked && parsed.diagnostics.is_empty() {
            return Some((parsed.program, true));
        }
        if !parsed.panicked && second_best.is_none() {
            second_best = Some((parsed.program, false));
        }
    }
    second_best
}

/// What is being made.
struct Lowering<'a> {
    text: &'a str,
    scoping: Scoping,
    tree: Tree<'a>,
    within: FunctionId,
}

impl<'a> Lowering<'a> {
    fn new(text: &'a str, scoping: Scoping) -> Self {
        let mut tree = Tree { functions: vec![Function::default()], ..Tree::default() };
        tree.variables.resize_with(scoping.symbols_len(), || Variable {
            name: "",
            definitions: Vec::new(),
            members: Vec::new(),
            exported: false,
            begins_empty: false,
            typed: None,
        });
        Lowering { text, scoping, tree, within: FunctionId(0) }
    }

    fn push(&mut self, span: Span, kind: Kind<'a>) -> Id {
        let id = Id(u32::try_from(self.tree.nodes.len()).unwrap_or(u32::MAX));
        self.tree.nodes.push(Node { kind, start: span.start, end: span.end, within: self.within });
        id
    }

    /// The variable that a name stands for, unless it is one of the environment's.
    fn variable(&self, reference: &IdentifierReference<'_>) -> Option<VariableId> {
        let symbol = self.scoping.get_reference(reference.reference_id.get()?).symbol_id()?;
        Some(VariableId(u32::try_from(symbol.index()).ok()?))
    }

    fn binding(&mut self, binding: &BindingIdentifier<'a>) -> Option<VariableId> {
        let index = binding.symbol_id.get()?.index();
        self.tree.variables.get_mut(index)?.name = binding.name.as_str();
        Some(VariableId(u32::try_from(index).ok()?))
    }

    fn define(&mut self, variable: VariableId, definition: Definition<'a>) {
        self.tree.variables[variable.0 as usize].definitions.push(definition);
    }

    /// What is written at a place, without what introduces a type.
    fn written(&self, span: Span) -> &'a str {
        let text = self.text.get(span.start as usize..span.end as usize).unwrap_or_default();
        text.trim_start_matches(':').trim()
    }

    fn function_mut(&mut self, id: FunctionId) -> &mut Function<'a> {
        &mut self.tree.functions[id.0 as usize]
    }
}
