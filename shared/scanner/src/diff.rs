//! Reads a text diff, as git writes it, into the change that it shows.
//!
//! What a hunk has is told by the counts in its head, never by how a line begins: a line `+++ x` inside of a hunk is an
//! added line. What does not add up is an error, so that nothing hides behind it. Only the lines of hunks are known;
//! the lines between them are blank, which keeps the numbers of lines true.

mod name;

use crate::change::{ChangeSet, ChangedFile, Content, Origin};

/// How many lines a file may have that a diff shows a part of; it bounds what the blanks take.
const LINES_MAX: usize = 1_000_000;

/// How many lines a diff may leave out of all its files together: each takes a byte.
const BLANKS_MAX: usize = 50_000_000;

/// Why a text is not a diff that can be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct InvalidDiff {
    /// The line of the diff, from 1.
    pub line: usize,
    /// What does not add up there.
    pub problem: &'static str,
}

/// Reads a diff. Text before the first file, such as a commit's message, is passed over.
///
/// # Errors
///
/// The diff is cut off or its counts do not fit its lines: make it anew with `git diff`.
pub fn parse(bytes: &[u8]) -> Result<ChangeSet, InvalidDiff> {
    let mut lines =
        Reader { lines: bytes.split_inclusive(|byte| *byte == b'\n').collect(), at: 0, blanks: 0 };
    let mut files = Vec::new();
    while let Some(line) = lines.peek() {
        if line.starts_with(b"diff --git ") || (line.starts_with(b"--- ") && lines.is_plain_head()) {
            files.push(file(&mut lines)?);
        } else if line.starts_with(b"diff --cc ") || line.starts_with(b"diff --combined ") {
            return Err(lines.wrong("a diff of a merge does not show the whole change"));
        } else if line.starts_with(b"@@ ") {
            return Err(lines.wrong("these lines belong to no file"));
        } else {
            lines.at += 1;
        }
    }
    let is_empty = bytes.iter().all(u8::is_ascii_whitespace);
    if files.is_empty() && !is_empty {
        return Err(InvalidDiff { line: 1, problem: "this is not a diff" });
    }
    Ok(ChangeSet::of(Origin::Hunks, files))
}

struct Reader<'a> {
    lines: Vec<&'a [u8]>,
    at: usize,
    /// How many lines were left out so far.
    blanks: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<&'a [u8]> {
        self.lines.get(self.at).copied()
    }

    /// Whether a diff without git's own line begins here.
    fn is_plain_head(&self) -> bool {
        self.lines.get(self.at + 1).is_some_and(|it| it.starts_with(b"+++ "))
            && self.lines.get(self.at + 2).is_some_and(|it| it.starts_with(b"@@ "))
    }

    fn wrong(&self, problem: &'static str) -> InvalidDiff {
        InvalidDiff { line: self.at + 1, problem }
    }
}

/// What the lines before the hunks say of a file.
#[derive(Default)]
struct Head {
    paths: Option<(String, String)>,
    mode_before: Option<u32>,
    mode_after: Option<u32>,
    is_new: bool,
    is_gone: bool,
    is_binary: bool,
}

fn file(lines: &mut Reader<'_>) -> Result<ChangedFile, InvalidDiff> {
    let mut head = Head::default();
    if let Some(rest) = lines.peek().and_then(|line| line.strip_prefix(b"diff --git ")) {
        head.paths = name::both(trimmed(rest));
        lines.at += 1;
    }
    header(lines, &mut head)?;
    let mut sides = Sides::default();
    while lines.peek().is_some_and(|line| line.starts_with(b"@@ ")) {
        hunk(lines, &mut sides)?;
    }
    let (from, to) = head.paths.ok_or_else(|| lines.wrong("the file's name cannot be read"))?;
    let mode = head.mode_before.or(head.mode_after).unwrap_or(0o100_644);
    if head.is_binary && sides.after.bytes.is_empty() {
        // Its content is not shown; a byte that no text has stands for it.
        sides.after.bytes.push(0);
        sides.before.bytes.extend([0, 0]);
    }
    let before = Content { mode, bytes: sides.before.bytes };
    let after = Content { mode: head.mode_after.unwrap_or(mode), bytes: sides.after.bytes };
    Ok(ChangedFile {
        path: if head.is_gone { from.clone() } else { to.clone() },
        moved_from: (!head.is_new && !head.is_gone && from != to).then_some(from),
        before: (!head.is_new).then_some(before),
        after: (!head.is_gone).then_some(after),
    })
}

/// Reads the lines up to the first hunk or the next file.
fn header(lines: &mut Reader<'_>, head: &mut Head) -> Result<(), InvalidDiff> {
    let (mut from, mut to) = (None, None);
    while let Some(line) = lines.peek() {
        if line.starts_with(b"@@ ") || line.starts_with(b"diff --") {
            break;
        }
        let text = trimmed(line);
        let after = |prefix: &str| text.strip_prefix(prefix.as_bytes());
        if let Some(mode) = after("new file mode ") {
            head.is_new = true;
            head.mode_after = Some(octal(lines, mode)?);
        } else if let Some(mode) = after("deleted file mode ") {
            head.is_gone = true;
            head.mode_before = Some(octal(lines, mode)?);
        } else if let Some(mode) = after("old mode ") {
            head.mode_before = Some(octal(lines, mode)?);
        } else if let Some(mode) = after("new mode ") {
            head.mode_after = Some(octal(lines, mode)?);
        } else if let Some(index) = after("index ") {
            if let Some(at) = index.iter().position(|byte| *byte == b' ') {
                head.mode_before = Some(octal(lines, &index[at + 1..])?);
            }
        } else if let Some(path) = after("rename from ").or(after("copy from ")) {
            from = name::one(path);
        } else if let Some(path) = after("rename to ").or(after("copy to ")) {
            to = name::one(path);
        } else if let Some(path) = after("--- ") {
            head.is_new |= name::is_nothing(path);
            from = name::side(path).or(from);
        } else if let Some(path) = after("+++ ") {
            head.is_gone |= name::is_nothing(path);
            to = name::side(path).or(to);
        } else if after("Binary files ").is_some() || after("GIT binary patch").is_some() {
            head.is_binary = true;
            skip_binary(lines);
            break;
        } else if !(after("similarity ").is_some() || after("dissimilarity ").is_some()) {
            break;
        }
        lines.at += 1;
    }
    let named = match (from, to) {
        (Some(from), Some(to)) => Some((from, to)),
        (Some(path), None) | (None, Some(path)) => Some((path.clone(), path)),
        (None, None) => None,
    };
    head.paths = named.or(head.paths.take());
    Ok(())
}

/// Passes over what stands for bytes that are not shown.
fn skip_binary(lines: &mut Reader<'_>) {
    while lines.peek().is_some_and(|line| !line.starts_with(b"diff --")) {
        lines.at += 1;
    }
}

fn octal(lines: &Reader<'_>, text: &[u8]) -> Result<u32, InvalidDiff> {
    let text = std::str::from_utf8(text).ok();
    text.and_then(|it| u32::from_str_radix(it, 8).ok())
        .ok_or_else(|| lines.wrong("a file's mode cannot be read"))
}

/// One side of a file as far as it is known.
#[derive(Default)]
struct Side {
    bytes: Vec<u8>,
    lines: usize,
}

#[derive(Default)]
struct Sides {
    before: Side,
    after: Side,
}

impl Side {
    /// Blank lines up to where a hunk begins, and `blanks` of the whole diff.
    fn fill(&mut self, start: usize, blanks: &mut usize) -> Result<(), &'static str> {
        let until = start.saturating_sub(1);
        if until < self.lines {
            return Err("this part begins before the end of the one before it");
        }
        if until > LINES_MAX {
            return Err("the file has more lines than are read");
        }
        *blanks += until - self.lines;
        if *blanks > BLANKS_MAX {
            return Err("the files have more lines together than are read");
        }
        self.bytes.resize(self.bytes.len() + until - self.lines, b'\n');
        self.lines = until;
        Ok(())
    }

    fn push(&mut self, line: &[u8]) {
        self.bytes.extend_from_slice(line);
        self.lines += 1;
    }

    fn drop_line_end(&mut self) {
        if self.bytes.last() == Some(&b'\n') {
            self.bytes.pop();
        }
    }
}

/// Reads one hunk: exactly as many lines as its head says.
fn hunk(lines: &mut Reader<'_>, sides: &mut Sides) -> Result<(), InvalidDiff> {
    let head = lines.peek().unwrap_or_default();
    let ((start_before, mut before), (start_after, mut after)) =
        ranges(head).ok_or_else(|| lines.wrong("the head of this part cannot be read"))?;
    // Where a side has no lines, its start names the line before.
    let begin = |start: usize, count: usize| if count == 0 { start + 1 } else { start };
    sides.before.fill(begin(start_before, before), &mut lines.blanks).map_err(|it| lines.wrong(it))?;
    sides.after.fill(begin(start_after, after), &mut lines.blanks).map_err(|it| lines.wrong(it))?;
    lines.at += 1;
    let mut last = b' ';
    loop {
        let line = lines.peek().unwrap_or_default();
        if line.starts_with(b"\\") {
            if last != b'+' {
                sides.before.drop_line_end();
            }
            if last != b'-' {
                sides.after.drop_line_end();
            }
            lines.at += 1;
            continue;
        }
        if before == 0 && after == 0 {
            return Ok(());
        }
        let cut = || lines.wrong("the diff has fewer lines here than it says");
        // Editors and mail strip the blank from empty context lines.
        let (kind, rest) = match line {
            [] => return Err(cut()),
            [b'\n'] | [b'\r', b'\n'] => (b' ', line),
            [kind, rest @ ..] => (*kind, rest),
        };
        let (takes_before, takes_after) = match kind {
            b' ' => (1, 1),
            b'-' => (1, 0),
            b'+' => (0, 1),
            _ => return Err(lines.wrong("this line is neither old nor new")),
        };
        before = before.checked_sub(takes_before).ok_or_else(cut)?;
        after = after.checked_sub(takes_after).ok_or_else(cut)?;
        if takes_before == 1 {
            sides.before.push(rest);
        }
        if takes_after == 1 {
            sides.after.push(rest);
        }
        last = kind;
        lines.at += 1;
    }
}

type Span = (usize, usize);

/// The two ranges of a hunk's head, `@@ -1,2 +3,4 @@`: start and count each.
fn ranges(head: &[u8]) -> Option<(Span, Span)> {
    let text = String::from_utf8_lossy(head);
    let mut words = text.strip_prefix("@@ ")?.split(' ');
    let before = range(words.next()?.strip_prefix('-')?)?;
    let after = range(words.next()?.strip_prefix('+')?)?;
    words.next()?.starts_with("@@").then_some((before, after))
}

fn range(text: &str) -> Option<Span> {
    let (start, count) = text.split_once(',').unwrap_or((text, "1"));
    let (start, count): Span = (start.parse().ok()?, count.parse().ok()?);
    (start <= LINES_MAX && count <= LINES_MAX).then_some((start, count))
}

fn trimmed(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\n").map_or(line, |line| line.strip_suffix(b"\r").unwrap_or(line))
}

#[cfg(test)]
mod tests;
