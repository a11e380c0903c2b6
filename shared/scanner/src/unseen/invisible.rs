//! Letters that nobody sees, and letters that turn the direction of writing.

use super::Trick;
use super::region::{Region, Regions};
use crate::change::Source;
use crate::finding::Verdict;
use crate::sighting::Sighting;

const REMEDY: &str = "Remove these characters; where one is needed, write it as an escape such as \\u200b.";

/// How many unseen letters in a row are a hidden message rather than a slip.
const MESSAGE_MIN: usize = 4;

/// What an unseen letter does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unseen {
    /// Turns the direction of what follows.
    Turn,
    /// Marks a direction without turning anything.
    Mark,
    /// Takes no room.
    Nothing,
    /// Looks like a blank and counts as a letter.
    Filler,
    /// Chooses the form of the letter before it.
    Selector,
    /// Chooses the form of a Han letter before it.
    HanSelector,
    /// Letters of a hidden alphabet.
    Tag,
    /// Letters that mean what somebody agreed on.
    Private,
}

fn unseen(letter: char) -> Option<Unseen> {
    if letter.is_ascii() {
        return None;
    }
    Some(match letter {
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => Unseen::Turn,
        '\u{200e}' | '\u{200f}' | '\u{061c}' => Unseen::Mark,
        '\u{200b}'..='\u{200d}'
        | '\u{2060}'..='\u{2064}'
        | '\u{feff}'
        | '\u{180e}'
        | '\u{00ad}'
        | '\u{034f}'
        | '\u{206a}'..='\u{206f}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{1d173}'..='\u{1d17a}' => Unseen::Nothing,
        '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{17b4}' | '\u{17b5}' => Unseen::Filler,
        '\u{fe00}'..='\u{fe0f}' | '\u{180b}'..='\u{180d}' => Unseen::Selector,
        '\u{e0100}'..='\u{e01ef}' => Unseen::HanSelector,
        '\u{e0000}'..='\u{e007f}' => Unseen::Tag,
        '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10fffd}' => Unseen::Private,
        _ => return None,
    })
}

const TURN: Trick = Trick {
    rule: "text.direction",
    verdict: Verdict::Block,
    message: "Unseen characters turn the direction of the writing here: what a person reads is not what the computer \
              runs. This is a known way to smuggle code past a review.",
    remedy: REMEDY,
};
const TURN_IN_TEXT: Trick = Trick {
    rule: "text.direction-in-text",
    verdict: Verdict::Review,
    message: "Unseen characters turn the direction of the writing here. Texts in Arabic or Hebrew may need them; \
              elsewhere they hide something.",
    remedy: REMEDY,
};
const HIDDEN_NAME: Trick = Trick {
    rule: "text.unseen-in-name",
    verdict: Verdict::Block,
    message: "A name in the code holds characters that nobody sees, so two names that look the same are different \
              ones. This is a known way to smuggle code past a review.",
    remedy: REMEDY,
};
const HIDDEN_MESSAGE: Trick = Trick {
    rule: "text.unseen-message",
    verdict: Verdict::Block,
    message: "A row of characters that nobody sees stands here. Hidden programs and hidden orders to AI assistants \
              are written this way.",
    remedy: REMEDY,
};
const STRAY: Trick = Trick {
    rule: "text.unseen",
    verdict: Verdict::Review,
    message: "A character that nobody sees stands in the code here. It can make the code do something other than it \
              seems to.",
    remedy: REMEDY,
};

/// A row of unseen letters, with what stands before and after it.
struct Row {
    start: usize,
    end: usize,
    letters: Vec<(char, Unseen)>,
    before: Option<char>,
    after: Option<char>,
}

pub(super) fn look(source: Source<'_>, regions: &Regions) -> Vec<Sighting> {
    rows(source.text).iter().filter_map(|row| judge(row, source, regions)).collect()
}

fn rows(text: &str) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut before = None;
    let mut is_open = false;
    for (at, letter) in text.char_indices() {
        match unseen(letter) {
            // A mark of the byte order at the beginning is usual.
            Some(Unseen::Nothing) if at == 0 && letter == '\u{feff}' => {}
            Some(kind) => {
                if !is_open {
                    rows.push(Row { start: at, end: at, letters: Vec::new(), before, after: None });
                    is_open = true;
                }
                if let Some(row) = rows.last_mut() {
                    row.letters.push((letter, kind));
                    row.end = at + letter.len_utf8();
                }
                continue;
            }
            None => {}
        }
        if is_open && let Some(row) = rows.last_mut() {
            row.after = Some(letter);
        }
        is_open = false;
        before = Some(letter);
    }
    rows
}

fn judge(row: &Row, source: Source<'_>, regions: &Regions) -> Option<Sighting> {
    let region = regions.at(row.start);
    let count = |kinds: &[Unseen]| row.letters.iter().filter(|(_, kind)| kinds.contains(kind)).count();
    let said = |trick: &Trick| {
        let codes: Vec<_> =
            row.letters.iter().map(|(letter, _)| format!("{:x}", u32::from(*letter))).collect();
        Some(trick.at(row.start..row.end, codes.join(" ")))
    };
    if count(&[Unseen::Turn]) > 0 {
        let is_needed = writes_right_to_left(line(source.text, row.start));
        return match (regions.is_prose(), region, is_needed) {
            (true, _, true) => None,
            (true, _, false) | (false, Region::Literal, true) => said(&TURN_IN_TEXT),
            (false, _, _) => said(&TURN),
        };
    }
    if is_emoji_or_script(row) {
        return None;
    }
    let hidden =
        count(&[Unseen::Selector, Unseen::HanSelector, Unseen::Tag, Unseen::Nothing, Unseen::Filler]);
    if hidden >= MESSAGE_MIN
        || (count(&[Unseen::Tag]) > 0)
        || count(&[Unseen::Selector, Unseen::HanSelector]) > 1
    {
        return said(&HIDDEN_MESSAGE);
    }
    if region != Region::Code || regions.is_prose() {
        return None;
    }
    let is_in_name = [row.before, row.after].iter().flatten().any(|it| it.is_alphanumeric() || *it == '_');
    if count(&[Unseen::Filler]) > 0 || (is_in_name && count(&[Unseen::Nothing]) > 0) {
        return said(&HIDDEN_NAME);
    }
    (count(&[Unseen::Nothing, Unseen::Mark]) > 0).then(|| said(&STRAY)).flatten()
}

/// Whether the row belongs to an emoji, a flag, or a script whose letters are joined by such characters.
fn is_emoji_or_script(row: &Row) -> bool {
    let is_pictured = |letter: Option<char>| {
        letter.is_some_and(|it| {
            matches!(u32::from(it), 0x1f000..=0x1faff | 0x2190..=0x2bff | 0x3030 | 0x303d | 0x3297 | 0x3299 | 0xa9 | 0xae | 0x203c | 0x2049 | 0x2122 | 0x2139 | 0x20e3 | 0x30..=0x39 | 0x23 | 0x2a)
        })
    };
    let joins = row.letters.len() <= 3
        && row.letters.iter().all(|(it, _)| matches!(it, '\u{fe0e}' | '\u{fe0f}' | '\u{200d}'));
    let is_flag = row.before == Some('\u{1f3f4}')
        && row.letters.len() <= 8
        && row.letters.iter().all(|(_, kind)| *kind == Unseen::Tag)
        && row.letters.last().is_some_and(|(it, _)| *it == '\u{e007f}');
    let is_han = row.letters.len() == 1
        && row.letters[0].1 == Unseen::HanSelector
        && row
            .before
            .is_some_and(|it| matches!(u32::from(it), 0x3400..=0x9fff | 0xf900..=0xfaff | 0x20000..=0x3ffff));
    let is_joined = row.letters.len() <= 2
        && row.letters.iter().all(|(_, kind)| {
            matches!(kind, Unseen::Nothing | Unseen::Mark | Unseen::Selector | Unseen::Filler)
        })
        && [row.before, row.after].iter().flatten().any(|it| needs_joiners(*it));
    (joins && (is_pictured(row.before) || is_pictured(row.after))) || is_flag || is_han || is_joined
}

/// Scripts from Hebrew to Mongolian and Hangul's parts, whose letters are joined and parted by unseen ones.
fn needs_joiners(letter: char) -> bool {
    matches!(u32::from(letter), 0x0590..=0x18af | 0xa800..=0xabff | 0xfb1d..=0xfdff | 0xfe70..=0xfefc | 0x1a00..=0x1cff)
}

fn writes_right_to_left(line: &str) -> bool {
    line.chars().any(|it| matches!(u32::from(it), 0x0590..=0x08ff | 0xfb1d..=0xfdff | 0xfe70..=0xfefc))
}

fn line(text: &str, at: usize) -> &str {
    let start = text[..at].rfind('\n').map_or(0, |it| it + 1);
    let end = text[at..].find('\n').map_or(text.len(), |it| at + it);
    &text[start..end]
}
