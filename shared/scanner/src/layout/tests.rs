//! Places and imports, in a tree of two applications and two packages.

use crate::change::{ChangeSet, ChangedFile, Content};
use crate::policy::{Edge, Policy};

use super::look;

fn content(text: &str) -> Content {
    Content { mode: 0o100_644, bytes: text.as_bytes().to_vec() }
}

fn file(path: &str, before: Option<&str>, after: Option<&str>) -> ChangedFile {
    ChangedFile {
        path: path.to_owned(),
        moved_from: None,
        before: before.map(content),
        after: after.map(content),
    }
}

fn tree(files: Vec<ChangedFile>) -> ChangeSet {
    let base = ["apps/web/lib/a.ts", "apps/admin/b.ts", "packages/db/src/index.ts", "docs/a.md", "README.md"];
    let context = [
        ("apps/web/package.json", r#"{"name": "web"}"#),
        ("apps/admin/package.json", r#"{"name": "@acme/admin"}"#),
        ("packages/db/package.json", r#"{"name": "@acme/db"}"#),
        ("packages/ui/package.json", r#"{"name": "@acme/ui"}"#),
        (
            "apps/web/tsconfig.json",
            "{ // the short name\n \"compilerOptions\": { \"paths\": { \"@/*\": [\"./*\"], \"~db/*\": [\"../../packages/db/src/*\"], }, } }",
        ),
    ];
    ChangeSet {
        files,
        base_paths: base.map(str::to_owned).to_vec(),
        context: context.map(|(path, text)| (path.to_owned(), text.to_owned())).into(),
        ..ChangeSet::default()
    }
}

fn rules(change: &ChangeSet, policy: &Policy) -> Vec<String> {
    look(change, policy).iter().map(|it| it.1.rule.trim_start_matches("architecture.").to_owned()).collect()
}

#[track_caller]
fn check(path: &str, text: &str, expected: &[&str]) {
    let change = tree(vec![file(path, None, Some(text))]);
    assert_eq!(rules(&change, &Policy::default()), expected, "{path}: {text}");
}

#[test]
fn a_new_folder_at_the_top_is_told_once() {
    let new = |path| file(path, None, Some(""));
    let change = tree(vec![new("random/a.ts"), new("random/b.ts"), new("docs/b.md"), new("NOTICE")]);
    assert_eq!(rules(&change, &Policy::default()), ["new-place"]);
    let moved =
        ChangedFile { moved_from: Some("docs/a.md".to_owned()), ..file("other/a.md", Some("a"), Some("a")) };
    assert_eq!(rules(&tree(vec![moved]), &Policy::default()), ["new-place"]);
    let removed = tree(vec![file("old/a.ts", Some(""), None)]);
    assert!(rules(&removed, &Policy::default()).is_empty());
    let alone = ChangeSet { files: vec![new("random/a.ts")], ..ChangeSet::default() };
    assert!(rules(&alone, &Policy::default()).is_empty(), "without a tree, nothing is new");
}

#[test]
fn imports_stay_in_their_workspace_or_go_by_name() {
    check("apps/web/a.ts", "import b from './b'; import c from '@/lib/c'; import d from 'react'", &[]);
    check("apps/web/a.ts", "import { db } from '@acme/db'; import x from '@acme/db/client'", &[]);
    check("apps/web/a.ts", "import { db } from '../../packages/db/src'", &["package-by-path"]);
    check("apps/web/a.ts", "import b from '../admin/b'", &["app-imports-app"]);
    check("apps/web/a.ts", "import b from '@acme/admin/b'", &["app-imports-app"]);
    check("packages/db/src/a.ts", "const b = require('../../../apps/web/lib/b')", &["package-imports-app"]);
    check("packages/db/src/a.ts", "export * from 'web/lib/b'", &["package-imports-app"]);
    check("packages/db/src/a.ts", "import u from '../../ui/src/u'", &["package-by-path"]);
    check("scripts/a.ts", "import b from '../apps/web/lib/b'", &["new-place", "package-by-path"]);
}

#[test]
fn far_up_is_four_levels() {
    check("apps/web/a/b/c/d/e.ts", "import x from '../../../../x'", &["far-import"]);
    check("apps/web/a/b/c/d/e.ts", "import x from '../../../x'", &[]);
}

#[test]
fn browsers_do_not_get_what_belongs_on_the_server() {
    for (import, expected) in [
        ("import fs from 'node:fs'", true),
        ("import { exec } from 'child_process'", true),
        ("import 'server-only'", true),
        ("import type { Stats } from 'node:fs'", false),
        ("import React from 'react'", false),
    ] {
        let rule: &[&str] = if expected { &["client-imports-server"] } else { &[] };
        check("apps/web/a.tsx", &format!("'use client'\n{import}"), rule);
        check("apps/web/a.tsx", import, &[]);
    }
}

#[test]
fn only_new_edges_count() {
    let old = "import b from '../admin/b'";
    let change = |before, after| tree(vec![file("apps/web/a.ts", Some(before), Some(after))]);
    assert!(rules(&change(old, "import b, { c } from '@acme/admin/b'; b(c)"), &Policy::default()).is_empty());
    assert_eq!(rules(&change("", old), &Policy::default()), ["app-imports-app"]);
    let server = "import fs from 'node:fs'";
    let client = format!("'use client'\n{server}");
    assert_eq!(rules(&change(server, &client), &Policy::default()), ["client-imports-server"]);
}

#[test]
fn the_policy_forbids_more() {
    let mut policy = Policy::default();
    policy.layout.forbidden = vec![
        Edge { from: "apps/*/lib/**".to_owned(), to: "packages/ui/**".to_owned(), reason: String::new() },
        Edge { from: "**".to_owned(), to: "moment".to_owned(), reason: String::new() },
    ];
    policy.layout.places = vec!["apps".to_owned()];
    let change = tree(vec![
        file(
            "apps/web/lib/a.ts",
            None,
            Some("import u from '@acme/ui/button'; import m from 'moment/locale/de'"),
        ),
        file("docs/b.md", None, Some("")),
    ]);
    assert_eq!(rules(&change, &policy), ["new-place", "forbidden-import", "forbidden-import"]);
}

#[test]
fn no_text_makes_it_fail() {
    let seeds = [
        "'use client'\nimport {a} from `b${`c${d}`}`; /[/]'/.x; \"é\\",
        "{\"compilerOptions\": {\"paths\": {\"@/*\": [\"./*\",]}}}// é /*",
    ];
    for seed in seeds {
        for at in (0..=seed.len()).filter(|at| seed.is_char_boundary(*at)) {
            for path in ["apps/web/a.ts", "apps/web/tsconfig.json", "apps/web/package.json"] {
                look(
                    &tree(vec![
                        file(path, None, Some(&seed[..at])),
                        file("apps/web/b.vue", None, Some(&seed[at..])),
                    ]),
                    &Policy::default(),
                );
            }
        }
    }
    for piece in ["`${", "(", "'\\", "import(", "/[", "{\"a\":", "../"] {
        check("apps/web/a.ts", &piece.repeat(50_000), &[]);
    }
}

#[test]
fn a_package_is_entered_through_what_it_exports() {
    let manifest = r#"{"name": "@acme/kit", "exports": {
        ".": {"types": "./d.ts", "import": {"node": "./src/main.ts", "default": "./src/web.ts"}},
        "./parts/*": "./src/inner/*.tsx",
        "./odd": 1
    }}"#;
    let mut policy = Policy::default();
    let edge = |to: &str| Edge { from: "**".to_owned(), to: to.to_owned(), reason: String::new() };
    for (import, path, is_there) in [
        ("@acme/kit", "packages/kit/src/main", true),
        ("@acme/kit/parts/list", "packages/kit/src/inner/list", true),
        ("@acme/kit/parts/list", "packages/kit/parts/**", false),
        ("@acme/kit/odd", "packages/kit/odd", true),
        ("@acme/kit/other", "packages/kit/other", true),
    ] {
        policy.layout.forbidden = vec![edge(path)];
        let text = format!("import a from '{import}'");
        let mut change = tree(vec![file("apps/web/lib/a.ts", None, Some(&text))]);
        change.context.insert("packages/kit/package.json".to_owned(), manifest.to_owned());
        let found = rules(&change, &policy);
        assert_eq!(found.contains(&"forbidden-import".to_owned()), is_there, "{import}: {found:?}");
    }
}
