//! Tokens that no letters begin or stand beside, and that only their shape tells: those of Discord's bots, three parts
//! joined by dots, of which the first is the bot's number in base64.

use super::{Kind, Secret, value};
use crate::change::Source;
use crate::finding::Confidence;

/// How long the parts are, in bytes.
const FIRST: std::ops::RangeInclusive<usize> = 24..=28;
const MIDDLE: usize = 6;
const LAST: std::ops::RangeInclusive<usize> = 27..=38;

/// The least entropy of a last part that was not made up, in bits for each byte.
const ENTROPY_MIN: f64 = 3.8;

/// The tokens in a text.
pub(super) fn look(source: Source<'_>) -> Vec<Secret> {
    let bytes = source.text.as_bytes();
    let is_fixture = value::is_fixture(source.path);
    let mut found = Vec::new();
    for (at, _) in source.text.match_indices('.') {
        let next = at + 1 + MIDDLE;
        if bytes.get(next) != Some(&b'.') || !bytes[at + 1..next].iter().all(|it| is_token_byte(*it)) {
            continue;
        }
        let first =
            bytes[..at].iter().rev().take(FIRST.end() + 1).take_while(|it| is_token_byte(**it)).count();
        let last = bytes[next + 1..].iter().take(LAST.end() + 1).take_while(|it| is_token_byte(**it)).count();
        if !FIRST.contains(&first) || !LAST.contains(&last) {
            continue;
        }
        let place = at - first..next + 1 + last;
        let confidence = confidence(&bytes[at - first..at], &source.text[next + 1..place.end]);
        let confidence = if is_fixture { confidence.map(|_| Confidence::Medium) } else { confidence };
        found.extend(confidence.map(|confidence| Secret {
            kind: Kind::Token("discord-bot-token"),
            confidence,
            place,
        }));
    }
    found
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn confidence(first: &[u8], last: &str) -> Option<Confidence> {
    let has = |is: fn(&u8) -> bool| last.bytes().any(|it| is(&it));
    let is_mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit);
    // In base64 a digit's first half is one of these.
    if !is_mixed || value::entropy(last) < ENTROPY_MIN || !matches!(first[0], b'M' | b'N' | b'O') {
        return None;
    }
    let number = data_encoding::BASE64_NOPAD.decode(first);
    let is_number = number.is_ok_and(|it| it.iter().all(u8::is_ascii_digit));
    Some(if is_number { Confidence::High } else { Confidence::Medium })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[Confidence]) {
        let found = look(Source { path: "src/a.ts", text });
        assert_eq!(found.iter().map(|it| it.confidence).collect::<Vec<_>>(), expected, "{text}");
    }

    #[test]
    fn a_bot_is_told_by_its_number() {
        let number = data_encoding::BASE64_NOPAD.encode(b"198622483471925248");
        let token = format!("{number}.{}.{}", "Cl2FMQ", "ZnCjm1XVW7vRze4b7Cq4se7kKWs");
        check(&format!("client.login('{token}');"), &[Confidence::High]);
        let other = token.replacen(&number, "MZ1yGvKTjE0rY0cV8i47CjAa", 1);
        check(&format!("client.login('{other}');"), &[Confidence::Medium]);
    }

    #[test]
    fn other_names_with_dots_are_silent() {
        for text in [
            "MyVeryLongNameOfSomeModule.config.someOtherVeryLongNameOfAThing",
            "eyJhbGciOiJIUzI1NiIsInR5cCI6.eyJzdW.k3J9xQ2mZp7VtLw8RnYb4cD6fGhS1aEu5iOq",
            "a.b.c.d..e.......f",
            "198.622.483.471925.248",
        ] {
            check(text, &[]);
        }
    }
}
