//! What GitHub says of its own interface, and whether a question or an answer is what it says.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use jsonschema::Validator;
use serde_json::{Map, Value, json};

/// Cut out of GitHub's published description by `description/cut.py`.
static DESCRIPTION: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../description/api.json")).expect("it is JSON"));

/// Schemas that were used, by their place in the description: making one ready takes longer than asking it.
static VALIDATORS: LazyLock<Mutex<HashMap<String, Validator>>> = LazyLock::new(Mutex::default);

/// One kind of question.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation {
    whole: &'static Value,
    index: usize,
}

/// The values that stand in a question's path.
pub(crate) type Parts = HashMap<&'static str, String>;

impl Operation {
    /// The operation of that method whose path is of that form.
    pub(crate) fn find(method: &str, path: &str) -> Option<(Self, Parts)> {
        let operations = DESCRIPTION["operations"].as_array().expect("a list");
        let fits = |(index, whole): (usize, &'static Value)| {
            let parts = (whole["method"] == method).then(|| parts(text(&whole["path"]), path)).flatten()?;
            Some((Self { whole, index }, parts))
        };
        operations.iter().enumerate().find_map(fits)
    }

    /// The operation with that name.
    pub(crate) fn named(name: &str) -> Self {
        let operations = DESCRIPTION["operations"].as_array().expect("a list");
        let index = operations.iter().position(|it| it["operation"] == name).expect("it is described");
        Self { whole: &operations[index], index }
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        text(&self.whole["operation"])
    }

    /// The path with these values.
    pub(crate) fn path(self, parts: &Parts) -> String {
        let mut path = text(&self.whole["path"]).to_owned();
        for (name, value) in parts {
            path = path.replace(&format!("{{{name}}}"), value);
        }
        path
    }

    /// GitHub's own example of the answer with this status.
    pub(crate) fn example(self, status: u16) -> Value {
        self.whole["answers"][status.to_string()]["example"].clone()
    }

    /// What is wrong with the question.
    pub(crate) fn check_question(self, query: &[(String, String)], body: Option<&Value>) -> Vec<String> {
        let mut wrong = Vec::new();
        for (name, value) in query {
            let known = self.whole["parameters"].as_array().expect("a list");
            let place = known.iter().position(|it| it["in"] == "query" && it["name"] == **name);
            match place {
                None => wrong.push(format!("{}: no parameter {name}", self.name())),
                Some(place) => {
                    // An address does not tell a number from a text.
                    let schema = format!("/parameters/{place}/schema");
                    let as_text = self.check(&schema, &json!(value));
                    let number = value.parse::<i64>().ok().map(|it| json!(it));
                    let fits = number.is_some_and(|it| self.check(&schema, &it).is_empty());
                    wrong.extend(as_text.into_iter().filter(|_| !fits));
                }
            }
        }
        match (self.whole.get("body"), body) {
            (None, None) => {}
            (None, Some(_)) => wrong.push(format!("{}: takes no body", self.name())),
            (Some(_), None) => wrong.push(format!("{}: needs a body", self.name())),
            (Some(schema), Some(body)) => {
                wrong.extend(self.check("/body", body));
                wrong.extend(unknown(schema, body).map(|it| format!("{}: no field {it}", self.name())));
            }
        }
        wrong
    }

    /// What is wrong with the answer.
    pub(crate) fn check_answer(self, status: u16, body: &Value) -> Vec<String> {
        if self.whole["answers"].get(status.to_string()).is_none() {
            // What every operation may answer is not described with each.
            if matches!(status, 403 | 404) {
                return Vec::new();
            }
            return vec![format!("{}: never answers {status}", self.name())];
        }
        self.check(&format!("/answers/{status}/schema"), body)
    }

    fn check(self, place: &str, value: &Value) -> Vec<String> {
        let key = format!("/operations/{}{place}", self.index);
        let mut validators = VALIDATORS.lock().expect("nobody fails while checking");
        let validator = validators.entry(key).or_insert_with_key(|key| {
            let mut schema = DESCRIPTION.pointer(key).expect("a schema").clone();
            schema["components"] = DESCRIPTION["components"].clone();
            jsonschema::validator_for(&schema).expect("GitHub's description is one")
        });
        let wrong = validator.iter_errors(value);
        wrong.map(|it| format!("{}{place}: {} at {}", self.name(), it, it.instance_path())).collect()
    }
}

fn text(value: &'static Value) -> &'static str {
    value.as_str().expect("a text")
}

/// The values at the places in braces. Only `{ref}` and `{basehead}` hold slashes.
fn parts(form: &'static str, path: &str) -> Option<Parts> {
    let (mut form, mut path) = (form.split('/'), path.split('/').peekable());
    let mut parts = Parts::new();
    while let Some(wanted) = form.next() {
        let found = path.next()?;
        let Some(name) = wanted.strip_prefix('{').and_then(|it| it.strip_suffix('}')) else {
            if wanted == found {
                continue;
            }
            return None;
        };
        let mut value = found.to_owned();
        if matches!(name, "ref" | "basehead") && form.clone().next().is_none() {
            for more in path.by_ref() {
                value = format!("{value}/{more}");
            }
        }
        parts.insert(name, value);
    }
    path.peek().is_none().then_some(parts)
}

/// Fields that the description does not know; GitHub ignores them, so they would go unnoticed.
fn unknown<'a>(schema: &'a Value, body: &'a Value) -> impl Iterator<Item = &'a str> {
    let known = schema.get("properties").and_then(Value::as_object);
    let fields = body.as_object().into_iter().flat_map(Map::keys);
    fields.filter(move |it| known.is_some_and(|known| !known.contains_key(*it))).map(String::as_str)
}
