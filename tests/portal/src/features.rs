//! The features that can be applied to the base source tree: one that works, and one for each way to fail.

use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::tree;

/// A change to the base source tree.
pub(crate) struct Feature {
    pub(crate) name: &'static str,
    /// What becomes of an application that ships it, in one line.
    pub(crate) summary: &'static str,
    renamed: &'static [(&'static str, &'static str)],
    deleted: &'static [&'static str],
    /// Files to add or replace, by their path in the tree.
    written: &'static [(&'static str, &'static str)],
}

/// Embeds files of a feature by their paths in the tree.
macro_rules! files {
    ($feature:literal: $($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../features/", $feature, "/", $path)))),+]
    };
}

/// All features.
pub(crate) const FEATURES: &[Feature] = &[
    Feature {
        name: "good",
        summary: "loyalty points: works, and moves and removes pages too",
        renamed: &[("pages/news.html", "pages/updates.html")],
        deleted: &["pages/offers.html"],
        written: files!("good": "migrations/0004_create_loyalty_points.sql", "pages/customers.html", "pages/loyalty.html"),
    },
    Feature {
        name: "does-not-build",
        summary: "gift vouchers: a page is broken, so the build fails",
        renamed: &[],
        deleted: &[],
        written: files!("does-not-build": "migrations/0005_create_vouchers.sql", "pages/vouchers.html"),
    },
    Feature {
        name: "exits-at-start",
        summary: "card payments: a setting is missing, so it ends at once and changes no data",
        renamed: &[],
        deleted: &[],
        written: files!("exits-at-start": "migrations/0006_create_payments.sql", "pages/payments.html", "settings.json"),
    },
    Feature {
        name: "breaks-data",
        summary: "gross prices: a migration ruins orders and customers, so it runs but is not healthy",
        renamed: &[],
        deleted: &[],
        written: files!("breaks-data": "migrations/0007_show_gross_prices.sql", "pages/orders.html"),
    },
    Feature {
        name: "never-healthy",
        summary: "a warm-up that lasts a year: it starts, but answers 503 to everything",
        renamed: &[],
        deleted: &[],
        written: files!("never-healthy": "settings.json"),
    },
    Feature {
        name: "hangs",
        summary: "a build that takes an hour, longer than any promotion may",
        renamed: &[],
        deleted: &[],
        written: files!("hangs": "settings.json"),
    },
];

/// Applies the feature `name` to the tree in `dir`, as uncommitted work.
///
/// # Errors
/// There is no such feature, or the tree has neither the old nor the new name of a file to rename.
///
/// # Idempotency
/// A second call changes nothing.
pub(crate) fn apply(name: &str, dir: &Path) -> anyhow::Result<()> {
    let feature = FEATURES
        .iter()
        .find(|feature| feature.name == name)
        .with_context(|| format!("there is no feature `{name}`; `portal features` lists them"))?;
    for (from, to) in feature.renamed {
        let (from, to) = (dir.join(from), dir.join(to));
        if from.exists() || !to.exists() {
            fs::rename(&from, &to)
                .with_context(|| format!("rename {} to {}", from.display(), to.display()))?;
        }
    }
    for path in feature.deleted {
        let path = dir.join(path);
        if path.exists() {
            fs::remove_file(&path).with_context(|| format!("delete {}", path.display()))?;
        }
    }
    for (path, text) in feature.written {
        tree::write(dir, path, text).with_context(|| format!("write {path}"))?;
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::FEATURES;

    /// Asserts that `listed` names exactly the files in `folder`.
    #[track_caller]
    pub(crate) fn assert_lists_every_file(listed: &[(&str, &str)], folder: &Path) {
        let mut found = BTreeSet::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for entry in fs::read_dir(next).expect("read a folder") {
                let path = entry.expect("read an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.insert(path.strip_prefix(folder).expect("inside").to_string_lossy().into_owned());
                }
            }
        }
        let listed: BTreeSet<String> = listed.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(listed, found, "{}", folder.display());
    }

    #[test]
    fn the_features_are_the_folders_of_features() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("features");
        for feature in FEATURES {
            assert_lists_every_file(feature.written, &folder.join(feature.name));
        }
        assert_eq!(fs::read_dir(folder).expect("read features").count(), FEATURES.len());
    }
}
