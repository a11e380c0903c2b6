//! Where a repository is.

use reqwest::Url;
use serde::{Deserialize, Serialize};

/// A repository's address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "Raw")]
pub struct Address {
    api: String,
    owner: String,
    name: String,
}

/// What is wrong with an address. The texts are for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressFlaw {
    /// Not `owner/name`.
    #[error("{0:?} does not name a repository; write its owner and its name, as in \"octocat/hello\".")]
    Name(String),
    /// Not an address that a token may be sent to.
    #[error(
        "{0:?} cannot be a GitHub server's address; write \"https://\", its name and \"/api/v3\", or leave it out for github.com."
    )]
    Server(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    repository: String,
    #[serde(default = "api_default")]
    api: String,
}

fn api_default() -> String {
    Address::API.to_owned()
}

impl Address {
    /// The interface of github.com.
    pub const API: &str = "https://api.github.com";

    /// A repository `owner/name` on the server with this interface: [`Address::API`], or `https://HOST/api/v3` of a
    /// GitHub Enterprise server. Only this machine is spoken to without encryption.
    pub fn new(api: &str, repository: &str) -> Result<Self, AddressFlaw> {
        let flaw = || AddressFlaw::Server(api.to_owned());
        let url = Url::parse(api).map_err(|_| flaw())?;
        let is_local = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_local);
        let has_more = url.query().is_some()
            || url.fragment().is_some()
            || !url.username().is_empty()
            || url.password().is_some();
        if !is_safe || has_more {
            return Err(flaw());
        }
        let parts = repository.split_once('/').filter(|(owner, name)| is_name(owner) && is_name(name));
        let (owner, name) = parts.ok_or_else(|| AddressFlaw::Name(repository.to_owned()))?;
        let api = api.trim_end_matches('/').to_owned();
        Ok(Self { api, owner: owner.to_owned(), name: name.to_owned() })
    }

    pub(super) fn api(&self) -> &str {
        &self.api
    }

    pub(super) fn owner(&self) -> &str {
        &self.owner
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// `owner/name`.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }
}

impl TryFrom<Raw> for Address {
    type Error = AddressFlaw;

    fn try_from(raw: Raw) -> Result<Self, AddressFlaw> {
        Self::new(&raw.api, &raw.repository)
    }
}

impl From<Address> for Raw {
    fn from(address: Address) -> Self {
        Self { repository: address.repository(), api: address.api }
    }
}

/// Whether it can stand in a path of the interface and mean only itself.
fn is_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=100).contains(&text.len()) && text.bytes().all(is_plain) && !matches!(text, "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_a_token_may_go_to_are_taken() {
        let enterprise = "https://github.example.com/api/v3";
        let table = [
            (Address::API, "octocat/hello.world", true),
            (enterprise, "octocat/hello", true),
            ("https://github.example.com/api/v3/", "octocat/hello", true),
            ("http://127.0.0.1:8080/api/v3", "octocat/hello", true),
            ("http://github.example.com/api/v3", "octocat/hello", false),
            ("https://user:word@github.example.com", "octocat/hello", false),
            ("https://github.example.com/?a=b", "octocat/hello", false),
            ("github.com", "octocat/hello", false),
            (enterprise, "octocat", false),
            (enterprise, "octocat/hello/there", false),
            (enterprise, "octocat/..", false),
            (enterprise, "octo cat/hello", false),
            (enterprise, "/hello", false),
        ];
        for (api, repository, expected) in table {
            let found = Address::new(api, repository);
            assert_eq!(found.is_ok(), expected, "{api} {repository}: {found:?}");
        }
    }

    #[test]
    fn a_description_names_the_repository_and_if_need_be_the_server() {
        let short: Address = toml::from_str("repository = \"octocat/hello\"").unwrap();
        assert_eq!(short, Address::new(Address::API, "octocat/hello").unwrap());
        let written = toml::to_string(&short).unwrap();
        assert_eq!(toml::from_str::<Address>(&written).unwrap(), short);
        assert!(toml::from_str::<Address>("repository = \"hello\"").is_err());
    }
}
