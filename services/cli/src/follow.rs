//! Following a promotion to its end.
//!
//! 1. Open the event stream after the last event seen.
//! 2. Show each event. A connection that is cut is opened again: back to 1, within bounds.
//! 3. An event that may be the last one, and signs of life while nothing happens, are reasons to look
//!    at the promotion itself: only its record tells that it is over. So an event that never came
//!    keeps nobody waiting, and an old end of a promotion that runs once more ends nothing.

use protocol::ProgressEvent;
use protocol::http::Promotion;
use reqwest::Response;
use serde_json::from_str;

use crate::api::Api;
use crate::exit::{Exit, outcome};
use crate::failure::Failure;
use crate::output::Output;
use crate::patience::Patience;
use crate::progress::Display;
use crate::sse::{Frame, Parser};
use crate::{promotions, report};

/// Shows a promotion's progress until it is over, then its report; answers its outcome.
pub(crate) async fn run(api: &Api, id: &str, output: &mut Output) -> Result<Exit, Failure> {
    let begun = api.promotion(id).await?;
    let heading = &begun.summary;
    output.text(&format!("{}  {} → {}", heading.id, heading.title, heading.installation))?;
    if let Some(next) = promotions::approval_hint(heading) {
        output.text(&next)?;
    }
    let (promotion, exit) = watch(api, id, &mut Display::new(output)).await?;
    output.text("")?;
    output.result(&promotion, report::render)?;
    Ok(exit)
}

async fn watch(api: &Api, id: &str, display: &mut Display<'_>) -> Result<(Promotion, Exit), Failure> {
    let mut events = Events::new(api, id);
    let mut is_quiet = false;
    loop {
        match events.next().await? {
            Signal::Event(event) => {
                is_quiet = false;
                display.show(&event)?;
                if !event.kind.is_last() {
                    continue;
                }
            }
            // One sign of life may come between events that are still on their way.
            Signal::Quiet if !std::mem::replace(&mut is_quiet, true) => continue,
            Signal::Quiet => {}
            Signal::Away => {
                display.note("The console does not answer just now; trying again …")?;
                continue;
            }
        }
        let promotion: Promotion = api.get_patiently(&["promotions", id], &[]).await?;
        if let Some(exit) = over(&promotion) {
            return Ok((promotion, exit));
        }
    }
}

/// The outcome, once nothing more is under way: a deployed promotion still cleans up.
pub(crate) fn over(promotion: &Promotion) -> Option<Exit> {
    let is_running = promotion.started_at.is_some() && promotion.finished_at.is_none();
    if is_running { None } else { outcome(promotion) }
}

enum Signal {
    /// Something happened.
    Event(ProgressEvent),
    /// Nothing is new.
    Quiet,
    /// The console no longer answers; said once per silence.
    Away,
}

/// The progress events of a promotion, each once, over as many connections as it takes.
struct Events<'a> {
    api: &'a Api,
    promotion: &'a str,
    after: i64,
    stream: Option<Stream>,
    patience: Patience,
    is_away_told: bool,
}

struct Stream {
    response: Response,
    parser: Parser,
    has_spoken: bool,
}

impl Stream {
    /// The next frame; `None` at the stream's end. An error means that the connection was cut.
    async fn next(&mut self) -> reqwest::Result<Option<Frame>> {
        loop {
            if let Some(frame) = self.parser.next() {
                self.has_spoken = true;
                return Ok(Some(frame));
            }
            match self.response.chunk().await? {
                Some(bytes) => self.parser.feed(&bytes),
                None => return Ok(None),
            }
        }
    }
}

impl<'a> Events<'a> {
    fn new(api: &'a Api, promotion: &'a str) -> Self {
        let patience = Patience::new(api.wait_max);
        Self { api, promotion, after: 0, stream: None, patience, is_away_told: false }
    }

    async fn next(&mut self) -> Result<Signal, Failure> {
        loop {
            let Some(stream) = &mut self.stream else {
                if let Some(signal) = self.open().await? {
                    return Ok(signal);
                }
                continue;
            };
            let frame = stream.next().await;
            let is_empty = !stream.has_spoken;
            match frame {
                Ok(Some(frame)) => {
                    self.patience.renew();
                    self.is_away_told = false;
                    if let Some(signal) = self.read(frame) {
                        return Ok(signal);
                    }
                }
                Ok(None) => {
                    self.stream = None;
                    self.patience.pause().await;
                    // Whatever there is to tell after the last event is told at once: there is nothing.
                    if is_empty {
                        return Ok(Signal::Quiet);
                    }
                }
                Err(_) => {
                    self.stream = None;
                    self.patience.outlast(self.api.unreachable(), &self.api.url()).await?;
                }
            }
        }
    }

    async fn open(&mut self) -> Result<Option<Signal>, Failure> {
        match self.api.events(self.promotion, self.after).await {
            Ok(response) => {
                self.stream = Some(Stream { response, parser: Parser::default(), has_spoken: false });
                Ok(None)
            }
            Err(failure) => {
                self.patience.outlast(failure, &self.api.url()).await?;
                let is_news = !std::mem::replace(&mut self.is_away_told, true);
                Ok(is_news.then_some(Signal::Away))
            }
        }
    }

    /// What the frame tells; nothing if it was told before or is of a kind that this program is too
    /// old to know.
    fn read(&mut self, frame: Frame) -> Option<Signal> {
        let Frame::Event { id, data } = frame else { return Some(Signal::Quiet) };
        match from_str::<ProgressEvent>(&data) {
            Ok(event) if event.sequence > self.after => {
                self.after = event.sequence;
                Some(Signal::Event(event))
            }
            Ok(_) => None,
            Err(_) => {
                let sequence = id.and_then(|id| id.parse().ok()).unwrap_or(self.after);
                self.after = self.after.max(sequence);
                None
            }
        }
    }
}
