//! Questions at another address than the usual one.

use adapters::probe::{Answer, HealthRule, Probe};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

#[tokio::test]
async fn whoever_is_asked_at_another_address_sees_the_usual_one() {
    for (url, expected) in [
        ("http://shop.example:8080/health?deep=1", "host: shop.example:8080"),
        ("http://shop.example/health?deep=1", "host: shop.example\r\n"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listen");
        let address = listener.local_addr().expect("address");
        let answer = async {
            let (mut client, _) = listener.accept().await.expect("a question");
            let mut question = [0; 4096];
            let length = client.read(&mut question).await.expect("read");
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            client.write_all(answer).await.expect("answer");
            String::from_utf8_lossy(&question[..length]).into_owned()
        };
        let rule: HealthRule = serde_json::from_value(serde_json::json!({ "url": url })).expect("rule");
        let probe = Probe::new(rule).expect("probe").at(address).expect("address");
        let (told, question) = tokio::join!(probe.ask(), answer);
        assert_eq!(told, Answer::Good { build: None });
        assert!(question.starts_with("GET /health?deep=1 "), "{question}");
        assert!(question.to_lowercase().contains(expected), "{question}");
    }
}
