//! `slipway doctor`: asks the console, and where it does not answer looks for the reason itself.

use cli::{Exit, Options, Output};
use engine::config::{Config, InvalidConfig};
use protocol::http::Check;
use store::Store;

use crate::connect;

/// Prints what is wrong and how to mend it; done when nothing is.
pub(crate) async fn run(config: Result<Config, InvalidConfig>, options: &Options) -> Exit {
    let mut checks = cli::doctor::ask(options).await;
    let console_answers = checks.iter().any(|check| check.name != "console");
    if !console_answers {
        checks.extend(local(config).await);
    }
    match cli::doctor::show(&checks, &mut Output::stdio(options.output)) {
        Ok(exit) => exit,
        Err(error) => {
            eprintln!("The findings could not be printed: {error}");
            Exit::Failed
        }
    }
}

async fn local(config: Result<Config, InvalidConfig>) -> Vec<Check> {
    let config = match config {
        Ok(config) => config,
        Err(wrong) => return wrong.0.into_iter().map(|sentence| check("settings", Err(sentence))).collect(),
    };
    let database = match Store::connect(&config.database_url, 1).await {
        Ok(store) => store.ping().await.map(|version| format!("PostgreSQL {version} answers")),
        Err(error) => Err(error),
    };
    let broker = async {
        let broker = connect::broker(&config, "doctor").await?;
        connect::check_topology(&broker).await?;
        broker.close().await;
        Ok::<_, anyhow::Error>(match config.amqp_url {
            Some(_) => "it answers, and all queues are there".to_owned(),
            None => "none is configured: all roles run in one process".to_owned(),
        })
    };
    let broker = broker.await;
    vec![
        check("settings", Ok("they can be read".to_owned())),
        check("Slipway's database", database.map_err(|error| format!("{:#}", anyhow::Error::from(error)))),
        check("message broker", broker.map_err(|error| format!("{error:#}"))),
    ]
}

fn check(name: &str, found: Result<String, String>) -> Check {
    let (ok, finding, remedy) = match found {
        Ok(finding) => (true, finding, None),
        Err(finding) => {
            (false, finding, Some("Start it, or correct the settings (slipway.toml, SLIPWAY_*).".to_owned()))
        }
    };
    Check { name: name.to_owned(), ok, finding, remedy }
}
