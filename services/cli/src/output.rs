//! Where a command's words go: results to one place, remarks to another.

use std::env;
use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::Failure;

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON value per line.
    Json,
}

/// Where a command's words go.
///
/// Nothing that is printed can steer a terminal: control characters in titles, reasons and logs are
/// dropped, because others wrote them.
pub struct Output {
    format: Format,
    live: bool,
    asks: bool,
    results: Box<dyn Write + Send>,
    remarks: Box<dyn Write + Send>,
}

impl Output {
    /// Results to standard output, remarks to standard error.
    pub fn stdio(format: Format) -> Self {
        let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        let live = format == Format::Text && io::stdout().is_terminal() && !dumb;
        let asks = format == Format::Text && io::stdin().is_terminal();
        Self { format, live, asks, results: Box::new(io::stdout()), remarks: Box::new(io::stderr()) }
    }

    /// Results and remarks to these places, without anything that needs a terminal.
    pub fn to(
        format: Format,
        results: impl Write + Send + 'static,
        remarks: impl Write + Send + 'static,
    ) -> Self {
        Self { format, live: false, asks: false, results: Box::new(results), remarks: Box::new(remarks) }
    }

    /// Whether results are for programs.
    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Whether results go to a terminal that can redraw a line.
    pub(crate) fn is_live(&self) -> bool {
        self.live
    }

    /// Prints a result: `text` for people, the value itself for programs.
    pub fn result<T: Serialize + ?Sized>(
        &mut self,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> io::Result<()> {
        match self.format {
            Format::Text => self.text(&text(value)),
            Format::Json => self.json(value),
        }
    }

    /// Prints text for people, ended by one line break; nothing when results are for programs.
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        if self.is_json() {
            return Ok(());
        }
        writeln!(self.results, "{}", without_control(text))?;
        self.results.flush()
    }

    /// Says something that is not part of the result.
    pub(crate) fn remark(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.remarks, "{}", without_control(text))
    }

    /// Asks the person at the terminal; without one nobody says yes.
    pub(crate) async fn ask(&mut self, question: &str) -> io::Result<bool> {
        if !self.asks {
            return Ok(false);
        }
        self.remark(question)?;
        let answer = tokio::task::spawn_blocking(|| {
            let mut answer = String::new();
            io::stdin().read_line(&mut answer).map(|_| answer)
        });
        let answer = answer.await.map_err(io::Error::other)??;
        Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    }

    pub(crate) fn json<T: Serialize + ?Sized>(&mut self, value: &T) -> io::Result<()> {
        serde_json::to_writer(&mut self.results, value)?;
        writeln!(self.results)?;
        self.results.flush()
    }

    /// Says why a command could not be carried out, and answers the code to exit with.
    pub(crate) fn failure(&mut self, failure: &Failure) -> Exit {
        // Whoever closed the pipe has seen enough.
        if matches!(failure, Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe) {
            return failure.exit();
        }
        let said = match self.format {
            Format::Text => self.remark(&failure.text()),
            Format::Json => self.json(&failure.json()),
        };
        // Where even that cannot be said, the exit code is all that is left.
        if said.is_ok() { failure.exit() } else { Exit::Failed }
    }
}

/// The text without the characters that could steer a terminal.
pub(crate) fn without_control(text: &str) -> String {
    text.chars().filter(|&c| !c.is_control() || c == '\n' || c == '\t').collect()
}
