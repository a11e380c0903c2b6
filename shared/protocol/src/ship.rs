//! The ship message: Build Studio asks for a finished feature to be shipped.
//!
//! `CloudEvents` 1.0 in structured JSON, type [`TYPE`]. The JSON Schema is
//! `schemas/ship.requested.v1.json`.

use std::path::PathBuf;

use domain::{BuildId, ChangeType, Risk};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::MESSAGE_BYTES_MAX;

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

/// Why a ship message cannot be taken: the field and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct InvalidMessage {
    /// Where it is wrong, as a path: `data.build`.
    pub field: String,
    /// What is wrong, for people.
    pub problem: String,
}

impl ShipMessage {
    /// Reads a message that arrived.
    ///
    /// # Errors
    /// [`InvalidMessage`] names the first field that is wrong; the same bytes are wrong every time.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidMessage> {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(invalid("message", format!("must not be larger than {MESSAGE_BYTES_MAX} bytes")));
        }
        let value: Value = serde_json::from_slice(bytes)
            .map_err(|error| invalid("message", format!("is not JSON: {error}")))?;
        if holds_nul(&value) {
            return Err(invalid("message", "must not contain the character U+0000".to_owned()));
        }
        let event = object(&value, "message")?;
        exactly(event, "specversion", "1.0")?;
        exactly(event, "type", TYPE)?;
        let data = object(event.get("data").unwrap_or(&Value::Null), "data")?;
        refuse_unknown(data)?;
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
        })
    }
}

/// The fields of `data`; anything else is refused, so that a misspelt one is noticed.
const DATA_FIELDS: [&str; 8] =
    ["build", "title", "installation", "sandbox", "baseline", "change_type", "risk", "requested_by"];

fn refuse_unknown(data: &Map<String, Value>) -> Result<(), InvalidMessage> {
    match data.keys().find(|key| !DATA_FIELDS.contains(&key.as_str())) {
        Some(unknown) => Err(invalid(
            &format!("data.{unknown}"),
            format!("is not known; known are {}", DATA_FIELDS.join(", ")),
        )),
        None => Ok(()),
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

/// Whether the character that Postgres does not store stands anywhere in it.
fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(map) => map.iter().any(|(key, value)| key.contains('\0') || holds_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn object<'a>(value: &'a Value, field: &str) -> Result<&'a Map<String, Value>, InvalidMessage> {
    value.as_object().ok_or_else(|| invalid(field, "must be an object".to_owned()))
}

fn exactly(event: &Map<String, Value>, field: &str, expected: &str) -> Result<(), InvalidMessage> {
    match event.get(field) {
        Some(Value::String(found)) if found == expected => Ok(()),
        _ => Err(invalid(field, format!("must be \"{expected}\""))),
    }
}

fn text(
    map: &Map<String, Value>,
    prefix: &str,
    field: &str,
    bytes_max: usize,
) -> Result<String, InvalidMessage> {
    match map.get(field) {
        Some(Value::String(text))
            if !text.trim().is_empty() && text.len() <= bytes_max && !text.contains(char::is_control) =>
        {
            Ok(text.clone())
        }
        _ => Err(invalid(
            &format!("{prefix}{field}"),
            format!("must be a text of 1 to {bytes_max} bytes on one line"),
        )),
    }
}

fn parsed<T>(data: &Map<String, Value>, field: &str, default: Option<T>) -> Result<T, InvalidMessage>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let wrong = |problem: String| invalid(&format!("data.{field}"), problem);
    match (data.get(field), default) {
        (None | Some(Value::Null), Some(default)) => Ok(default),
        (Some(Value::String(text)), _) => text.parse().map_err(|error: T::Err| wrong(error.to_string())),
        (Some(_), _) => Err(wrong("must be a text".to_owned())),
        (None, None) => Err(wrong("is missing".to_owned())),
    }
}

fn invalid(field: &str, problem: String) -> InvalidMessage {
    InvalidMessage { field: field.to_owned(), problem }
}
