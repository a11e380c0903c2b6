//! The wire formats from outside: what is taken, what is refused and with which field's name.

use domain::{ChangeType, Risk};
use protocol::ship::{SCHEMA, Sandbox, ShipMessage};
use serde_json::{Value, json};

fn message() -> Value {
    json!({
        "specversion": "1.0",
        "type": "slipway.ship.requested.v1",
        "id": "7c1f",
        "source": "/build-studio",
        "data": {
            "build": "FB-0123ABCD",
            "title": "Loyalty points",
            "installation": "shop",
            "sandbox": { "directory": "/srv/sandboxes/7" },
            "requested_by": "ada@example.com",
        },
    })
}

#[test]
fn a_whole_message_is_taken_with_its_defaults() {
    let taken = ShipMessage::parse(message().to_string().as_bytes()).unwrap();
    assert_eq!(taken.build.as_str(), "FB-0123ABCD");
    assert_eq!(taken.sandbox, Sandbox::Directory("/srv/sandboxes/7".into()));
    assert_eq!((taken.change_type, taken.risk), (ChangeType::Normal, Risk::Low));
}

#[test]
fn each_wrong_field_is_named() {
    let cases: [(&str, Value, &str); 15] = [
        ("/specversion", json!("0.3"), "specversion"),
        ("/type", json!("slipway.ship.requested.v9"), "type"),
        ("/id", json!(""), "id"),
        ("/id", json!(7), "id"),
        ("/data", json!("text"), "data"),
        ("/data/build", json!("FB-xyz"), "data.build"),
        ("/data/build", Value::Null, "data.build"),
        ("/data/title", json!("two\nlines"), "data.title"),
        ("/data/title", json!("x".repeat(201)), "data.title"),
        ("/data/sandbox", json!({ "directory": "relative" }), "data.sandbox"),
        ("/data/sandbox", json!({ "container": "c", "path": "../etc" }), "data.sandbox"),
        ("/data/sandbox", json!({ "directory": "/a", "container": "c" }), "data.sandbox"),
        ("/data/requested_by", Value::Null, "data.requested_by"),
        ("/data/sandbox", Value::Null, "data.sandbox"),
        ("/data/sandbox", json!({ "container": "c\0", "path": "/work" }), "message"),
    ];
    for (pointer, value, field) in cases {
        let mut wrong = message();
        *wrong.pointer_mut(pointer).unwrap() = value.clone();
        let refused = ShipMessage::parse(wrong.to_string().as_bytes()).unwrap_err();
        assert_eq!(refused.field, field, "{pointer} = {value}");
    }
    for (field, value) in [
        ("risk", json!("huge")),
        ("change_type", json!(3)),
        ("baseline", json!("--upload-pack")),
        ("raisk", json!("low")),
    ] {
        let mut wrong = message();
        wrong["data"][field] = value;
        let refused = ShipMessage::parse(wrong.to_string().as_bytes()).unwrap_err();
        assert_eq!(refused.field, format!("data.{field}"));
    }
}

#[test]
fn bytes_that_are_no_message_are_refused() {
    let large = vec![b' '; protocol::MESSAGE_BYTES_MAX + 1];
    for bytes in [&b""[..], b"{", b"\xff\xfe", b"[]", b"null", &large] {
        assert_eq!(ShipMessage::parse(bytes).unwrap_err().field, "message");
    }
}

#[test]
fn the_published_schema_lists_the_fields_that_are_taken() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let data = &schema["properties"]["data"];
    for (field, _) in data["properties"].as_object().unwrap() {
        let mut with = message();
        with["data"][field] = match field.as_str() {
            "baseline" => json!("0123abcd".repeat(5)),
            "change_type" => json!("standard"),
            "risk" => json!("high"),
            known => message()["data"][known].clone(),
        };
        ShipMessage::parse(with.to_string().as_bytes()).unwrap_or_else(|error| panic!("{field}: {error}"));
    }
    for field in data["required"].as_array().unwrap() {
        let mut without = message();
        without["data"].as_object_mut().unwrap().remove(field.as_str().unwrap());
        assert!(ShipMessage::parse(without.to_string().as_bytes()).is_err(), "{field} is required");
    }
}
