//! Fields of messages, read one by one, so that a wrong one is named.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::MESSAGE_BYTES_MAX;

/// Why a message cannot be taken: the field and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct InvalidMessage {
    /// Where it is wrong, as a path: `data.build`.
    pub field: String,
    /// What is wrong, for people.
    pub problem: String,
}

/// The message's envelope, if it is a `CloudEvent` that can be kept.
pub(crate) fn envelope(bytes: &[u8]) -> Result<Map<String, Value>, InvalidMessage> {
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(invalid("message", format!("must not be larger than {MESSAGE_BYTES_MAX} bytes")));
    }
    let value: Value =
        serde_json::from_slice(bytes).map_err(|error| invalid("message", format!("is not JSON: {error}")))?;
    if holds_nul(&value) {
        return Err(invalid("message", "must not contain the character U+0000".to_owned()));
    }
    let event = object(&value, "message")?;
    exactly(event, "specversion", "1.0")?;
    Ok(event.clone())
}

/// The message's data, in which only these fields may stand.
pub(crate) fn data<'a>(
    event: &'a Map<String, Value>,
    known: &[&str],
) -> Result<&'a Map<String, Value>, InvalidMessage> {
    let data = object(event.get("data").unwrap_or(&Value::Null), "data")?;
    match data.keys().find(|key| !known.contains(&key.as_str())) {
        Some(unknown) => {
            Err(invalid(&format!("data.{unknown}"), format!("is not known; known are {}", known.join(", "))))
        }
        None => Ok(data),
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

pub(crate) fn object<'a>(value: &'a Value, field: &str) -> Result<&'a Map<String, Value>, InvalidMessage> {
    value.as_object().ok_or_else(|| invalid(field, "must be an object".to_owned()))
}

pub(crate) fn exactly(event: &Map<String, Value>, field: &str, expected: &str) -> Result<(), InvalidMessage> {
    match event.get(field) {
        Some(Value::String(found)) if found == expected => Ok(()),
        _ => Err(invalid(field, format!("must be \"{expected}\""))),
    }
}

pub(crate) fn text(
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

pub(crate) fn parsed<T>(
    data: &Map<String, Value>,
    field: &str,
    default: Option<T>,
) -> Result<T, InvalidMessage>
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

pub(crate) fn invalid(field: &str, problem: String) -> InvalidMessage {
    InvalidMessage { field: field.to_owned(), problem }
}

/// A structure that may be left out.
pub(crate) fn structure<T: for<'de> Deserialize<'de>>(
    data: &Map<String, Value>,
    field: &str,
) -> Result<Option<T>, InvalidMessage> {
    let wrong = |error| invalid(&format!("data.{field}"), format!("cannot be read: {error}"));
    match data.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => serde_json::from_value(value.clone()).map(Some).map_err(wrong),
    }
}
