//! Why a command could not be carried out.

use std::io;
use std::path::Path;

use protocol::http::{FieldProblem, Problem};
use serde_json::{Value, json};

use crate::exit::Exit;

/// Why a command could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Nobody answers there, or the connection was cut.
    #[error(
        "Slipway's console does not answer at {url}. Start it with `slipway serve all` or set SLIPWAY_API_URL."
    )]
    Unreachable {
        /// Where it was looked for.
        url: String,
    },

    /// The console answered before, and no longer does.
    #[error(
        "Slipway's console at {url} has not answered for {seconds} s. What was begun goes on without this \
         command; once the console is back, see how it stands with `slipway promotions list`."
    )]
    Lost {
        /// Where it was.
        url: String,
        /// How long it was waited for.
        seconds: u64,
    },

    /// The console says why not.
    #[error("{}", .0.detail)]
    Problem(Problem),

    /// Something answers there that does not speak as Slipway's console does.
    #[error("{url} answered with something that Slipway's console does not say ({what}). Check the address.")]
    Foreign {
        /// What was asked.
        url: String,
        /// What is strange about it.
        what: String,
    },

    /// The command was given wrongly.
    #[error("{0}")]
    Usage(String),

    /// What was found could not be printed.
    #[error("The result could not be printed: {0}.")]
    Output(#[from] io::Error),
}

impl Failure {
    /// A file that was given and cannot be used.
    pub(crate) fn file(path: &Path, problem: impl std::fmt::Display) -> Self {
        Failure::Usage(format!("{}: {problem}", path.display()))
    }

    /// The code to exit with.
    pub fn exit(&self) -> Exit {
        match self {
            Failure::Usage(_) => Exit::Usage,
            // 409: it is well formed, and cannot be done as things stand.
            Failure::Problem(problem) if problem.status == 409 => Exit::Refused,
            Failure::Unreachable { .. }
            | Failure::Lost { .. }
            | Failure::Problem(_)
            | Failure::Foreign { .. }
            | Failure::Output(_) => Exit::Failed,
        }
    }

    /// Whether asking again later may help.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Failure::Unreachable { .. } => true,
            Failure::Problem(problem) => problem.status >= 500,
            Failure::Lost { .. } | Failure::Foreign { .. } | Failure::Usage(_) | Failure::Output(_) => false,
        }
    }

    /// The failure for people: title, one plain sentence, one line per wrong field.
    pub(crate) fn text(&self) -> String {
        let Failure::Problem(problem) = self else { return self.to_string() };
        let fields =
            problem.fields.iter().map(|FieldProblem { field, problem }| format!("\n  {field}: {problem}"));
        format!("{}\n{}{}", problem.title, problem.detail, fields.collect::<String>())
    }

    /// The failure for programs: a problem under `error`.
    pub(crate) fn json(&self) -> Value {
        match self {
            Failure::Problem(problem) => json!({ "error": problem }),
            Failure::Unreachable { .. }
            | Failure::Lost { .. }
            | Failure::Foreign { .. }
            | Failure::Usage(_)
            | Failure::Output(_) => json!({ "error": { "title": self.title(), "detail": self.to_string() } }),
        }
    }

    fn title(&self) -> &str {
        match self {
            Failure::Unreachable { .. } => "No answer",
            Failure::Lost { .. } => "No answer any more",
            Failure::Problem(problem) => &problem.title,
            Failure::Foreign { .. } => "Not Slipway's console",
            Failure::Usage(_) => "Given wrongly",
            Failure::Output(_) => "Not printed",
        }
    }
}
