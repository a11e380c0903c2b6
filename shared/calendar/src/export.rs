//! The calendar as an iCalendar (RFC 5545) that calendar programs can subscribe to.
//!
//! Each opening of a window and each blackout is an event of its own, in UTC: so every program shows the same instants
//! as Slipway goes by, also where clocks are put forward or back.

use jiff::{SignedDuration, Timestamp};

use crate::decision::HORIZON;
use crate::profile::Profile;
use crate::sentence::list;
use crate::timeline::{Span, dates};
use crate::window::{Enforcement, Window};

/// How long before now events are still told: what was, a subscriber may keep.
const PAST: SignedDuration = SignedDuration::from_hours(31 * 24);

/// How long a line may be before it is folded, in bytes without its line break.
const LINE_BYTES_MAX: usize = 75;

impl Profile {
    /// The openings of all windows and the blackouts from a month before `now` to 400 days after it, under a title.
    ///
    /// # Idempotency
    /// What stays the same keeps its UID, so that a subscriber sees no event twice.
    pub fn export_ics(&self, title: &str, now: Timestamp) -> String {
        let from = now.checked_sub(PAST).unwrap_or(Timestamp::MIN);
        let until = now.checked_add(HORIZON).unwrap_or(Timestamp::MAX);
        let mut calendar = Lines::default();
        calendar.add("BEGIN", "VCALENDAR");
        calendar.add("VERSION", "2.0");
        calendar.add("PRODID", "-//Slipway//Deployment windows//EN");
        calendar.add("CALSCALE", "GREGORIAN");
        calendar.add("METHOD", "PUBLISH");
        calendar.add("X-WR-CALNAME", &escaped(title));
        calendar.add("X-WR-TIMEZONE", self.zone.name());
        calendar.add("REFRESH-INTERVAL;VALUE=DURATION", "PT1H");
        let is_told = |span: &Span| span.end >= from && span.start <= until;
        for window in &self.windows {
            let spans = dates(from, until, &self.zone).filter_map(|date| window.on(date, &self.zone));
            for span in spans.filter(is_told) {
                calendar.event(&window_event(window, span), now);
            }
        }
        let mut blackouts: Vec<_> = self.blackouts.iter().filter(|it| is_told(&it.span())).collect();
        blackouts.sort_by(|a, b| (a.start, a.end, &a.reason).cmp(&(b.start, b.end, &b.reason)));
        blackouts.dedup_by(|a, b| (a.start, a.end, &a.reason) == (b.start, b.end, &b.reason));
        for blackout in blackouts {
            let exempt = match blackout.exempt.as_slice() {
                [] => "Nothing but an emergency goes into production.".to_owned(),
                exempt => format!("Only changes of these types go into production: {}.", list(exempt)),
            };
            let event = Event {
                kind: "blackout",
                name: &blackout.reason,
                summary: format!("Blackout: {}", blackout.reason),
                description: exempt,
                span: blackout.span(),
                is_busy: true,
            };
            calendar.event(&event, now);
        }
        calendar.add("END", "VCALENDAR");
        calendar.text
    }
}

/// What is told of a window's opening, or of a blackout.
struct Event<'a> {
    kind: &'a str,
    name: &'a str,
    summary: String,
    description: String,
    span: Span,
    is_busy: bool,
}

fn window_event(window: &Window, span: Span) -> Event<'_> {
    let admits =
        format!("Admits changes of type {} and risk {}.", list(&window.change_types), list(&window.risks));
    let at_most = window.max_concurrent.map(|most| format!(" At most {most} at a time.")).unwrap_or_default();
    let advice = match window.enforcement {
        Enforcement::Enforced => "",
        Enforcement::Advisory => " Advice only: changes outside of it are warned about.",
    };
    Event {
        kind: "window",
        name: &window.name,
        summary: format!("Window: {}", window.name),
        description: format!("{admits}{at_most}{advice}"),
        span,
        is_busy: false,
    }
}

/// Content lines, folded and ended as the standard wants them.
#[derive(Default)]
struct Lines {
    text: String,
}

impl Lines {
    fn event(&mut self, event: &Event<'_>, now: Timestamp) {
        let Span { start, end } = event.span;
        let uid = format!("{}-{}-{}-{}", event.kind, start.as_second(), end.as_second(), in_uid(event.name));
        self.add("BEGIN", "VEVENT");
        self.add("UID", &format!("{uid}@slipway"));
        self.add("DTSTAMP", &utc(now));
        self.add("DTSTART", &utc(start));
        self.add("DTEND", &utc(up_to_a_second(end)));
        self.add("SUMMARY", &escaped(&event.summary));
        self.add("DESCRIPTION", &escaped(&event.description));
        self.add("CATEGORIES", if event.is_busy { "BLACKOUT" } else { "WINDOW" });
        self.add("TRANSP", if event.is_busy { "OPAQUE" } else { "TRANSPARENT" });
        self.add("END", "VEVENT");
    }

    fn add(&mut self, name: &str, value: &str) {
        let mut width = 0;
        for c in format!("{name}:{value}").chars() {
            if width + c.len_utf8() > LINE_BYTES_MAX {
                self.text.push_str("\r\n ");
                width = 1;
            }
            self.text.push(c);
            width += c.len_utf8();
        }
        self.text.push_str("\r\n");
    }
}

/// iCalendar knows no part of a second: an end that lies within one is told as the second's end.
fn up_to_a_second(at: Timestamp) -> Timestamp {
    let whole = Timestamp::from_second(at.as_second()).unwrap_or(at);
    if whole < at { whole.checked_add(SignedDuration::from_secs(1)).unwrap_or(at) } else { whole }
}

fn utc(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '\\' | ';' | ',' => escaped.extend(['\\', c]),
            '\n' => escaped.push_str("\\n"),
            _ if c.is_control() => {}
            _ => escaped.push(c),
        }
    }
    escaped
}

/// A name in letters, digits and `%`; different names stay different.
fn in_uid(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric();
    name.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
