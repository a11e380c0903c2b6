//! What must stand beside a rule's keyword for its expression to be worth asking. Expressions are slow, and keywords such
//! as `s.` and `linear` stand in every file: a glance at the bytes around them rules out nearly all.

use std::ops::Range;

/// How gitleaks' rules begin whose value stands beside a provider's name.
const BESIDE_NAME: [&str; 2] = [r"(?i)[\w.-]{0,50}?", r"[\w.-]{0,50}?"];

/// The longest keyword that says nothing by itself.
const SHORT: usize = 4;

/// The shortest token that a rule with a short keyword finds.
const TOKEN_MIN: usize = 12;
/// How far from its keyword a token is looked at.
const TOKEN_SEEN: usize = 60;

/// How much of a name may follow the keyword, with blanks; rules say less.
const NAME_MAX: usize = 60;
/// The shortest value that a rule finds beside a name.
const VALUE_MIN: usize = 14;

/// What must stand beside a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Near {
    Anything,
    /// `… = value`, or another sign that joins a name and its value.
    Value,
    /// A token that the keyword is a part of, with a digit in it.
    Token,
    /// The head of a web token.
    WebToken,
}

impl Near {
    /// What the rule's expression asks for.
    pub(super) fn of(rule: &str, expression: &str, keyword: &str) -> Self {
        match rule {
            "jwt" => Self::WebToken,
            // Curl's stand anywhere behind the command, the last one may be of letters alone.
            "curl-auth-header" | "curl-auth-user" | "huggingface-access-token" => Self::Anything,
            _ if is_beside_name(expression) => Self::Value,
            _ if keyword.len() <= SHORT => Self::Token,
            _ => Self::Anything,
        }
    }

    /// Whether it stands beside the keyword at this place.
    pub(super) fn holds(self, text: &[u8], keyword: Range<usize>) -> bool {
        match self {
            Self::Anything => true,
            Self::Value => is_assigned(&text[keyword.end..]),
            Self::Token => is_in_token(text, keyword),
            Self::WebToken => {
                let head = text[keyword.start..].iter().take(19);
                head.take_while(|it| it.is_ascii_alphanumeric()).count() == 19
            }
        }
    }
}

/// Whether an expression finds a value by the provider's name beside it.
pub(super) fn is_beside_name(expression: &str) -> bool {
    BESIDE_NAME.iter().any(|it| expression.starts_with(it))
}

fn is_assigned(rest: &[u8]) -> bool {
    let past = |from: usize, most: usize, is: fn(u8) -> bool| {
        from + rest[from.min(rest.len())..].iter().take(most).take_while(|it| is(**it)).count()
    };
    let name = past(0, NAME_MAX, |it| it.is_ascii_alphanumeric() || b"_ \t.-".contains(&it));
    let blanks = past(name, 3, |it| it.is_ascii_whitespace() || b"'\"".contains(&it));
    let sign = past(blanks, 4, |it| b"=>:|?,".contains(&it));
    let opened = past(sign, 5, |it| it.is_ascii_whitespace() || b"`'\"=".contains(&it));
    let value = past(opened, VALUE_MIN, |it| it.is_ascii_alphanumeric() || b"_-./+=%~:".contains(&it));
    sign > blanks && value - opened == VALUE_MIN
}

fn is_in_token(text: &[u8], keyword: Range<usize>) -> bool {
    let is_part = |it: &&u8| it.is_ascii_alphanumeric() || b"_-.+/=~:".contains(it);
    let before = text[..keyword.start].iter().rev().take(TOKEN_SEEN).take_while(is_part);
    let after = text[keyword.start..].iter().take(TOKEN_SEEN).take_while(is_part);
    let (length, digits) = before
        .chain(after)
        .fold((0, 0), |(length, digits), it| (length + 1, digits + usize::from(it.is_ascii_digit())));
    length >= TOKEN_MIN && digits > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_hold_a_token_is_asked() {
        let table = [
            (Near::Value, "linear", "linear_key: 'q7Vd2mZp9xLwT4nR8wL1pZ6c'", true),
            (Near::Value, "linear", "LINEAR=q7Vd2mZp9xLwT4nR", true),
            (Near::Value, "linear", "linear\"\n: \"q7Vd2mZp9xLwT4nR", true),
            (Near::Value, "linear", "linear-gradient(45deg, #fff)", false),
            (Near::Value, "linear", "linear: \"word\"", false),
            (Near::Value, "linear", "linear", false),
            (Near::Token, "s.", "t = s.q7Vd2mZp9xLwT4nR8wL1pZ6c", true),
            (Near::Token, "s.", "this.props.children.map", false),
            (Near::Token, "s.", "s.x1", false),
            (Near::WebToken, "ey", "eyJhbGciOiJIUzI1NiIs.x", true),
            (Near::WebToken, "ey", "they are", false),
        ];
        for (near, keyword, text, expected) in table {
            let at = text.to_ascii_lowercase().find(keyword).unwrap();
            assert_eq!(near.holds(text.as_bytes(), at..at + keyword.len()), expected, "{text}");
        }
    }
}
