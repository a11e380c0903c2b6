//! A GitHub for tests, on this machine.
//!
//! Every question is compared with GitHub's own published description of its interface, and so is every answer; what
//! does not fit is kept in [`Server::problems`]. Answers are GitHub's published examples, with what is true here laid
//! over them: the repository is a real one of git. Faults are data ([`Fault`]).

mod answers;
mod description;
mod git;
mod state;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State as Shared};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use answers::Question;
use description::Operation;
pub use state::{Comment, Fork, Pull, State, Status};

/// The server; ends when it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

/// Something that goes wrong.
#[derive(Debug, Clone)]
pub struct Fault {
    /// With which operation, by GitHub's name for it; with any if absent.
    pub operation: Option<&'static str>,
    /// How often all is well before.
    pub after: usize,
    /// How often it goes wrong.
    pub times: usize,
    /// What happens.
    pub what: What,
}

/// What goes wrong.
#[derive(Debug, Clone)]
pub enum What {
    /// Nothing is done, and this is answered.
    Answer {
        /// The status.
        status: u16,
        /// Headers.
        headers: &'static [(&'static str, &'static str)],
        /// What it says.
        message: &'static str,
    },
    /// All is done, but the answer is lost on the way.
    LoseAnswer,
    /// Nothing is done, and no answer ever comes.
    Hang,
    /// All is done and answered, but somebody else is quicker.
    Meanwhile(fn(&mut State)),
}

impl Fault {
    /// From now on nothing is done any more.
    pub fn down_after(after: usize) -> Self {
        let what = What::Answer { status: 503, headers: &[], message: "Down" };
        Self { operation: None, after, times: usize::MAX, what }
    }

    /// The operation is answered so, once.
    pub fn once(operation: &'static str, what: What) -> Self {
        Self { operation: Some(operation), after: 0, times: 1, what }
    }
}

/// The repository that the server has.
pub const REPOSITORY: &str = "octocat/hello";

/// Who the token belongs to.
pub const LOGIN: &str = "mona";

/// The token that it takes.
pub const TOKEN: &str = "a-token-for-tests";

/// Where its interface begins: as that of an Enterprise server does.
const PREFIX: &str = "/api/v3";

impl Server {
    /// Starts it, with the branches of the repository in that folder; `main` is the default branch.
    ///
    /// # Panics
    /// If this machine has no port left, or no git.
    pub async fn start(from: &Path) -> Self {
        let shared = Arc::new(Mutex::new(State::new(from)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new().fallback(answer).with_state((Arc::clone(&shared), address));
        let serve = async move { axum::serve(listener, router).await.expect("the server runs") };
        Self { address, shared, task: tokio::spawn(serve) }
    }

    /// Where its interface is.
    pub fn api(&self) -> String {
        format!("http://{}{PREFIX}", self.address)
    }

    /// What it holds, to look at and to change; not while it is waited for.
    ///
    /// # Panics
    /// If a question failed it.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.shared.lock().expect("no question fails")
    }

    /// What was asked so far, by GitHub's names for it.
    pub fn asked(&self) -> Vec<String> {
        self.state().asked.clone()
    }

    /// What did not fit GitHub's description.
    pub fn problems(&self) -> Vec<String> {
        self.state().problems.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    Shared((shared, address)): Shared<(Arc<Mutex<State>>, SocketAddr)>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let path = percent_decode(head.uri.path());
    let path = path.strip_prefix(PREFIX).unwrap_or_default();
    let Some((operation, parts)) = Operation::find(head.method.as_str(), path) else {
        shared
            .lock()
            .expect("no question fails")
            .problems
            .push(format!("nothing is at {} {path}", head.method));
        return plain(404, &[], "Not Found");
    };
    let question = Question {
        operation,
        parts,
        query: query(head.uri.query().unwrap_or_default()),
        body: (!body.is_empty()).then(|| serde_json::from_slice(&body).unwrap_or(Value::Null)),
        api: format!("http://{address}{PREFIX}"),
    };
    let fault = {
        let mut state = shared.lock().expect("no question fails");
        note(&mut state, &question, &head.headers);
        state.fault(operation.name())
    };
    match fault {
        Some(What::Hang) => std::future::pending().await,
        Some(What::Answer { status, headers, message }) => plain(status, headers, message),
        Some(What::LoseAnswer) => {
            act(&shared, &question);
            plain(502, &[], "Bad Gateway")
        }
        Some(What::Meanwhile(happens)) => {
            happens(&mut shared.lock().expect("no question fails"));
            act(&shared, &question)
        }
        None if !is_let_in(&head.headers) => plain(401, &[], "Bad credentials"),
        None => act(&shared, &question),
    }
}

fn note(state: &mut State, question: &Question, headers: &HeaderMap) {
    let name = question.operation.name();
    state.asked.push(name.to_owned());
    if let Some(body) = &question.body {
        state.bodies.push(body.clone());
    }
    let mut wrong = question.operation.check_question(&question.query, question.body.as_ref());
    if headers.get("user-agent").is_none() {
        wrong.push(format!("{name}: says not who asks"));
    }
    state.problems.extend(wrong);
}

fn is_let_in(headers: &HeaderMap) -> bool {
    headers.get("authorization").is_some_and(|it| it.as_bytes() == format!("Bearer {TOKEN}").as_bytes())
}

fn act(shared: &Mutex<State>, question: &Question) -> Response {
    let mut state = shared.lock().expect("no question fails");
    let answer = state.answer(question);
    let wrong = question.operation.check_answer(answer.status, &answer.body);
    state.problems.extend(wrong);
    let mut response = json_response(answer.status, &answer.body);
    if let Some(link) = answer.next {
        let link = format!("<{link}>; rel=\"next\"").parse().expect("a header");
        response.headers_mut().insert("link", link);
    }
    response
}

fn plain(status: u16, headers: &[(&'static str, &'static str)], message: &str) -> Response {
    let mut response = json_response(status, &json!({ "message": message, "documentation_url": "" }));
    for (name, value) in headers {
        response.headers_mut().insert(*name, value.parse().expect("a header"));
    }
    response
}

fn json_response(status: u16, body: &Value) -> Response {
    let response = Response::builder().status(status).header("content-type", "application/json");
    response.body(Body::from(body.to_string())).expect("an answer")
}

fn query(text: &str) -> Vec<(String, String)> {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (percent_decode(name), percent_decode(value))).collect()
}

fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        let code = (*first == b'%').then(|| more.get(..2)).flatten();
        let byte = code.and_then(|it| u8::from_str_radix(std::str::from_utf8(it).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &more[2..] } else { more };
    }
    String::from_utf8(bytes).expect("readable text")
}
