//! Progress as outsiders follow it: on the broker and over HTTP.

use protocol::{Kind, ProgressEvent};
use serde_json::{Value, json};

use crate::feature::Feature;
use crate::listener::Listener;
use crate::shop::{Place, Shop};
use crate::system::System;

#[tokio::test(flavor = "multi_thread")]
async fn each_step_is_told_on_the_broker_and_a_cut_stream_goes_on_where_it_was() {
    let shop = Shop::open(Place::Processes, json!({})).await;
    let system = System::distributed(&[]).await;
    let mut listener = Listener::new(&system).await;
    system.apply(&shop).await;
    let feature = Feature::develop(&shop, "good").await;
    let id = system.ship(&feature).await;
    assert_eq!(system.promote(&id).await, 0);

    let last = format!("promotion.{id}.cleaned_up");
    listener.until("the end", 1, |message| message.routing_key == last).await;
    for message in listener.heard() {
        assert_envelope(&serde_json::from_slice(&message.body).unwrap(), &id, &message.routing_key);
    }
    let told = listener.progress(&id);
    assert_steps_in_order(&told, &feature);

    let streamed = stream(&system, &id, 0, usize::MAX).await;
    assert_eq!(streamed, told, "both ways tell the same");
    let first = stream(&system, &id, 0, 5).await;
    let rest = stream(&system, &id, first[4].sequence, usize::MAX).await;
    assert_eq!([first, rest].concat(), told, "nothing is lost or repeated by a cut");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_opened_before_the_start_tells_all_as_it_happens() {
    let shop = Shop::open(Place::Processes, json!({})).await;
    let system = System::embedded().await;
    system.apply(&shop).await;
    let id = system.ship(&Feature::develop(&shop, "does-not-build").await).await;
    let (told, exit_code) = tokio::join!(stream(&system, &id, 0, usize::MAX), system.promote(&id));
    assert_eq!(exit_code, 3);
    let kinds: Vec<_> = told.iter().map(|event| event.kind).collect();
    assert_eq!(kinds[0], Kind::Shipping);
    let created = kinds.iter().position(|kind| *kind == Kind::Created).unwrap();
    assert_eq!(kinds[created + 1], Kind::Approved);
    assert_eq!(kinds.iter().filter(|kind| **kind == Kind::RollingBack).count(), 1, "{kinds:?}");
    assert_eq!(kinds.last(), Some(&Kind::RolledBack));
}

/// `CloudEvents` 1.0 in structured JSON.
fn assert_envelope(envelope: &Value, promotion: &str, routing_key: &str) {
    assert_eq!(envelope["specversion"], "1.0");
    assert_eq!(envelope["source"], "slipway");
    assert_eq!(envelope["subject"], promotion);
    assert_eq!(envelope["datacontenttype"], "application/json");
    let data = |field: &str| envelope["data"][field].as_str().unwrap();
    let (kind, plan) = (data("kind"), data("plan"));
    assert_eq!(envelope["type"], format!("slipway.{plan}.{kind}.v1"));
    let subject = if plan == "ship" { data("build") } else { promotion };
    assert_eq!(routing_key, format!("{plan}.{subject}.{kind}"));
    assert!(uuid::Uuid::try_parse(envelope["id"].as_str().unwrap()).is_ok(), "{envelope}");
    assert_eq!(envelope["time"], envelope["data"]["at"], "{envelope}");
}

fn assert_steps_in_order(told: &[ProgressEvent], feature: &Feature) {
    for (kind, plan, first, last) in [
        (Kind::StepStarted, "ship", 2, 6),
        (Kind::StepFinished, "ship", 1, 6),
        (Kind::StepStarted, "promotion", 1, 11),
        (Kind::StepFinished, "promotion", 1, 11),
    ] {
        let of_kind = told.iter().filter(|event| event.kind == kind && event.plan == plan);
        let steps: Vec<_> = of_kind.filter_map(|event| event.step).collect();
        assert_eq!(steps, (first..=last).collect::<Vec<u8>>(), "{plan} {kind:?}");
    }
    for event in told {
        let total = if event.plan == "ship" { 6 } else { 11 };
        assert_eq!((event.steps_total, &event.build), (total, &feature.build));
        assert!(event.message.ends_with('.'), "{:?} is a sentence", event.message);
    }
}

/// Reads the events after `after` until the last one, or `count` of them.
pub(crate) async fn stream(system: &System, id: &str, after: i64, count: usize) -> Vec<ProgressEvent> {
    let path = format!("/promotions/{id}/events?after={after}");
    let mut answer = system.ask(&path).await.unwrap();
    let (mut text, mut told): (Vec<u8>, Vec<ProgressEvent>) = (Vec::new(), Vec::new());
    while told.len() < count && !told.last().is_some_and(|event| event.kind.is_last()) {
        text.extend(answer.chunk().await.unwrap().expect("the stream goes on"));
        // Whole lines only: the rest of one may still be on its way.
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let lines: Vec<u8> = text.drain(..whole).collect();
        let lines = String::from_utf8(lines).unwrap();
        let data = lines.lines().filter_map(|line| line.strip_prefix("data:"));
        told.extend(data.map(|data| serde_json::from_str::<ProgressEvent>(data.trim()).unwrap()));
    }
    told.truncate(count);
    told
}
