//! What `SET` puts into columns.

use super::reader::{inside, top_level};
use super::words::{Kind, Word};

/// One assignment of an `UPDATE`.
#[derive(Debug)]
pub(super) struct Assigned<'a> {
    pub(super) columns: Vec<String>,
    value: &'a [&'a Word<'a>],
}

impl<'a> Assigned<'a> {
    /// `a = 1`, or `(a, b) = (1, 2)`.
    pub(super) fn new(item: &'a [&'a Word<'a>]) -> Self {
        let sign = top_level(item).find(|(_, word)| word.is("=")).map_or(item.len(), |(at, _)| at);
        let columns: Vec<_> = if item.first().is_some_and(|it| it.is("(")) {
            item[..sign].iter().filter(|it| it.is_name()).map(|it| it.text.to_string()).collect()
        } else {
            item[..sign]
                .iter()
                .rev()
                .find(|it| it.is_name())
                .map(|it| it.text.to_string())
                .into_iter()
                .collect()
        };
        Self { columns, value: item.get(sign + 1..).unwrap_or_default() }
    }

    /// Whether a value that is there stays: `COALESCE(a, …)`, `CASE … ELSE a END`. The second is a condition, like
    /// `WHERE`.
    pub(super) fn keeps(&self) -> bool {
        let [column] = self.columns.as_slice() else { return false };
        let is_it = |word: Option<&&Word<'_>>| word.is_some_and(|it| it.is_name() && it.text == *column);
        match self.value {
            [first, rest @ ..] if first.is("coalesce") => {
                let arguments = inside(rest);
                is_it(arguments.first()) && arguments.get(1).is_some_and(|it| it.is(","))
            }
            [first, .., otherwise, last, end] => {
                first.is("case") && otherwise.is("else") && is_it(Some(last)) && end.is("end")
            }
            [only] => is_it(Some(only)),
            _ => false,
        }
    }

    /// Whether it puts one value into all rows.
    pub(super) fn is_same(&self) -> bool {
        const NO_COLUMNS: &[&str] =
            &["null", "true", "false", "default", "now", "current_timestamp", "current_date"];
        !self.value.iter().any(|it| match it.kind {
            Kind::Quoted => true,
            Kind::Plain => !NO_COLUMNS.contains(&it.text.as_ref()),
            Kind::Text | Kind::Number | Kind::Sign => false,
        })
    }
}
