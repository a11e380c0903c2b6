//! The two versions of the application, as images with nothing else in them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use servers::folder::Folder;
use tokio::process::Command;

use super::engine::Engine;
use crate::command::succeed;

/// The name of both images; the version is their tag.
const REPOSITORY: &str = "bench-server";

/// The two versions that take turns.
pub(crate) const VERSIONS: [&str; 2] = ["one", "two"];

/// The image of a version.
pub(crate) fn of(version: &str) -> String {
    format!("{REPOSITORY}:{version}")
}

/// Compiles the application and builds the image of each version.
pub(crate) async fn build_all(engine: &Engine, folder: &Folder) -> Result<()> {
    let context = folder.join("image");
    fs::create_dir(&context).context("make a build context")?;
    compile(&context.join("server")).await?;
    for version in VERSIONS {
        let dockerfile = format!("FROM scratch\nCOPY server /server\nCMD [\"/server\", \"{version}\"]\n");
        fs::write(context.join("Dockerfile"), dockerfile).context("write a Dockerfile")?;
        let path = context.to_str().context("name the build context")?;
        engine.docker(&["build", "--quiet", "--tag", &of(version), path]).await?;
    }
    Ok(())
}

async fn compile(program: &Path) -> Result<()> {
    let arguments =
        ["--edition=2024", "-Ctarget-feature=+crt-static", "-Copt-level=s", "-Cstrip=symbols", "-o"];
    let mut rustc = Command::new("rustc");
    rustc.args(arguments).arg(program).arg("fixtures/server.rs").current_dir(crate::FOLDER);
    succeed(&mut rustc).await.context("compile the application").map(drop)
}
