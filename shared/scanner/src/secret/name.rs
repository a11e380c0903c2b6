//! Names of variables, fields and settings that stand beside secrets.

/// What a name promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Promise {
    /// Something that a person types.
    Password,
    /// Something that programs prove themselves with: long and random.
    Key,
}

/// Words that may follow and change nothing.
const TRAILING: &[&str] = &[
    "value",
    "val",
    "default",
    "prod",
    "production",
    "dev",
    "development",
    "live",
    "staging",
    "string",
    "str",
    "plain",
    "raw",
    "base",
    "base64",
    "b64",
    "hex",
    "v1",
    "v2",
    "old",
    "new",
    "current",
    "confirm",
    "confirmation",
    "repeat",
    "again",
    "env",
    "text",
    "plaintext",
    "cleartext",
    "literal",
    "const",
];

const PASSWORDS: &[&str] = &[
    "password",
    "passwd",
    "passwort",
    "pass",
    "pwd",
    "passphrase",
    "passcode",
    "psw",
    "pswd",
    "passwrd",
    "senha",
];

/// Endings of words that are written as one.
const PASSWORD_ENDS: &[&str] = &["password", "passwd", "passphrase", "passwort", "pwd", "userpass", "dbpass"];

const KEY_ENDS: &[&str] = &[
    "secret",
    "secrets",
    "token",
    "apikey",
    "secretkey",
    "privatekey",
    "accesskey",
    "authkey",
    "signingkey",
    "encryptionkey",
    "credential",
    "credentials",
    "apitoken",
];

/// Words that make a `key` one that must not be known.
const KEY_OWNERS: &[&str] = &[
    "api",
    "access",
    "secret",
    "private",
    "encryption",
    "encrypt",
    "decryption",
    "signing",
    "sign",
    "signature",
    "auth",
    "master",
    "account",
    "service",
    "consumer",
    "license",
    "shared",
    "session",
    "jwt",
    "hmac",
    "app",
    "subscription",
    "webhook",
    "admin",
    "cipher",
    "crypto",
    "aes",
    "server",
    "deploy",
    "license",
    "bot",
    "oauth",
];

/// Words that say that it may be known, or that it is no secret at all.
const OPEN: &[&str] = &[
    "public",
    "pub",
    "publishable",
    "csrf",
    "xsrf",
    "next",
    "page",
    "continuation",
    "cursor",
    "design",
    "color",
    "colour",
    "css",
    "syntax",
    "lexer",
    "theme",
    "font",
    "example",
    "sample",
    "placeholder",
    "mock",
    "fake",
    "dummy",
    "masked",
    "hashed",
    "encrypted",
    "hidden",
    "show",
    "forgot",
    "forget",
    "reset",
    "has",
    "is",
    "no",
    "missing",
    "invalid",
    "require",
    "requires",
    "sitekey",
    "site",
];

/// What a name promises, or `None` if it promises nothing that is secret.
pub(super) fn promise(name: &str) -> Option<Promise> {
    let mut words = words(name);
    while words.last().is_some_and(|last| TRAILING.contains(&last.as_str()) || is_number(last))
        && words.len() > 1
    {
        words.pop();
    }
    let last = words.last()?.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
    if words.iter().any(|word| OPEN.contains(&word.as_str())) {
        return None;
    }
    let before = words.len().checked_sub(2).map(|at| words[at].as_str());
    if PASSWORDS.contains(&last.as_str()) || PASSWORD_ENDS.iter().any(|end| last.ends_with(end)) {
        // `bypass`, `compass`: only as a word of its own.
        return Some(Promise::Password);
    }
    let is_key = KEY_ENDS.iter().any(|end| last == *end || (last.ends_with(end) && end.len() > 5));
    let is_owned =
        matches!(last.as_str(), "key" | "keys") && before.is_some_and(|it| KEY_OWNERS.contains(&it));
    (is_key || is_owned).then_some(Promise::Key)
}

fn is_number(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit())
}

/// The words of a name, in small letters: `dbAdmin_PASSWORD2` has `db`, `admin`, `password2`.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut last = ' ';
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        let is_inner = letter.is_ascii_alphanumeric();
        let next_is_small = letters.peek().is_some_and(char::is_ascii_lowercase);
        let begins = letter.is_ascii_uppercase()
            && (last.is_ascii_lowercase()
                || last.is_ascii_digit()
                || (last.is_ascii_uppercase() && next_is_small));
        if (begins || !is_inner) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if is_inner {
            word.push(letter.to_ascii_lowercase());
        }
        last = letter;
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_promise_what_they_say() {
        let table = [
            ("password", Some(Promise::Password)),
            ("DB_PASSWORD", Some(Promise::Password)),
            ("dbPass", Some(Promise::Password)),
            ("spring.datasource.password", Some(Promise::Password)),
            ("adminPwd1", Some(Promise::Password)),
            ("ADMIN_PASSWORD_PROD", Some(Promise::Password)),
            ("dbpassword", Some(Promise::Password)),
            ("apiKey", Some(Promise::Key)),
            ("API_KEY", Some(Promise::Key)),
            ("x-api-key", Some(Promise::Key)),
            ("clientSecret", Some(Promise::Key)),
            ("SECRET_KEY_BASE", Some(Promise::Key)),
            ("authToken", Some(Promise::Key)),
            ("aws_secret_access_key", Some(Promise::Key)),
            ("NEXTAUTH_SECRET", Some(Promise::Key)),
            ("passwordField", None),
            ("passwordResetUrl", None),
            ("forgotPassword", None),
            ("publicKey", None),
            ("primaryKey", None),
            ("nextPageToken", None),
            ("csrfToken", None),
            ("bypass", None),
            ("compass", None),
            ("key", None),
            ("tokenType", None),
            ("secretName", None),
            ("keyboard", None),
        ];
        for (name, expected) in table {
            assert_eq!(promise(name), expected, "{name}");
        }
    }
}
