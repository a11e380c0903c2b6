//! A worker that installs an application and then waits to be killed, for tests:
//! `worker <root> <source> <program>`. It is its own keeper: `worker keep <instance folder>`.

use std::{collections::BTreeMap, path::Path};

use adapters::runtime::{Process, ProcessSettings, keep};
use anyhow::bail;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (root, source, program) = match arguments[..] {
        ["keep", folder] => return keep(Path::new(folder)).await,
        [root, source, program] => (root, source, program),
        _ => bail!("call me with: <root> <source> <program>"),
    };
    let process = Process::new(ProcessSettings {
        root: root.into(),
        name: "portal".to_owned(),
        build: Vec::new(),
        run: vec![program.to_owned()],
        migrate: Vec::new(),
        env: BTreeMap::new(),
        stop_timeout_seconds: 5,
        restart: true,
        keeper: None,
    })?;
    process.install(Path::new(source)).await?;
    println!("installed");
    std::future::pending().await
}
