//! Profiles in short: `"tue,thu 02:00-06:00"`, `"2026-12-24T00:00:00Z/2026-12-26T23:59:59Z"`.

use calendar::{Blackout, Change, ChangeType, Day, Profile, Risk, Weekdays, Window};
use jiff::Timestamp;

pub(crate) const STANDARD: Change = Change { change_type: ChangeType::Standard, risk: Risk::Low };
pub(crate) const NORMAL: Change = Change { change_type: ChangeType::Normal, risk: Risk::Low };
pub(crate) const NORMAL_HIGH: Change = Change { change_type: ChangeType::Normal, risk: Risk::High };
pub(crate) const EMERGENCY: Change = Change { change_type: ChangeType::Emergency, risk: Risk::Critical };

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// `"sat 22:00-06:00"`, named as it is written.
pub(crate) fn window(text: &str) -> Window {
    let (days, hours) = text.split_once(' ').unwrap();
    let (start, end) = hours.split_once('-').unwrap();
    let days: Weekdays = match days {
        "daily" => Weekdays::DAILY,
        days => days.split(',').map(|day| day.parse::<Day>().unwrap()).collect(),
    };
    Window {
        name: text.to_owned(),
        days,
        start: start.parse().unwrap(),
        end: end.parse().unwrap(),
        change_types: vec![ChangeType::Standard, ChangeType::Normal],
        risks: vec![Risk::Low, Risk::Medium],
        max_concurrent: None,
        enforcement: calendar::Enforcement::Enforced,
        allow_overrun: false,
    }
}

/// From its first to its last instant.
pub(crate) fn blackout(text: &str) -> Blackout {
    let (start, end) = text.split_once('/').unwrap();
    Blackout { reason: "freeze".to_owned(), start: at(start), end: at(end), exempt: Vec::new() }
}

pub(crate) fn profile(zone: &str, windows: &[&str], blackouts: &[&str]) -> Profile {
    Profile {
        zone: zone.parse().unwrap(),
        windows: windows.iter().map(|text| window(text)).collect(),
        blackouts: blackouts.iter().map(|text| blackout(text)).collect(),
    }
}
