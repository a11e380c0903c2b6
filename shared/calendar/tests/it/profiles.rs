//! Profiles as people write them, and their schema.

use std::collections::BTreeSet;

use calendar::{BLACKOUTS_MAX, ChangeType, Day, Profile, Risk, SCHEMA, WINDOWS_MAX, Window};
use serde_json::{Value, json};

use crate::sample::profile;

fn full() -> Value {
    json!({
        "zone": "Europe/Berlin",
        "windows": [{
            "name": "Nightly",
            "days": ["mon", "tue"],
            "start": "22:00",
            "end": "24:00",
            "change_types": ["normal"],
            "risks": ["low"],
            "max_concurrent": 1,
            "enforcement": "advisory",
            "allow_overrun": true,
        }],
        "blackouts": [{
            "reason": "Christmas",
            "start": "2026-12-24T00:00:00Z",
            "end": "2026-12-26T23:59:59Z",
            "exempt": ["standard"],
        }],
    })
}

/// `full` with the value at a JSON pointer set, or removed.
fn with(pointer: &str, value: Option<Value>) -> Value {
    let mut profile = full();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = profile.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => parent.insert(key.to_owned(), value),
        None => parent.remove(key),
    };
    profile
}

#[test]
fn a_profile_is_the_same_after_a_round_trip() {
    assert_eq!(serde_json::to_value(Profile::parse(&full()).unwrap()).unwrap(), full());
    let least = Profile::parse(&json!({ "zone": "UTC" })).unwrap();
    assert_eq!(least, profile("UTC", &[], &[]));
}

#[test]
fn what_is_left_out_is_as_usual() {
    let window = json!({ "name": "daily 02:00-04:00", "days": Day::ALL.iter().map(|it| it.as_str()).collect::<Vec<_>>(), "start": "02:00", "end": "04:00" });
    let parsed: Window = serde_json::from_value(window).unwrap();
    assert_eq!(parsed, crate::sample::window("daily 02:00-04:00"));
}

#[test]
fn a_wrong_field_is_named_by_its_path() {
    let many = |one: &Value, count: usize| Some(Value::from(vec![one.clone(); count + 1]));
    let (window, blackout) = (&full()["windows"][0], &full()["blackouts"][0]);
    let table = [
        ("/zone", Some(json!("Mars/Olympus")), "zone"),
        ("/zone", Some(json!("Etc/Unknown")), "zone"),
        ("/zone", Some(json!("+02:00")), "zone"),
        ("/zone", Some(json!(3)), "zone"),
        ("/zone", None, "zone"),
        ("/colour", Some(json!("red")), "colour"),
        ("/windows", many(window, WINDOWS_MAX), "windows"),
        ("/windows/0/name", Some(json!(" ")), "windows[0].name"),
        ("/windows/0/name", Some(json!("two\nlines")), "windows[0].name"),
        ("/windows/0/name", Some(json!("n".repeat(201))), "windows[0].name"),
        ("/windows/0/name", None, "windows[0].name"),
        ("/windows/0/days", Some(json!([])), "windows[0].days"),
        ("/windows/0/days", Some(json!(["mon", 9])), "windows[0].days[1]"),
        ("/windows/0/days", Some(json!(["someday"])), "windows[0].days[0]"),
        ("/windows/0/start", Some(json!("24:00")), "windows[0].start"),
        ("/windows/0/start", Some(json!("9:00")), "windows[0].start"),
        ("/windows/0/start", Some(json!("+1:00")), "windows[0].start"),
        ("/windows/0/end", Some(json!("22:00")), "windows[0].end"),
        ("/windows/0/end", Some(json!("24:01")), "windows[0].end"),
        ("/windows/0/end", Some(json!("23:60")), "windows[0].end"),
        ("/windows/0/change_types", Some(json!(["urgent"])), "windows[0].change_types[0]"),
        ("/windows/0/change_types", Some(json!([])), "windows[0].change_types"),
        ("/windows/0/risks", Some(json!([])), "windows[0].risks"),
        ("/windows/0/max_concurrent", Some(json!(0)), "windows[0].max_concurrent"),
        ("/windows/0/max_concurrent", Some(json!(-1)), "windows[0].max_concurrent"),
        ("/windows/0/enforcement", Some(json!("maybe")), "windows[0].enforcement"),
        ("/windows/0/colour", Some(json!("red")), "windows[0].colour"),
        ("/blackouts", many(blackout, BLACKOUTS_MAX), "blackouts"),
        ("/blackouts/0/reason", Some(json!("")), "blackouts[0].reason"),
        ("/blackouts/0/start", Some(json!("tomorrow")), "blackouts[0].start"),
        ("/blackouts/0/end", Some(json!("2026-12-23T00:00:00Z")), "blackouts[0].end"),
        ("/blackouts/0/end", None, "blackouts[0].end"),
        ("/blackouts/0/exempt", Some(json!(["urgent"])), "blackouts[0].exempt[0]"),
    ];
    for (pointer, value, field) in table {
        let wrong = Profile::parse(&with(pointer, value)).expect_err(pointer);
        assert_eq!(wrong.field, field, "{wrong}");
    }
    for value in [json!(null), json!([]), json!("UTC")] {
        assert_eq!(Profile::parse(&value).unwrap_err().field, "profile", "{value}");
    }
}

#[test]
fn windows_that_overlap_are_not_to_be_saved() {
    let table: &[(&[&str], Option<&str>)] = &[
        (&["mon 10:00-14:00", "mon 14:00-16:00"], None),
        (&["mon 10:00-14:00", "tue 10:00-14:00"], None),
        (&["daily 00:00-24:00"], None),
        (&["mon 10:00-14:00", "mon 13:59-16:00"], Some("windows[1].start")),
        (&["mon 10:00-14:00", "fri 10:00-14:00", "mon 11:00-12:00"], Some("windows[2].start")),
        (&["mon 22:00-06:00", "tue 05:00-07:00"], Some("windows[1].start")),
        (&["mon 01:00-02:00", "sun 22:00-06:00"], Some("windows[1].start")),
        (&["mon 10:00-14:00", "mon 10:00-14:00"], Some("windows[1].name")),
    ];
    for (windows, field) in table {
        let found = profile("UTC", windows, &[]).check_overlaps().map_err(|wrong| wrong.field);
        assert_eq!(found.err().as_deref(), *field, "{windows:?}");
    }
    let mut apart = profile("UTC", &["mon 10:00-14:00", "mon 11:00-16:00"], &[]);
    apart.windows[0].risks = vec![Risk::High];
    assert_eq!(apart.check_overlaps(), Ok(()), "no change is admitted by both");
}

#[test]
fn the_schema_and_the_parser_know_the_same_fields() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    for (definition, pointer) in
        [("", ""), ("/$defs/window", "/windows/0"), ("/$defs/blackout", "/blackouts/0")]
    {
        let object = schema.pointer(definition).unwrap();
        assert_eq!(object["additionalProperties"], false);
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        let fields = keys(&object["properties"]);
        assert_eq!(fields, keys(full().pointer(pointer).unwrap()), "{pointer}");
        let required: Vec<String> = serde_json::from_value(object["required"].clone()).unwrap();
        for field in fields {
            let without = Profile::parse(&with(&format!("{pointer}/{field}"), None));
            assert_eq!(without.is_err(), required.contains(&field), "{pointer}/{field}: {without:?}");
        }
    }
}

#[test]
fn the_schema_and_the_parser_know_the_same_names() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let names = |pointer: &str| {
        serde_json::from_value::<Vec<String>>(schema.pointer(pointer).unwrap().clone()).unwrap()
    };
    let all = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let window = "/$defs/window/properties";
    assert_eq!(
        names("/$defs/change_type/enum"),
        ChangeType::ALL.iter().map(ToString::to_string).collect::<Vec<_>>()
    );
    assert_eq!(
        names(&format!("{window}/days/items/enum")),
        Day::ALL.iter().map(ToString::to_string).collect::<Vec<_>>()
    );
    assert_eq!(
        names(&format!("{window}/risks/items/enum")),
        Risk::ALL.iter().map(ToString::to_string).collect::<Vec<_>>()
    );
    assert_eq!(names(&format!("{window}/enforcement/enum")), all(&["enforced", "advisory"]));
    assert_eq!(schema["properties"]["windows"]["maxItems"], WINDOWS_MAX);
    assert_eq!(schema["properties"]["blackouts"]["maxItems"], BLACKOUTS_MAX);
    for example in schema["examples"].as_array().unwrap() {
        Profile::parse(example).unwrap();
    }
}
