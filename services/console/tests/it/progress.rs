//! Progress as it happens.

use engine::approval::approve;
use protocol::ProgressEvent;
use reqwest::Response;

use crate::world::{actor, with_console};

/// Reads the stream until an event has come whole: its number and what it tells.
async fn next(stream: &mut Response, read: &mut String) -> (i64, ProgressEvent) {
    loop {
        if let Some((event, rest)) =
            read.split_once("\n\n").map(|(event, rest)| (event.to_owned(), rest.to_owned()))
        {
            *read = rest;
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            if let Some(data) = field("data:") {
                return (field("id:").unwrap().parse().unwrap(), serde_json::from_str(data).unwrap());
            }
        } else {
            let chunk = stream.chunk().await.unwrap().expect("the stream goes on");
            read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

#[tokio::test]
async fn news_come_as_they_are_told_and_can_be_resumed() {
    with_console(None, async |console| {
        let id = console.created(1).await;
        console.created(2).await;
        let path = format!("/api/v1/promotions/{id}/events");
        let (mut stream, mut read) = (console.get(&path).await, String::new());
        assert_eq!(stream.headers()["content-type"], "text/event-stream");
        let (first, created) = next(&mut stream, &mut read).await;
        assert_eq!((created.sequence, created.promotion.as_str()), (first, id.as_str()));
        let (sealed, _) = next(&mut stream, &mut read).await;
        approve(&console.engine, &id, &actor("Ines"), None).await.unwrap();
        let (_, approved) = next(&mut stream, &mut read).await;
        assert_eq!(approved.message, "Ines approved the promotion.");

        let mut resumed = console.get(&format!("{path}?after={sealed}")).await;
        assert_eq!(next(&mut resumed, &mut String::new()).await.1, approved);

        console.engine.shutdown.drain();
        while stream.chunk().await.unwrap().is_some() {}
    })
    .await;
}
