//! Changes of the windows: checked as a whole, and all or nothing.
//!
//! Each wakes whoever waits for an opening, because openings may have moved.

use calendar::{Blackout, Enforcement, Invalid, InvalidFeed, Profile, Window, Zone};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use store::audit::Actor;
use store::windows::{self as records, BlackoutRule, WindowRule};
use store::{Result, Tx};

use super::to_json;
use crate::Engine;

/// How far ahead a feed of blackouts is read; nobody plans further.
const FEED_DAYS: i64 = 400;

/// What came of a feed of blackouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// Blackouts that were not on record.
    pub added: usize,
    /// Those that were.
    pub known: usize,
}

/// Adds a window, given as the profile's schema describes it; answers its id, or what is wrong with it.
pub async fn add(engine: &Engine, window: Value, by: &Actor) -> Result<std::result::Result<i64, Invalid>> {
    let mut tx = locked(engine, by).await?;
    let known = records::read(&mut tx).await?;
    let path = format!("windows[{}]", known.windows.len());
    let profile = match with(&known, "windows", window) {
        Ok(profile) => profile,
        Err(wrong) => return Ok(Err(without(&path, wrong))),
    };
    let Some(new) = profile.windows.last() else { return Ok(Err(nothing())) };
    let id = records::insert(&mut tx, &window_rule(new), &by.name).await?;
    finish(tx).await?;
    Ok(Ok(id))
}

/// Removes a window; whether there was one.
///
/// # Idempotency
/// The second time there is none.
pub async fn remove(engine: &Engine, id: i64, by: &Actor) -> Result<bool> {
    let mut tx = locked(engine, by).await?;
    let was_there = records::remove(&mut tx, id).await?;
    finish(tx).await?;
    Ok(was_there)
}

/// Writes the organization's time zone, or says what is wrong with it.
pub async fn set_zone(engine: &Engine, zone: &str, by: &Actor) -> Result<std::result::Result<(), Invalid>> {
    let zone = match zone.parse::<Zone>() {
        Ok(zone) => zone,
        Err(unknown) => return Ok(Err(Invalid { field: "zone".into(), problem: unknown.to_string() })),
    };
    let mut tx = locked(engine, by).await?;
    records::set_zone(&mut tx, zone.name()).await?;
    finish(tx).await?;
    Ok(Ok(()))
}

/// Adds a blackout, given as the profile's schema describes it, or says what is wrong with it.
///
/// # Idempotency
/// The same one again changes nothing.
pub async fn add_blackout(
    engine: &Engine,
    blackout: Value,
    by: &Actor,
) -> Result<std::result::Result<(), Invalid>> {
    let mut tx = locked(engine, by).await?;
    let known = records::read(&mut tx).await?;
    let path = format!("blackouts[{}]", known.blackouts.len());
    let profile = match with(&known, "blackouts", blackout) {
        Ok(profile) => profile,
        Err(wrong) => return Ok(Err(without(&path, wrong))),
    };
    let Some(new) = profile.blackouts.last() else { return Ok(Err(nothing())) };
    records::insert_blackout(&mut tx, &blackout_rule(new), &by.name).await?;
    finish(tx).await?;
    Ok(Ok(()))
}

/// Removes a blackout; whether there was one.
///
/// # Idempotency
/// The second time there is none.
pub async fn remove_blackout(engine: &Engine, id: i64, by: &Actor) -> Result<bool> {
    let mut tx = locked(engine, by).await?;
    let was_there = records::remove_blackout(&mut tx, id).await?;
    finish(tx).await?;
    Ok(was_there)
}

/// Adds the blackouts that an iCalendar holds for the next 400 days, all of them or none.
///
/// # Idempotency
/// Those that are on record stay as they are. One that is no longer in the feed stays, too.
pub async fn import(
    engine: &Engine,
    feed: &str,
    by: &Actor,
) -> Result<std::result::Result<Imported, InvalidFeed>> {
    let mut tx = locked(engine, by).await?;
    let known = records::read(&mut tx).await?;
    // The zone was checked when it was written; one that is unknown here gives whole days of UTC no other meaning.
    let zone = known.zone.parse().unwrap_or(Zone::UTC);
    let until =
        known.now.saturating_add(SignedDuration::from_hours(24 * FEED_DAYS)).unwrap_or(Timestamp::MAX);
    let blackouts = match Blackout::from_ics(feed, &zone, known.now, until) {
        Ok(blackouts) => blackouts,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let mut imported = Imported { added: 0, known: 0 };
    for blackout in &blackouts {
        let is_new = records::insert_blackout(&mut tx, &blackout_rule(blackout), &by.name).await?;
        *(if is_new { &mut imported.added } else { &mut imported.known }) += 1;
    }
    finish(tx).await?;
    Ok(Ok(imported))
}

async fn locked(engine: &Engine, by: &Actor) -> Result<Tx> {
    let mut tx = engine.store.begin_as(by).await?;
    records::lock(&mut tx).await?;
    Ok(tx)
}

async fn finish(mut tx: Tx) -> Result<()> {
    tx.nudge().await?;
    tx.commit().await
}

/// The profile with one more of `list`, checked.
fn with(known: &records::Profile, list: &str, new: Value) -> std::result::Result<Profile, Invalid> {
    let mut profile = to_json(known);
    if let Some(items) = profile.get_mut(list).and_then(Value::as_array_mut) {
        items.push(new);
    }
    let profile = Profile::parse(&profile)?;
    profile.check_overlaps()?;
    Ok(profile)
}

/// The field as whoever added one thing knows it.
fn without(path: &str, wrong: Invalid) -> Invalid {
    match wrong.field.strip_prefix(path) {
        Some(field) => Invalid { field: field.trim_start_matches('.').to_owned(), ..wrong },
        None => wrong,
    }
}

fn nothing() -> Invalid {
    Invalid { field: String::new(), problem: "must not be empty".into() }
}

fn window_rule(window: &Window) -> WindowRule {
    WindowRule {
        name: window.name.clone(),
        days: window.days.iter().map(|day| day.to_string()).collect(),
        opens: window.start.to_string(),
        closes: window.end.to_string(),
        change_types: window.change_types.clone(),
        risks: window.risks.clone(),
        max_concurrent: window.max_concurrent.map(|most| i32::try_from(most).unwrap_or(i32::MAX)),
        enforcement: match window.enforcement {
            Enforcement::Enforced => "enforced",
            Enforcement::Advisory => "advisory",
        }
        .to_owned(),
        allow_overrun: window.allow_overrun,
    }
}

fn blackout_rule(blackout: &Blackout) -> BlackoutRule {
    BlackoutRule {
        name: blackout.reason.clone(),
        starts_at: blackout.start,
        ends_at: blackout.end,
        exempt: blackout.exempt.clone(),
    }
}
