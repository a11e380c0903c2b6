//! What names and texts say to people: that something is a password, a query, markup.

/// Whether a text reads like a database statement.
pub(crate) fn is_sql(text: &str) -> bool {
    let text =
        text.trim_start_matches(|it: char| it.is_whitespace() || it == '(' || it == ';').to_ascii_lowercase();
    let mut words =
        text.split(|it: char| !it.is_ascii_alphanumeric() && it != '_').filter(|it| !it.is_empty());
    let first = words.next().unwrap_or_default();
    let has =
        |word: &str| text.split(|it: char| !it.is_ascii_alphanumeric() && it != '_').any(|it| it == word);
    match first {
        "select" => has("from") || text.contains('*') || has("where"),
        "with" => has("select") && has("as"),
        "insert" | "replace" | "merge" => has("into"),
        "update" => has("set"),
        "delete" => has("from"),
        "drop" | "alter" | "create" | "truncate" => [
            "table",
            "database",
            "schema",
            "index",
            "view",
            "role",
            "user",
            "column",
            "type",
            "sequence",
            "function",
            "extension",
        ]
        .iter()
        .any(|it| has(it)),
        "grant" | "revoke" => has("to") || has("from"),
        "call" | "exec" | "execute" | "explain" | "set" | "copy" | "listen" | "notify" | "use" | "show" => {
            text.contains(' ')
        }
        _ => has("select") && has("from") && has("where"),
    }
}

/// Whether a text holds markup: an element that browsers know.
pub(crate) fn is_markup(text: &str) -> bool {
    text.match_indices('<').any(|(at, _)| {
        let rest = text[at + 1..].trim_start_matches('/');
        let name: String = rest.chars().take_while(char::is_ascii_alphanumeric).take(12).collect();
        ELEMENTS.contains(&name.to_ascii_lowercase().as_str())
    })
}

const ELEMENTS: [&str; 56] = [
    "a",
    "article",
    "b",
    "blockquote",
    "body",
    "br",
    "button",
    "center",
    "code",
    "dd",
    "div",
    "dl",
    "dt",
    "em",
    "embed",
    "font",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "header",
    "hr",
    "html",
    "i",
    "iframe",
    "img",
    "input",
    "label",
    "li",
    "link",
    "main",
    "meta",
    "object",
    "ol",
    "option",
    "p",
    "pre",
    "script",
    "section",
    "select",
    "small",
    "span",
    "strong",
    "style",
    "svg",
    "table",
    "td",
    "textarea",
    "title",
    "tr",
    "ul",
];

/// Whether a path leads to keys and passwords of a person or machine.
pub(crate) fn is_key_file(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let settings = path.split(['/', ' ', '\\', '@']).any(|it| it == ".env" || it.starts_with(".env."));
    let keys = [
        ".ssh",
        "id_rsa",
        "id_ed25519",
        ".npmrc",
        ".aws/credentials",
        ".aws/config",
        "/etc/passwd",
        "/etc/shadow",
        ".git-credentials",
        ".netrc",
        ".bash_history",
        ".zsh_history",
        "login data",
        "wallet.dat",
        ".kube/config",
        ".docker/config.json",
        ".config/gcloud",
        ".gnupg",
        "cookies.sqlite",
        "local storage/leveldb",
        ".pgpass",
    ];
    settings || keys.iter().any(|it| path.contains(it))
}

/// Whether a file is there to try others out, so that what looks like a password in it opens nothing.
pub(crate) fn is_trial(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let inside = path.split('/').rev().skip(1).any(|it| {
        matches!(
            it,
            "test"
                | "tests"
                | "__tests__"
                | "__mocks__"
                | "spec"
                | "specs"
                | "e2e"
                | "fixtures"
                | "mocks"
                | "mock"
                | "cypress"
                | "playwright"
                | "stories"
                | "examples"
                | "example"
                | "testing"
                | "test-utils"
        )
    });
    let file = path.rsplit('/').next().unwrap_or(&path);
    inside
        || [".test.", ".spec.", ".stories.", ".mock.", "-test.", "_test.", ".e2e.", ".fixture."]
            .iter()
            .any(|it| file.contains(it))
}

/// Whether a text stands for something that is still to be filled in, or says what belongs there.
pub(crate) fn is_placeholder(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let stands_for = [
        "your",
        "example",
        "changeme",
        "change_me",
        "change-me",
        "change me",
        "placeholder",
        "xxx",
        "****",
        "...",
        "…",
        "•",
        "dummy",
        "sample",
        "insert",
        "replace",
        "todo",
        "fixme",
        "redacted",
        "hidden",
        "masked",
        "undefined",
        "none",
        "not-set",
        "not_set",
        "n/a",
        "<",
        "{{",
        "${",
        "process.env",
        "fake",
        "mock",
        "e2e",
        "1234567890",
        "test-",
        "-test",
        "test_",
        "_test",
    ];
    lower.trim().is_empty()
        || stands_for.iter().any(|it| lower.contains(it))
        || matches!(
            lower.as_str(),
            "password"
                | "secret"
                | "token"
                | "string"
                | "text"
                | "test"
                | "null"
                | "true"
                | "false"
                | "key"
                | "apikey"
                | "hash"
                | "required"
                | "optional"
        )
}

/// Whether a text looks chosen to be hard to guess, and not like a word, a label or an address.
pub(crate) fn is_hard_to_guess(text: &str) -> bool {
    let length = text.chars().count();
    let kinds = text.chars().collect::<std::collections::HashSet<_>>().len();
    if !(6..=200).contains(&length) || kinds < 4 || is_placeholder(text) || text.contains(char::is_whitespace)
    {
        return false;
    }
    let lower = text.to_ascii_lowercase();
    if text.starts_with(['/', '.', '#', '$', '@', '[', '(', '^'])
        || lower.starts_with("http")
        || lower.contains("://")
    {
        return false;
    }
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let signs =
        text.chars().filter(|it| !it.is_alphanumeric() && !matches!(it, '-' | '_' | '.' | ':' | '/')).count();
    let uppers = text.chars().filter(|it| it.is_uppercase()).count();
    let lowers = text.chars().filter(|it| it.is_lowercase()).count();
    let words = crate::secret::words(text);
    let reads = words.len() > 1 && digits == 0 && signs == 0;
    (digits > 0 && (lowers > 0 || uppers > 0) && !reads)
        || signs > 0 && digits + uppers > 0
        || (uppers > 1 && lowers > 1 && length >= 12 && !reads)
}

/// Whether a text that reads like a statement can hardly be a sentence.
pub(crate) fn is_strict_sql(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let pairs = [
        ("select ", " from "),
        ("insert ", "into "),
        ("update ", " set "),
        ("delete ", "from "),
        ("drop ", "table"),
        ("alter ", "table"),
    ];
    pairs.iter().any(|(first, second)| text.contains(first) && text.contains(second))
        && ["=", "(", "*", "where", ";", "`", "\"", " in "].iter().any(|it| text.contains(it))
}

/// Folders of tests and of what only tests use.
const TEST_FOLDERS: [&str; 8] = [
    "__tests__",
    "__mocks__",
    "__fixtures__",
    "testcontainers",
    "test-utils",
    "test-helpers",
    "test-support",
    "testutils",
];

/// Whether a file is a test, by its own name or its folder's: `a.test.ts`, `a.clienttest.ts`, `__tests__/a.ts`.
pub(crate) fn is_test_file(path: &str) -> bool {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let kind = file.rsplit('.').nth(1).unwrap_or_default();
    let is_named = kind.ends_with("test") || kind.ends_with("spec");
    is_named && file.matches('.').count() > 1 || folder.split('/').any(|it| TEST_FOLDERS.contains(&it))
}
