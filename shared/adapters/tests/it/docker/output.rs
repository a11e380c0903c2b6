//! What the application wrote.

use serde_json::json;

use super::{Site, eventually};

#[tokio::test]
async fn output_has_both_streams_and_only_the_last_lines() {
    for terminal in [false, true] {
        let site = Site::running(json!({ "Cmd": ["/probe", "exit", "0"], "Tty": terminal })).await;
        let id = site.inspect(&site.name).await["Id"].as_str().expect("id").to_owned();
        eventually(async || {
            let output = site.runtime.last_output(&id, 2).await.expect("output");
            (output.contains("first") && output.contains("second")).then_some(())
        })
        .await;
        assert_eq!(site.runtime.last_output(&id, 1).await.expect("output").lines().count(), 1, "{terminal}");
    }
}
