//! Texts that are hard to read: what they take is counted, in bytes of memory, never by a clock. A text four times as
//! long may take four times as much memory at once and in all, and some more; not sixteen times.

use allocation_counter::{AllocationInfo, measure};
use hostile::Target;
use scanner::change::{ChangeSet, ChangedFile, Content, Origin};
use scanner::policy::Policy;
use scanner::{STACK_BYTES, scan};

/// How long the shorter of two texts is, in bytes.
const LENGTH: usize = 2_000;

/// How many times as long the longer one is.
const TIMES: usize = 4;

/// What a text may take more than its share, in times: buffers double as they grow.
const SLACK: u64 = 2;

/// What every scan takes, however short the text: the self-check.
const EVERY_SCAN: u64 = 6 << 20;

/// How much memory a byte of text may take at once.
const PER_BYTE: u64 = 1_500;

/// What is said before, again and again, and after.
type Text = (&'static str, &'static str, &'static str, &'static str);

const PROGRAMS: &[Text] = &[
    ("parentheses that stay open", "x=", "(", ""),
    ("brackets", "x=", "[", ""),
    ("brackets that were never opened", "", "]", ""),
    ("blocks", "", "{", ""),
    ("templates in templates", "", "`${", ""),
    ("many holes in a template", "x=`", "${a}", "`;"),
    ("types in types", "let a:", "A<", ""),
    ("elements in elements", "x=", "<a>", ""),
    ("functions in functions", "", "function a(){", ""),
    ("calls in calls", "x=", "f(", ""),
    ("a long chain of calls", "a", ".b()", ";"),
    ("a long sum", "x=", "a+", "b;"),
    ("a long sum of texts", "x=", "'a'+", "'b';"),
    ("a long choice", "x=", "a?b:", "c;"),
    ("a long else", "", "if(a){}else ", "{}"),
    ("a name without end", "const ", "a", "=1;"),
    ("a number without end", "x=", "9", ";"),
    ("half surrogates", "x='", "\\ud800", "';"),
    ("escaped letters", "x='", "\\u{41}", "';"),
    ("a value that grows", "", "var a=a+a;\n", "eval(a);"),
    ("decorators", "", "@a() ", "class A{}"),
    ("labels", "", "a:", ";"),
    ("comments that stay open", "", "/*", ""),
];

const MIGRATIONS: &[Text] = &[
    ("questions in questions", "", "SELECT (", ""),
    ("cases in cases", "SELECT ", "CASE WHEN a THEN ", ""),
    ("a name of many parts", "SELECT a", ".b", ";"),
    ("a long condition", "DELETE FROM a WHERE ", "a=1 OR ", "b;"),
    ("negations", "DELETE FROM a WHERE ", "NOT ", "b;"),
    ("comments in comments", "", "/*", ""),
    ("marks of bodies", "", "$a$ ", ""),
    ("bodies", "", "DO $$ BEGIN DROP TABLE a; END $$;\n", ""),
    ("a statement in pieces", "DO $$ BEGIN EXECUTE ", "'a'||", "'b'; END $$;"),
    ("tables that come and go", "", "CREATE TABLE a (b int); DROP TABLE a;\n", ""),
    ("columns", "ALTER TABLE a ", "DROP COLUMN b,", "DROP COLUMN c;"),
    ("a number without end", "SELECT ", "9", ";"),
    ("quotes", "", "'", ""),
];

const MANIFESTS: &[Text] = &[
    ("lists in lists", "{\"a\":", "[", ""),
    ("objects in objects", "", "{\"dependencies\":", ""),
    ("half surrogates", "{\"dependencies\":{\"", "\\ud800", "\":\"1\"}}"),
    ("a name without end", "{\"dependencies\":{\"", "a", "\":\"1\"}}"),
    ("a number without end", "{\"lockfileVersion\":", "9", "}"),
    ("a version without end", "{\"dependencies\":{\"a\":\"", "1 || ", "1\"}}"),
    ("a licence without end", "{\"license\":\"", "MIT OR ", "MIT\"}"),
    ("one package often", "{\"dependencies\":{", "\"a\":\"*\",", "\"b\":\"1\"}}"),
    ("levels", "packages:\n", "  a@1.0.0:\n    resolution: {integrity: x}\n", ""),
    ("entries", "# yarn lockfile v1\n\n", "a@^1:\n  version \"1\"\n  resolved \"http://a.b/c\"\n\n", ""),
];

const ANYTHING: &[Text] = &[
    ("no characters", "", "\0", ""),
    ("marks of the order of bytes", "", "\u{feff}", ""),
    ("letters of no width", "", "a\u{200b}", ""),
    ("letters that turn around", "", "\u{202e}", ""),
    ("line ends of two kinds", "a", "\r\n\n\r", ""),
    ("one line of blanks", "", " ", "a"),
    ("empty lines", "", "\n", ""),
    ("quotes of three kinds", "", "\"'`", ""),
    ("backslashes", "'", "\\", "'"),
    ("encoded text", "x='", "QUJDZ2hwXw", "';"),
    ("escaped bytes", "x='", "\\x41", "';"),
    ("names of passwords", "", "password=", ""),
    ("passwords", "", "password='abcd1234efgh'\n", ""),
    ("beginnings of keys", "", "-----BEGIN PRIVATE KEY-----\n", ""),
    ("addresses with passwords", "", "postgres://a:b@c/ ", ""),
    ("half of a signed token", "", "eyJhbGciOi.", ""),
    ("comments that allow", "", "// slipway-allow a: because we want it\n", ""),
    ("marks of templates", "", "{{{<%-", ""),
    ("script elements", "", "<script>a()</script>\n", ""),
];

/// The paths whose engines read the texts.
const TABLES: &[(&[&str], &[Text])] = &[
    (&["src/a.tsx"], PROGRAMS),
    (&["migrations/1.sql"], MIGRATIONS),
    (&["package.json", "pnpm-lock.yaml", "yarn.lock"], MANIFESTS),
    (&["src/a.ts", "src/a.vue", "migrations/1.sql", "package.json", "yarn.lock", "a.env"], ANYTHING),
];

/// A text of about this many bytes.
fn text((_, before, again, after): &Text, length: usize) -> String {
    format!("{before}{}{after}", again.repeat(length / again.len() + 1))
}

/// What it takes to look at one new file.
fn cost(path: &str, text: &str) -> AllocationInfo {
    let after = Some(Content { mode: 0o100_644, bytes: text.as_bytes().to_vec() });
    let file = ChangedFile { path: path.to_owned(), moved_from: None, before: None, after };
    let change = ChangeSet::of(Origin::Trees, vec![file]);
    counted(|| assert_eq!(scan(&change, &Policy::default()).files, 1))
}

fn counted(act: impl FnOnce() + Send) -> AllocationInfo {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        let thread = thread.spawn_scoped(scope, || measure(act)).expect("a thread starts");
        thread.join().expect("nothing fails")
    })
}

#[test]
fn hard_texts_take_no_more_than_their_share() {
    for (paths, texts) in TABLES {
        // Rules are read once.
        for path in *paths {
            cost(path, "a");
        }
        for (path, row) in paths.iter().flat_map(|path| texts.iter().map(move |row| (path, row))) {
            let (short, long) = (text(row, LENGTH), text(row, LENGTH * TIMES));
            let (once, often) = (cost(path, &short), cost(path, &long));
            let name = row.0;
            let share = once.bytes_total * TIMES as u64 * SLACK + EVERY_SCAN;
            assert!(often.bytes_total <= share, "{path}, {name}: in all {often:?} after {once:?}");
            let most = EVERY_SCAN + PER_BYTE * long.len() as u64;
            assert!(often.bytes_max <= most, "{path}, {name}: at once {often:?}, at most {most}");
        }
    }
}

#[test]
fn hard_texts_keep_the_promises() {
    for (paths, texts) in TABLES {
        for (path, row) in paths.iter().flat_map(|path| texts.iter().map(move |row| (path, row))) {
            Target::Change.look(format!("=== {path}\n{}", text(row, LENGTH)).as_bytes());
        }
    }
}

#[test]
fn no_nesting_uses_up_the_stack() {
    for level in [
        "f(1,",
        "[1,",
        "{a();",
        "f(\")\",",
        "x=>{y;",
        "{a:1,b:",
        "`,${1,",
        "if(a){b}else{",
        "f(')',/[)]/,",
        "class A{a=1;b=",
    ] {
        for path in ["src/a.ts", "src/a.vue"] {
            let text = format!("<script>\n{}", level.repeat(30_000));
            let text = if path == "src/a.vue" { format!("{text}</script>") } else { text[9..].to_owned() };
            assert!(cost(path, &text).count_total > 0, "{level}");
        }
    }
}

#[test]
fn a_short_diff_cannot_ask_for_much_memory() {
    let files = (0..2_000).map(|it| format!("--- a/{it}\n+++ b/{it}\n@@ -999999 +999999 @@\n-a\n+b\n"));
    let diff: String = files.collect();
    let taken = counted(|| drop(scanner::diff::parse(diff.as_bytes())));
    assert!(taken.bytes_max < 256 << 20, "{taken:?}");
    // As it is with a big repository.
    let files = (0..2_000).map(|it| format!("--- a/{it}\n+++ b/{it}\n@@ -9999 +9999 @@\n-a\n+b\n"));
    assert!(scanner::diff::parse(files.collect::<String>().as_bytes()).is_ok());
}

/// Texts that are nested deeply and do not look it, by quarters of a megabyte.
#[test]
fn what_looks_harmless_and_is_nested_is_read_in_bounds_or_not_at_all() {
    let programs: &[Text] = &[
        ("lists with a text that closes them", "x=", "[']',", ""),
        ("calls with a pattern that closes them", "x=", "f(/)/,", ""),
        ("elements among words", "x=", "<a>b\nc", ""),
        ("types behind commas", "let a:", "A<B,", ""),
        ("words between foreign blanks", "x=", "typeof\u{a0}", "a"),
        ("holes of templates", "x=", "`}${", ""),
        ("comparisons that may be types", "x=", "a<';'|", "b"),
        ("comparisons behind comments", "x=", "a/**/<';'|", "b"),
        ("brackets that may hold parameters", "x=", "(a=')'+", "b"),
        ("the same with patterns", "x=", "({a=')'+", "b"),
        ("the same behind words", "x=", "typeof(a=')'+", "b"),
    ];
    for row in programs {
        let most = cost("src/a.tsx", &text(row, 256 * 1024)).bytes_max;
        assert!(most < 1 << 30, "{}: {most}", row.0);
    }
}
