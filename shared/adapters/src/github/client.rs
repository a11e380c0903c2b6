//! One question to GitHub after the other, each asked again where that may help.

use anyhow::{Context as _, anyhow};
use octocrab::{FromResponse, Octocrab, Page};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::debug;

use super::patience::Refused;
use super::{Address, GitHubError, Patience, Token};

/// The connection to one repository.
#[derive(Debug)]
pub(super) struct Client {
    crab: Octocrab,
    address: Address,
    patience: Patience,
    token: Token,
}

/// What is asked.
#[derive(Debug)]
enum Question<'a, B: ?Sized> {
    Get(&'a str),
    Post(&'a str, &'a B),
    Patch(&'a str, &'a B),
    Put(&'a str, &'a B),
}

impl<B: ?Sized> Question<'_, B> {
    fn is_reading(&self) -> bool {
        match self {
            Question::Get(_) => true,
            Question::Post(..) | Question::Patch(..) | Question::Put(..) => false,
        }
    }
}

impl Client {
    /// Gets ready; connects at the first question.
    pub(super) fn new(address: &Address, token: &Token, patience: Patience) -> Result<Self, GitHubError> {
        let builder = Octocrab::builder().personal_token(token.reveal());
        let builder = builder.base_uri(address.api()).context("read GitHub's address")?;
        let crab = builder.build().context("set up the connection to GitHub")?;
        Ok(Self { crab, address: address.clone(), patience, token: token.clone() })
    }

    /// The same server with the same token, and the repository that GitHub calls so.
    pub(super) fn at(&self, repository: &str) -> Result<Self, GitHubError> {
        let address = Address::new(self.address.api(), repository).context("read a repository's name")?;
        let (crab, patience, token) = (self.crab.clone(), self.patience.clone(), self.token.clone());
        Ok(Self { crab, address, patience, token })
    }

    /// Who the token belongs to.
    pub(super) async fn user<T: DeserializeOwned>(&self) -> Result<T, GitHubError> {
        self.ask::<T, ()>(Question::Get("/user")).await
    }

    /// The repository's owner.
    pub(super) fn owner(&self) -> &str {
        self.address.owner()
    }

    /// The repository's name, without its owner's.
    pub(super) fn name(&self) -> &str {
        self.address.name()
    }

    /// `owner/name`.
    pub(super) fn repository(&self) -> String {
        self.address.repository()
    }

    /// Reads what is at a path below the repository's.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, GitHubError> {
        self.ask::<T, ()>(Question::Get(&self.route(path))).await
    }

    /// Reads what may not be there.
    pub(super) async fn find<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, GitHubError> {
        match self.get(path).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.status() == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads a list to its end.
    pub(super) async fn list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, GitHubError> {
        let mut page: Page<T> = self.ask::<_, ()>(Question::Get(&self.route(path))).await?;
        let mut all = page.take_items();
        while let Some(next) = page.next.take() {
            page = self.ask::<_, ()>(Question::Get(&self.own(&next.to_string())?)).await?;
            all.extend(page.take_items());
        }
        Ok(all)
    }

    /// Makes something. Only for what may be asked twice: where an answer is lost, it is.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, GitHubError> {
        self.ask(Question::Post(&self.route(path), body)).await
    }

    /// Makes something that would be there twice if it was asked twice: asked once only.
    pub(super) async fn post_once<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, GitHubError> {
        self.ask_once(&Question::Post(&self.route(path), body)).await
    }

    /// Changes something.
    pub(super) async fn patch<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, GitHubError> {
        self.ask(Question::Patch(&self.route(path), body)).await
    }

    /// Sets something.
    pub(super) async fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, GitHubError> {
        self.ask(Question::Put(&self.route(path), body)).await
    }

    /// Waits before the next try of something that failed so, after this many; gives the error back if there is none.
    pub(super) async fn pause(&self, error: GitHubError, tries: u32) -> Result<(), GitHubError> {
        let Some(pause) = self.patience.pause(&error, tries) else {
            return Err(error);
        };
        debug!(repository = self.repository(), %error, pause_ms = pause.as_millis(), "GitHub is asked again");
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// That something will not work in this repository, in a sentence for people.
    pub(super) fn rejected(&self, status: u16, said: &str) -> GitHubError {
        GitHubError::Rejected { repository: self.repository(), status, said: said.to_owned() }
    }

    fn route(&self, path: &str) -> String {
        format!("/repos/{}{path}", self.repository())
    }

    /// An address that GitHub sent, if it is of the server that the token is for.
    fn own(&self, address: &str) -> Result<String, GitHubError> {
        let rest = address.strip_prefix(self.address.api()).filter(|rest| rest.starts_with('/'));
        let rest = rest.ok_or_else(|| anyhow!("the list goes on at another server, {address}"));
        rest.map(str::to_owned).map_err(GitHubError::Unavailable)
    }

    async fn ask<T: FromResponse, B: Serialize + ?Sized>(
        &self,
        question: Question<'_, B>,
    ) -> Result<T, GitHubError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.ask_once(&question).await {
                Ok(answer) => return Ok(answer),
                Err(error) => self.pause(error, tries).await?,
            }
        }
    }

    async fn ask_once<T: FromResponse, B: Serialize + ?Sized>(
        &self,
        question: &Question<'_, B>,
    ) -> Result<T, GitHubError> {
        let answer = async {
            match question {
                Question::Get(route) => self.crab.get(route, None::<&()>).await,
                Question::Post(route, body) => self.crab.post(route, Some(*body)).await,
                Question::Patch(route, body) => self.crab.patch(route, Some(*body)).await,
                Question::Put(route, body) => self.crab.put(route, Some(*body)).await,
            }
        };
        match tokio::time::timeout(self.patience.answer_max, answer).await {
            Ok(answer) => answer.map_err(|error| self.failure(error, question.is_reading())),
            Err(late) => Err(GitHubError::Unavailable(late.into())),
        }
    }

    /// Sorts what went wrong into what has to be done about it.
    fn failure(&self, error: octocrab::Error, is_reading: bool) -> GitHubError {
        let octocrab::Error::GitHub { source: refusal, .. } = error else {
            return GitHubError::Unavailable(error.into());
        };
        let header = |name: &str| refusal.headers.as_ref()?.get(name)?.to_str().ok();
        let refused = Refused {
            status: refusal.status_code.as_u16(),
            message: &refusal.message,
            retry_after: header("retry-after"),
            remaining: header("x-ratelimit-remaining"),
            reset: header("x-ratelimit-reset"),
            date: header("date"),
        };
        if let Some(after) = refused.limit() {
            return GitHubError::Limited { after };
        }
        let said = self.sentence(&refusal);
        if refused.is_server_fault() {
            return GitHubError::Unavailable(anyhow!("status {}: {said}", refused.status));
        }
        let repository = self.repository();
        match refused.status {
            301 | 302 | 307 | 308 => GitHubError::Moved { repository },
            401 => GitHubError::Token { repository },
            403 => GitHubError::Rights { repository, said },
            // GitHub does not tell whoever may not write that there is something to write to.
            404 if !is_reading => GitHubError::Rights { repository, said },
            status => GitHubError::Rejected { repository, status, said },
        }
    }

    /// What GitHub said, short and without the token.
    fn sentence(&self, refusal: &octocrab::GitHubError) -> String {
        let details = refusal.errors.iter().flatten().filter_map(|it| {
            let text = it.as_str().or_else(|| it.get("message")?.as_str());
            text.map(str::to_owned)
        });
        let said: Vec<_> = std::iter::once(refusal.message.clone()).chain(details).collect();
        let said: String = said.join("; ").chars().filter(|it| !it.is_control()).take(300).collect();
        let said = said.replace(self.token.reveal(), "…");
        if said.ends_with('.') { said } else { format!("{said}.") }
    }
}
