//! Which crate may know which.

use cargo_metadata::{Dependency, DependencyKind, Package};

use super::{packages, read};

/// What the services other than the command line may know; never each other.
const SERVICE: &[&str] =
    &["domain", "calendar", "scanner", "protocol", "store", "adapters", "engine", "telemetry"];

/// The allowed arrows between crates of the workspace: from, to. An arrow that is not here is not allowed.
const ARROWS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("calendar", &["domain"]),
    ("scanner", &["domain"]),
    ("protocol", &["domain"]),
    ("store", &["domain"]),
    ("transport", &["protocol"]),
    ("adapters", &["domain"]),
    ("telemetry", &[]),
    ("engine", &["domain", "calendar", "protocol", "store", "transport", "telemetry"]),
    ("scheduler", SERVICE),
    ("supervisor", SERVICE),
    ("ship", SERVICE),
    ("backup", SERVICE),
    ("build", SERVICE),
    ("swap", SERVICE),
    ("health", SERVICE),
    ("cleanup", SERVICE),
    ("console", SERVICE),
    // It speaks HTTP only and has no credentials of any other kind; calendar and scanner are pure.
    ("cli", &["calendar", "protocol", "scanner"]),
    (
        "slipway",
        &[
            "domain",
            "protocol",
            "store",
            "transport",
            "adapters",
            "engine",
            "telemetry",
            "scheduler",
            "supervisor",
            "ship",
            "backup",
            "build",
            "swap",
            "health",
            "cleanup",
            "console",
            "cli",
        ],
    ),
    // It checks what decides, alone.
    ("modelcheck", &["domain"]),
    // They stand outside: what they test or build, they meet as programs.
    ("servers", &[]),
    ("xtask", &["servers"]),
    ("portal", &[]),
    ("architecture", &[]),
    // Its one program puts the parts together anew, so that jobs can be made to fail.
    (
        "e2e",
        &[
            "adapters",
            "domain",
            "engine",
            "scheduler",
            "supervisor",
            "ship",
            "backup",
            "build",
            "swap",
            "health",
            "cleanup",
            "console",
            "telemetry",
        ],
    ),
    // Its check knows nothing of Slipway; it needs the shops opened, and a way to the broker.
    ("chaos", &["adapters", "scratch", "servers", "transport"]),
    // It measures what the workers do, what others do in the same place, and how long a decision takes.
    ("bench", &["adapters", "calendar", "servers"]),
    // What it promises, it promises of the scanner alone.
    ("hostile", &["scanner"]),
    ("scratch", &[]),
    // It knows GitHub's description of itself, and nothing of who asks.
    ("github", &[]),
];

/// The client of each outside system, and the only crates that may use it.
const CLIENTS: &[(&str, &[&str])] = &[
    ("sqlx", &["store"]),
    ("jiff-sqlx", &["store"]),
    // The end-to-end tests also publish as strangers do, past every rule of ours.
    ("lapin", &["transport", "e2e"]),
    ("bollard", &["adapters"]),
    ("deadpool-postgres", &["adapters"]),
    ("octocrab", &["adapters"]),
];

/// Names that say nothing and draw everything in.
const EMPTY_NAMES: &[&str] =
    &["common", "core", "helper", "helpers", "model", "models", "shared", "types", "util", "utils"];

fn is_compiled_in(dependency: &Dependency) -> bool {
    dependency.kind != DependencyKind::Development
}

fn arrows_of(package: &Package) -> &'static [&'static str] {
    let row = ARROWS.iter().find(|(from, _)| *from == package.name.as_str());
    row.unwrap_or_else(|| panic!("the crate {} has no row in the table of arrows", package.name)).1
}

#[test]
fn crates_know_only_the_crates_below_them() {
    for package in packages() {
        let allowed = arrows_of(&package);
        let internal =
            package.dependencies.iter().filter(|it| it.path.is_some()).filter(|it| is_compiled_in(it));
        for dependency in internal {
            let to = dependency.name.as_str();
            assert!(allowed.contains(&to), "{} may not depend on {to}", package.name);
        }
    }
}

#[test]
fn each_outside_system_has_one_crate() {
    for package in packages() {
        for (client, users) in CLIENTS {
            let is_used = package.dependencies.iter().any(|it| it.name.as_str() == *client);
            let is_allowed = users.contains(&package.name.as_str());
            assert!(!is_used || is_allowed, "{} may not use {client}; {users:?} may", package.name);
        }
    }
}

#[test]
fn the_domain_knows_nothing_and_does_no_input_or_output() {
    let domain = packages().into_iter().find(|it| it.name.as_str() == "domain").expect("domain is here");
    let known: Vec<_> = domain.dependencies.iter().filter(|it| is_compiled_in(it)).collect();
    assert!(known.is_empty(), "domain depends on {known:?}");
    let root = read("shared/domain/src/lib.rs");
    assert!(root.lines().any(|line| line == "#![no_std]"), "shared/domain/src/lib.rs says #![no_std]");
}

#[test]
fn every_crate_obeys_the_lints_of_the_workspace() {
    for package in packages() {
        let manifest = std::fs::read_to_string(&package.manifest_path).expect("a manifest is readable");
        assert!(
            manifest.contains("[lints]\nworkspace = true\n"),
            "{} lacks `[lints] workspace = true`",
            package.manifest_path
        );
    }
}

#[test]
fn every_crate_has_at_most_one_binary_of_integration_tests() {
    for package in packages() {
        let count = package.targets.iter().filter(|it| it.is_test()).count();
        assert!(count <= 1, "{} has {count} of them: make them modules of tests/it/main.rs", package.name);
    }
}

#[test]
fn every_crate_is_named_after_what_it_does() {
    for package in packages() {
        let name = package.name.as_str();
        assert!(!EMPTY_NAMES.contains(&name), "`{name}` says nothing about what belongs into the crate");
        let folder = package.manifest_path.parent().and_then(|it| it.file_name());
        assert_eq!(folder, Some(name), "a crate is found by its name");
    }
}
