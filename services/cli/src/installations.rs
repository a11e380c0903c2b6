//! `slipway installations`: describe, see and check installations.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use protocol::http::{Check, Installation};
use serde_json::Value;

use crate::api::Api;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::{doctor, table, units};

/// What can be done with installations.
#[derive(Debug, Clone, Subcommand)]
pub enum InstallationsCommand {
    /// Put an installation's description on record; applying it again changes nothing
    Apply {
        /// The description, a TOML file with the installation's `name` at its top
        #[arg(short, long, value_name = "FILE.toml")]
        file: PathBuf,
    },
    /// List the installations
    List,
    /// Show an installation's description
    Show {
        /// The installation
        name: String,
    },
    /// Find out whether an installation can be shipped to
    Check {
        /// The installation
        name: String,
    },
}

pub(crate) async fn run(
    command: InstallationsCommand,
    api: &Api,
    output: &mut Output,
) -> Result<Exit, Failure> {
    match command {
        InstallationsCommand::Apply { file } => {
            let (name, description) = read(&file)?;
            let applied: Installation = api.put(&["installations", &name], &description).await?;
            output.result(&applied, |applied| {
                let name = &applied.name;
                format!("{name} is on record. See whether it can be shipped to: slipway installations check {name}")
            })?;
        }
        InstallationsCommand::List => {
            let all: Vec<Installation> = api.get(&["installations"], &[]).await?;
            output.result(all.as_slice(), list)?;
        }
        InstallationsCommand::Show { name } => {
            let one: Installation = api.get(&["installations", &name], &[]).await?;
            output.result(&one, show)?;
        }
        InstallationsCommand::Check { name } => {
            let checks: Vec<Check> = api.post(&["installations", &name, "check"], &Value::Null).await?;
            return Ok(doctor::show(&checks, output)?);
        }
    }
    Ok(Exit::Done)
}

fn list(all: &[Installation]) -> String {
    if all.is_empty() {
        return "No installation is on record. Describe one: slipway installations apply -f FILE.toml"
            .to_owned();
    }
    let rows: Vec<_> = all.iter().map(|one| [one.name.clone(), units::instant(one.updated_at)]).collect();
    table::render(["INSTALLATION", "LAST APPLIED"], &rows)
}

/// As TOML, the language that it was given in: what is shown can be applied.
fn show(one: &Installation) -> String {
    let heading = format!("# {}, last applied {}", one.name, units::instant(one.updated_at));
    match toml::to_string_pretty(&one.description) {
        Ok(description) => format!("{heading}\n{}", description.trim_end()),
        // TOML knows no null; then it is shown as it came.
        Err(_) => format!("{heading}\n{:#}", one.description),
    }
}

/// The installation's name and its description, from a TOML file.
fn read(path: &Path) -> Result<(String, Value), Failure> {
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::file(path, format_args!("cannot be read: {error}.")))?;
    let table: toml::Table = toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        Failure::file(path, format_args!("line {line} is not TOML: {}.", error.message()))
    })?;
    let Some(toml::Value::String(name)) = table.get("name") else {
        return Err(Failure::file(path, "has no `name` at its top. Add the installation's name as a text."));
    };
    Ok((name.clone(), json(toml::Value::Table(table))))
}

fn json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::from(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Float(number) => Value::from(number),
        toml::Value::Boolean(truth) => Value::from(truth),
        toml::Value::Datetime(at) => Value::from(at.to_string()),
        toml::Value::Array(items) => items.into_iter().map(json).collect(),
        toml::Value::Table(table) => table.into_iter().map(|(key, value)| (key, json(value))).collect(),
    }
}
