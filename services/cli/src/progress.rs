//! A promotion's progress as it happens: one line per step, a spinner on the one under way.
//!
//! ```text
//! ✓ [ 1/11] Validate …                   0.3 s  The promotion may run.
//! ✓ [ 3/11] Database backup …            1.2 s  Saved 4.2 MB and read it back.
//! ✗ [ 9/11] Health check …                30 s  The new version does not answer.
//!
//! Putting everything back …
//!   ✓ Stopped the new version.  0.8 s
//! ```
//! Spans of time come from the events themselves, so a display that joins late or resumes shows the
//! same as one that was there all along.

use std::io;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use protocol::{Kind, ProgressEvent};

use crate::output::{Output, without_control};
use crate::units;

const SPINNER_EVERY: Duration = Duration::from_millis(100);

/// Shows progress events: live on a terminal, as plain lines elsewhere, one JSON value per line for
/// programs.
pub struct Display<'a> {
    output: &'a mut Output,
    running: Option<Running>,
    is_rolling_back: bool,
}

/// What is under way.
struct Running {
    begun: ProgressEvent,
    /// Absent where nothing can be redrawn.
    spinner: Option<Spinner>,
}

/// A line that moves until it is dropped, and then is gone.
struct Spinner(ProgressBar);

impl<'a> Display<'a> {
    /// A display that has shown nothing yet.
    pub fn new(output: &'a mut Output) -> Self {
        Self { output, running: None, is_rolling_back: false }
    }

    /// Shows what happened.
    pub fn show(&mut self, event: &ProgressEvent) -> io::Result<()> {
        if self.output.is_json() {
            return self.output.json(event);
        }
        match event.kind {
            Kind::StepStarted => {
                self.begin(event);
                Ok(())
            }
            Kind::StepFinished => self.end("✓", event),
            Kind::Asked => {
                self.conclude("?", event)?;
                self.line(&format!("  How to answer: slipway promotions show {}", event.promotion))
            }
            Kind::StepRetried => self.line(&format!("↻ {} {}", heading(event).trim_end(), event.message)),
            Kind::RollingBack => self.roll_back(event),
            Kind::Shipping | Kind::Created | Kind::Scheduled => self.line(&format!("· {}", event.message)),
            Kind::Approved | Kind::Deployed | Kind::CleanedUp | Kind::RolledBack => self.conclude("✓", event),
            Kind::NotShipped
            | Kind::Held
            | Kind::Cancelled
            | Kind::Rejected
            | Kind::NeedsAttention
            | Kind::Refused => self.conclude("✗", event),
        }
    }

    /// Says something that is not progress, without disturbing what is drawn.
    pub fn note(&mut self, text: &str) -> io::Result<()> {
        let output = &mut *self.output;
        match self.running.as_ref().and_then(|running| running.spinner.as_ref()) {
            Some(Spinner(bar)) => bar.suspend(|| output.remark(text)),
            None => output.remark(text),
        }
    }

    fn begin(&mut self, event: &ProgressEvent) {
        // A step of several jobs is one step: its time runs from the first.
        let begun = match self.running.take() {
            Some(running) if running.begun.step == event.step && !self.is_rolling_back => {
                ProgressEvent { message: event.message.clone(), ..running.begun }
            }
            Some(_) | None => event.clone(),
        };
        let spinner = self.output.is_live().then(|| Spinner::start(&begun, self.is_rolling_back));
        self.running = Some(Running { begun, spinner });
    }

    /// Ends what is under way with the event's words.
    fn end(&mut self, mark: &str, event: &ProgressEvent) -> io::Result<()> {
        let took = self.running.take().filter(|running| running.begun.step == event.step);
        let took = took.map(|running| units::between(running.begun.at, event.at));
        let line = if self.is_rolling_back {
            undo_line(mark, event, took.as_deref())
        } else {
            step_line(mark, event, took.as_deref())
        };
        self.line(&line)
    }

    /// The first such event begins the section; later ones are told in it.
    fn roll_back(&mut self, event: &ProgressEvent) -> io::Result<()> {
        if std::mem::replace(&mut self.is_rolling_back, true) {
            return self.line(&format!("  · {}", event.message));
        }
        match self.running.take() {
            Some(Running { begun, .. }) => {
                let took = units::between(begun.at, event.at);
                let failed = ProgressEvent { message: event.message.clone(), ..begun };
                self.line(&step_line("✗", &failed, Some(&took)))?;
            }
            None => self.line(&format!("✗ {}", event.message))?,
        }
        self.line("\nPutting everything back …")
    }

    /// Tells how it stands now. A step that never reported its end ended with it.
    fn conclude(&mut self, mark: &str, event: &ProgressEvent) -> io::Result<()> {
        if let Some(Running { begun, .. }) = self.running.take()
            && !self.is_rolling_back
        {
            let took = units::between(begun.at, event.at);
            let ended = ProgressEvent { message: String::new(), ..begun };
            self.line(&step_line(mark, &ended, Some(&took)))?;
        }
        self.is_rolling_back = false;
        self.line(&format!("{mark} {}", event.message))
    }

    fn line(&mut self, text: &str) -> io::Result<()> {
        let output = &mut *self.output;
        match self.running.as_ref().and_then(|running| running.spinner.as_ref()) {
            Some(Spinner(bar)) => bar.suspend(|| output.text(text)),
            None => output.text(text),
        }
    }
}

impl Spinner {
    fn start(begun: &ProgressEvent, is_undo: bool) -> Self {
        // The line is cut at the terminal's width: a wrapped one could not be redrawn.
        let template =
            if is_undo { "  {spinner} {wide_msg}" } else { "{spinner} {prefix} {elapsed:>11}  {wide_msg}" };
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout());
        bar.set_style(style);
        bar.set_prefix(without_control(&heading(begun)));
        bar.set_message(without_control(&begun.message));
        bar.enable_steady_tick(SPINNER_EVERY);
        Self(bar)
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn heading(event: &ProgressEvent) -> String {
    let step = event.step.map_or_else(String::new, |step| format!("[{step:>2}/{}] ", event.steps_total));
    let title = format!("{} …", event.step_title.as_deref().unwrap_or_default());
    format!("{step}{title:<22}")
}

fn step_line(mark: &str, event: &ProgressEvent, took: Option<&str>) -> String {
    let (heading, took) = (heading(event), took.unwrap_or_default());
    format!("{mark} {heading} {took:>11}  {}", event.message).trim_end().to_owned()
}

fn undo_line(mark: &str, event: &ProgressEvent, took: Option<&str>) -> String {
    format!("  {mark} {}  {}", event.message, took.unwrap_or_default()).trim_end().to_owned()
}
