//! The four gates over whole changes: the later tests of the existing platform.

use std::collections::BTreeSet;

use scanner::change::{ChangeSet, ChangedFile, Origin};
use scanner::finding::Gate::{self, Architecture, Dependencies, Destructive, Security};
use scanner::finding::Verdict::{self, Block, Review};
use scanner::policy::Policy;
use scanner::{Report, scan};

use crate::file;

const PLACES: [&str; 10] =
    ["apps", "packages", "prisma", "scripts", "prompts", "skills", "docs", "e2e", "services", "public"];

fn look(files: Vec<ChangedFile>) -> Report {
    let base_paths = PLACES.iter().map(|it| format!("{it}/old.txt")).collect();
    scan(&ChangeSet { base_paths, ..ChangeSet::of(Origin::Trees, files) }, &Policy::default())
}

fn new(path: &str, text: &str) -> ChangedFile {
    file(path, None, Some(text))
}

fn moved(from: &str, to: &str) -> ChangedFile {
    let same = file(to, Some("export const a = 1;\n"), Some("export const a = 1;\n"));
    ChangedFile { moved_from: Some(from.to_owned()), ..same }
}

/// A manifest with these dependencies.
fn manifest(dependencies: &str) -> String {
    format!(
        "{{\n  \"name\": \"web\",\n  \"version\": \"1.2.3\",\n  \"dependencies\": {{\n{dependencies}\n  }}\n}}\n"
    )
}

fn manifests(before: &str, after: &str) -> Vec<ChangedFile> {
    vec![file("apps/web/package.json", Some(&manifest(before)), Some(&manifest(after)))]
}

const DEEP: &str = "import { x } from '../../../../x';\n";
const MIGRATION: &str = "packages/db/prisma/migrations/20260401000000_a/migration.sql";

/// What must be said: the gate, its verdict, and the rule.
type Said = (Gate, Verdict, &'static str);

/// What the row says, the change, and all that must be said of it.
type Row = (&'static str, Vec<ChangedFile>, Vec<Said>);

const REACT: &str = "    \"react\": \"^19.0.0\"";

#[track_caller]
fn check(table: Vec<Row>) {
    let mut wrong = Vec::new();
    for (row, files, expected) in table {
        let report = look(files);
        let said: Vec<_> = report.open().map(|it| (it.gate, it.verdict, it.rule.as_str())).collect();
        if said != expected {
            wrong.push(format!("{row}: {said:?}"));
        }
        for gate in [Security, Destructive, Architecture, Dependencies] {
            assert_eq!(report.passes(gate), !said.iter().any(|it| it.0 == gate), "{row}: {gate:?}");
        }
        assert_eq!(report.blocks(), said.iter().any(|it| it.1 == Block), "{row}");
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn migrations_and_packages_are_judged_as_expected() {
    check(vec![
        (
            "migration with DROP TABLE",
            vec![new(MIGRATION, "DROP TABLE a;\n")],
            vec![(Destructive, Block, "destructive.drop-table")],
        ),
        ("migration ADD COLUMN", vec![new(MIGRATION, "ALTER TABLE a ADD COLUMN b text;\n")], vec![]),
        (
            "DROP TABLE only in a removed line",
            vec![file("db/a.sql", Some("DROP TABLE a;\nSELECT 1;\n"), Some("SELECT 1;\n"))],
            vec![],
        ),
        (
            "dependency added mid-block (trailing comma): lodash",
            manifests(REACT, &format!("    \"lodash\": \"^4.17.21\",\n{REACT}")),
            vec![(Dependencies, Review, "dependency.new")],
        ),
        (
            "added at block end, previous last line reformatted by a comma (zod): lodash only",
            manifests("    \"zod\": \"^3.0.0\"", "    \"zod\": \"^3.0.0\",\n    \"lodash\": \"^4.17.21\""),
            vec![(Dependencies, Review, "dependency.new")],
        ),
        ("version bump of existing package", manifests(REACT, "    \"react\": \"^19.1.0\""), vec![]),
        (
            "moment removed, dayjs added: dayjs only",
            manifests("    \"moment\": \"^2.0.0\"", "    \"dayjs\": \"^1.0.0\""),
            vec![(Dependencies, Review, "dependency.new")],
        ),
        ("dependency removed", manifests(&format!("    \"zod\": \"^3.0.0\",\n{REACT}"), REACT), vec![]),
        (
            "no package.json in diff",
            vec![new("apps/web/a.json", "{ \"dependencies\": { \"lodash\": \"1.0.0\" } }\n")],
            vec![],
        ),
    ]);
}

#[test]
fn places_and_imports_are_judged_as_expected() {
    check(vec![
        (
            "import `../../../../x` added",
            vec![new("apps/web/a/b/c/d/e.ts", DEEP)],
            vec![(Architecture, Review, "architecture.far-import")],
        ),
        (
            "three-level import",
            vec![new("apps/web/a/b/c/d/e.ts", "import { x } from '../../../x';\n")],
            vec![],
        ),
        (
            "deep import only in removed line",
            vec![file("apps/web/a/b/c/d/e.ts", Some(&format!("{DEEP}x();\n")), Some("x();\n"))],
            vec![],
        ),
        (
            "new file random-dir/foo.ts",
            vec![new("random-dir/foo.ts", "export const a = 1;\n")],
            vec![(Architecture, Review, "architecture.new-place")],
        ),
        ("README.md at root", vec![new("README.md", "# Hello\n")], vec![]),
        (
            "file in each of the 10 known dirs",
            PLACES.iter().map(|it| new(&format!("{it}/a.ts"), "export const a = 1;\n")).collect(),
            vec![],
        ),
        (
            "rename into random-dir",
            vec![moved("apps/a.ts", "random-dir/a.ts")],
            vec![(Architecture, Review, "architecture.new-place")],
        ),
        ("rename between known dirs", vec![moved("apps/a.ts", "packages/a.ts")], vec![]),
    ]);
}

#[test]
fn programs_are_judged_as_expected() {
    let key = format!("api_key = \"{}{}\";\n", "AKIA", "Q7VD2MZP4XLWT5NR");
    let dangerous = "export const A = ({ html }) => <p dangerouslySetInnerHTML={{ __html: html }} />;\n";
    check(vec![
        (
            "`api_key = \"AKIA…\"` in .ts",
            vec![new("apps/a.ts", &key)],
            vec![(Security, Block, "aws-access-token")],
        ),
        (
            // Only what a stranger certainly chooses blocks; of a property nobody knows, so a person looks.
            "dangerouslySetInnerHTML in .tsx",
            vec![new("apps/a.tsx", dangerous)],
            vec![(Security, Review, "xss.react-html")],
        ),
        (
            "dangerouslySetInnerHTML in .tsx, of what a visitor sends",
            vec![new(
                "apps/web/app/page.tsx",
                "export default function Page({ searchParams }) { return <p dangerouslySetInnerHTML={{ __html: searchParams.q }} />; }\n",
            )],
            vec![(Security, Block, "xss.react-html")],
        ),
        (
            "innerHTML = in .ts: warn, canProceed true, review true",
            vec![new("apps/a.ts", "export function show(el, text) { el.innerHTML = text; }\n")],
            vec![(Security, Review, "xss.inner-html")],
        ),
        ("dangerouslySetInnerHTML in .md", vec![new("docs/a.md", dangerous)], vec![]),
        (
            "plain tsx text edit",
            vec![file(
                "apps/a.tsx",
                Some("export const A = () => <p>Hello</p>;\n"),
                Some("export const A = () => <p>Good morning</p>;\n"),
            )],
            vec![],
        ),
    ]);
}

#[test]
fn findings_name_their_files() {
    let report = look(vec![
        new("db/migrations/20260401000000_a/migration.sql", "TRUNCATE a;\n"),
        new("db/migrations/20260402000000_b/migration.sql", "ALTER TABLE a DROP COLUMN b;\n"),
    ]);
    assert!(report.blocks(), "TRUNCATE in file 1, DROP COLUMN in file 2");
    let files: BTreeSet<_> =
        report.open().filter(|it| it.gate == Gate::Destructive).map(|it| it.file.as_str()).collect();
    assert_eq!(files.len(), 2, "both files named: {files:?}");
}

/// What the gate about packages passed over, and what it took for packages.
#[test]
fn manifests_are_read_and_not_their_lines() {
    let table = [
        ("lines with trailing comma", "    \"acme-thing\": \"^1.0.0\",\n", Some("dependency.new")),
        ("`latest`", "    \"acme-thing\": \"latest\",\n", Some("dependency.open-range")),
        ("`*`", "    \"acme-thing\": \"*\",\n", Some("dependency.open-range")),
        ("git URL", "    \"acme-thing\": \"git+https://example.com/a.git\",\n", Some("dependency.source")),
        ("file URL", "    \"acme-thing\": \"file:../../../elsewhere\",\n", Some("dependency.source")),
        ("http URL", "    \"acme-thing\": \"http://example.com/a.tgz\",\n", Some("dependency.source")),
        ("`npm:` alias", "    \"acme-thing\": \"npm:other@1.0.0\",\n", Some("dependency.source")),
        ("`>=`", "    \"acme-thing\": \">=1\",\n", Some("dependency.open-range")),
        // What `workspace:` names lies in the same tree: it is checked like everything else and is nobody else's.
        ("`workspace:`", "    \"acme-thing\": \"workspace:*\",\n", None),
    ];
    for (row, added, rule) in table {
        let report = look(manifests(REACT, &format!("{added}{REACT}")));
        let found: Vec<_> = report.open().map(|it| it.rule.as_str()).collect();
        assert_eq!(found, rule.into_iter().collect::<Vec<_>>(), "{row}");
    }
    let bump = manifest(REACT).replace("1.2.3", "1.2.4");
    let bumped = file("apps/web/package.json", Some(&manifest(REACT)), Some(&bump));
    assert!(look(vec![bumped]).open().next().is_none(), "flags \"version\": \"1.2.3\"");
    let rewritten =
        file("apps/web/package.json", Some(&manifest(REACT)), Some(&manifest(REACT).replace('\n', "\r\n")));
    assert!(look(vec![rewritten]).open().next().is_none(), "other line ends make no package new");
    let known =
        [".github/ISSUE_TEMPLATE/a.md", "data/a.json", "deliberation/a.md", "monitoring/a.yml", "tests/a.md"];
    let base_paths = known.iter().map(|it| format!("{it}.old")).collect();
    let files = known.iter().map(|it| new(it, "a: 1\n")).collect();
    let report = scan(&ChangeSet { base_paths, ..ChangeSet::of(Origin::Trees, files) }, &Policy::default());
    assert!(report.open().next().is_none(), "folders that the tree has already are known");
}

#[test]
fn every_finding_is_told() {
    let many = (0..40).map(|it| format!("DROP TABLE t{it};\n")).collect::<Vec<_>>().concat();
    let report = look(vec![new(MIGRATION, &many)]);
    assert_eq!(report.open().count(), 40, "15 findings and then \"... and N more\"");
    let text = report.text();
    assert!((0..40).all(|it| text.contains(&format!("`t{it}`"))), "{text}");
}
