//! Texts that a program puts together from constants: joined, reversed, decoded.

use super::facts::Facts;
use super::tree::{Form, From, Id, Key, Kind};

/// The longest text that is put together, in bytes.
const TEXT_MAX: usize = 64 * 1024;

const DEPTH_MAX: u32 = 16;

impl Facts<'_, '_> {
    /// The text that an expression always is, if it is one.
    pub(crate) fn text(&self, id: Id) -> Option<String> {
        self.text_at(id, 0)
    }

    /// The parts of a text that are written out, with a space where something else stands.
    pub(crate) fn outline(&self, id: Id) -> String {
        let mut outline = String::new();
        self.outline_into(id, &mut outline, 0);
        outline
    }

    fn outline_into(&self, id: Id, outline: &mut String, depth: u32) {
        if depth > DEPTH_MAX || outline.len() > TEXT_MAX || !self.step() {
            return;
        }
        match self.tree.kind(id) {
            Kind::Text(text) => outline.push_str(text),
            Kind::Number(number) => outline.push_str(&number.to_string()),
            Kind::Join(parts) => parts.iter().for_each(|it| self.outline_into(*it, outline, depth + 1)),
            Kind::Choice(parts) => {
                for part in parts {
                    self.outline_into(*part, outline, depth + 1);
                    outline.push(' ');
                }
            }
            Kind::Name { variable: Some(variable), .. } => {
                for definition in self.tree.variable(*variable).definitions.iter().take(8) {
                    if let From::Value(value) = definition.from
                        && definition.path.is_empty()
                    {
                        self.outline_into(value, outline, depth + 1);
                        outline.push(' ');
                    }
                }
            }
            Kind::Call { callee, arguments, .. } => {
                if let Kind::Member { object, .. } = self.tree.kind(*callee) {
                    self.outline_into(*object, outline, depth + 1);
                    outline.push(' ');
                }
                for argument in arguments.iter().take(4) {
                    self.outline_into(*argument, outline, depth + 1);
                    outline.push(' ');
                }
            }
            Kind::List(parts) => {
                for part in parts.iter().take(64) {
                    self.outline_into(*part, outline, depth + 1);
                    outline.push(' ');
                }
            }
            _ => outline.push(' '),
        }
    }

    fn text_at(&self, id: Id, depth: u32) -> Option<String> {
        if depth > DEPTH_MAX || !self.step() {
            return None;
        }
        let found = match self.tree.kind(id) {
            Kind::Text(text) => (*text).to_owned(),
            Kind::Number(number) => number.to_string(),
            Kind::Join(parts) => self.joined(parts, "", depth)?,
            Kind::Name { variable: Some(variable), .. } => {
                let [only] = &self.tree.variable(*variable).definitions[..] else { return None };
                match only.from {
                    From::Value(value) if only.path.is_empty() => self.text_at(value, depth + 1)?,
                    _ => return None,
                }
            }
            Kind::Member { object, key } => {
                let key = self.key_at(*key, depth)?;
                self.text_at(self.tree.entry(self.object_of(*object)?, &key)?, depth + 1)?
            }
            Kind::Call { callee, arguments, form } => self.call_text(*callee, arguments, *form, depth + 1)?,
            _ => return None,
        };
        (found.len() <= TEXT_MAX).then_some(found)
    }

    fn key_at(&self, key: Key<'_>, depth: u32) -> Option<String> {
        match key {
            Key::Fixed(name) => Some(name.to_owned()),
            Key::Computed(id) => self.text_at(id, depth + 1),
        }
    }

    fn joined(&self, parts: &[Id], between: &str, depth: u32) -> Option<String> {
        let mut whole = String::new();
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                whole.push_str(between);
            }
            whole.push_str(&self.text_at(*part, depth + 1)?);
            if whole.len() > TEXT_MAX {
                return None;
            }
        }
        Some(whole)
    }

    fn call_text(&self, callee: Id, arguments: &[Id], form: Form, depth: u32) -> Option<String> {
        if form != Form::Plain {
            return None;
        }
        let first = arguments.first().copied();
        if let Kind::Member { object, key } = *self.tree.kind(callee) {
            let method = self.key_at(key, depth)?;
            match method.as_str() {
                "fromCharCode" | "fromCodePoint" => return self.characters(arguments),
                "concat" => {
                    return Some(self.text_at(object, depth)? + &self.joined(arguments, "", depth)?);
                }
                "join" => {
                    let between = first.map_or(Some(",".to_owned()), |it| self.text_at(it, depth))?;
                    return self.list_text(object, &between, depth);
                }
                "toString" => {
                    return self.buffer_text(object, depth).or_else(|| self.text_at(object, depth));
                }
                "trim" => return Some(self.text_at(object, depth)?.trim().to_owned()),
                "toLowerCase" => return Some(self.text_at(object, depth)?.to_lowercase()),
                "toUpperCase" => return Some(self.text_at(object, depth)?.to_uppercase()),
                "replace" | "replaceAll" if arguments.len() == 2 => {
                    let (from, to) = (self.text_at(first?, depth)?, self.text_at(arguments[1], depth)?);
                    if from.is_empty() {
                        return None;
                    }
                    let text = self.text_at(object, depth)?;
                    return Some(if method == "replace" {
                        text.replacen(&from, &to, 1)
                    } else {
                        text.replace(&from, &to)
                    });
                }
                _ => {}
            }
        }
        let text = self.text_at(first?, depth);
        match &*self.name(callee)? {
            "atob" => decode_base64(&text?),
            "unescape" | "decodeURIComponent" | "decodeURI" => Some(decode_percent(&text?)),
            "String" => text,
            _ => None,
        }
    }

    /// `String.fromCharCode(101, 118, …)`.
    fn characters(&self, arguments: &[Id]) -> Option<String> {
        let numbers = match arguments {
            [only] => match self.tree.kind(*only) {
                Kind::Spread(list) => match self.tree.kind(*list) {
                    Kind::List(numbers) => numbers,
                    _ => return None,
                },
                _ => arguments,
            },
            _ => arguments,
        };
        numbers
            .iter()
            .take(TEXT_MAX)
            .map(|it| match self.tree.kind(*it) {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
                Kind::Number(number) => char::from_u32(*number as u32),
                _ => None,
            })
            .collect()
    }

    /// A list that is joined: written out, or a text split into characters, perhaps turned around.
    fn list_text(&self, id: Id, between: &str, depth: u32) -> Option<String> {
        match self.tree.kind(id) {
            Kind::List(parts) => self.joined(parts, between, depth),
            Kind::Call { callee, arguments, .. } => {
                let Kind::Member { object, key: Key::Fixed(method) } = *self.tree.kind(*callee) else {
                    return None;
                };
                match method {
                    "reverse" => Some(self.list_text(object, between, depth + 1)?.chars().rev().collect()),
                    "split" if between.is_empty() => {
                        let at = self.text_at(*arguments.first()?, depth)?;
                        at.is_empty().then(|| self.text_at(object, depth + 1)).flatten()
                    }
                    _ => None,
                }
            }
            Kind::Name { variable: Some(variable), .. } if depth < DEPTH_MAX => {
                let [only] = &self.tree.variable(*variable).definitions[..] else { return None };
                match only.from {
                    From::Value(value) if only.path.is_empty() => self.list_text(value, between, depth + 1),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// `Buffer.from("…", "base64")`, before it becomes a text.
    fn buffer_text(&self, id: Id, depth: u32) -> Option<String> {
        let Kind::Call { callee, arguments, .. } = self.tree.kind(id) else { return None };
        if !matches!(&*self.name(*callee)?, "Buffer.from" | "buffer.Buffer.from" | "Buffer") {
            return None;
        }
        let text = self.text_at(*arguments.first()?, depth)?;
        match arguments.get(1).and_then(|it| self.text_at(*it, depth)).as_deref() {
            Some("base64" | "base64url") => decode_base64(&text),
            Some("hex") => decode_hex(&text),
            Some(_) | None => Some(text),
        }
    }
}

/// A text that is written in the base-64 alphabet, read leniently, as programs read it.
pub(crate) fn decode_base64(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' | b'\n' | b'\r' | b' ' => continue,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).ok()?);
            bits &= (1 << count) - 1;
        }
    }
    String::from_utf8(bytes).ok()
}

fn decode_hex(text: &str) -> Option<String> {
    let digits: Vec<u32> = text.chars().map(|it| it.to_digit(16)).collect::<Option<_>>()?;
    let bytes = digits.chunks_exact(2).map(|it| u8::try_from(it[0] * 16 + it[1]).unwrap_or(0)).collect();
    String::from_utf8(bytes).ok()
}

fn decode_percent(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let code =
            (first == b'%').then(|| tail.get(..2)).flatten().and_then(|it| std::str::from_utf8(it).ok());
        let decoded = code.and_then(|it| u8::from_str_radix(it, 16).ok());
        bytes.push(decoded.unwrap_or(first));
        rest = if decoded.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
