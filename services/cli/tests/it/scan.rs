//! `slipway scan`: no console answers, and none is asked.

use std::fs;
use std::path::Path;
use std::process::Command;

use cli::Exit;
use tempfile::TempDir;

use crate::console::{Console, Ran};

/// A line with a token, made for these tests.
fn token() -> String {
    format!("const t = \"{}{}\";\n", "ghp_", "x7Kq2mV9bT4nR8wL1pZ6cY3dF5hJ0sAgEu2W")
}

async fn scan(arguments: &[&str]) -> Ran {
    Console::absent().await.run(&[&["scan"], arguments].concat()).await
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn git(folder: &Path, arguments: &[&str]) {
    let who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"];
    let output = Command::new("git").arg("-C").arg(folder).args(who).args(arguments).output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn commit(folder: &Path) {
    git(folder, &["add", "--all"]);
    git(folder, &["commit", "--quiet", "--allow-empty", "--message", "x"]);
}

/// The rule, file and line of each finding that was printed as JSON.
fn found(ran: &Ran) -> Vec<(String, String, u64)> {
    let [findings] = &ran.values()[..] else { panic!("one value is printed: {ran:?}") };
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let of =
        |it: &serde_json::Value| (text(&it["rule"]), text(&it["file"]), it["line"].as_u64().unwrap_or(0));
    findings.as_array().expect("an array").iter().map(of).collect()
}

#[tokio::test]
async fn a_folder_is_looked_at_whole() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "src/a.ts", &token());
    write(folder.path(), "Dockerfile", "FROM scratch\n");
    write(folder.path(), "node_modules/x/a.ts", &token());
    let path = folder.path().to_str().unwrap();
    let ran = scan(&[path, "--format", "json"]).await;
    assert_eq!(ran.exit, Exit::Failed, "{ran:?}");
    assert_eq!(found(&ran), [("github-pat".to_owned(), "src/a.ts".to_owned(), 1)]);
    let ran = scan(&[path, "--gates", "destructive,dependencies"]).await;
    assert_eq!(ran.exit, Exit::Done, "{ran:?}");
    let ran = scan(&[path]).await;
    assert!(ran.out.contains("src/a.ts:1:12") && ran.out.contains("2 files"), "{ran:?}");
    let ran = scan(&[path, "--format", "sarif"]).await;
    assert_eq!(ran.values()[0]["version"], "2.1.0");
}

#[tokio::test]
async fn the_exit_code_tells_whether_anything_blocks() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "a.yaml", "password: 'zebra77x'\n");
    let path = folder.path().to_str().unwrap();
    assert_eq!(scan(&[path]).await.exit, Exit::Done, "a person must look, nothing blocks");
    assert_eq!(scan(&[path, "--fail-on", "review"]).await.exit, Exit::Failed);
    assert_eq!(scan(&["/nowhere/at/all"]).await.exit, Exit::Usage);
    assert!(Console::is_usage_error(&["scan"]));
    assert!(Console::is_usage_error(&["scan", ".", "--gates", "all"]));
}

#[tokio::test]
async fn a_diff_that_does_not_add_up_is_refused() {
    let folder = TempDir::new().unwrap();
    let diff = |counts: &str| format!("--- a/x.ts\n+++ b/x.ts\n@@ -0,0 +{counts} @@\n+{}", token());
    write(folder.path(), "good.diff", &diff("1"));
    write(folder.path(), "bad.diff", &diff("1,2"));
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let ran = scan(&["--diff", &path("good.diff"), "--format", "json"]).await;
    assert_eq!(found(&ran), [("github-pat".to_owned(), "x.ts".to_owned(), 1)]);
    assert_eq!(scan(&["--diff", &path("bad.diff")]).await.exit, Exit::Usage);
}

#[tokio::test]
async fn a_range_is_what_its_commits_bring_and_would_make_public() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().to_str().unwrap();
    git(folder.path(), &["init", "--quiet", "--initial-branch", "main"]);
    write(folder.path(), "old.ts", &token());
    commit(folder.path());
    git(folder.path(), &["switch", "--quiet", "--create", "feature"]);
    write(folder.path(), "Dockerfile", "FROM scratch\n");
    write(folder.path(), "ä b.ts", &token());
    commit(folder.path());
    fs::remove_file(folder.path().join("ä b.ts")).unwrap();
    commit(folder.path());
    let ran = scan(&[path, "--git", "main..feature", "--format", "json"]).await;
    let expected = [("change.image", "Dockerfile"), ("github-pat", "ä b.ts")];
    let found: Vec<_> = found(&ran).into_iter().map(|(rule, file, _)| (rule, file)).collect();
    assert_eq!(found, expected.map(|(rule, file)| (rule.to_owned(), file.to_owned())));
    assert_eq!(ran.exit, Exit::Failed);
    assert_eq!(scan(&[path, "--git", "feature..feature"]).await.exit, Exit::Done);
    assert_eq!(scan(&[path, "--git", "nothing..feature"]).await.exit, Exit::Usage);
}

#[tokio::test]
async fn a_range_is_judged_beside_the_rest_of_its_tree() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().to_str().unwrap();
    git(folder.path(), &["init", "--quiet", "--initial-branch", "main"]);
    write(folder.path(), "apps/web/package.json", r#"{ "name": "web" }"#);
    write(folder.path(), "apps/admin/package.json", r#"{ "name": "admin" }"#);
    write(folder.path(), "apps/admin/secrets.ts", "export const a = 1;\n");
    commit(folder.path());
    git(folder.path(), &["switch", "--quiet", "--create", "feature"]);
    write(folder.path(), "apps/web/page.ts", "import { a } from \"../admin/secrets\";\n");
    write(folder.path(), "elsewhere/x.ts", "export const b = 1;\n");
    commit(folder.path());
    let ran = scan(&[path, "--git", "main..feature", "--format", "json"]).await;
    let rules: Vec<_> = found(&ran).into_iter().map(|(rule, file, _)| format!("{rule} {file}")).collect();
    assert_eq!(
        rules,
        ["architecture.app-imports-app apps/web/page.ts", "architecture.new-place elsewhere/x.ts"]
    );
    assert_eq!(ran.exit, Exit::Done, "a look is asked for, and nothing is in the way");
}

#[tokio::test]
async fn what_is_accepted_is_no_longer_reported() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "src/a.ts", &token());
    let path = folder.path().join("src").to_str().unwrap().to_owned();
    let ran = scan(&[&path, "--format", "json"]).await;
    let print = ran.values()[0][0]["fingerprint"].as_str().unwrap().to_owned();
    let reason = "withdrawn at the provider";
    let accepted =
        serde_json::json!({ "fingerprint": print, "reason": reason, "by": "ann", "at": "2026-11-24" });
    write(folder.path(), "baseline.json", &serde_json::json!({ "accepted": [accepted] }).to_string());
    let baseline = folder.path().join("baseline.json").to_str().unwrap().to_owned();
    let ran = scan(&[&path, "--baseline", &baseline]).await;
    assert_eq!(ran.exit, Exit::Done, "{ran:?}");
    assert!(ran.out.contains("1 accepted"), "{ran:?}");
    write(folder.path(), "policy.toml", "[network]\nhosts = [\"api.example.com\"]\n");
    let policy = folder.path().join("policy.toml").to_str().unwrap().to_owned();
    assert_eq!(scan(&[&path, "--policy", &policy]).await.exit, Exit::Failed);
    write(folder.path(), "policy.toml", "[networks]\n");
    assert_eq!(scan(&[&path, "--policy", &policy]).await.exit, Exit::Usage);
}
