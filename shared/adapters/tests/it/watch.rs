//! A watch over an application that goes and comes back.

use adapters::probe::{HealthRule, Probe, Service, Watch};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

/// An application that answers every question, until it is ended.
struct Application(AbortHandle);

impl Application {
    async fn start(port: u16, status: &'static str, build: &'static str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let task = tokio::spawn(async move {
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                let mut question = [0; 4096];
                if client.read(&mut question).await.is_err() {
                    continue;
                }
                let body = format!("{{\"build\":\"{build}\"}}");
                let answer = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
                // Whoever asked may be gone.
                client.write_all(answer.as_bytes()).await.unwrap_or_default();
            }
        });
        Self(task.abort_handle())
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn probe() -> (Probe, u16) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let rule = serde_json::json!({ "url": format!("http://127.0.0.1:{port}/health"), "build": "/build" });
    let rule: HealthRule = serde_json::from_value(rule).unwrap();
    (Probe::new(rule).unwrap(), port)
}

#[tokio::test]
async fn an_application_is_seen_to_go_and_to_come_back() {
    let (probe, port) = probe();
    let watch = Watch::new(&probe, None);
    let gone = watch.during(async {
        let application = Application::start(port, "200 OK", "one").await;
        watch.answered().await;
        drop(application);
        // Nobody listens any more as soon as its task is gone.
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            tokio::task::yield_now().await;
        }
    });
    let ((), seen) = gone.await;
    assert!(seen.has_answered);
    let watch = Watch::new(&probe, None);
    let back = watch.during(async {
        let application = Application::start(port, "200 OK", "two").await;
        watch.answered().await;
        drop(application);
    });
    let ((), seen) = back.await;
    assert!(matches!(seen.service, Some(Service::Answering { .. })), "{seen:?}");
}

#[tokio::test]
async fn only_good_answers_of_the_expected_build_count() {
    for (status, build, is_good) in
        [("200 OK", "two", true), ("200 OK", "one", false), ("503 Service Unavailable", "two", false)]
    {
        let (probe, port) = probe();
        let _application = Application::start(port, status, build).await;
        let watch = Watch::new(&probe, Some("two"));
        let seen = loop {
            let deed = async {
                for _ in 0..20 {
                    probe.ask().await;
                }
            };
            // Before an answer came nothing is known.
            let ((), seen) = watch.during(deed).await;
            if seen.service.is_some() {
                break seen;
            }
        };
        assert_eq!(
            matches!(seen.service, Some(Service::Answering { .. })),
            is_good,
            "{status} {build}: {seen:?}"
        );
    }
}
