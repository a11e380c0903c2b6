//! Migrations that are written as programs, for knex, `TypeORM` and Sequelize: what they take away is said as the
//! statement that the database gets, and judged like one.

use super::facts::Facts;
use super::report::Report;
use super::tree::{FunctionId, Id, Kind};
use crate::sql;

/// How deep the functions of a migration may lie in each other.
const DEPTH_MAX: usize = 8;

/// What the expression, a call in a migration's way up, takes away.
pub(crate) fn look(facts: &Facts<'_, '_>, id: Id, report: &mut Report<'_>) {
    let Kind::Call { callee, arguments, .. } = facts.tree.kind(id) else { return };
    let Kind::Member { .. } = facts.tree.kind(*callee) else { return };
    let Some(method) = facts.member_name(*callee) else { return };
    let Some(statement) = statement(facts, id, &method, arguments) else { return };
    if !goes_up(facts, id) {
        return;
    }
    let place = facts.tree.place(id);
    let place = place.start + report.offset..place.end + report.offset;
    let seen = sql::look_in_text(&statement).into_iter();
    report.sightings.extend(seen.map(|it| crate::sighting::Sighting { place: place.clone(), ..it }));
}

fn statement(facts: &Facts<'_, '_>, id: Id, method: &str, arguments: &[Id]) -> Option<String> {
    let first = *arguments.first()?;
    Some(match method {
        "dropTable" | "dropTableIfExists" => format!("DROP TABLE {}", name(facts, first)),
        "dropSchema" | "dropSchemaIfExists" => format!("DROP SCHEMA {}", name(facts, first)),
        "dropDatabase" => format!("DROP DATABASE {}", name(facts, first)),
        "clearTable" => format!("TRUNCATE {}", name(facts, first)),
        "dropColumn" | "dropColumns" | "removeColumn" => {
            let (table, columns) = match changed_table(facts, id) {
                Some(table) => (table, arguments),
                None => (first, arguments.get(1..)?),
            };
            let drops = columns.iter().map(|it| format!("DROP COLUMN {}", name(facts, *it)));
            let drops: Vec<_> = drops.collect();
            (!drops.is_empty()).then(|| format!("ALTER TABLE {} {}", name(facts, table), drops.join(", ")))?
        }
        _ => return None,
    })
}

/// The table of `alterTable("t", (table) => …)`, if the expression stands in such a function.
fn changed_table(facts: &Facts<'_, '_>, id: Id) -> Option<Id> {
    let (call, _) = facts.argument_of.get(&facts.tree.node(id).within)?;
    let Kind::Call { callee, arguments, .. } = facts.tree.kind(*call) else { return None };
    let method = facts.member_name(*callee)?;
    matches!(method.as_str(), "alterTable" | "table").then(|| arguments.first().copied())?
}

/// A name as it stands in a statement; one that is chosen while the migration runs is called so.
fn name(facts: &Facts<'_, '_>, id: Id) -> String {
    let written = facts.text(id).unwrap_or_else(|| "chosen while it runs".to_owned());
    format!("\"{}\"", written.replace('"', "\"\""))
}

/// Whether it lies in a function `up`; what `down` takes away, `up` has made.
fn goes_up(facts: &Facts<'_, '_>, id: Id) -> bool {
    let outer = |function: &FunctionId| {
        let node = facts.tree.function(*function).node?;
        Some(facts.tree.node(node).within)
    };
    std::iter::successors(Some(facts.tree.node(id).within), outer)
        .take(DEPTH_MAX)
        .any(|it| facts.tree.function(it).name == Some("up"))
}
