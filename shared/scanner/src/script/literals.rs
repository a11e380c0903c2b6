//! Passwords and keys that are written in a program, told by what they are called or used for.

use super::facts::Facts;
use super::report::Report;
use super::sinks::Call;
use super::tree::{From, Id, Key, Kind, VariableId};
use super::words;
use crate::finding::{Confidence, Verdict};
use crate::secret::{self, Samples};

/// Looks at everything that has a name.
pub(crate) fn named(facts: &Facts<'_, '_>, report: &mut Report<'_>) {
    if words::is_trial(facts.path) {
        return;
    }
    let samples = Samples::of(report.text);
    for variable in &facts.tree.variables {
        for definition in &variable.definitions {
            if let From::Value(value) = definition.from
                && definition.path.is_empty()
            {
                pair(facts, variable.name, value, (false, &samples), report);
            }
        }
    }
    for id in facts.tree.ids() {
        match facts.tree.kind(id) {
            Kind::Object(entries) => {
                let keys = entries.iter().filter_map(|it| match it.key {
                    Some(Key::Fixed(name)) => Some(name),
                    _ => None,
                });
                let connects = keys.filter(|it| CONNECTION.contains(it)).count() > 0;
                for entry in entries {
                    if let Some(Key::Fixed(name)) = entry.key {
                        pair(facts, name, entry.value, (connects, &samples), report);
                    }
                }
            }
            Kind::Assign { target, value, .. } => {
                if let Some(name) = facts.member_name(*target) {
                    pair(facts, &name, *value, (false, &samples), report);
                }
            }
            _ => {}
        }
    }
}

/// What stands beside a password that opens something.
const CONNECTION: [&str; 9] =
    ["host", "hostname", "user", "username", "database", "server", "port", "connectString", "clientId"];

/// Looks at one name and its value: `connects` if what opens a connection stands beside it.
fn pair(
    facts: &Facts<'_, '_>,
    name: &str,
    value: Id,
    (connects, samples): (bool, &Samples<'_>),
    report: &mut Report<'_>,
) {
    if !secret::is_secret_name(name) {
        return;
    }
    // A default that stands in for a setting counts too.
    let texts = match facts.tree.kind(value) {
        Kind::Choice(parts) => &parts[..],
        _ => &[value][..],
    };
    for id in texts {
        let Kind::Text(text) = facts.tree.kind(*id) else { continue };
        let is_own_name = text.to_ascii_lowercase().contains(&name.to_ascii_lowercase());
        let opens = connects
            && !words::is_placeholder(text)
            && text.len() > 2
            && !text.contains(char::is_whitespace)
            && texts.len() == 1;
        let is_sample = || samples.hold(facts.tree.place(*id).start);
        let judged = secret::of_name(name, text, false);
        if !is_own_name && (opens || judged.is_some()) && is_sample() {
            continue;
        }
        let verdict = match judged {
            _ if is_own_name || is_label(text) => continue,
            _ if opens => Verdict::Block,
            Some(Confidence::High) => Verdict::Block,
            Some(Confidence::Medium) => Verdict::Review,
            Some(Confidence::Low) => Verdict::Note,
            None => continue,
        };
        report.secret(facts, "secret.password", *id, name, verdict);
    }
}

/// Whether a text is the name of a field, a header or a translation.
fn is_label(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    ["password", "token", "secret", "_key", "-key", "apikey", "bearer", "credential"]
        .iter()
        .any(|it| lower.contains(it))
        && !text.chars().any(|it| it.is_ascii_digit())
}

/// Looks at what one call signs, encrypts or opens with.
pub(crate) fn call(facts: &Facts<'_, '_>, call: &Call<'_>, report: &mut Report<'_>) {
    let Some(name) = call.name else { return };
    if words::is_trial(facts.path) {
        return;
    }
    let key = match name {
        "jsonwebtoken.sign"
        | "jsonwebtoken.verify"
        | "crypto.createHmac"
        | "crypto.createCipheriv"
        | "crypto.createDecipheriv"
        | "crypto.createCipher"
        | "crypto.createDecipher"
        | "jose.JWT.sign"
        | "jose.JWT.verify"
        | "jwt-simple.encode"
        | "jwt-simple.decode"
        | "hono/jwt.sign"
        | "hono/jwt.verify"
        | "crypto-js.AES.encrypt"
        | "crypto-js.AES.decrypt"
        | "crypto-js.HmacSHA256"
        | "crypto-js.HmacSHA1"
        | "CryptoJS.AES.encrypt"
        | "CryptoJS.AES.decrypt"
        | "crypto-js/aes.encrypt" => call.argument(1),
        "cookie-parser" | "koa-jwt" | "jose.JWK.asKey" => call.argument(0),
        "sequelize" | "sequelize.Sequelize" | "Sequelize" => call.argument(2),
        "express-session"
        | "cookie-session"
        | "express-jwt"
        | "express-jwt.expressjwt"
        | "koa-session"
        | "iron-session"
        | "passport-jwt.Strategy"
        | "hono/jwt.jwt"
        | "@fastify/jwt"
        | "next-auth"
        | "next-auth.NextAuth" => setting(facts, call),
        _ if name.starts_with("passport-") => setting(facts, call),
        _ => None,
    };
    let Some(key) = key else { return };
    let Some((at, text)) = written(facts, key) else { return };
    if !text.is_empty() && !words::is_placeholder(&text) {
        report.secret(facts, "secret.signing-key", at, call.method, Verdict::Block);
    }
}

/// The secret among the settings of a call.
fn setting(facts: &Facts<'_, '_>, call: &Call<'_>) -> Option<Id> {
    let object = call.arguments.iter().find_map(|it| facts.object_of(*it))?;
    ["secret", "secretOrKey", "clientSecret", "consumerSecret", "password", "keys"]
        .iter()
        .find_map(|it| facts.tree.entry(object, it))
}

/// The only value of a variable, if it stands before the place where it is asked for.
fn only(facts: &Facts<'_, '_>, variable: VariableId, asked: Id) -> Option<Id> {
    let [only] = &facts.tree.variable(variable).definitions[..] else { return None };
    match only.from {
        From::Value(value) if only.path.is_empty() && value < asked => Some(value),
        _ => None,
    }
}

/// A text that is written out, there or as the only value of a variable.
fn written(facts: &Facts<'_, '_>, id: Id) -> Option<(Id, String)> {
    match facts.tree.kind(id) {
        Kind::List(parts) => written(facts, *parts.first().filter(|it| **it < id)?),
        Kind::Text(text) => Some((id, (*text).to_owned())),
        Kind::Name { variable, .. } => {
            let text = facts.text(id).or_else(|| Some(written(facts, only(facts, (*variable)?, id)?)?.1))?;
            Some((id, text))
        }
        // Settings are told where they are written, not wherever they are handed on.
        Kind::Member { object, key: Key::Fixed(key) } => {
            let entry = facts.tree.entry(facts.object_of(*object)?, key).filter(|it| *it < id)?;
            written(facts, entry)
        }
        Kind::Choice(parts) => {
            parts.iter().filter(|it| **it < id).find_map(|it| match facts.tree.kind(*it) {
                Kind::Text(text) => Some((*it, (*text).to_owned())),
                _ => None,
            })
        }
        Kind::Object(_) => written(facts, facts.tree.entry(id, "secret").filter(|it| *it < id)?),
        // `JWK.asKey("…")` and `Buffer.from("…")` only wrap it.
        Kind::Call { arguments, .. } => written(facts, *arguments.first().filter(|it| **it < id)?),
        _ => None,
    }
}
