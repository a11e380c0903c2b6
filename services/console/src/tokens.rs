//! Access tokens over HTTP.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use domain::Role;
use domain::named::UnknownName;
use engine::Engine;
use engine::store::tokens as records;
use protocol::http::{Decision, FieldProblem, TokenCreated, TokenRequest, TokenSummary};
use uuid::Uuid;

use crate::access::Signed;
use crate::problem::Failure;

/// How long a token is good for at most: people come and go.
const DAYS_MAX: u32 = 366;

const DAY: Duration = Duration::from_hours(24);

/// Gives out a token; this answer is the only place where it can be read.
pub(crate) async fn create(
    State(engine): State<Engine>,
    Signed(request, by): Signed<TokenRequest>,
) -> Result<(StatusCode, Json<TokenCreated>), Failure> {
    let role = checked(&request)?;
    // Two random UUIDs hold 244 random bits: nobody finds one by trying.
    let token = format!("slipway_{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    let new = records::New {
        holder: request.holder.trim().to_owned(),
        role,
        sha256: records::fingerprint(&token),
        lifetime: DAY * request.days,
    };
    let id = engine.store.create_token(&new, &by).await?;
    let summary = find(&engine, id).await?;
    tracing::info!(
        id,
        holder = summary.holder,
        role = summary.role,
        by = summary.created_by,
        "gave out a token"
    );
    Ok((StatusCode::CREATED, Json(TokenCreated { token, summary })))
}

pub(crate) async fn list(State(engine): State<Engine>) -> Result<Json<Vec<TokenSummary>>, Failure> {
    Ok(Json(engine.store.tokens().await?.into_iter().map(summary).collect()))
}

pub(crate) async fn revoke(
    State(engine): State<Engine>,
    Path(id): Path<String>,
    Signed(_, by): Signed<Decision>,
) -> Result<Json<TokenSummary>, Failure> {
    let number = id.parse().map_err(|_| unknown(&id))?;
    if !engine.store.revoke_token(number, &by).await? {
        return Err(unknown(&id));
    }
    tracing::info!(id, by = by.name, "took a token back");
    Ok(Json(find(&engine, number).await?))
}

fn checked(request: &TokenRequest) -> Result<Role, Failure> {
    let mut wrong = Vec::new();
    let mut expect = |ok: bool, field: &str, problem: String| {
        if !ok {
            wrong.push(FieldProblem { field: field.to_owned(), problem });
        }
    };
    let holder = request.holder.trim();
    let is_name = (1..=100).contains(&holder.chars().count()) && !holder.contains(char::is_control);
    expect(is_name, "holder", "must be a name of 1 to 100 characters".to_owned());
    expect((1..=DAYS_MAX).contains(&request.days), "days", format!("must be from 1 to {DAYS_MAX}"));
    let role = request.role.parse();
    if let Err(unknown) = &role {
        expect(false, "role", UnknownName::to_string(unknown));
    }
    match role {
        Ok(role) if wrong.is_empty() => Ok(role),
        Ok(_) | Err(_) => Err(Failure::wrong_fields("No token was given out.", wrong)),
    }
}

async fn find(engine: &Engine, id: i64) -> Result<TokenSummary, Failure> {
    engine.store.token(id).await?.map(summary).ok_or_else(|| unknown(&id.to_string()))
}

fn unknown(id: &str) -> Failure {
    Failure::not_found(format!("There is no token {id}. See `slipway tokens list`."))
}

fn summary(token: records::Token) -> TokenSummary {
    TokenSummary {
        id: token.id,
        holder: token.holder,
        role: token.role.to_string(),
        created_by: token.created_by,
        created_at: token.created_at,
        expires_at: token.expires_at,
        revoked_by: token.revoked_by,
        is_valid: token.is_valid,
    }
}
