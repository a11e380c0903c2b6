//! Literals that look like secrets, and those that only stand where one would.

use crate::change::ending;
use crate::finding::Confidence;

/// Parts of texts that stand where a secret would.
const STAND_INS: &[&str] = &[
    "example",
    "sample",
    "placeholder",
    "changeme",
    "change-me",
    "change_me",
    "changethis",
    "change-this",
    "change_this",
    "replace",
    "insert",
    "redacted",
    "masked",
    "hidden",
    "removed",
    "dummy",
    "notreal",
    "not-real",
    "not_real",
    "todo",
    "fixme",
    "xxxx",
    "****",
    "....",
    "your-",
    "your_",
    "yourp",
    "yours",
    "yourt",
    "yourk",
    "youra",
    "my-secret",
    "mysecret",
    "my_secret",
    "some-",
    "some_",
    "enter-",
    "enter_",
    "put-",
    "put_your",
    "<",
    ">",
    "{{",
    "}}",
    "${",
    "#{",
    "$(",
    "%(",
    "process.env",
    "os.environ",
    "getenv",
    "import.meta",
    "secrets.",
    "vault:",
    "undefined",
    "generate",
    "default",
    "fake",
    "not_for",
    "not-for",
    "dev_only",
    "dev-only",
    "mock",
    "lorem",
    "foobar",
    "foo-bar",
    "secret-here",
    "goes-here",
    "key-here",
    "token-here",
    "_here",
    "-here",
];

/// Whether it stands where a secret would, such as `<your token>` or `${TOKEN}`.
pub(super) fn is_stand_in(value: &str) -> bool {
    let small = value.to_ascii_lowercase();
    let first = value.bytes().next().unwrap_or(b' ');
    STAND_INS.iter().any(|it| small.contains(it))
        || matches!(first, b'$' | b'%' | b'@') && is_name(&small[1..])
        || different(value) < 4.min(value.len())
        || is_series(&small)
}

/// Whether it counts up or along a keyboard's rows for most of its length.
fn is_series(small: &str) -> bool {
    const SERIES: &[&str] =
        &["0123456789", "1234567890", "abcdefghijklmnop", "9876543210", "deadbeefdeadbeef"];
    let covered = SERIES.iter().filter(|it| small.contains(*it)).map(|it| it.len()).max().unwrap_or(0);
    covered > 0 && covered * 2 >= small.len().min(40)
}

fn is_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn different(value: &str) -> usize {
    let mut seen = [false; 256];
    value.bytes().for_each(|byte| seen[usize::from(byte)] = true);
    seen.iter().filter(|it| **it).count()
}

/// Shannon's entropy of the bytes, in bits for each.
#[expect(clippy::cast_precision_loss, reason = "texts are far shorter than what a float tells apart")]
pub(super) fn entropy(value: &str) -> f64 {
    let mut counts = [0_usize; 256];
    value.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    let length = value.len() as f64;
    let shares = counts.iter().filter(|it| **it > 0).map(|it| *it as f64 / length);
    -shares.map(|share| share * share.log2()).sum::<f64>()
}

/// Which kinds of characters it has: small, large, digits, others.
fn kinds(value: &str) -> (bool, bool, bool, bool) {
    let has = |is: fn(&u8) -> bool| value.bytes().any(|byte| is(&byte));
    (
        has(u8::is_ascii_lowercase),
        has(u8::is_ascii_uppercase),
        has(u8::is_ascii_digit),
        has(|byte| !byte.is_ascii_alphanumeric()),
    )
}

/// Words that people put into passwords that are no secret: those of tests and of forms.
const TEST_WORDS: &[&str] =
    &["test", "demo", "wrong", "invalid", "valid", "correct", "incorrect", "strong", "weak", "new", "old"];

/// How sure it is that this literal is a password; `None` for labels, names of fields and the like.
pub(super) fn password(value: &str, is_fixture: bool) -> Option<Confidence> {
    let length = value.chars().count();
    let is_typed = value.bytes().all(|byte| byte.is_ascii_graphic());
    if !(4..=100).contains(&length) || !is_typed || is_stand_in(value) || is_code(value) || is_hash(value) {
        return None;
    }
    let (small, large, digit, other) = kinds(value);
    let classes = [small, large, digit, other].iter().filter(|it| **it).count();
    let lower = value.to_ascii_lowercase();
    let has_test_word = TEST_WORDS.iter().any(|it| lower.contains(it));
    if is_fixture {
        let is_random = length >= 12 && classes >= 3 && entropy(value) >= 3.5 && !has_word(&lower);
        return is_random.then_some(Confidence::Medium);
    }
    if has_test_word {
        return Some(Confidence::Low);
    }
    if !digit && !is_mixed(value) {
        return None;
    }
    if classes >= 3 && length >= 8 && !is_label(value) {
        return Some(Confidence::High);
    }
    (!is_label(value)).then_some(Confidence::Medium)
}

/// Words that show that somebody made it up for a sample.
fn has_word(lower: &str) -> bool {
    const WORDS: &[&str] = &[
        "pass", "word", "test", "user", "admin", "secret", "valid", "strong", "new", "old", "wrong",
        "qwerty", "123", "abc", "secure", "key", "token",
    ];
    WORDS.iter().any(|it| lower.contains(it))
}

/// Whether letters stand among other characters as no label has them: `p@ss`, `a$b`.
fn is_mixed(value: &str) -> bool {
    let joins = |byte: u8| matches!(byte, b'-' | b'_' | b'.' | b':' | b'/' | b',' | b'\\' | b'|');
    value.bytes().any(|byte| !byte.is_ascii_alphanumeric() && !joins(byte))
        && value.bytes().any(|byte| byte.is_ascii_alphabetic())
        && !value.ends_with([':', '?', '.', '!', '*'])
}

/// Names of methods that look like words with a number.
const METHODS: &[&str] = &[
    "oauth2", "sha1", "sha256", "sha512", "md5", "base64", "utf8", "pbkdf2", "argon2", "argon2id", "http2",
    "aes256", "rs256", "hs256", "es256",
];

/// Whether all of it are words and small numbers with joins between them: `new-password`, `step_2`, `oauth2`.
fn is_label(value: &str) -> bool {
    let parts = value.split(['-', '_', '.', ':', '/', ' ', ',']).filter(|it| !it.is_empty());
    let mut parts = parts.peekable();
    let has_join = value.contains(['-', '_', '.', ':', '/', ',']);
    let is_word = |part: &str| {
        let bare = part.trim_end_matches(|c: char| c.is_ascii_digit());
        let digits = part.len() - bare.len();
        bare.bytes().all(|byte| byte.is_ascii_alphabetic())
            && digits <= 1
            && (!bare.is_empty() || digits == part.len())
    };
    if METHODS.contains(&value.to_ascii_lowercase().as_str()) {
        return true;
    }
    has_join && parts.peek().is_some() && parts.all(is_word)
}

/// Whether all of it are words of letters and short numbers with joins between them: `qb-access-token-123`.
fn is_numbered(value: &str) -> bool {
    let is_part = |part: &str| {
        let is_word = part.bytes().all(|byte| byte.is_ascii_alphabetic());
        is_word || (part.len() <= 4 && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    value.contains(['-', '_', '.']) && value.split(['-', '_', '.']).all(is_part)
}

/// Whether it is an expression, a path, a selector or an address, not a text of its own.
fn is_code(value: &str) -> bool {
    let first = value.bytes().next().unwrap_or(b' ');
    let is_call =
        value.contains('(') && value.ends_with(')') || value.ends_with("()") || value.contains("=>");
    let is_path = value.starts_with(['/', '.', '~']) && value[1..].contains('/')
        || value.starts_with("./")
        || value.contains("://");
    let is_selector = matches!(first, b'#' | b'.' | b'[')
        && value[1..].bytes().all(|it| it.is_ascii_alphanumeric() || b"-_[]=\"'.#".contains(&it));
    let is_dotted = value.contains('.')
        && value.split('.').all(|part| {
            part.bytes().next().is_some_and(|it| it.is_ascii_alphabetic() || it == b'_') && is_name(part)
        });
    let is_mail = value.contains('@')
        && value.rsplit('@').next().is_some_and(|it| it.contains('.'))
        && !value.starts_with('@');
    let is_pattern = value.starts_with('^')
        || value.contains("\\d")
        || value.contains("\\w")
        || value.contains("[a-z")
        || value.contains(".*");
    let is_index = value.contains('[') && value.ends_with(']');
    is_call || is_path || is_selector || is_dotted || is_mail || is_pattern || is_index
}

/// Whether it is what a password becomes when it is stored safely.
fn is_hash(value: &str) -> bool {
    [
        "$2a$", "$2b$", "$2y$", "$argon2", "$pbkdf2", "$scrypt", "$5$", "$6$", "{SHA", "{bcrypt}", "pbkdf2_",
        "ENC[",
    ]
    .iter()
    .any(|it| value.starts_with(it))
}

/// How sure it is that this literal is a random key; `None` for names, labels and short words.
pub(super) fn key(value: &str, is_fixture: bool) -> Option<Confidence> {
    let is_formed =
        value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=_-.~:!@#$^&*".contains(&byte));
    if value.len() < 16
        || value.len() > 512
        || !is_formed
        || is_stand_in(value)
        || is_code(value)
        || is_hash(value)
    {
        return None;
    }
    let (small, large, digit, _) = kinds(value);
    let is_hex = value.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let least = if is_hex { 2.8 } else { 3.2 };
    if !digit || !(small || large) || entropy(value) < least || is_label(value) || is_numbered(value) {
        return None;
    }
    let lower = value.to_ascii_lowercase();
    if TEST_WORDS.iter().any(|it| lower.contains(it)) || word_share(value) > 0.6 {
        return (!is_fixture).then_some(Confidence::Low);
    }
    if is_fixture {
        let is_random = value.len() >= 24 && entropy(value) >= 3.8 && !has_word(&lower);
        return is_random.then_some(Confidence::Low);
    }
    Some(if value.len() >= 20 { Confidence::High } else { Confidence::Medium })
}

/// Which share of it are runs of letters as words have them: five and more of one case, vowels among them.
#[expect(clippy::cast_precision_loss, reason = "texts are far shorter than what a float tells apart")]
fn word_share(value: &str) -> f64 {
    let runs = value.split(|c: char| !c.is_ascii_lowercase());
    let is_word = |run: &&str| {
        let vowels = run.bytes().filter(|byte| b"aeiouy".contains(byte)).count();
        run.len() >= 4 && vowels * 5 >= run.len() && vowels * 3 <= run.len() * 2
    };
    let covered: usize = runs.filter(is_word).map(str::len).sum();
    covered as f64 / value.len().max(1) as f64
}

/// Whether files of this path hold samples: what looks like a secret there mostly is none.
pub(super) fn is_fixture(path: &str) -> bool {
    const FOLDERS: &[&str] = &[
        "test",
        "tests",
        "__tests__",
        "__mocks__",
        "mocks",
        "spec",
        "specs",
        "fixture",
        "fixtures",
        "testdata",
        "e2e",
        "cypress",
        "playwright",
        "storybook",
        "stories",
        "examples",
        "example",
        "samples",
        "docs",
        "testing",
        "integration-tests",
    ];
    let small = path.to_ascii_lowercase();
    let mut parts = small.split('/').rev();
    let file = parts.next().unwrap_or_default();
    let is_named = [
        ".test.",
        ".spec.",
        ".stories.",
        ".example",
        ".sample",
        ".template",
        ".e2e.",
        ".cy.",
        "_test.",
        "-test.",
    ]
    .iter()
    .any(|it| file.contains(it))
        || file.starts_with("test_")
        || file.starts_with("readme")
        || matches!(ending(path).as_str(), "md" | "mdx");
    is_named || parts.any(|part| FOLDERS.contains(&part))
}
