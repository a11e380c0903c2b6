//! Logs and traces: set up once at the start, flushed once at the end.
//!
//! | signal | name | fields |
//! |---|---|---|
//! | span | `promotion.job` | `promotion`, `job`, `attempt`, `worker`, `error` |
//! | span | `intake.message` | `message_id` |
//! | log | one line per event, `text` or `json` | the fields of the spans around it |
//!
//! Every span of a promotion belongs to one trace: its id is made when the run is created, stored
//! with the run and carried by every message, so it survives restarts. Secrets never become fields.

use anyhow::{Context, Result};
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry::{Context as TraceContext, global, propagation::TextMapPropagator};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::collections::HashMap;
use std::io::IsTerminal;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// How logs are written and where traces go.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which events are logged, as `RUST_LOG` writes it: `info`, `info,engine=debug`.
    pub log: String,
    /// JSON lines for machines instead of text for people.
    pub json: bool,
    /// Base URL of an OTLP collector over HTTP (Jaeger: `http://host:4318`); no traces without it.
    pub otlp_endpoint: Option<String>,
    /// Which role this process plays.
    pub service: String,
}

/// Keeps the exporter alive; [`Telemetry::flush`] sends what is left.
#[derive(Debug)]
#[must_use = "spans that were not sent yet are lost without flush"]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
}

/// Sets up logs (to standard error) and traces for the whole process. Call once.
pub fn init(settings: &Settings) -> Result<Telemetry> {
    let filter = EnvFilter::try_new(&settings.log).context("read the log setting")?;
    let format = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let format = if settings.json { format.json().boxed() } else { format.with_target(false).boxed() };
    let traces = settings.otlp_endpoint.as_deref().map(|url| exporter(url, &settings.service)).transpose()?;
    let spans = traces
        .as_ref()
        .map(|provider| tracing_opentelemetry::layer().with_tracer(provider.tracer("slipway")));
    global::set_text_map_propagator(TraceContextPropagator::new());
    tracing_subscriber::registry()
        .with(filter)
        .with(format)
        .with(spans)
        .try_init()
        .context("set up logging")?;
    Ok(Telemetry { traces })
}

fn exporter(url: &str, service: &str) -> Result<SdkTracerProvider> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/traces", url.trim_end_matches('/')))
        .build()
        .context("set up the trace exporter")?;
    let resource = Resource::builder().with_service_name(format!("slipway-{service}")).build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

impl Telemetry {
    /// Sends what is left. Waits for the collector as long as the exporter's timeout allows, so it
    /// belongs at the very end, off the async threads.
    pub fn flush(self) -> Result<()> {
        self.traces.map_or(Ok(()), |provider| provider.shutdown().context("send the last traces"))
    }
}

/// Makes `span` a child of the trace in the W3C `traceparent`. Must be called before the span is entered.
pub fn continue_trace(span: &Span, traceparent: Option<&str>) {
    let Some(traceparent) = traceparent else { return };
    let carrier = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
    let parent = TraceContextPropagator::new().extract(&carrier);
    if parent.span().span_context().is_valid()
        && let Err(error) = span.set_parent(parent)
    {
        tracing::debug!(%error, "span started before its parent was known");
    }
}

/// The W3C `traceparent` of the span, to be carried by messages; `None` where traces are off.
pub fn traceparent(span: &Span) -> Option<String> {
    let context: TraceContext = span.context();
    context.span().span_context().is_valid().then_some(())?;
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&context, &mut carrier);
    carrier.remove("traceparent")
}
