//! What obfuscators write. Minified code is not scrambled: its names are short, but its words stand in clear.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use regex::bytes::{Regex, RegexBuilder};

use super::Trick;
use crate::change::{Source, ending};
use crate::finding::Verdict;
use crate::sighting::Sighting;

const REMEDY: &str = "Put the readable source in its place, or remove it.";

const SCRAMBLED: Trick = Trick {
    rule: "obfuscated.scrambled",
    verdict: Verdict::Block,
    message: "This code was made unreadable on purpose. Nobody can say what it does to the business's data, and \
              malicious code looks like this.",
    remedy: REMEDY,
};

/// Files that are run in browsers or by Node.
const SCRIPTS: &[&str] =
    &["js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx", "html", "htm", "vue", "svelte", "astro"];

/// Something that only obfuscators write, and how often it must stand in a file to be one's work.
struct Mark {
    /// Texts of which one is in every such place; the file is read once for those of all marks.
    hints: &'static [&'static str],
    form: LazyLock<Regex>,
    least: usize,
}

macro_rules! mark {
    ($least:literal, $hints:expr, $form:literal) => {
        Mark { hints: $hints, form: LazyLock::new(|| form($form)), least: $least }
    };
}

static MARKS: [Mark; 10] = [
    // Names like _0x3f2a1b.
    mark!(6, &["_0x"], r"\b_0x[0-9a-f]{4,8}\b"),
    // The sum that a rotated list of words is checked with.
    mark!(3, &["parseInt("], r"parseInt\(\s*\w+\(\s*[^()]{1,60}\)\s*\)\s*/\s*\(?-?(?:0x[0-9a-f]+|\d+)"),
    // The rotation itself.
    mark!(
        1,
        &["shift", "!![]"],
        r#"(?:\[['"]push['"]\]|\.push)\(\s*\w+(?:\[['"]shift['"]\]|\.shift)\(\)\s*\)[\s\S]{0,200}\}\s*catch|while\s*\(\s*!!\[\]\s*\)\s*\{?\s*try"#
    ),
    // An alphabet with the small letters first, as their decoders have it.
    mark!(
        1,
        &["XYZ0123456789+/="],
        r"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789\+/=['\x22;]"
    ),
    // Numbers as sums of hexadecimal ones.
    mark!(6, &["0x"], r"-?\b0x[0-9a-f]+\s*[*+-]\s*-?0x[0-9a-f]+\s*[*+-]+\s*-?0x[0-9a-f]+"),
    // A packer's head.
    mark!(
        1,
        &["function(p", "function (p"],
        r"\beval\s*\(\s*function\s*\(\s*p\s*,\s*a\s*,\s*c\s*,\s*k\s*,\s*e\s*,"
    ),
    // Code of six letters, of currency signs, of faces.
    mark!(1, &["![]", "[+"], r"[\[\]()!+]{200}"),
    mark!(1, &["~[]", "~ []"], r"\$\s*=\s*~\s*\[\]\s*;\s*\$\s*=\s*\{\s*___"),
    mark!(1, &["ﾟωﾟﾉ"], "ﾟωﾟﾉ\\s*="),
    // Words that are written letter by letter in codes.
    mark!(12, &["\\x"], r#"['"](?:\\x[2-7][0-9a-f]){4,}['"]"#),
];

/// An expression over bytes: what obfuscators write is plain letters, and those are read fastest.
fn form(written: &str) -> Regex {
    RegexBuilder::new(written).unicode(false).build().expect("a test compiles it")
}

/// The hints of all marks, and the mark of each.
static HINTS: LazyLock<(AhoCorasick, Vec<usize>)> = LazyLock::new(|| {
    let all = MARKS.iter().enumerate().flat_map(|(at, mark)| mark.hints.iter().map(move |it| (*it, at)));
    let (hints, owners): (Vec<_>, Vec<_>) = all.unzip();
    (AhoCorasick::new(hints).expect("a test builds it"), owners)
});

/// How many members reached by a word in brackets are many, and which share of all members.
const COMPUTED_MIN: usize = 20;
const COMPUTED_SHARE: usize = 2;

static COMPUTED: LazyLock<Regex> = LazyLock::new(|| form(r#"[\w)\]]\[['"][A-Za-z_$][\w$]*['"]\]"#));
static DOTTED: LazyLock<Regex> = LazyLock::new(|| form(r"[\w)\]]\.[A-Za-z_$]"));
static SMALL_HEX: LazyLock<Regex> = LazyLock::new(|| form(r"(?:^|[^\w.])0x(?:0|[1-9a-f][0-9a-f]{0,3})\b"));
static DECIMAL: LazyLock<Regex> = LazyLock::new(|| form(r"(?:^|[^\w.])[0-9]+\b"));

pub(super) fn look(source: Source<'_>) -> Option<Sighting> {
    let Source { path, text } = source;
    if !SCRIPTS.contains(&ending(path).as_str()) {
        return None;
    }
    let place = marked(text).or_else(|| by_density(text))?;
    // One for each file, recognised by the file: another scrambling of it is still the same trouble.
    Some(SCRAMBLED.at(place, String::new()))
}

fn marked(text: &str) -> Option<std::ops::Range<usize>> {
    let (words, owners) = &*HINTS;
    let mut counts = [0; MARKS.len()];
    for word in words.find_overlapping_iter(text) {
        counts[owners[word.pattern().as_usize()]] += 1;
    }
    let likely = MARKS.iter().zip(counts).filter(|(mark, count)| *count >= mark.least);
    likely.map(|(mark, _)| mark).find_map(|mark| {
        let hits: Vec<_> = mark.form.find_iter(text.as_bytes()).take(mark.least).collect();
        (hits.len() >= mark.least).then(|| hits[0].range())
    })
}

/// Members by words in brackets, and small numbers in hexadecimal, as no person and no minifier writes them.
fn by_density(text: &str) -> Option<std::ops::Range<usize>> {
    let bytes = text.as_bytes();
    if text.contains("['") || text.contains("[\"") {
        let computed = COMPUTED.find_iter(bytes).count();
        if computed >= COMPUTED_MIN && computed >= DOTTED.find_iter(bytes).count() * COMPUTED_SHARE {
            return COMPUTED.find(bytes).map(|it| it.range());
        }
    }
    if text.contains("0x0") || text.contains("0x1") {
        let small = SMALL_HEX.find_iter(bytes).count();
        let longest = text.lines().map(str::len).max().unwrap_or(0);
        if small >= 12 && small >= DECIMAL.find_iter(bytes).count() * 9 && longest > 400 {
            return SMALL_HEX.find(bytes).map(|it| it.range());
        }
    }
    None
}
