//! The ship message: Build Studio asks for a finished feature to be shipped.
//!
//! `CloudEvents` 1.0 in structured JSON, type [`TYPE`]. The JSON Schema is
//! `schemas/ship.requested.v1.json`.

use std::path::PathBuf;

use domain::{Answer, BuildId, ChangeType, Risk, Topic};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::fields::{InvalidMessage, data, envelope, exactly, invalid, parsed, structure, text};
use crate::verification::Verification;

/// The `type` attribute of the event.
pub const TYPE: &str = "slipway.ship.requested.v1";

/// The published JSON Schema of the message.
pub const SCHEMA: &str = include_str!("../schemas/ship.requested.v1.json");

/// A ship message that holds what it must.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShipMessage {
    /// The event's id: the same id is the same request, however often it arrives.
    pub id: String,
    /// The build to ship.
    pub build: BuildId,
    /// The feature's name as people know it.
    pub title: String,
    /// The installation to ship it to.
    pub installation: String,
    /// Where the feature was built.
    pub sandbox: Sandbox,
    /// The commit that the feature started from; the sandbox's last commit where not given.
    pub baseline: Option<String>,
    /// Decides the windows that admit it.
    pub change_type: ChangeType,
    /// Decides the windows that admit it.
    pub risk: Risk,
    /// Who asks, as Build Studio knows them.
    pub requested_by: String,
    /// What became of the build's own checks; nothing counts as passed that is not reported.
    pub verification: Option<Verification>,
    /// Whether it is to be shared with others, where somebody has chosen that already.
    pub contribution: Option<Answer>,
}

/// Where the feature was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sandbox {
    /// A directory with a git work tree.
    Directory(PathBuf),
    /// A folder inside a container.
    Container {
        /// The container's name or id.
        id: String,
        /// The work tree's absolute path inside it.
        path: String,
    },
}

impl ShipMessage {
    /// Reads a message that arrived.
    ///
    /// # Errors
    /// [`InvalidMessage`] names the first field that is wrong; the same bytes are wrong every time.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidMessage> {
        let event = &envelope(bytes)?;
        exactly(event, "type", TYPE)?;
        let data = data(event, &DATA_FIELDS)?;
        Ok(Self {
            id: text(event, "", "id", 200)?,
            build: parsed(data, "build", None)?,
            title: text(data, "data.", "title", 200)?,
            installation: text(data, "data.", "installation", 63)?,
            sandbox: sandbox(data.get("sandbox").unwrap_or(&Value::Null))?,
            baseline: baseline(data)?,
            change_type: parsed(data, "change_type", Some(ChangeType::Normal))?,
            risk: parsed(data, "risk", Some(Risk::Low))?,
            requested_by: text(data, "data.", "requested_by", 200)?,
            verification: structure(data, "verification")?,
            contribution: contribution(data)?,
        })
    }
}

/// The fields of `data`; anything else is refused, so that a misspelt one is noticed.
const DATA_FIELDS: [&str; 10] = [
    "build",
    "title",
    "installation",
    "sandbox",
    "baseline",
    "change_type",
    "risk",
    "requested_by",
    "verification",
    "contribution",
];

fn contribution(data: &Map<String, Value>) -> Result<Option<Answer>, InvalidMessage> {
    match data.get("contribution") {
        None | Some(Value::Null) => Ok(None),
        Some(_) => parsed(data, "contribution", None).and_then(|answer: Answer| {
            let is_choice = Topic::Contribution.answers().contains(&answer);
            let problem = || invalid("data.contribution", "must be one of: share, keep".to_owned());
            if is_choice { Ok(Some(answer)) } else { Err(problem()) }
        }),
    }
}

fn sandbox(value: &Value) -> Result<Sandbox, InvalidMessage> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wire {
        directory: Option<PathBuf>,
        container: Option<String>,
        path: Option<String>,
    }
    let wrong = |problem: &str| invalid("data.sandbox", problem.to_owned());
    let wire: Wire =
        serde_json::from_value(value.clone()).map_err(|error| wrong(&format!("cannot be read: {error}")))?;
    match wire {
        Wire { directory: Some(directory), container: None, path: None } if directory.is_absolute() => {
            Ok(Sandbox::Directory(directory))
        }
        Wire { directory: None, container: Some(id), path: Some(path) }
            if path.starts_with('/') && !id.is_empty() =>
        {
            Ok(Sandbox::Container { id, path })
        }
        _ => Err(wrong(
            "must be either {\"directory\": absolute path} or {\"container\": id, \"path\": absolute path}",
        )),
    }
}

fn baseline(data: &Map<String, Value>) -> Result<Option<String>, InvalidMessage> {
    match data.get("baseline") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(commit))
            if matches!(commit.len(), 40 | 64) && commit.bytes().all(|b| b.is_ascii_hexdigit()) =>
        {
            Ok(Some(commit.clone()))
        }
        Some(_) => Err(invalid("data.baseline", "must be a whole commit id: 40 or 64 hex digits".to_owned())),
    }
}
