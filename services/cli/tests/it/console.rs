//! A console that answers what it is told to, and a command run against it.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Method, Uri};
use axum::response::Response;
use clap::Parser;
use cli::{Command, Exit, Options, Output};
use futures_util::{StreamExt, stream};
use protocol::ProgressEvent;
use serde_json::Value;
use tokio::net::TcpListener;

/// One answer.
#[derive(Clone)]
pub(crate) struct Reply {
    status: u16,
    body: String,
    is_cut: bool,
}

pub(crate) fn json(status: u16, body: impl serde::Serialize) -> Reply {
    Reply { status, body: serde_json::to_string(&body).unwrap(), is_cut: false }
}

pub(crate) fn raw(status: u16, body: &str) -> Reply {
    Reply { status, body: body.to_owned(), is_cut: false }
}

/// A stream of these events; then it ends.
pub(crate) fn stream_of(events: &[ProgressEvent]) -> Reply {
    let frames = events.iter().map(|event| {
        format!(": alive\n\nid: {}\ndata: {}\n\n", event.sequence, serde_json::to_string(event).unwrap())
    });
    raw(200, &frames.collect::<String>())
}

impl Reply {
    /// The same, but the connection is cut at its end.
    pub(crate) fn then_cut(self) -> Self {
        Self { is_cut: true, ..self }
    }
}

/// A request that came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) body: Value,
}

#[derive(Default)]
struct Script {
    replies: HashMap<String, VecDeque<Reply>>,
    requests: Vec<Request>,
}

/// Answers by method and path, each time with the next reply, the last one for ever.
#[derive(Clone)]
pub(crate) struct Console {
    script: Arc<Mutex<Script>>,
    url: String,
}

impl Console {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let console = Self { script: Arc::default(), url };
        let router = Router::new().fallback(answer).with_state(console.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        console
    }

    /// Where nobody listens.
    pub(crate) async fn absent() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { script: Arc::default(), url: format!("http://{}", listener.local_addr().unwrap()) }
    }

    /// The same, looked for elsewhere.
    pub(crate) fn at(&self, url: &str) -> Self {
        Self { script: Arc::clone(&self.script), url: url.to_owned() }
    }

    /// `on("GET /promotions", …)`: what is asked, below `/api/v1`.
    pub(crate) fn on(self, asked: &str, replies: impl IntoIterator<Item = Reply>) -> Self {
        let asked = asked.replacen(' ', " /api/v1", 1);
        self.script.lock().unwrap().replies.insert(asked, replies.into_iter().collect());
        self
    }

    /// The requests that came, in order.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.script.lock().unwrap().requests.clone()
    }

    /// The query strings of the requests for the path that ends so.
    pub(crate) fn queries(&self, path: &str) -> Vec<String> {
        let requests = self.requests();
        let lines = requests.iter().filter_map(|request| request.line.split_once('?'));
        lines.filter(|(asked, _)| asked.ends_with(path)).map(|(_, query)| query.to_owned()).collect()
    }

    /// Runs a command as `slipway` would.
    pub(crate) async fn run(&self, argv: &[&str]) -> Ran {
        let results = Tape::default();
        let ran = self.run_into(results.clone(), argv).await;
        Ran { out: results.text(), ..ran }
    }

    /// Whether the words are refused before anything is asked.
    pub(crate) fn is_usage_error(argv: &[&str]) -> bool {
        Slipway::try_parse_from([&["slipway"], argv].concat()).is_err_and(|error| error.exit_code() == 2)
    }

    /// The same, with the results written elsewhere.
    pub(crate) async fn run_into(&self, results: impl Write + Send + 'static, argv: &[&str]) -> Ran {
        let all = [&["slipway", "--api", &self.url], argv].concat();
        let Slipway { options, command } = Slipway::try_parse_from(all).unwrap();
        let remarks = Tape::default();
        let mut output = Output::to(options.output, results, remarks.clone());
        let exit = cli::execute(command, &options, &mut output).await;
        Ran { exit, out: String::new(), err: remarks.text().replace(&self.url, "URL") }
    }
}

async fn answer(State(console): State<Console>, method: Method, uri: Uri, body: Bytes) -> Response {
    let asked = format!("{method} {}", uri.path());
    let mut script = console.script.lock().unwrap();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    script.requests.push(Request { line: format!("{method} {uri}"), body });
    let reply = match script.replies.get_mut(&asked) {
        Some(replies) if replies.len() > 1 => replies.pop_front(),
        Some(replies) => replies.front().cloned(),
        None => None,
    };
    let Reply { status, body, is_cut } =
        reply.unwrap_or_else(|| raw(404, &format!("no reply is set for {asked}")));
    let cut = stream::iter(is_cut.then_some(())).then(async |()| {
        // What was said is on its way before the connection is cut.
        tokio::task::yield_now().await;
        Err(io::Error::other("cut"))
    });
    let pieces = stream::iter([Ok(Bytes::from(body))]).chain(cut);
    Response::builder().status(status).body(Body::from_stream(pieces)).unwrap()
}

/// What a command said, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) exit: Exit,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// The results, one JSON value per line.
    pub(crate) fn values(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// The command line embedded as the binary embeds it.
#[derive(Parser)]
struct Slipway {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

/// What was written, kept.
#[derive(Clone, Default)]
pub(crate) struct Tape(Arc<Mutex<Vec<u8>>>);

impl Tape {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
