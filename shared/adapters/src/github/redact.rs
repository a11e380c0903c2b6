//! Takes out of texts for people what leads back to an installation. Pure.
//!
//! ```text
//! text ─▶ secrets ─▶ e-mail addresses ─▶ names in paths ─▶ hosts and addresses of the network ─▶ marks of our own
//! ```
//!
//! It goes by form, so it takes a few harmless words with it rather than leave a name. What a gate knows as a secret
//! does not stand in findings at all; the forms here catch what people paste into a title or a description.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// Longest text, in characters; GitHub takes 65,536.
const TEXT_MAX: usize = 60_000;

const CUT: &str = "\n\n*The rest was left out: GitHub takes no longer text.*\n";

/// What must not leave an installation.
#[derive(Debug, Clone, Default)]
pub struct Redaction {
    names: Vec<String>,
}

/// A pattern that is written here.
fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern of this file is one")
}

static PRIVATE_KEY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)")
});

/// The forms that most providers give their tokens, and what stands before an `@` in an address of the web.
static TOKEN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?x)\b(?:
            gh[pousr]_[A-Za-z0-9]{10,} | github_pat_\w{10,} | glpat-[\w-]{10,} | npm_[A-Za-z0-9]{20,}
          | sk-[A-Za-z0-9][\w-]{9,} | [rsp]k[_-](?:live|test)[_-]\w{10,} | xox[a-z]-[\w-]{10,} | xapp-[\w-]{10,}
          | (?:AKIA|ASIA)[0-9A-Z]{16} | AIza[\w-]{35} | eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?
        )",
    )
});

static LOGIN: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b([A-Za-z][A-Za-z0-9+.-]*://)[^\s/@\[]+@"));

static EMAIL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"[\w.%+'-]*[\w%+-]@(?:[\w-]+\.)+\p{Alphabetic}[\p{Alphabetic}\d-]*\p{Alphabetic}")
});

static HOME: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(/(?:home|Users)/|\b[A-Za-z]:\\Users\\)[^\s/\\:"'<>`\[]+"#));

/// What the common systems call machines that nobody named.
static MACHINE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(?:(?i:DESKTOP|LAPTOP|WORKSTATION)-[A-Za-z0-9-]{2,}|WIN-[A-Z0-9]{6,}|(?i:ip)(?:-\d{1,3}){4})\b",
    )
});

/// Names that only mean something in a network of one's own.
static INSIDE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)\b(?:[a-z0-9_-]+\.)+(?:local|lan|internal|intranet|corp|home|localdomain|arpa)\b")
});

static IPV4: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b(?:\d{1,3}\.){3}\d{1,3}\b"));

static IPV6: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)[0-9a-f]*:[0-9a-f:]*:[0-9a-f:.]*[0-9a-f]"));

const SECRET: &str = "[secret]";
const HOST: &str = "[host]";

impl Redaction {
    /// With names that are to go wherever they stand, such as those of the installation's machines and domains.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        let mut names: Vec<_> = names.into_iter().filter(|name| !name.trim().is_empty()).collect();
        // A name that is the beginning of another goes after it.
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        Self { names }
    }

    /// The text without what must not leave.
    pub fn text(&self, text: &str) -> String {
        let text: String = text.chars().filter(|it| matches!(it, '\n' | '\t') || !is_hidden(*it)).collect();
        let text = self.redact(&text);
        match text.char_indices().nth(TEXT_MAX) {
            Some((end, _)) => format!("{}{CUT}", &text[..end]),
            None => text,
        }
    }

    /// The same as one line of at most so many characters.
    pub fn line(&self, text: &str, chars_max: usize) -> String {
        let words: Vec<_> = text.split_whitespace().collect();
        let line = self.text(&words.join(" "));
        match line.char_indices().nth(chars_max) {
            Some(_) => line.chars().take(chars_max.saturating_sub(1)).chain(['…']).collect(),
            None => line,
        }
    }

    fn redact(&self, text: &str) -> String {
        let text = PRIVATE_KEY.replace_all(text, SECRET);
        let text = TOKEN.replace_all(&text, SECRET);
        let text = LOGIN.replace_all(&text, format!("${{1}}{SECRET}@"));
        let text = EMAIL.replace_all(&text, "[e-mail address]");
        let mut text = HOME.replace_all(&text, "${1}[name]").into_owned();
        for name in &self.names {
            text = without_name(&text, name);
        }
        let text = MACHINE.replace_all(&text, machine);
        let text = inside(&text);
        let text = IPV4.replace_all(&text, ipv4);
        // Comments of HTML are how our own texts are found again.
        ipv6(&text).replace("<!--", "&lt;!--")
    }
}

/// Whether readers do not see the letter, or see others in another order because of it.
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn machine(found: &Captures<'_>) -> String {
    let name = &found[0];
    let rest = name.split_once('-').map_or("", |(_, rest)| rest);
    // "laptop-friendly" names no machine.
    let is_word = rest.chars().all(|it| it.is_ascii_lowercase() || it == '-');
    if is_word { name.to_owned() } else { HOST.to_owned() }
}

fn ipv4(found: &Captures<'_>) -> String {
    let is_anybodys = |it: Ipv4Addr| it.is_loopback() || it.is_unspecified() || it.is_broadcast();
    match found[0].parse() {
        Ok(address) if !is_anybodys(address) => HOST.to_owned(),
        Ok(_) | Err(_) => found[0].to_owned(),
    }
}

/// Puts the word for a host in place of what is found, where `is_host` says so of it and the text around it.
fn replace(text: &str, expression: &Regex, is_host: impl Fn(&str, &str, &str) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut end = 0;
    for found in expression.find_iter(text) {
        let (before, after) = (&text[..found.start()], &text[found.end()..]);
        out.push_str(&text[end..found.start()]);
        out.push_str(if is_host(before, found.as_str(), after) { HOST } else { found.as_str() });
        end = found.end();
    }
    out.push_str(&text[end..]);
    out
}

fn ends_word(text: &str) -> bool {
    !text.ends_with(|it: char| it.is_alphanumeric() || matches!(it, '_' | '-'))
}

fn starts_word(text: &str) -> bool {
    !text.starts_with(|it: char| it.is_alphanumeric() || matches!(it, '_' | '-'))
}

fn without_name(text: &str, name: &str) -> String {
    let Ok(expression) = Regex::new(&format!("(?i){}", regex::escape(name))) else {
        return text.to_owned();
    };
    replace(text, &expression, |before, _, after| ends_word(before) && starts_word(after))
}

/// `.env.local` and `settings.local.json` are files.
fn inside(text: &str) -> String {
    replace(text, &INSIDE, |before, _, after| {
        let goes_on = after.strip_prefix('.').is_some_and(|it| it.starts_with(char::is_alphanumeric));
        !before.ends_with('.') && !goes_on
    })
}

fn ipv6(text: &str) -> String {
    replace(text, &IPV6, |before, found, after| {
        // `a::b` is a path in some languages: a short one is left.
        let is_long = found.split(':').filter(|it| !it.is_empty()).count() >= 3;
        let address: Option<Ipv6Addr> = found.parse().ok();
        is_long && ends_word(before) && starts_word(after) && address.is_some_and(|it| !it.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[(&str, &str)] = &[
        ("Ask ada.lovelace+shop@example.co.uk.", "Ask [e-mail address]."),
        ("müller@käse.example", "[e-mail address]"),
        ("uses lodash@4.17.21 and @types/node", "uses lodash@4.17.21 and @types/node"),
        ("seen on DESKTOP-4F7QK2L", "seen on [host]"),
        ("on laptop-ada1 and Workstation-07", "on [host] and [host]"),
        ("a laptop-friendly, win-win layout", "a laptop-friendly, win-win layout"),
        ("WIN-9K2LMQ1PTAB", "[host]"),
        ("ip-10-0-12-7 answered", "[host] answered"),
        ("http://db01.prod.internal:5432/shop", "http://[host]:5432/shop"),
        ("printer.local, nas.home", "[host], [host]"),
        ("in .env.local and settings.local.json", "in .env.local and settings.local.json"),
        ("192.168.7.20:8080 and 203.0.113.9", "[host]:8080 and [host]"),
        ("127.0.0.1 and 0.0.0.0", "127.0.0.1 and 0.0.0.0"),
        ("version 1.2.3 and 999.1.1.1", "version 1.2.3 and 999.1.1.1"),
        ("[2001:db8::1:2]:80", "[[host]]:80"),
        ("std::env::var, a::b, 12:30:45, ::1", "std::env::var, a::b, 12:30:45, ::1"),
        ("token ghp_abcdefghijklmnop1234", "token [secret]"),
        ("AKIAIOSFODNN7EXAMPLE", "[secret]"),
        ("postgres://shop:pa55@db/shop", "postgres://[secret]@db/shop"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nx", "[secret]\nx"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE", "[secret]"),
        ("/home/ada/shop and C:\\Users\\ada\\shop", "/home/[name]/shop and C:\\Users\\[name]\\shop"),
        ("runs on Kiosk-3, shop.example.com", "runs on [host], [host]"),
        ("kiosk-33 and workshop.example.com", "kiosk-33 and workshop.example.com"),
        ("<!-- slipway: findings -->", "&lt;!-- slipway: findings -->"),
        ("a\u{202e}b\u{0}c\r\nd", "abc\nd"),
        ("https://docs.example.org/guide#top", "https://docs.example.org/guide#top"),
        ("| table | of |\n|---|---|\n", "| table | of |\n|---|---|\n"),
    ];

    #[test]
    fn what_leads_back_to_an_installation_is_taken_out() {
        let redaction = Redaction::new(["kiosk-3".to_owned(), "shop.example.com".to_owned(), String::new()]);
        for (text, expected) in TABLE {
            let once = redaction.text(text);
            assert_eq!(&once, expected, "{text}");
            assert_eq!(redaction.text(&once), once, "again: {text}");
        }
    }

    #[test]
    fn texts_are_as_long_as_they_may_be() {
        let redaction = Redaction::default();
        assert_eq!(redaction.line("one\n  two\tthree", 20), "one two three");
        assert_eq!(redaction.line(&"ä".repeat(20), 5), "ääää…");
        let long = redaction.text(&"ä".repeat(TEXT_MAX + 1));
        assert!(long.ends_with(CUT) && long.chars().count() == TEXT_MAX + CUT.chars().count());
    }
}
