//! What is wrong with a set-up, in plain words.

use std::path::Path as FilePath;

use adapters::database::DatabaseError;
use adapters::installation::Installation;
use adapters::probe::{Answer, Probe};
use axum::Json;
use axum::extract::{Path, State};
use engine::Engine;
use engine::store::answered;
use protocol::http::Check;

use crate::installations::find;
use crate::problem::Failure;

/// Clocks further apart than this make logs and backup names misleading, in milliseconds.
const CLOCK_AHEAD_MS_MAX: i64 = 2_000;

/// Checks Slipway itself and every installation.
pub(crate) async fn doctor(State(engine): State<Engine>) -> Result<Json<Vec<Check>>, Failure> {
    let mut checks = vec![database(&engine).await, clock(&engine).await];
    checks.extend(broker(&engine).await);
    checks.push(folder("data folder", &engine.config.data_dir).await);
    for known in engine.store.installations().await? {
        let found = check(&engine, &known.description).await;
        checks
            .extend(found.into_iter().map(|it| Check { name: format!("{}: {}", known.name, it.name), ..it }));
    }
    Ok(Json(checks))
}

/// Checks one installation.
pub(crate) async fn installation(
    State(engine): State<Engine>,
    Path(name): Path<String>,
) -> Result<Json<Vec<Check>>, Failure> {
    let known = find(&engine, &name).await?;
    Ok(Json(check(&engine, &known.description).await))
}

async fn check(engine: &Engine, description: &serde_json::Value) -> Vec<Check> {
    let installation = match Installation::parse(description) {
        Ok(installation) => installation,
        Err(invalid) => {
            return vec![wrong("description", invalid.to_string(), "Correct it and apply it again.")];
        }
    };
    let mut checks = vec![
        runtime(engine, &installation).await,
        source(&installation),
        folder("backup folder", &installation.backup_dir).await,
        health(&installation).await,
    ];
    checks.extend(production_database(engine, &installation).await);
    checks
}

async fn database(engine: &Engine) -> Check {
    match answered(engine.store.ping()).await {
        Ok(version) => fine("Slipway's database", format!("PostgreSQL {version} answers")),
        Err(error) => {
            wrong("Slipway's database", error.to_string(), "Start it, or correct SLIPWAY_DATABASE_URL.")
        }
    }
}

async fn clock(engine: &Engine) -> Check {
    match answered(engine.store.clock_ahead_ms()).await {
        Ok(ahead) if ahead.abs() <= CLOCK_AHEAD_MS_MAX => {
            fine("clock", format!("{ahead} ms ahead of the database's"))
        }
        Ok(ahead) => wrong(
            "clock",
            format!("{ahead} ms ahead of the database's"),
            "Let both machines set their clocks by NTP. Leases and deadlines are not affected, times in reports are.",
        ),
        Err(error) => wrong("clock", error.to_string(), "Start Slipway's database first."),
    }
}

async fn broker(engine: &Engine) -> Vec<Check> {
    if !engine.broker.health().is_ready() {
        let remedy = "Start it, correct SLIPWAY_AMQP_URL, or free memory and disk on its machine.";
        return vec![wrong("message broker", "it does not take messages".into(), remedy)];
    }
    match engine.broker.topology_check().await {
        Ok(missing) if missing.is_empty() => {
            vec![fine("message broker", "it answers, and all queues are there".into())]
        }
        Ok(missing) => missing
            .into_iter()
            .map(|sentence| wrong("message broker", sentence, "Run `slipway topology apply`."))
            .collect(),
        Err(error) => {
            vec![wrong("message broker", error.to_string(), "Start it, or correct SLIPWAY_AMQP_URL.")]
        }
    }
}

async fn runtime(engine: &Engine, installation: &Installation) -> Check {
    let state_dir = engine.config.data_dir.join("specifications").join(&installation.name);
    let found = async {
        let runtime = installation.runtime(&state_dir)?;
        Ok::<_, anyhow::Error>((runtime.version().await?, runtime.live().await?))
    };
    match found.await {
        Ok((version, Some(live))) if live.running => fine("application", format!("it runs on {version}")),
        Ok((version, _)) => wrong(
            "application",
            format!("{version} answers, but the application does not run there"),
            "Start it.",
        ),
        // The engine's socket is as good as root: where the roles are apart, only those that need it get it.
        Err(_) if engine.config.amqp_url.is_some() => {
            fine("application", "the console has no way to where it runs; the workers do".into())
        }
        Err(error) => wrong(
            "application",
            format!("the place where it runs does not answer: {error:#}"),
            "Start the Docker engine, or let this user reach it.",
        ),
    }
}

fn source(installation: &Installation) -> Check {
    let base = &installation.base_source;
    match base.read_dir().map(|mut entries| entries.next().is_some()) {
        Ok(true) => fine("base source", base.display().to_string()),
        Ok(false) => wrong(
            "base source",
            format!("{} is empty", base.display()),
            "Put the application's source there.",
        ),
        Err(error) => wrong("base source", format!("{}: {error}", base.display()), "Correct base_source."),
    }
}

async fn health(installation: &Installation) -> Check {
    let rule = &installation.health;
    let answer = match Probe::new(rule.clone()) {
        Ok(probe) => probe.ask().await,
        Err(error) => Answer::Silent(format!("{error:#}")),
    };
    match answer {
        Answer::Good { build: None } if rule.build.is_some() => wrong(
            "health",
            format!("{} is well but does not tell its build at {:?}", rule.url, rule.build),
            "Correct health.build, or leave it out.",
        ),
        Answer::Good { build } => {
            fine("health", format!("{} is well (build {})", rule.url, build.as_deref().unwrap_or("not told")))
        }
        Answer::Bad(problem) | Answer::Silent(problem) => wrong(
            "health",
            format!("{}: {problem}", rule.url),
            "Mend the application, or correct health.url.",
        ),
    }
}

async fn production_database(engine: &Engine, installation: &Installation) -> Vec<Check> {
    let name = "production database";
    let as_check = |error: DatabaseError| wrong(name, error.to_string(), "See the sentence itself.");
    let database = match installation.database().await {
        Ok(database) => database,
        Err(error) => return vec![as_check(error)],
    };
    let version = match database.server_version().await {
        Ok(version) => fine(name, format!("PostgreSQL {} answers", version.text)),
        Err(error) => as_check(error),
    };
    let tools = match database.tools().await {
        Ok(tools) => fine("backup tools", format!("pg_dump and pg_restore {}", tools.pg_dump.version.text)),
        // As with the application: they are in a container, to which only the workers need a way.
        Err(DatabaseError::Failed(_))
            if installation.database.docker.is_some() && engine.config.amqp_url.is_some() =>
        {
            fine(
                "backup tools",
                "the console has no way to the container that has them; the workers do".into(),
            )
        }
        Err(error) => Check { name: "backup tools".into(), ..as_check(error) },
    };
    vec![version, tools]
}

/// A folder that can be written, with the space left in it.
async fn folder(name: &str, path: &FilePath) -> Check {
    let owned = path.to_owned();
    let probe = tokio::task::spawn_blocking(move || {
        std::fs::create_dir_all(&owned)?;
        tempfile::tempfile_in(&owned)?;
        let space = rustix::fs::statvfs(&owned)?;
        Ok::<_, std::io::Error>(space.f_bavail.saturating_mul(space.f_frsize))
    });
    match probe.await {
        Ok(Ok(bytes)) => {
            fine(name, format!("{} can be written, {} MB are free", path.display(), bytes / 1_000_000))
        }
        Ok(Err(error)) => wrong(
            name,
            format!("{} cannot be written: {error}", path.display()),
            "Make the folder, or let this user write there.",
        ),
        Err(error) => {
            wrong(name, format!("{} could not be looked at: {error}", path.display()), "Try again.")
        }
    }
}

fn fine(name: &str, finding: String) -> Check {
    Check { name: name.to_owned(), ok: true, finding, remedy: None }
}

fn wrong(name: &str, finding: String, remedy: &str) -> Check {
    Check { name: name.to_owned(), ok: false, finding, remedy: Some(remedy.to_owned()) }
}
