//! Content lines: `NAME;PARAMETER=value:value`, unfolded, with their numbers.

use super::InvalidFeed;

/// One content line.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    /// Where it begins, from 1.
    pub(super) number: usize,
    /// In capitals.
    pub(super) name: String,
    /// Names in capitals, values without quotes.
    parameters: Vec<(String, String)>,
    pub(super) value: String,
}

impl Line {
    /// Stands for the text as a whole.
    pub(super) const START: Line =
        Line { number: 1, name: String::new(), parameters: Vec::new(), value: String::new() };

    /// What is wrong with it; long quotations are cut, because others wrote them.
    pub(super) fn wrong(&self, problem: impl AsRef<str>) -> InvalidFeed {
        let property = if self.name.is_empty() { "VCALENDAR" } else { &self.name };
        let cut = |text: &str| text.chars().take(TEXT_CHARACTERS_MAX).collect();
        InvalidFeed { line: self.number, property: cut(property), problem: cut(problem.as_ref()) }
    }

    /// The same place, but about another property: one that is missing there.
    pub(super) fn lacks(&self, property: &str, problem: &str) -> InvalidFeed {
        InvalidFeed { line: self.number, property: property.to_owned(), problem: problem.to_owned() }
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(its, _)| its == name).map(|(_, value)| value.as_str())
    }

    /// Whether it is `name:value`, in whatever case.
    pub(super) fn is(&self, name: &str, value: &str) -> bool {
        self.name == name && self.value.eq_ignore_ascii_case(value)
    }

    /// The value as text for people: escapes resolved, controls left out, and not endless.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let mut rest = self.value.chars();
        while let Some(c) = rest.next() {
            match c {
                '\\' => match rest.next() {
                    Some('n' | 'N') => text.push(' '),
                    Some(escaped) => text.push(escaped),
                    None => {}
                },
                _ => text.push(c),
            }
        }
        text.chars().filter(|c| !c.is_control()).take(TEXT_CHARACTERS_MAX).collect()
    }
}

/// How much of a text is kept.
const TEXT_CHARACTERS_MAX: usize = 200;

/// All lines of a calendar that is whole: from its `BEGIN` to its `END`.
pub(super) fn all(text: &str) -> Result<Vec<Line>, InvalidFeed> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = unfolded(text).into_iter().map(|(number, line)| parsed(number, &line));
    let lines = lines.collect::<Result<Vec<_>, _>>()?;
    if !lines.first().is_some_and(|line| line.is("BEGIN", "VCALENDAR")) {
        return Err(Line::START.wrong("is not an iCalendar: it must begin with BEGIN:VCALENDAR"));
    }
    if let Some(line) = lines.last().filter(|line| !line.is("END", "VCALENDAR")) {
        return Err(line.wrong("the calendar is cut off here: END:VCALENDAR is missing"));
    }
    Ok(lines)
}

/// A line that begins with a blank continues the one before.
fn unfolded(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some((_, last))) => last.push_str(rest),
            _ => lines.push((index + 1, line.to_owned())),
        }
    }
    lines.retain(|(_, line)| !line.trim().is_empty());
    lines
}

fn parsed(number: usize, text: &str) -> Result<Line, InvalidFeed> {
    let name_ends = text.find([':', ';']).unwrap_or(text.len());
    let (name, mut rest) = text.split_at(name_ends);
    let mut line = Line { number, name: name.to_ascii_uppercase(), ..Line::default() };
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !is_name {
        line.name.clear();
        return Err(line.wrong("the line must be NAME:value"));
    }
    while let Some(parameter) = rest.strip_prefix(';') {
        let ends = unquoted(parameter, &[';', ':']);
        let (parameter, after) = parameter.split_at(ends);
        let Some((key, value)) = parameter.split_once('=') else {
            return Err(line.wrong(format!("the parameter `{parameter}` must be NAME=value")));
        };
        line.parameters.push((key.to_ascii_uppercase(), value.replace('"', "")));
        rest = after;
    }
    let Some(value) = rest.strip_prefix(':') else {
        return Err(line.wrong("the colon before the value is missing"));
    };
    value.clone_into(&mut line.value);
    Ok(line)
}

/// Where one of `ends` first stands outside of quotes; the length if nowhere.
fn unquoted(text: &str, ends: &[char]) -> usize {
    let mut is_quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' => is_quoted = !is_quoted,
            _ if !is_quoted && ends.contains(&c) => return at,
            _ => {}
        }
    }
    text.len()
}
