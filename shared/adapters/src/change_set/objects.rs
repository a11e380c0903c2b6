//! Contents of the baseline, read from git's store.

use std::process::Stdio;

use anyhow::{Context, Result, anyhow, ensure};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Stored objects, read one after the other.
#[derive(Debug)]
pub(super) struct Objects {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    _child: Child,
}

impl Objects {
    /// Starts `git cat-file --batch`.
    pub(super) fn open(mut command: Command) -> Result<Self> {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.context("start git")?;
        let input = child.stdin.take().context("write to git")?;
        let output = BufReader::new(child.stdout.take().context("read from git")?);
        Ok(Self { input, output, _child: child })
    }

    /// The object's bytes, or `None` if they are more than `bytes_max`; after that nothing more can be read.
    pub(super) async fn read(&mut self, id: &str, bytes_max: u64) -> Result<Option<Vec<u8>>> {
        self.input.write_all(format!("{id}\n").as_bytes()).await.context("ask git for an object")?;
        self.input.flush().await.context("ask git for an object")?;
        let mut header = String::new();
        self.output.read_line(&mut header).await.context("read an object from git")?;
        let size = header.trim_end().rsplit(' ').next().and_then(|size| size.parse::<u64>().ok());
        let size = size.ok_or_else(|| anyhow!("the sandbox's history lacks {}", header.trim_end()))?;
        if size > bytes_max {
            return Ok(None);
        }
        let mut content = vec![0; usize::try_from(size)?];
        self.output.read_exact(&mut content).await.context("read an object from git")?;
        ensure!(self.output.read_u8().await? == b'\n', "git's answer is longer than announced");
        Ok(Some(content))
    }
}
