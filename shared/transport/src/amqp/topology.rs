//! Declaring the topology, and looking whether it is there.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ExchangeKind};

use super::link::{Link, Live};
use super::refusal::ACCESS_REFUSED;
use super::wire::short;
use crate::topology::{ExchangePlan, QueuePlan, Routing, Topology};
use crate::{Outage, TopologyError};

/// What is looked at or declared, for sentences about it.
struct Subject<'a> {
    kind: &'static str,
    name: &'a str,
}

impl Subject<'_> {
    /// Says what is wrong, if a person has to act.
    fn sentence(&self, code: u16) -> Option<String> {
        let Self { kind, name } = self;
        match code {
            404 => Some(format!("The {kind} {name} is missing; run `slipway topology apply`.")),
            ACCESS_REFUSED => Some(format!(
                "This broker user may not use the {kind} {name}; give the user the rights to it."
            )),
            406 => Some(format!(
                "The {kind} {name} exists with other settings; empty it, delete it, and run `slipway topology apply`."
            )),
            _ => None,
        }
    }

    fn refusal(&self, outage: Outage) -> TopologyError {
        let code = match outage {
            Outage::Refused { code, .. } => code,
            Outage::Disconnected | Outage::Blocked(_) | Outage::Silent(_) | Outage::Failed(_) => 0,
        };
        self.sentence(code).map_or_else(
            || TopologyError::Unavailable(outage),
            |sentence| TopologyError::Refused { sentence },
        )
    }
}

/// Declares everything; dead-letter queues first, so that no message dies without a place to go.
pub(super) async fn apply(link: &Link, topology: &Topology) -> Result<(), TopologyError> {
    let bench = Bench::open(link).await?;
    for plan in &topology.exchanges {
        let declared = bench.exchange(plan, false).await;
        declared.map_err(|outage| exchange_subject(plan).refusal(outage))?;
    }
    for plan in &topology.queues {
        let declared = async {
            bench.queue(plan, false).await?;
            bench.bind(plan).await
        };
        let declared = declared.await;
        declared.map_err(|outage| queue_subject(plan).refusal(outage))?;
    }
    Ok(())
}

/// Looks for everything without changing anything.
pub(super) async fn check(link: &Link, topology: &Topology) -> Result<Vec<String>, TopologyError> {
    let mut probe = Probe { link, bench: Bench::open(link).await?, sentences: Vec::new() };
    for plan in &topology.exchanges {
        let seen = probe.bench.exchange(plan, true).await;
        probe.note(seen, &exchange_subject(plan)).await?;
    }
    for plan in &topology.queues {
        let seen = probe.bench.queue(plan, true).await;
        probe.note(seen, &queue_subject(plan)).await?;
    }
    Ok(probe.sentences)
}

/// A check under way. AMQP ends the channel with each "no", so the check goes on with another.
struct Probe<'a> {
    link: &'a Link,
    bench: Bench,
    sentences: Vec<String>,
}

impl Probe<'_> {
    async fn note(&mut self, seen: Result<(), Outage>, subject: &Subject<'_>) -> Result<(), TopologyError> {
        let Err(outage) = seen else {
            return Ok(());
        };
        // RabbitMQ before 4.3.1 shows everything to everybody, later ones only what the user has some right to.
        // A right that a process needs and lacks is told when it is needed.
        if !matches!(outage, Outage::Refused { code: ACCESS_REFUSED, .. }) {
            match subject.refusal(outage) {
                TopologyError::Refused { sentence } => self.sentences.push(sentence),
                unavailable @ TopologyError::Unavailable(_) => return Err(unavailable),
            }
        }
        self.bench = Bench::open(self.link).await?;
        Ok(())
    }
}

fn exchange_subject(plan: &ExchangePlan) -> Subject<'_> {
    Subject { kind: "exchange", name: &plan.name }
}

fn queue_subject(plan: &QueuePlan) -> Subject<'_> {
    Subject { kind: "queue", name: &plan.name }
}

/// A channel to declare on.
struct Bench {
    live: Live,
    channel: Channel,
}

impl Bench {
    async fn open(link: &Link) -> Result<Self, TopologyError> {
        let opened = async {
            let live = link.live_now()?;
            let channel = live.channel().await?;
            Ok(Self { live, channel })
        };
        opened.await.map_err(TopologyError::Unavailable)
    }

    async fn exchange(&self, plan: &ExchangePlan, passive: bool) -> Result<(), Outage> {
        let kind = match plan.routing {
            Routing::Direct => ExchangeKind::Direct,
            Routing::Topic => ExchangeKind::Topic,
        };
        let options = ExchangeDeclareOptions { passive, durable: true, ..ExchangeDeclareOptions::default() };
        let name = short(&plan.name)?;
        let arguments = FieldTable::default();
        let declared = self.channel.exchange_declare(name, kind, options, arguments);
        self.live.answer(declared).await
    }

    async fn queue(&self, plan: &QueuePlan, passive: bool) -> Result<(), Outage> {
        let options = QueueDeclareOptions { passive, durable: true, ..QueueDeclareOptions::default() };
        let name = short(&plan.name)?;
        let declared = self.channel.queue_declare(name, options, arguments(plan));
        self.live.answer(declared).await?;
        Ok(())
    }

    async fn bind(&self, plan: &QueuePlan) -> Result<(), Outage> {
        let bound = self.channel.queue_bind(
            short(&plan.name)?,
            short(&plan.exchange)?,
            short(&plan.binding_key)?,
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        self.live.answer(bound).await
    }
}

fn arguments(plan: &QueuePlan) -> FieldTable {
    let text = |value: &str| AMQPValue::LongString(value.into());
    let number = |value: u32| AMQPValue::LongLongInt(value.into());
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments.insert("x-delivery-limit".into(), number(plan.delivery_limit));
    if let Some(length_max) = plan.length_max {
        arguments.insert("x-max-length".into(), number(length_max));
    }
    if let Some((exchange, routing_key)) = &plan.dead_letters {
        // At-least-once needs reject-publish; together they lose no message on the way to its grave.
        arguments.insert("x-overflow".into(), text("reject-publish"));
        arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
        arguments.insert("x-dead-letter-exchange".into(), text(exchange));
        arguments.insert("x-dead-letter-routing-key".into(), text(routing_key));
    }
    arguments
}
