//! What is never merged without a look: what cannot be read, and files that decide what runs where.

use crate::change::{ChangedFile, Content, FILE_MAX, Origin, is_code};
use crate::finding::{Category, Confidence, Gate, Severity, Verdict};
use crate::sighting::Sighting;

const LOOK: &str = "A person who knows this file should look at the change and accept it if it is meant.";

/// A rule, whether a path and the name at its end are such a file, and what it decides.
type Deciding = (&'static str, fn(&str, &str) -> bool, &'static str);

/// Files that decide what runs, by name.
const DECIDING: &[Deciding] = &[
    ("change.attributes", |_, name| name == ".gitattributes", "how git shows and transforms files"),
    (
        "change.workflow",
        |path, name| {
            path.starts_with(".github/workflows/")
                || path.starts_with(".github/actions/")
                || path.starts_with(".circleci/")
                || matches!(name, ".gitlab-ci.yml" | "Jenkinsfile" | "azure-pipelines.yml" | ".travis.yml")
        },
        "what the build service runs, with its secrets",
    ),
    (
        "change.hook",
        |path, name| {
            path.split('/').any(|part| matches!(part, ".githooks" | ".husky" | ".git" | ".hooks"))
                || matches!(name, "lefthook.yml" | ".pre-commit-config.yaml")
        },
        "what runs on developers' machines by itself",
    ),
    (
        "change.registry",
        |_, name| matches!(name, ".npmrc" | ".yarnrc" | ".yarnrc.yml" | ".pnpmfile.cjs" | "bunfig.toml"),
        "where packages come from and what they may run",
    ),
    (
        "change.workspace",
        |_, name| name == "pnpm-workspace.yaml",
        "which packages belong together and which may run programs when they are installed",
    ),
    (
        "change.image",
        |_, name| {
            name.starts_with("Dockerfile")
                || name.ends_with(".Dockerfile")
                || name.starts_with("Containerfile")
                || name.ends_with(".dockerfile")
        },
        "what the application's image is made of",
    ),
    (
        "change.policy",
        |path, name| {
            path.starts_with(".slipway/") && !name.contains("baseline") || name.starts_with("slipway-policy")
        },
        "what these checks allow",
    ),
    (
        "change.baseline",
        |path, name| {
            path.starts_with(".slipway/") && name.contains("baseline") || name.starts_with("slipway-baseline")
        },
        "which findings these checks no longer report",
    ),
];

/// What stands out about the file before anybody reads it. In a whole tree nothing does: there it is no news.
pub(crate) fn look(file: &ChangedFile, origin: Origin) -> Vec<Sighting> {
    let is_same = match (&file.before, &file.after) {
        (Some(before), Some(after)) => before.mode == after.mode && lines_of(before) == lines_of(after),
        (None, _) | (_, None) => false,
    };
    if origin == Origin::Tree || is_same {
        return Vec::new();
    }
    let name = file.path.rsplit('/').next().unwrap_or_default();
    let deciding = DECIDING.iter().filter(|(_, is_one, _)| is_one(&file.path, name)).map(|(rule, _, what)| {
        let message = format!(
            "This change touches a file that decides {what}. A wrong word in it can open the application, or the \
             machines that build it, to strangers."
        );
        sighting(rule, Category::Backdoor, Verdict::Review, Severity::Medium, message, LOOK)
    });
    let mut seen: Vec<_> = deciding.collect();
    seen.extend(of_mode(file));
    seen
}

fn lines_of(content: &Content) -> Vec<u8> {
    content.bytes.iter().copied().filter(|byte| *byte != b'\r').collect()
}

fn of_mode(file: &ChangedFile) -> Option<Sighting> {
    let after = file.after.as_ref()?;
    let before = file.before.as_ref().map(|it| it.mode);
    let (rule, message) = match after.mode & 0o170_000 {
        0o120_000 => (
            "change.link",
            "This change adds or moves a link to another file. A link can make the application read or overwrite \
             files outside of its own folder.",
        ),
        0o160_000 => (
            "change.submodule",
            "This change takes in another repository as a whole. What is in it was not checked, and whoever owns it \
             decides what runs here.",
        ),
        _ if after.mode & 0o111 != 0 && before.is_none_or(|mode| mode & 0o111 == 0) => (
            "change.executable",
            "This change makes a file a program that can be started. Product files seldom need that.",
        ),
        _ if after.bytes.starts_with(b"version https://git-lfs.github.com/spec/") => (
            "change.pointer",
            "This file only points at content that is kept elsewhere. What it stands for was not checked.",
        ),
        _ => return None,
    };
    Some(sighting(rule, Category::Backdoor, Verdict::Review, Severity::Medium, message.to_owned(), LOOK))
}

/// A file whose text has bytes that belong to no character.
pub(crate) fn bad_encoding(origin: Origin) -> Option<Sighting> {
    (origin != Origin::Tree).then(|| {
        let message = "Parts of this file are not text in the usual encoding (UTF-8), so people and programs may \
                       read different things in it.";
        let remedy = "Save the file as UTF-8.";
        sighting("change.encoding", Category::Obfuscated, Verdict::Review, Severity::Low, message.to_owned(), remedy)
    })
}

/// A file that is no text. Images and the like are only noted, unless they are named like code.
pub(crate) fn binary(path: &str, is_media: bool, origin: Origin) -> Option<Sighting> {
    let hides = is_code(path);
    if origin == Origin::Tree && !hides {
        return None;
    }
    let verdict = if is_media && !hides { Verdict::Note } else { Verdict::Review };
    let message = "Nobody can read what is in this file: it is not text. It could be a program.";
    let remedy = "Leave it out, or let a person who knows where it comes from accept it.";
    Some(sighting(
        "change.binary",
        Category::Obfuscated,
        verdict,
        Severity::Medium,
        message.to_owned(),
        remedy,
    ))
}

/// A file that is too large to be checked.
pub(crate) fn oversized(bytes: usize) -> Sighting {
    let message = format!(
        "This file has {} MB and was not checked; more than {} MB is not read.",
        bytes / (1024 * 1024),
        FILE_MAX / (1024 * 1024)
    );
    let remedy =
        "Split it, keep it out of the repository, or let a person who knows what is in it accept it.";
    sighting("change.oversized", Category::Obfuscated, Verdict::Review, Severity::Medium, message, remedy)
}

/// A file that a check failed on.
pub(crate) fn not_checked() -> Sighting {
    let message = "This could not be checked: the scanner failed on it. What cannot be checked does not go into \
                   production.";
    let remedy = "Write it more simply, or report the file to whoever runs Slipway.";
    sighting(
        "change.not-checked",
        Category::Obfuscated,
        Verdict::Block,
        Severity::High,
        message.to_owned(),
        remedy,
    )
}

/// A change of which not every file was read.
pub(crate) fn not_read() -> Sighting {
    let message = "Not every file of this change was read, so nobody knows what it brings.";
    let remedy = "Start the check again; if this stays, report it to whoever runs Slipway.";
    sighting(
        "change.not-read",
        Category::Obfuscated,
        Verdict::Block,
        Severity::High,
        message.to_owned(),
        remedy,
    )
}

/// A change that did not find what it must find in the samples.
pub(crate) fn failed_self_check(missing: &str) -> Sighting {
    let message =
        format!("The scanner failed its self-check: it did not find the built-in samples of {missing}.");
    let remedy = "Report this to whoever runs Slipway; until it is mended nothing is let through.";
    let rule = "change.self-check";
    sighting(rule, Category::Obfuscated, Verdict::Block, Severity::High, message, remedy)
}

fn sighting(
    rule: &'static str,
    category: Category,
    verdict: Verdict,
    severity: Severity,
    message: String,
    remedy: &str,
) -> Sighting {
    Sighting {
        gate: Gate::Security,
        rule,
        category,
        verdict,
        severity,
        confidence: Confidence::High,
        place: 0..0,
        via: Vec::new(),
        message,
        remedy: remedy.to_owned(),
        identity: String::new(),
    }
}

/// A comment that silences a check, added by the change that it speaks for.
pub(crate) fn planted_allowance(place: std::ops::Range<usize>, rule: &str) -> Sighting {
    let message = format!(
        "This change brings a comment that silences the check `{rule}` for its own code. A change cannot excuse \
         itself."
    );
    let remedy = "Remove the comment and mend the code, or let a person accept the finding.";
    let planted = sighting(
        "change.suppression",
        Category::Obfuscated,
        Verdict::Review,
        Severity::Medium,
        message,
        remedy,
    );
    Sighting { place, identity: rule.to_owned(), ..planted }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, before: Option<(u32, &str)>, after: Option<(u32, &str)>) -> ChangedFile {
        let content = |(mode, text): (u32, &str)| Content { mode, bytes: text.as_bytes().to_vec() };
        ChangedFile {
            path: path.to_owned(),
            moved_from: None,
            before: before.map(content),
            after: after.map(content),
        }
    }

    #[test]
    fn deciding_files_are_never_merged_without_a_look() {
        let new = Some((0o100_644, "x"));
        let table = [
            (file(".gitattributes", None, new), Some("change.attributes")),
            (file("apps/a/.gitattributes", new, None), Some("change.attributes")),
            (file(".github/workflows/ci.yml", None, new), Some("change.workflow")),
            (file(".husky/pre-commit", None, new), Some("change.hook")),
            (file("packages/a/.npmrc", None, new), Some("change.registry")),
            (file("pnpm-workspace.yaml", None, new), Some("change.workspace")),
            (file("apps/web/Dockerfile", None, new), Some("change.image")),
            (file(".slipway/policy.toml", None, new), Some("change.policy")),
            (file(".slipway/baseline.json", None, new), Some("change.baseline")),
            (file("a.sh", None, Some((0o100_755, "x"))), Some("change.executable")),
            (file("a.sh", Some((0o100_755, "x")), Some((0o100_755, "y"))), None),
            (file("a", None, Some((0o120_000, "/etc/passwd"))), Some("change.link")),
            (file("a", None, Some((0o160_000, "1234"))), Some("change.submodule")),
            (
                file("a.bin", None, Some((0o100_644, "version https://git-lfs.github.com/spec/v1\n"))),
                Some("change.pointer"),
            ),
            (file("Dockerfile", Some((0o100_644, "a\n")), Some((0o100_644, "a\r\n"))), None),
            (file("src/a.ts", None, new), None),
        ];
        for (file, expected) in table {
            let rules: Vec<_> = look(&file, Origin::Trees).iter().map(|it| it.rule).collect();
            assert_eq!(rules, expected.into_iter().collect::<Vec<_>>(), "{}", file.path);
            assert!(look(&file, Origin::Tree).is_empty(), "{} is no news in a tree", file.path);
        }
    }
}
