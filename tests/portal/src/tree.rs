//! The source tree of the application: reading one, and writing the base one.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;

use crate::migration::Migration;
use crate::page::Page;
use crate::settings::Settings;

/// Everything that the application reads from its source tree, checked.
pub(crate) struct Tree {
    /// The build that this tree is, `base` unless Slipway made it.
    pub(crate) build: String,
    pub(crate) settings: Settings,
    /// `home` first, the others by name.
    pub(crate) pages: Vec<Page>,
    /// In the order in which they run.
    pub(crate) migrations: Vec<Migration>,
}

/// What is wrong in one source file.
#[derive(Debug, thiserror::Error)]
#[error("{file}:{line}: {problem}")]
pub(crate) struct Flaw {
    /// The path inside the tree.
    pub(crate) file: String,
    /// Counted from 1.
    pub(crate) line: usize,
    pub(crate) problem: String,
}

/// One file of a folder of the tree.
pub(crate) struct SourceFile {
    /// The path inside the tree, for example `pages/home.html`.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// The part of `slipway.json` that the application shows.
#[derive(Deserialize)]
struct Origin {
    build: String,
}

/// The base tree, as `portal unpack` writes it.
const BASE: &[(&str, &str)] = &[
    (".dockerignore", include_str!("../app/.dockerignore")),
    ("Dockerfile", include_str!("../app/Dockerfile")),
    ("migrations/0001_create_customers.sql", include_str!("../app/migrations/0001_create_customers.sql")),
    ("migrations/0002_create_orders.sql", include_str!("../app/migrations/0002_create_orders.sql")),
    ("migrations/0003_create_news.sql", include_str!("../app/migrations/0003_create_news.sql")),
    ("pages/customers.html", include_str!("../app/pages/customers.html")),
    ("pages/home.html", include_str!("../app/pages/home.html")),
    ("pages/news.html", include_str!("../app/pages/news.html")),
    ("pages/offers.html", include_str!("../app/pages/offers.html")),
    ("pages/orders.html", include_str!("../app/pages/orders.html")),
    ("settings.json", include_str!("../app/settings.json")),
];

impl Tree {
    /// Reads and checks the tree in `root`.
    pub(crate) fn load(root: &Path) -> anyhow::Result<Self> {
        let mut pages = files(root, "pages")?.iter().map(Page::parse).collect::<Result<Vec<_>, _>>()?;
        pages.sort_by_key(|page| page.name != "home");
        let migrations =
            files(root, "migrations")?.iter().map(Migration::parse).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { build: build_id(root)?, settings: settings(root)?, pages, migrations })
    }
}

/// Reads the settings of the tree in `root`.
pub(crate) fn settings(root: &Path) -> anyhow::Result<Settings> {
    let text = fs::read_to_string(root.join("settings.json")).context("read settings.json")?;
    serde_json::from_str(&text).context("read settings.json")
}

/// The files directly in `folder` of the tree in `root`, by name.
pub(crate) fn files(root: &Path, folder: &str) -> anyhow::Result<Vec<SourceFile>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(root.join(folder)).with_context(|| format!("read the folder {folder}"))? {
        let entry = entry.with_context(|| format!("read the folder {folder}"))?;
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        let text = fs::read_to_string(entry.path()).with_context(|| format!("read {path}"))?;
        files.push(SourceFile { path, text });
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

/// Writes the base tree into `dir`, with this very program as `bin/portal`.
///
/// # Idempotency
/// Files of the base tree are overwritten with their base content; other files stay.
pub(crate) fn unpack(dir: &Path) -> anyhow::Result<()> {
    for (path, text) in BASE {
        write(dir, path, text).with_context(|| format!("write {path}"))?;
    }
    let program = dir.join("bin/portal");
    let this_program = std::env::current_exe().context("find this program's file")?;
    // A running `bin/portal` cannot be written to, but it can be replaced.
    let fresh = dir.join("bin/portal.fresh");
    fs::create_dir_all(dir.join("bin")).context("make the folder bin")?;
    fs::copy(&this_program, &fresh).context("copy this program to bin/portal")?;
    fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755)).context("make bin/portal executable")?;
    fs::rename(&fresh, &program).context("put bin/portal in its place")
}

/// Writes one text file of a tree and the folders above it.
pub(crate) fn write(dir: &Path, path: &str, text: &str) -> io::Result<()> {
    let file = dir.join(path);
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, text)
}

fn build_id(root: &Path) -> anyhow::Result<String> {
    match fs::read_to_string(root.join("slipway.json")) {
        Ok(text) => Ok(serde_json::from_str::<Origin>(&text).context("read slipway.json")?.build),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok("base".to_owned()),
        Err(error) => Err(error).context("read slipway.json"),
    }
}

#[cfg(test)]
mod tests {
    use super::BASE;

    #[test]
    fn the_base_tree_is_the_folder_app() {
        let app = concat!(env!("CARGO_MANIFEST_DIR"), "/app");
        crate::features::tests::assert_lists_every_file(BASE, app.as_ref());
    }
}
