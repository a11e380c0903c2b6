//! `slipway tokens`: who may ask the console for what.

use clap::Subcommand;
use clap::builder::NonEmptyStringValueParser;
use protocol::http::{Decision, TokenCreated, TokenRequest, TokenSummary};

use crate::api::Api;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::{table, units};

/// What can be done with access tokens.
#[derive(Debug, Clone, Subcommand)]
pub enum TokensCommand {
    /// Give out a token; it is shown this once
    Create {
        /// Whose it will be: their decisions are recorded under this name
        #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
        holder: String,
        /// viewer, requester, approver, operator or admin
        #[arg(long)]
        role: String,
        /// How many days it may be used
        #[arg(long, default_value_t = 90)]
        days: u32,
        /// Who gives it out
        #[arg(long, env = "USER", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
        by: String,
    },
    /// List tokens, the newest first; never their secrets
    List,
    /// Take a token back: it lets nobody in from now on
    Revoke {
        /// The token's number
        id: i64,
        /// Who takes it back
        #[arg(long, env = "USER", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
        by: String,
    },
}

pub(crate) async fn run(command: TokensCommand, api: &Api, output: &mut Output) -> Result<Exit, Failure> {
    match command {
        TokensCommand::Create { holder, role, days, by } => {
            let request = TokenRequest { by, holder, role, days };
            let created: TokenCreated = api.post(&["tokens"], &request).await?;
            output.result(&created, show)?;
        }
        TokensCommand::List => {
            let all: Vec<TokenSummary> = api.get(&["tokens"], &[]).await?;
            output.result(all.as_slice(), list)?;
        }
        TokensCommand::Revoke { id, by } => {
            let decision = Decision::by(by);
            let revoked: TokenSummary = api.post(&["tokens", &id.to_string(), "revoke"], &decision).await?;
            output.result(&revoked, |it| {
                format!("Token {} of {} lets nobody in any more.", it.id, it.holder)
            })?;
        }
    }
    Ok(Exit::Done)
}

fn show(created: &TokenCreated) -> String {
    let TokenCreated { token, summary } = created;
    format!(
        "{token}\n\nThis is token {} of {} ({}), good until {}. It is shown this once: hand it over now.\n\
         Its holder sets it as SLIPWAY_API_TOKEN.",
        summary.id,
        summary.holder,
        summary.role,
        units::instant(summary.expires_at),
    )
}

fn list(all: &[TokenSummary]) -> String {
    if all.is_empty() {
        return "No tokens were given out. Give one out with `slipway tokens create`.".to_owned();
    }
    let rows: Vec<_> = all
        .iter()
        .map(|it| {
            let state = match (&it.revoked_by, it.is_valid) {
                (Some(by), _) => format!("taken back by {by}"),
                (None, true) => "valid".to_owned(),
                (None, false) => "over".to_owned(),
            };
            [
                it.id.to_string(),
                it.holder.clone(),
                it.role.clone(),
                state,
                units::instant(it.expires_at),
                it.created_by.clone(),
            ]
        })
        .collect();
    table::render(["ID", "HOLDER", "ROLE", "STATE", "GOOD UNTIL", "GIVEN OUT BY"], &rows)
}
