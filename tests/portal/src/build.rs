//! `portal build`: the build of the application, which checks its sources.

use std::path::Path;
use std::time::Duration;

use crate::migration::Migration;
use crate::page::Page;
use crate::tree::{self, Flaw, SourceFile};

/// Checks every page and migration in `root` and prints a line for each, flaws included.
///
/// # Errors
/// At least one file is wrong, or the tree cannot be read.
pub(crate) async fn run(root: &Path) -> anyhow::Result<()> {
    let settings = tree::settings(root)?;
    if settings.build_seconds > 0 {
        println!("portal: this build takes {} seconds", settings.build_seconds);
        tokio::time::sleep(Duration::from_secs(settings.build_seconds)).await;
    }
    let mut n_flaws = check(root, "pages", |file| Page::parse(file).map(drop))?;
    n_flaws += check(root, "migrations", |file| Migration::parse(file).map(drop))?;
    match n_flaws {
        0 => Ok(()),
        1 => anyhow::bail!("the build failed: one file is wrong"),
        _ => anyhow::bail!("the build failed: {n_flaws} files are wrong"),
    }
}

fn check(
    root: &Path,
    folder: &str,
    parse: impl Fn(&SourceFile) -> Result<(), Flaw>,
) -> anyhow::Result<usize> {
    let mut n_flaws = 0;
    for file in tree::files(root, folder)? {
        match parse(&file) {
            Ok(()) => println!("ok    {}", file.path),
            Err(flaw) => {
                n_flaws += 1;
                eprintln!("wrong {flaw}");
            }
        }
    }
    Ok(n_flaws)
}
