//! The sample application as a customer has it: base source, container, data; and features to ship to it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use servers::docker::{self, Docker};
use servers::interrupt::Interrupt;
use servers::port;
use servers::postgres::Postgres;

use crate::test;

/// The installation, its image repository and its production database.
pub(crate) const NAME: &str = "portal";
/// Its container, under a name that nobody else's engine has by chance.
const CONTAINER: &str = "slipway-portal";
/// The features that are prepared, with the build that each ship message names.
const FEATURES: &[(&str, &str)] = &[("good", "FB-00000001"), ("breaks-data", "FB-00000002")];
/// The application migrates its database before it answers.
const START_LIMIT: Duration = Duration::from_mins(1);

/// A running application.
pub(crate) struct Application {
    program: PathBuf,
    folder: PathBuf,
    port: u16,
    docker_host: String,
}

impl Application {
    /// Builds its image from its own source and runs it on the Docker engine.
    pub(crate) fn start(
        interrupt: &Interrupt,
        program: PathBuf,
        folder: &Path,
        docker: &Docker,
        postgres: &Postgres,
    ) -> Result<Self> {
        let [port] = port::free()?;
        let application =
            Self { program, folder: folder.to_owned(), port, docker_host: docker.host().to_owned() };
        let source = application.source();
        test::succeed(interrupt, application.program("unpack").arg(&source))?;
        let image = format!("{NAME}:base");
        let mut build = docker::command(docker.host());
        build.args(["build", "--quiet", "--tag", &image]).arg(&source).stderr(Stdio::null());
        test::succeed(interrupt, build.stdout(Stdio::null()))?;

        postgres.create_database(NAME)?;
        // The file keeps the password out of the list of processes.
        let variables = folder.join("portal.env");
        fs::write(&variables, format!("DATABASE_URL={}\n", postgres.url_at(docker.gateway()?, NAME)))
            .context("write the application's environment")?;
        let mut run = docker::command(docker.host());
        run.args(["run", "--detach", "--name", CONTAINER, "--restart", "unless-stopped"])
            .args(["--publish", &format!("127.0.0.1:{port}:8080"), "--env-file"])
            .arg(&variables)
            .arg(&image);
        test::succeed(interrupt, run.stdout(Stdio::null()))?;

        let health = "the application is healthy";
        interrupt.poll(health, START_LIMIT, || Ok(is_ok(port, "/api/health").then_some(())))?;
        let mut seed = application.program("seed");
        seed.env("PORTAL_ROOT", &source).env("DATABASE_URL", postgres.url(NAME));
        test::succeed(interrupt, &mut seed)?;
        Ok(application)
    }

    /// Where its pages are.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The description that `slipway installations apply` takes.
    pub(crate) fn installation(&self, docker: &Docker) -> Result<PathBuf> {
        let text = format!(
            r#"name = "{NAME}"
base_source = "{source}"
backup_dir = "{backups}"

[application.docker]
host = "{host}"
container = "{CONTAINER}"
image = "{NAME}"

[database]
url = {{ env = "{DATABASE_VARIABLE}" }}

[health]
url = "{url}/api/health"
build = "/build"
within_seconds = 20
"#,
            source = self.source().display(),
            host = docker.host(),
            url = self.url(),
            backups = self.folder.join("backups").display(),
        );
        let path = self.folder.join("installation.toml");
        fs::write(&path, text).context("write the installation's description")?;
        Ok(path)
    }

    /// Makes a sandbox and a ship message for each prepared feature; returns the messages.
    pub(crate) fn features(&self, interrupt: &Interrupt) -> Result<Vec<PathBuf>> {
        FEATURES.iter().map(|(name, build)| self.feature(interrupt, name, build)).collect()
    }

    fn feature(&self, interrupt: &Interrupt, name: &str, build: &str) -> Result<PathBuf> {
        let sandbox = self.folder.join(format!("sandbox-{name}"));
        test::succeed(interrupt, self.program("unpack").arg(&sandbox))?;
        let identity = ["-c", "user.name=Build Studio", "-c", "user.email=studio@example.com"];
        let steps: [&[&str]; 3] =
            [&["init", "--quiet"], &["add", "--all"], &["commit", "--quiet", "--message", "Base"]];
        for step in steps {
            test::succeed(interrupt, Command::new("git").current_dir(&sandbox).args(identity).args(step))?;
        }
        test::succeed(interrupt, self.program("feature").arg(name).arg(&sandbox))?;
        let message = format!(
            r#"{{
  "specversion": "1.0",
  "type": "slipway.ship.requested.v1",
  "id": "xtask-{name}",
  "source": "/build-studio",
  "data": {{
    "build": "{build}",
    "title": "{name}",
    "installation": "{NAME}",
    "sandbox": {{ "directory": "{sandbox}" }},
    "requested_by": "you@example.com"
  }}
}}
"#,
            sandbox = sandbox.display(),
        );
        let path = self.folder.join(format!("ship-{name}.json"));
        fs::write(&path, message).context("write a ship message")?;
        Ok(path)
    }

    fn source(&self) -> PathBuf {
        self.folder.join("source")
    }

    fn program(&self, verb: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(verb);
        command
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        let mut remove = docker::command(&self.docker_host);
        remove.args(["rm", "--force", "--volumes", CONTAINER]).stdout(Stdio::null()).stderr(Stdio::null());
        if !remove.status().is_ok_and(|status| status.success()) {
            eprintln!("warning: the container {CONTAINER} may still be running");
        }
    }
}

/// Where Slipway finds the address of the production database; descriptions hold no secrets.
pub(crate) const DATABASE_VARIABLE: &str = "PORTAL_DATABASE_URL";

/// Whether a page on this machine answers with status 200.
fn is_ok(port: u16, path: &str) -> bool {
    let get = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer)?;
        Ok(answer.ends_with(b" 200"))
    };
    get().unwrap_or(false)
}
