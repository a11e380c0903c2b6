//! Installations over HTTP.

use adapters::installation;
use axum::Json;
use axum::extract::{Path, State};
use engine::Engine;
use protocol::http::{FieldProblem, Installation};
use serde_json::Value;

use crate::access::Caller;
use crate::problem::Failure;
use crate::request::Body;

pub(crate) async fn list(State(engine): State<Engine>) -> Result<Json<Vec<Installation>>, Failure> {
    let all = engine.store.installations().await?;
    Ok(Json(all.into_iter().map(to_wire).collect()))
}

pub(crate) async fn show(
    State(engine): State<Engine>,
    Path(name): Path<String>,
) -> Result<Json<Installation>, Failure> {
    Ok(Json(to_wire(find(&engine, &name).await?)))
}

/// Checks the description and puts it on record; nothing is saved unless every field is right.
pub(crate) async fn apply(
    State(engine): State<Engine>,
    Path(name): Path<String>,
    caller: Caller,
    Body(description): Body<Value>,
) -> Result<Json<Installation>, Failure> {
    let parsed = installation::Installation::parse(&description).map_err(|invalid| {
        let fields =
            invalid.0.into_iter().map(|it| FieldProblem { field: it.field, problem: it.problem }).collect();
        Failure::wrong_fields("The installation was not saved because its description is not right.", fields)
    })?;
    if parsed.name != name {
        let field =
            FieldProblem { field: "name".into(), problem: format!("must be {name:?}, as in the address") };
        return Err(Failure::wrong_fields("The installation was not saved.", vec![field]));
    }
    engine.store.apply_installation(&name, &description, &caller.unnamed()).await?;
    Ok(Json(to_wire(find(&engine, &name).await?)))
}

pub(crate) async fn find(
    engine: &Engine,
    name: &str,
) -> Result<engine::store::installations::Installation, Failure> {
    let found = engine.store.installation(name).await?;
    found.ok_or_else(|| Failure::not_found(format!("There is no installation called {name:?}.")))
}

fn to_wire(known: engine::store::installations::Installation) -> Installation {
    Installation { name: known.name, description: known.description, updated_at: known.updated_at }
}
