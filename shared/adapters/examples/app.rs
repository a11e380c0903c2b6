//! A small application for tests of the process runtime. Files in its folder say how it behaves:
//!
//! - `version`: what it answers to `version`
//! - `exit`: it ends at once with this exit code
//! - `ignore-term`: SIGTERM does not impress it
//! - `leave-child`: it leaves a process behind in a group of its own
//!
//! It prints the names of its environment variables and the port it listens on. A client sends one
//! line, `version` or `exit <code>`.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    process::Command,
    signal::unix::{SignalKind, signal},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let names: Vec<_> = std::env::vars().map(|(name, _value)| name).collect();
    println!("environment: {}", names.join(" "));
    if let Ok(code) = fs::read_to_string("exit") {
        println!("ending at once");
        std::process::exit(code.trim().parse()?);
    }
    if Path::new("leave-child").exists() {
        let child = Command::new("sleep").arg("600").process_group(0).spawn()?;
        println!("child {}", child.id().context("a child has a pid")?);
    }
    let port = std::env::var("PORT").unwrap_or_else(|_absent| "0".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let port = listener.local_addr()?.port();
    println!("listening on {port} by {}", std::process::id());
    loop {
        tokio::select! {
            client = listener.accept() => answer(client?.0).await?,
            _ = terminate.recv() => {
                println!("asked to stop");
                if !Path::new("ignore-term").exists() {
                    return Ok(());
                }
            }
        }
    }
}

async fn answer(client: TcpStream) -> Result<()> {
    let mut client = BufReader::new(client);
    let mut line = String::new();
    client.read_line(&mut line).await?;
    if let Some(code) = line.trim().strip_prefix("exit ") {
        std::process::exit(code.parse()?);
    }
    let version = fs::read(Path::new("version"))?;
    client.write_all(&version).await?;
    Ok(())
}
