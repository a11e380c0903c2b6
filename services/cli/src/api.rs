//! The HTTP client of the console's API.

use std::env;
use std::fmt;
use std::time::Duration;

use protocol::http::{Problem, Promotion};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, Response, Url, redirect};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Options;
use crate::failure::Failure;
use crate::patience::Patience;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection that is silent for this long is cut; the event stream sends a sign of life more often.
const READ_TIMEOUT: Duration = Duration::from_mins(1);

/// A bearer token; never shown.
#[derive(Clone)]
pub(crate) struct Token(String);

impl Token {
    pub(crate) fn from_environment() -> Option<Self> {
        env::var("SLIPWAY_API_TOKEN").ok().filter(|token| !token.is_empty()).map(Self)
    }

    fn header(&self) -> Result<HeaderValue, Failure> {
        let mut header = HeaderValue::try_from(format!("Bearer {}", self.0)).map_err(|_| {
            Failure::Usage("SLIPWAY_API_TOKEN holds characters that no token has. Set it anew.".to_owned())
        })?;
        header.set_sensitive(true);
        Ok(header)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The console's API. Paths are given as segments and quoted here.
#[derive(Debug)]
pub(crate) struct Api {
    base: Url,
    http: Client,
    /// How long to wait for what does not come.
    pub(crate) wait_max: Duration,
}

impl Api {
    /// # Errors
    /// [`Failure::Usage`] if the address or the token cannot be used.
    pub(crate) fn new(options: &Options) -> Result<Self, Failure> {
        let wrong = || {
            Failure::Usage(format!(
                "“{}” is not an address of Slipway's console. It looks like http://127.0.0.1:7420.",
                options.api
            ))
        };
        let base = Url::parse(&options.api).map_err(|_| wrong())?;
        if base.scheme() != "http" || base.cannot_be_a_base() {
            return Err(wrong());
        }
        let mut headers = HeaderMap::new();
        if let Some(token) = &options.token {
            headers.insert(AUTHORIZATION, token.header()?);
        }
        let http = Client::builder()
            .default_headers(headers)
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            // The console stands on this machine or close by; a proxy for the web would not find it.
            .no_proxy()
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|error| Failure::Usage(format!("The HTTP client cannot be set up: {error}.")))?;
        Ok(Self { base, http, wait_max: options.wait_max() })
    }

    /// The address as people gave it, for messages.
    pub(crate) fn url(&self) -> String {
        self.base.as_str().trim_end_matches('/').to_owned()
    }

    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, Failure> {
        self.answer(self.request(Method::GET, path).query(query)).await
    }

    /// Asks as [`Api::get`] does, and waits for a console that restarts.
    pub(crate) async fn get_patiently<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, Failure> {
        let mut patience = Patience::new(self.wait_max);
        loop {
            match self.get(path, query).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => patience.outlast(failure, &self.url()).await?,
            }
        }
    }

    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.answer(self.request(Method::POST, path).json(body)).await
    }

    pub(crate) async fn put<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.answer(self.request(Method::PUT, path).json(body)).await
    }

    pub(crate) async fn delete(&self, path: &[&str], by: &str) -> Result<(), Failure> {
        self.send(self.request(Method::DELETE, path).query(&[("by", by)])).await?;
        Ok(())
    }

    /// What stands at an address that does not answer in JSON.
    pub(crate) async fn text(&self, path: &[&str]) -> Result<String, Failure> {
        let response = self.send(self.request(Method::GET, path)).await?;
        response.text().await.map_err(|_| self.unreachable())
    }

    pub(crate) async fn promotion(&self, id: &str) -> Result<Promotion, Failure> {
        self.get(&["promotions", id], &[]).await
    }

    /// Opens the stream of a promotion's progress events after this sequence number.
    pub(crate) async fn events(&self, id: &str, after: i64) -> Result<Response, Failure> {
        let request = self
            .request(Method::GET, &["promotions", id, "events"])
            .query(&[("after", after)])
            .header(ACCEPT, "text/event-stream");
        self.send(request).await
    }

    /// The connection to the console does not work.
    pub(crate) fn unreachable(&self) -> Failure {
        Failure::Unreachable { url: self.url() }
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        // A base that can be one has segments: checked in `new`.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        self.http.request(method, url)
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failure> {
        let response = self.send(request).await?;
        let url = response.url().to_string();
        let body = response.bytes().await.map_err(|_| self.unreachable())?;
        serde_json::from_slice(&body).map_err(|error| Failure::Foreign { url, what: error.to_string() })
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let response = request.send().await.map_err(|_| self.unreachable())?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (status, url) = (response.status(), response.url().to_string());
        let body = response.bytes().await.map_err(|_| self.unreachable())?;
        Err(match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => Failure::Problem(problem),
            // Whatever stands in front of a console that is away answers so.
            Err(_) if status.is_server_error() => self.unreachable(),
            Err(_) => Failure::Foreign { url, what: status.to_string() },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_sent_and_never_shown() {
        let token = Token("s3cret".to_owned());
        let header = token.header().unwrap();
        assert_eq!(header.to_str().unwrap(), "Bearer s3cret");
        assert!(!format!("{token:?} {header:?}").contains("s3cret"));
        assert_eq!(Token("two\nlines".to_owned()).header().unwrap_err().exit(), crate::Exit::Usage);
    }
}
