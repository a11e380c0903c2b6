//! What may be sent where, and with whose token. Pure.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How an installation deals with what it builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sharing {
    /// It keeps everything to itself: its own token, and never a public repository.
    Private,
    /// It contributes to others, always or when a person says so: the common token.
    Contributing,
}

/// Who can read a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// Everybody.
    Public,
    /// Those who were let in.
    Private,
}

/// Why nothing is sent. The texts are for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A private installation's code would become public.
    #[error(
        "This installation keeps its code to itself, but everybody can read the repository that it is set up with. Nothing was sent. Make the repository private, or set up a private one."
    )]
    PrivateToPublic,
    /// A secret would become public.
    #[error(
        "A gate found a secret in this feature, and everybody can read the repository. Nothing was sent. Take the secret out and ship the feature again, or have a person release it."
    )]
    SecretOpen,
    /// The token for contributions is missing.
    #[error(
        "Contributions need the access token {}, which is not set. Set it where Slipway is started, or keep features to this installation.",
        Tokens::CONTRIBUTION
    )]
    NoContributionToken,
    /// The installation's own token is missing.
    #[error(
        "This installation has no access token for its repository. Enter one in its description; the token for contributions is never used in its place."
    )]
    NoOwnToken,
}

impl Sharing {
    /// Whether a feature may be sent to a repository that these can read.
    pub fn check(self, visibility: Visibility, secret_open: bool) -> Result<(), Refusal> {
        match (visibility, self) {
            (Visibility::Public, Sharing::Private) => Err(Refusal::PrivateToPublic),
            (Visibility::Public, Sharing::Contributing) if secret_open => Err(Refusal::SecretOpen),
            (Visibility::Public, Sharing::Contributing) | (Visibility::Private, _) => Ok(()),
        }
    }
}

impl Visibility {
    /// What a repository says of itself; in doubt everybody can read it.
    pub(super) fn of(is_private: bool, name: Option<&str>) -> Self {
        match name {
            None | Some("private" | "internal") if is_private => Visibility::Private,
            None | Some(_) => Visibility::Public,
        }
    }
}

/// An access token; never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// The token, without the line's end that files have; none if nothing is left.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The tokens that there are.
#[derive(Debug, Clone, Default)]
pub struct Tokens {
    /// For contributions; see [`Tokens::CONTRIBUTION`].
    pub contribution: Option<Token>,
    /// The installation's own.
    pub own: Option<Token>,
}

impl Tokens {
    /// The environment variable that the token for contributions is read from.
    pub const CONTRIBUTION: &str = "HIVE_CONTRIBUTION_TOKEN";

    /// The token that belongs to this way of sharing. Neither stands in for the other.
    pub fn choose(&self, sharing: Sharing) -> Result<&Token, Refusal> {
        match sharing {
            Sharing::Private => self.own.as_ref().ok_or(Refusal::NoOwnToken),
            Sharing::Contributing => self.contribution.as_ref().ok_or(Refusal::NoContributionToken),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_goes_only_where_it_may() {
        use Visibility::{Private as Closed, Public};
        let table = [
            (Sharing::Private, Closed, false, Ok(())),
            (Sharing::Private, Closed, true, Ok(())),
            (Sharing::Private, Public, false, Err(Refusal::PrivateToPublic)),
            (Sharing::Private, Public, true, Err(Refusal::PrivateToPublic)),
            (Sharing::Contributing, Closed, false, Ok(())),
            (Sharing::Contributing, Closed, true, Ok(())),
            (Sharing::Contributing, Public, false, Ok(())),
            (Sharing::Contributing, Public, true, Err(Refusal::SecretOpen)),
        ];
        for (sharing, visibility, secret_open, expected) in table {
            let found = sharing.check(visibility, secret_open);
            assert_eq!(found, expected, "{sharing:?}, {visibility:?}, secret open: {secret_open}");
        }
    }

    #[test]
    fn in_doubt_everybody_can_read_a_repository() {
        let table = [
            (true, Some("private"), Visibility::Private),
            (true, Some("internal"), Visibility::Private),
            (true, None, Visibility::Private),
            (true, Some("public"), Visibility::Public),
            (true, Some("something new"), Visibility::Public),
            (false, Some("private"), Visibility::Public),
            (false, Some("public"), Visibility::Public),
            (false, None, Visibility::Public),
        ];
        for (is_private, name, expected) in table {
            assert_eq!(Visibility::of(is_private, name), expected, "{is_private} {name:?}");
        }
    }

    #[test]
    fn no_token_stands_in_for_the_other() {
        let (common, own) = (Token::new("common\n"), Token::new("own"));
        let table = [
            (Sharing::Contributing, &common, &own, Ok("common")),
            (Sharing::Contributing, &None, &own, Err(Refusal::NoContributionToken)),
            (Sharing::Private, &common, &own, Ok("own")),
            (Sharing::Private, &common, &None, Err(Refusal::NoOwnToken)),
            (Sharing::Private, &common, &Token::new(" \n"), Err(Refusal::NoOwnToken)),
        ];
        for (sharing, contribution, own, expected) in table {
            let tokens = Tokens { contribution: contribution.clone(), own: own.clone() };
            assert_eq!(tokens.choose(sharing).map(Token::reveal), expected, "{sharing:?} {tokens:?}");
            assert!(!format!("{tokens:?}").contains("own\""), "a token is shown");
        }
    }
}
