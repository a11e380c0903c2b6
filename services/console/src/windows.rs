//! Deployment windows and blackouts over HTTP.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use engine::Engine;
use engine::store::queue::TIME_LIMIT_SECONDS;
use engine::store::windows as records;
use engine::windows::calendar::{Change, ChangeType, Invalid, InvalidFeed, Risk};
use engine::windows::{self, Windows as Openings};
use jiff::Timestamp;
use protocol::http::FieldProblem;
use protocol::window::{
    Blackout, BlackoutFeed, BlackoutsImported, NewBlackout, NewWindow, NewZone, Window, WindowDecision,
    Windows,
};
use serde::Deserialize;

use crate::access::{Caller, Signed};
use crate::problem::Failure;
use crate::request::Asked;

/// What a calendar program shows as the calendar's name.
const CALENDAR_TITLE: &str = "Deployment windows";

/// A change that somebody thinks of.
#[derive(Debug, Deserialize)]
pub(crate) struct Question {
    change_type: Option<String>,
    risk: Option<String>,
    at: Option<Timestamp>,
    estimate_seconds: Option<u32>,
}

/// In whose name, of a request without a body.
#[derive(Debug, Deserialize)]
pub(crate) struct Said {
    #[serde(default)]
    by: String,
}

pub(crate) async fn list(State(engine): State<Engine>) -> Result<Json<Windows>, Failure> {
    let known = engine.store.profile().await?;
    Ok(Json(Windows { zone: known.zone, windows: known.windows.into_iter().map(window).collect() }))
}

pub(crate) async fn add(
    State(engine): State<Engine>,
    Signed(new, by): Signed<NewWindow>,
) -> Result<Json<Window>, Failure> {
    let id = windows::add(&engine, new.window, &by).await?.map_err(|wrong| not_saved("window", wrong))?;
    let known = engine.store.profile().await?.windows;
    let added = known.into_iter().find(|it| it.id == id);
    added.map(|it| Json(window(it))).ok_or_else(|| gone("window", id))
}

pub(crate) async fn remove(
    State(engine): State<Engine>,
    Path(id): Path<i64>,
    caller: Caller,
    Asked(said): Asked<Said>,
) -> Result<StatusCode, Failure> {
    let was_there = windows::remove(&engine, id, &caller.actor(&said.by)?).await?;
    if was_there { Ok(StatusCode::NO_CONTENT) } else { Err(gone("window", id)) }
}

pub(crate) async fn set_zone(
    State(engine): State<Engine>,
    Signed(new, by): Signed<NewZone>,
) -> Result<Json<Windows>, Failure> {
    windows::set_zone(&engine, &new.zone, &by).await?.map_err(|wrong| not_saved("time zone", wrong))?;
    list(State(engine)).await
}

/// Whether a change may start now or at another moment, and when the next opening is.
pub(crate) async fn decide(
    State(engine): State<Engine>,
    Asked(question): Asked<Question>,
) -> Result<Json<WindowDecision>, Failure> {
    let change = Change {
        change_type: named("change_type", question.change_type.as_deref(), ChangeType::Normal)?,
        risk: named("risk", question.risk.as_deref(), Risk::Low)?,
    };
    let openings = Openings::read(&engine.store).await?;
    let mut openings = match question.at {
        Some(at) => openings.at(at),
        None => openings,
    };
    let usual = TIME_LIMIT_SECONDS.unsigned_abs();
    let estimate = Duration::from_secs(question.estimate_seconds.unwrap_or(usual).into());
    let decision = openings.decide(change, estimate).clone();
    let answer = openings.answer(&decision);
    Ok(Json(WindowDecision {
        verdict: answer.verdict,
        reasons: answer.reasons,
        closes_at: answer.closes_at,
        next_opening: answer.next_opening,
        sentence: answer.sentence,
    }))
}

pub(crate) async fn blackouts(State(engine): State<Engine>) -> Result<Json<Vec<Blackout>>, Failure> {
    let known = engine.store.profile().await?.blackouts;
    Ok(Json(known.into_iter().map(blackout).collect()))
}

pub(crate) async fn add_blackout(
    State(engine): State<Engine>,
    Signed(new, by): Signed<NewBlackout>,
) -> Result<Json<Vec<Blackout>>, Failure> {
    windows::add_blackout(&engine, new.blackout, &by).await?.map_err(|wrong| not_saved("blackout", wrong))?;
    blackouts(State(engine)).await
}

pub(crate) async fn import_blackouts(
    State(engine): State<Engine>,
    Signed(feed, by): Signed<BlackoutFeed>,
) -> Result<Json<BlackoutsImported>, Failure> {
    let imported = windows::import(&engine, &feed.ics, &by).await?.map_err(unreadable)?;
    Ok(Json(BlackoutsImported { added: imported.added, known: imported.known }))
}

pub(crate) async fn remove_blackout(
    State(engine): State<Engine>,
    Path(id): Path<i64>,
    caller: Caller,
    Asked(said): Asked<Said>,
) -> Result<StatusCode, Failure> {
    let was_there = windows::remove_blackout(&engine, id, &caller.actor(&said.by)?).await?;
    if was_there { Ok(StatusCode::NO_CONTENT) } else { Err(gone("blackout", id)) }
}

/// All of it as an iCalendar that calendar programs can subscribe to.
pub(crate) async fn calendar(State(engine): State<Engine>) -> Result<impl IntoResponse, Failure> {
    let openings = Openings::read(&engine.store).await?;
    let text = openings.profile().export_ics(CALENDAR_TITLE, openings.now());
    Ok(([(header::CONTENT_TYPE, "text/calendar; charset=utf-8")], text))
}

fn named<T: std::str::FromStr<Err: std::fmt::Display>>(
    field: &str,
    given: Option<&str>,
    usual: T,
) -> Result<T, Failure> {
    let Some(given) = given else { return Ok(usual) };
    given.parse().map_err(|wrong: T::Err| {
        let field = FieldProblem { field: field.to_owned(), problem: wrong.to_string() };
        Failure::wrong_fields("Nobody can say whether such a change may be deployed.", vec![field])
    })
}

fn not_saved(what: &str, wrong: Invalid) -> Failure {
    let field = FieldProblem { field: wrong.field, problem: wrong.problem };
    Failure::wrong_fields(format!("The {what} was not saved because it is not right."), vec![field])
}

fn unreadable(wrong: InvalidFeed) -> Failure {
    let field =
        FieldProblem { field: format!("line {}, {}", wrong.line, wrong.property), problem: wrong.problem };
    Failure::wrong_fields("No blackout was saved because the calendar cannot be understood.", vec![field])
}

fn gone(what: &str, id: i64) -> Failure {
    Failure::not_found(format!("There is no {what} {id}."))
}

fn window(known: records::Window) -> Window {
    let rule = known.rule;
    Window {
        id: known.id,
        name: rule.name,
        days: rule.days,
        start: rule.opens,
        end: rule.closes,
        change_types: rule.change_types.iter().map(ToString::to_string).collect(),
        risks: rule.risks.iter().map(ToString::to_string).collect(),
        max_concurrent: rule.max_concurrent.map(i32::unsigned_abs),
        enforcement: rule.enforcement,
        allow_overrun: rule.allow_overrun,
        created_by: known.created_by,
    }
}

fn blackout(known: records::Blackout) -> Blackout {
    let rule = known.rule;
    Blackout {
        id: known.id,
        reason: rule.name,
        start: rule.starts_at,
        end: rule.ends_at,
        exempt: rule.exempt.iter().map(ToString::to_string).collect(),
        created_by: known.created_by,
    }
}
