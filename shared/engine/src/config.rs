//! Slipway's own settings: `slipway.toml`, overridden by `SLIPWAY_*` in the environment.
//!
//! The keys are flat, so that `database_url` in the file and `SLIPWAY_DATABASE_URL` in the
//! environment are the same thing. Unknown keys are refused in both.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

/// The settings of one process.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Slipway's own database; holds a secret.
    pub database_url: String,
    /// The broker; holds a secret. Without it all roles run in one process over a local broker.
    pub amqp_url: Option<String>,
    /// First word of every name on the broker; environments that share a virtual host differ by it.
    pub broker_prefix: String,
    /// Sealed change sets, build contexts and saved specifications; shared by all workers of an installation.
    pub data_dir: PathBuf,
    /// Where the console listens.
    pub console_listen: SocketAddr,
    /// What callers of the console must present; required unless it listens on this machine only.
    pub console_token: Option<String>,
    /// How long a worker may go unheard before its job is given to another.
    pub lease_seconds: u64,
    /// How many jobs of its kind a worker runs at once.
    pub worker_slots: u16,
    /// How long a process that is asked to end may take to finish its jobs.
    pub grace_seconds: u64,
    /// Which events are logged, as `RUST_LOG` writes it.
    pub log: String,
    /// JSON log lines.
    pub log_json: bool,
    /// Base URL of an OTLP collector over HTTP.
    pub otlp_endpoint: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            database_url: String::new(),
            amqp_url: None,
            broker_prefix: "slipway".into(),
            data_dir: "/var/lib/slipway".into(),
            console_listen: SocketAddr::from(([127, 0, 0, 1], 7420)),
            console_token: None,
            lease_seconds: 15,
            worker_slots: 2,
            grace_seconds: 25,
            // The broker client reports every cut by itself and loudly; the transport says it once.
            log: "info,lapin=off".into(),
            log_json: false,
            otlp_endpoint: None,
        }
    }
}

/// What is wrong with the settings, one sentence each, all at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct InvalidConfig(pub Vec<String>);

/// Read by the command line and the tests, not by the services.
const FOREIGN: [&str; 3] = ["SLIPWAY_API_URL", "SLIPWAY_API_TOKEN", "SLIPWAY_CONFIG"];

impl Config {
    /// Reads the file, if one is given, and the environment over it.
    ///
    /// # Errors
    /// [`InvalidConfig`] with everything that is wrong; nothing has been done yet.
    pub fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, InvalidConfig> {
        let text = match file {
            Some(path) => std::fs::read_to_string(path).map_err(|error| {
                InvalidConfig(vec![format!("{} cannot be read: {error}", path.display())])
            })?,
            None => String::new(),
        };
        Self::from_parts(&text, environment)
    }

    fn from_parts(
        text: &str,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, InvalidConfig> {
        let mut table: toml::Table =
            text.parse().map_err(|error| InvalidConfig(vec![format!("slipway.toml: {error}")]))?;
        let overrides: BTreeMap<String, String> = environment
            .filter(|(name, _)| name.starts_with("SLIPWAY_") && !name.starts_with("SLIPWAY_TEST_"))
            .filter(|(name, value)| !FOREIGN.contains(&name.as_str()) && !value.is_empty())
            .collect();
        for (name, value) in overrides {
            let key = name.trim_start_matches("SLIPWAY_").to_ascii_lowercase();
            let value = typed(&key, value);
            table.insert(key, value);
        }
        let config: Self = table.try_into().map_err(|error: toml::de::Error| {
            InvalidConfig(vec![format!("The settings cannot be used: {}", error.to_string().trim())])
        })?;
        config.checked()
    }

    fn checked(self) -> Result<Self, InvalidConfig> {
        let mut wrong = Vec::new();
        if self.database_url.is_empty() {
            wrong.push("database_url is missing: say where Slipway's own Postgres database is (SLIPWAY_DATABASE_URL).".into());
        }
        if self.console_token.is_none() && !self.console_listen.ip().is_loopback() {
            wrong.push(format!(
                "console_listen {} can be reached from other machines, so console_token is required as well.",
                self.console_listen
            ));
        }
        if !(1..=600).contains(&self.lease_seconds) {
            wrong.push("lease_seconds must be from 1 to 600.".into());
        }
        if self.worker_slots == 0 {
            wrong.push("worker_slots must be at least 1.".into());
        }
        if !self.data_dir.is_absolute() {
            wrong.push("data_dir must be an absolute path.".into());
        }
        if wrong.is_empty() { Ok(self) } else { Err(InvalidConfig(wrong)) }
    }

    /// How long a lease lasts.
    pub fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds)
    }

    /// The settings as text, secrets left out.
    pub fn redacted(&self) -> String {
        format!("{self:#?}")
    }
}

/// Secrets never show: neither in logs nor in `slipway config show`.
impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hidden = |set: bool| if set { "(set)" } else { "(not set)" };
        f.debug_struct("Config")
            .field("database_url", &hidden(!self.database_url.is_empty()))
            .field("amqp_url", &hidden(self.amqp_url.is_some()))
            .field("broker_prefix", &self.broker_prefix)
            .field("data_dir", &self.data_dir)
            .field("console_listen", &self.console_listen)
            .field("console_token", &hidden(self.console_token.is_some()))
            .field("lease_seconds", &self.lease_seconds)
            .field("worker_slots", &self.worker_slots)
            .field("grace_seconds", &self.grace_seconds)
            .field("log", &self.log)
            .field("log_json", &self.log_json)
            .field("otlp_endpoint", &self.otlp_endpoint)
            .finish()
    }
}

/// Environment values are text; those of the few keys that are not texts are read as what they are.
fn typed(key: &str, value: String) -> toml::Value {
    let number = key.ends_with("_seconds") || key == "worker_slots";
    match (value.parse::<i64>(), value.parse::<bool>()) {
        (Ok(value), _) if number => toml::Value::Integer(value),
        (_, Ok(value)) if key == "log_json" => toml::Value::Boolean(value),
        _ => toml::Value::String(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Environment<'a> = &'a [(&'a str, &'a str)];

    fn load(text: &str, environment: Environment<'_>) -> Result<Config, InvalidConfig> {
        Config::from_parts(text, environment.iter().map(|(name, value)| ((*name).into(), (*value).into())))
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let text = "database_url = \"postgres://file\"\nlease_seconds = 20";
        let config =
            load(text, &[("SLIPWAY_LEASE_SECONDS", "30"), ("SLIPWAY_LOG_JSON", "true"), ("PATH", "/bin")])
                .unwrap();
        assert_eq!((config.lease_seconds, config.log_json), (30, true));
        assert_eq!(config.database_url, "postgres://file");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let database = ("SLIPWAY_DATABASE_URL", "postgres://x");
        let cases: [(&str, Environment<'_>, &str); 7] = [
            ("", &[], "database_url"),
            ("lease_secnods = 3", &[database], "lease_secnods"),
            ("", &[database, ("SLIPWAY_LEESE", "3")], "leese"),
            ("lease_seconds = 0", &[database], "lease_seconds"),
            ("", &[database, ("SLIPWAY_CONSOLE_LISTEN", "0.0.0.0:80")], "console_token"),
            ("data_dir = \"here\"", &[database], "data_dir"),
            ("nonsense", &[database], "slipway.toml"),
        ];
        for (text, environment, named) in cases {
            let wrong = load(text, environment).unwrap_err().to_string();
            assert!(wrong.contains(named), "{named}: {wrong}");
        }
    }

    #[test]
    fn secrets_do_not_show() {
        let config = load(
            "",
            &[("SLIPWAY_DATABASE_URL", "postgres://u:canary@h/d"), ("SLIPWAY_CONSOLE_TOKEN", "canary")],
        );
        assert!(!config.unwrap().redacted().contains("canary"));
    }
}
