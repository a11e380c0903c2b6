//! What a change asks for in a `package.json`.

use crate::finding::{Category, Gate, Severity, Verdict};
use crate::sighting::Sighting;

use super::lifecycle::{self, Danger};
use super::manifest::{Manifest, Request, lowest, place};
use super::{About, look_alike, quoted, sighting};

/// The largest manifest that is read, in bytes; people write them by hand.
const SIZE_MAX: usize = 256 * 1024;

/// What is new in a manifest.
pub(super) fn look(about: &About<'_>, path: &str) -> Vec<Sighting> {
    if about.after.len() > SIZE_MAX {
        return vec![unreadable()];
    }
    let before = about.before.map(Manifest::read).unwrap_or_default();
    let after = Manifest::read(about.after);
    let mut found = Vec::new();
    if !after.readable && (about.before.is_none() || before.readable) {
        found.push(unreadable());
    }
    for (name, asked) in after.wanted.iter().filter(|(name, asked)| before.wanted.get(*name) != Some(*asked))
    {
        found.extend(wanted(about, path, name, before.wanted.get(name).map(String::as_str), asked));
    }
    for (name, asked) in after.bent.iter().filter(|(name, asked)| before.bent.get(*name) != Some(*asked)) {
        let bends = about.known.compared || Request::of(asked).is_foreign();
        found.extend(bends.then(|| bent(about, name, asked)));
    }
    for (name, command) in after.scripts.iter().filter(|(name, _)| lifecycle::NAMES.contains(&name.as_str()))
    {
        if before.scripts.get(name) != Some(command) {
            found.extend(runs_by_itself(about, name, command));
        }
    }
    for name in after.builders.iter().filter(|it| about.known.compared && !before.builders.contains(it)) {
        found.push(builder(about, name));
    }
    found.extend(unlocked(about, path, &before, &after));
    found
}

fn unreadable() -> Sighting {
    sighting(
        "dependency.unreadable",
        0..0,
        "The list of packages that the application needs could not be read, so nobody can say what it brings in.".to_owned(),
        "Correct the file; it must be plain JSON.",
        "manifest".to_owned(),
    )
}

fn wanted(about: &About<'_>, path: &str, name: &str, before: Option<&str>, asked: &str) -> Vec<Sighting> {
    let at = place(about.after, name);
    let mut found: Vec<Sighting> = Vec::new();
    match Request::of(asked) {
        Request::Local if leads_out(path, asked) => found.push(foreign(about, name, asked)),
        Request::Local => return found,
        Request::Alias(_) | Request::Address(_) => found.push(foreign(about, name, asked)),
        Request::Version(range) => {
            if let Some(before) = before {
                found.extend(moved(name, before, range, at.clone()));
            }
            if before != Some(range) && about.known.compared && is_open(range) {
                found.push(open(name, at.clone()));
            }
        }
    }
    found.extend(look_alike(about, name, at.clone()));
    if before.is_none() && found.is_empty() && about.known.is_new(name) {
        found.push(sighting(
            "dependency.new",
            at,
            format!(
                "The application would use the package {}, which it did not use before. Code of strangers then runs with \
                 all rights of the application.",
                quoted(name)
            ),
            "Have somebody look at who makes it, under which licence, and whether it is needed.",
            name.to_owned(),
        ));
    }
    found
}

/// Whether the path of a package leads out of the tree that is looked at.
fn leads_out(manifest: &str, asked: &str) -> bool {
    let kind = ["file:", "link:", "portal:"].iter().find_map(|it| asked.strip_prefix(it)).unwrap_or(asked);
    if kind.starts_with(['/', '~']) {
        return true;
    }
    let mut depth = manifest.matches('/').count();
    kind.split('/').any(|step| match step {
        ".." if depth == 0 => true,
        ".." => {
            depth -= 1;
            false
        }
        "." | "" => false,
        _ => {
            depth += 1;
            false
        }
    })
}

fn foreign(about: &About<'_>, name: &str, asked: &str) -> Sighting {
    let plain = asked.starts_with("http:") || asked.starts_with("git:");
    let old = !about.known.compared && matches!(Request::of(asked), Request::Alias(_));
    Sighting {
        verdict: match (plain, old) {
            (true, _) => Verdict::Block,
            (false, true) => Verdict::Note,
            (false, false) => Verdict::Review,
        },
        severity: Severity::High,
        ..sighting(
            "dependency.source",
            place(about.after, name),
            format!(
                "The package {} would not come from the package registry under its own name, but from {}. What lies there \
                 can change at any time, and nobody checks it.",
                quoted(name),
                quoted(without_secret(asked))
            ),
            "Use a published version of the package, or keep its code in the project.",
            format!("{name} {asked}"),
        )
    }
}

/// An address without the name and password that may stand in it.
fn without_secret(address: &str) -> &str {
    match (address.rsplit_once('@'), address.starts_with("npm:")) {
        (Some((_, rest)), false) => rest,
        _ => address,
    }
}

/// A range that any later version meets.
fn is_open(range: &str) -> bool {
    matches!(range.trim(), "" | "*" | "x" | "latest" | "next")
        || range.starts_with('>') && !range.contains('<')
}

fn open(name: &str, at: std::ops::Range<usize>) -> Sighting {
    sighting(
        "dependency.open-range",
        at,
        format!("Any future version of the package {} would be taken, unseen.", quoted(name)),
        "Say which version is meant.",
        name.to_owned(),
    )
}

/// A known package in another version.
fn moved(name: &str, before: &str, range: &str, at: std::ops::Range<usize>) -> Option<Sighting> {
    let (old, new) = (lowest(before)?, lowest(range)?);
    let identity = format!("{name} {range}");
    if new < old {
        return Some(sighting(
            "dependency.downgrade",
            at,
            format!(
                "The package {} would go back from version {old} to {new}. Faults that were mended since would come back.",
                quoted(name)
            ),
            "Stay on the newer version, or have somebody confirm that the older one is safe.",
            identity,
        ));
    }
    (new.major > old.major).then(|| Sighting {
        verdict: Verdict::Note,
        severity: Severity::Low,
        ..sighting(
            "dependency.major",
            at,
            format!(
                "The package {} would go from version {old} to {new}. Such a step may change how it behaves.",
                quoted(name)
            ),
            "Make sure that the tests cover what it is used for.",
            identity,
        )
    })
}

fn bent(about: &About<'_>, name: &str, asked: &str) -> Sighting {
    let foreign = Request::of(asked).is_foreign();
    Sighting {
        severity: if foreign { Severity::High } else { Severity::Medium },
        ..sighting(
            "dependency.override",
            place(about.after, name),
            format!(
                "Every package that needs {} would get {} instead of what it asked for.",
                quoted(name),
                quoted(without_secret(asked))
            ),
            "Have somebody confirm that this is meant, and why.",
            format!("{name} {asked}"),
        )
    }
}

fn runs_by_itself(about: &About<'_>, name: &str, command: &str) -> Option<Sighting> {
    let danger = lifecycle::danger(command);
    let at = place(about.after, name);
    let identity = format!("{name} {command}");
    if danger == Danger::RunsRemote {
        return Some(Sighting {
            gate: Gate::Security,
            category: Category::Backdoor,
            verdict: Verdict::Block,
            severity: Severity::Critical,
            ..sighting(
                "backdoor.install-script",
                at,
                format!(
                    "The command {} runs by itself wherever the project is installed, and would run code that is not in \
                     the project: fetched from elsewhere, or hidden in it.",
                    quoted(name)
                ),
                "Remove it. What is needed at installation belongs into the project, in plain sight.",
                identity,
            )
        });
    }
    if danger == Danger::Fetches {
        return Some(Sighting {
            gate: Gate::Security,
            category: Category::Backdoor,
            severity: Severity::High,
            ..sighting(
                "backdoor.install-fetch",
                at,
                format!(
                    "The command {} runs by itself wherever the project is installed, and would talk to another computer.",
                    quoted(name)
                ),
                "Have somebody confirm what it fetches and why.",
                identity,
            )
        });
    }
    about.known.compared.then(|| Sighting {
        verdict: if danger == Danger::Usual { Verdict::Note } else { Verdict::Review },
        ..sighting(
            "dependency.install-script",
            at,
            format!(
                "The command {} is new or changed, and runs by itself wherever the project is installed.",
                quoted(name)
            ),
            "Have somebody look at what it does.",
            identity,
        )
    })
}

fn builder(about: &About<'_>, name: &str) -> Sighting {
    let at = about.after.find(&format!("\"{name}\"")).map_or(0..0, |at| at..at + name.len() + 2);
    sighting(
        "dependency.build-allowed",
        at,
        format!(
            "The package {} would be allowed to run commands of its own when it is installed.",
            quoted(name)
        ),
        "Have somebody confirm that it needs this.",
        name.to_owned(),
    )
}

/// A manifest that asks for more while the lock file beside it stays as it was.
fn unlocked(about: &About<'_>, path: &str, before: &Manifest, after: &Manifest) -> Option<Sighting> {
    let changed: Vec<&str> = after
        .wanted
        .iter()
        .filter(|(name, asked)| {
            before.wanted.get(*name) != Some(*asked) && Request::of(asked) != Request::Local
        })
        .map(|(name, _)| name.as_str())
        .collect();
    let first = changed.first()?;
    about.before?;
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let above = |lock: &str| {
        let place = lock.rsplit_once('/').map_or("", |(place, _)| place);
        super::lock::is_lock(lock)
            && (place.is_empty() || folder == place || folder.starts_with(&format!("{place}/")))
    };
    let has_lock =
        about.change.base_paths.iter().any(|it| above(it)) || about.change.context.keys().any(|it| above(it));
    let moves = about.change.files.iter().any(|it| above(&it.path));
    (has_lock && !moves).then(|| {
        sighting(
            "dependency.lock-missing",
            place(about.after, first),
            format!(
                "The project asks for other packages ({}), but the file that fixes their exact versions was not brought \
                 along. Which code would be installed is then left to chance.",
                changed.iter().take(5).map(|it| quoted(it)).collect::<Vec<_>>().join(", ")
            ),
            "Install once and add the changed lock file.",
            changed.join(" "),
        )
    })
}
