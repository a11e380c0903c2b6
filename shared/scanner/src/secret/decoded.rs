//! What is wrapped in base64, hex or escapes, looked at again.

use std::ops::Range;

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};

use super::{secrets, sighting};
use crate::change::{Source, is_code};
use crate::finding::{Category, Confidence, Gate, Severity, Verdict};
use crate::sighting::Sighting;

/// How short an encoded text may be to be looked into, and how long.
const RUN_MIN: usize = 24;
const RUN_MAX: usize = 256 * 1024;

/// What code says that nobody needs to wrap, unless to hide it.
const CODE_WORDS: &[&str] = &[
    "child_process",
    "eval(",
    "new Function(",
    "require(",
    "process.env",
    "execSync(",
    "/bin/sh",
    "/bin/bash",
    "powershell",
    "Invoke-Expression",
    "curl -",
    "wget http",
    "XMLHttpRequest",
    "document.cookie",
    "fetch(\"http",
    "fetch('http",
    "os.system(",
    "subprocess.",
];

/// The secrets and the code in encoded parts of a text; `budget` bounds how many bytes are decoded in all.
pub(super) fn look(source: Source<'_>, depth: usize, budget: &mut usize) -> Vec<Sighting> {
    let mut seen = Vec::new();
    if depth == 0 {
        return seen;
    }
    for (place, plain) in runs(source.text) {
        if plain.len() > *budget {
            break;
        }
        *budget -= plain.len();
        let inner = Source { path: source.path, text: &plain };
        let found = secrets(inner).into_iter().map(|it| sighting(&it, &plain[it.place.clone()]));
        let deeper = look(inner, depth - 1, budget);
        let code = is_code(source.path).then(|| hidden_code(&plain)).flatten();
        // What is inside of it stands where the wrapped text stands.
        let outer = found.chain(deeper).chain(code).map(|it| Sighting { place: place.clone(), ..it });
        seen.extend(outer);
    }
    seen
}

/// The code that stands in a decoded text.
fn hidden_code(plain: &str) -> Option<Sighting> {
    let words = CODE_WORDS.iter().filter(|it| plain.contains(*it)).count();
    (words > 0).then(|| Sighting {
        gate: Gate::Security,
        rule: "obfuscated.encoded-code",
        category: Category::Obfuscated,
        verdict: if words > 1 { Verdict::Block } else { Verdict::Review },
        severity: Severity::High,
        confidence: if words > 1 { Confidence::High } else { Confidence::Medium },
        place: 0..0,
        via: Vec::new(),
        message: "A program is hidden in this text: it is encoded so that nobody reads what it does. Honest code has \
                  no reason for that; malicious code has."
            .to_owned(),
        remedy: "Write what it does as plain code, or remove it.".to_owned(),
        identity: plain.to_owned(),
    })
}

/// The encoded parts of a text that become readable text when decoded.
fn runs(text: &str) -> Vec<(Range<usize>, String)> {
    let bytes = text.as_bytes();
    let mut runs = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'\\' {
            let (end, plain) = unescaped(bytes, at);
            if plain.len() >= RUN_MIN / 4 {
                runs.extend(readable(plain).map(|it| (at..end, it)));
            }
            at = end.max(at + 1);
        } else if is_coded(bytes[at]) {
            let length = bytes[at..].iter().take_while(|it| is_coded(**it)).count();
            if (RUN_MIN..=RUN_MAX).contains(&length) {
                let plain = decode(&bytes[at..at + length]).and_then(readable);
                runs.extend(plain.map(|it| (at..at + length, it)));
            }
            at += length;
        } else {
            at += 1;
        }
    }
    runs
}

fn is_coded(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

fn decode(run: &[u8]) -> Option<Vec<u8>> {
    if run.iter().all(u8::is_ascii_hexdigit) {
        let even = run.len() - run.len() % 2;
        return HEXLOWER_PERMISSIVE.decode(&run[..even]).ok();
    }
    // Whole groups of four, as far as they go, tell enough; the first few show whether it is text at all.
    let coding =
        if run.iter().any(|it| matches!(it, b'-' | b'_')) { &BASE64URL_NOPAD } else { &BASE64_NOPAD };
    let whole = if run.len() % 4 == 1 { run.len() - 1 } else { run.len() };
    let start = coding.decode(&run[..RUN_MIN.min(whole) / 4 * 4]).ok()?;
    if !start.iter().all(|byte| is_plain(*byte)) {
        return None;
    }
    // Bits left over in the last letters are no reason to look away.
    coding.decode(&run[..whole]).or_else(|_| coding.decode(&run[..whole / 4 * 4])).ok()
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() || matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

/// The text that bytes are, if all of them are plain letters.
fn readable(bytes: Vec<u8>) -> Option<String> {
    let is_readable = !bytes.is_empty() && bytes.iter().all(|byte| is_plain(*byte));
    if is_readable { String::from_utf8(bytes).ok() } else { None }
}

/// A run of escapes such as `\x70` and `\u0070`, decoded, and where it ends.
fn unescaped(bytes: &[u8], start: usize) -> (usize, Vec<u8>) {
    let mut plain = Vec::new();
    let mut at = start;
    while bytes.get(at) == Some(&b'\\') {
        let digits = match bytes.get(at + 1) {
            Some(b'x') => 2,
            Some(b'u') => 4,
            _ => break,
        };
        let code = bytes.get(at + 2..at + 2 + digits).and_then(|it| std::str::from_utf8(it).ok());
        let Some(code) = code.and_then(|it| u8::try_from(u32::from_str_radix(it, 16).ok()?).ok()) else {
            break;
        };
        plain.push(code);
        at += 2 + digits;
    }
    (at, plain)
}
