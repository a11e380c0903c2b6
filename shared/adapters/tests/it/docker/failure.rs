//! A new version that does not start, and the way back.

use std::time::Duration;

use adapters::runtime::{StartError, Swap};
use serde_json::{Value, json};

use super::{Site, eventually, free_port};

async fn assert_restored(name: &str, site: &Site, swap: &Swap) {
    for _ in 0..2 {
        site.runtime.stop_new(swap).await.expect("stop_new");
        site.runtime.start_old(swap).await.expect("start_old");
    }
    site.runtime.unprepare(&swap.promotion).await.expect("unprepare");
    let live = site.runtime.live().await.expect("live").expect("live");
    assert_eq!((live.id.as_str(), live.running), (swap.old.as_str(), true), "{name}");
    assert_eq!(site.inspect(&swap.old).await["HostConfig"]["RestartPolicy"]["Name"], "always", "{name}");
    assert_eq!(site.names().await.iter().filter(|it| it.starts_with(&site.name)).count(), 1, "{name}");
}

/// Starts another container that publishes the application's port.
async fn stranger_with(site: &Site, bindings: &Value) -> String {
    let request = json!({ "Image": format!("{}:old", site.name), "ExposedPorts": { "8080/tcp": {} }, "HostConfig": { "PortBindings": bindings } });
    let stranger = site.create(&format!("stranger-{}", site.name), request).await;
    site.post(&format!("/containers/{stranger}/start"), json!({})).await;
    stranger
}

#[tokio::test]
async fn a_version_that_cannot_run_is_told_from_a_machine_that_cannot_start_it() {
    for (name, lines, expected) in [
        ("ends with an error", r#"CMD ["/probe", "exit", "3"]"#, "exit code 3"),
        ("tells why", r#"CMD ["/probe", "exit", "4"]"#, "to the second stream"),
        ("ends without an error", r#"CMD ["/probe", "exit", "0"]"#, "exit code 0"),
        ("has no such program", r#"CMD ["/absent"]"#, "/absent"),
        ("may not run its program", "COPY Dockerfile /file\nCMD [\"/file\"]", "permission denied"),
        ("has no such user", "USER nobody-at-all", "nobody-at-all"),
    ] {
        let site = Site::running(json!({ "HostConfig": { "RestartPolicy": { "Name": "always" } } })).await;
        let swap = site.prepared(1, lines).await;
        site.runtime.stop_old(&swap).await.expect("stop_old");
        for _ in 0..2 {
            match site.runtime.start_new(&swap).await {
                Err(StartError::Exited(end)) => {
                    assert!(end.to_string().contains(expected), "{name}: {end}");
                    assert!(!end.out_of_memory, "{name}");
                }
                other => panic!("{name}: {other:?}"),
            }
        }
        let left = site.runtime.instance(&swap.new).await.expect("instance").expect("new");
        assert_eq!((left.running, left.restarts), (false, 0), "{name}: the engine starts it over and over");
        assert_restored(name, &site, &swap).await;
    }
}

#[tokio::test]
async fn a_version_that_needs_too_much_memory_is_told_as_such() {
    let site = Site::running(
        json!({ "HostConfig": { "Memory": 32 << 20, "MemorySwap": 32 << 20, "RestartPolicy": { "Name": "always" } } }),
    )
    .await;
    let swap = site.prepared(1, r#"CMD ["/probe", "eat"]"#).await;
    site.runtime.stop_old(&swap).await.expect("stop_old");
    match site.runtime.start_new(&swap).await {
        Err(StartError::Exited(end)) => assert!(end.out_of_memory, "{end}"),
        other => panic!("{other:?}"),
    }
    assert_restored("memory", &site, &swap).await;
}

#[tokio::test]
async fn the_first_look_ends_with_the_first_good_answer() {
    let site = Site::running(json!({})).await;
    let swap = site.prepared(1, "").await;
    site.runtime.stop_old(&swap).await.expect("stop_old");
    let (asked, answer) = tokio::sync::oneshot::channel::<()>();
    let answered = async {
        answer.await.expect("somebody answers");
    };
    let start = site.runtime.start_new_until(&swap, answered);
    let look = async {
        eventually(async || {
            let new = site.runtime.instance(&swap.new).await.expect("instance").expect("new");
            new.running.then_some(())
        })
        .await;
        asked.send(()).expect("it is being looked at");
    };
    let (started, ()) = tokio::join!(start, look);
    started.expect("start_new");
}

#[tokio::test]
async fn a_port_that_a_stranger_took_is_no_fault_of_the_version() {
    let port = free_port();
    let bindings = json!({ "8080/tcp": [{ "HostPort": port }] });
    let site = Site::running(json!({ "ExposedPorts": { "8080/tcp": {} }, "HostConfig": { "PortBindings": bindings, "RestartPolicy": { "Name": "always" } } })).await;
    let swap = site.prepared(1, "").await;
    site.runtime.stop_old(&swap).await.expect("stop_old");
    let stranger = stranger_with(&site, &bindings).await;
    let failed = site.runtime.start_new(&swap).await;
    assert!(matches!(failed, Err(StartError::Unavailable(_))), "{failed:?}");
    assert!(site.runtime.start_old(&swap).await.is_err(), "the old version cannot have the port either");
    site.delete(&format!("/containers/{stranger}?force=1")).await;
    assert_restored("port", &site, &swap).await;
}

#[tokio::test]
async fn a_port_that_becomes_free_in_a_moment_is_waited_for() {
    let port = free_port();
    let bindings = json!({ "8080/tcp": [{ "HostPort": port }] });
    let site = Site::running(
        json!({ "ExposedPorts": { "8080/tcp": {} }, "HostConfig": { "PortBindings": bindings } }),
    )
    .await;
    let swap = site.prepared(1, "").await;
    site.runtime.stop_old(&swap).await.expect("stop_old");
    let stranger = stranger_with(&site, &bindings).await;
    let remove = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        site.delete(&format!("/containers/{stranger}?force=1")).await;
    };
    let (started, ()) = tokio::join!(site.runtime.start_new(&swap), remove);
    started.expect("start_new");
}

#[tokio::test]
async fn an_application_that_ignores_the_request_to_stop_is_stopped() {
    let site = Site::running(
        json!({ "Cmd": ["/probe", "stubborn"], "HostConfig": { "RestartPolicy": { "Name": "always" } } }),
    )
    .await;
    site.report(&site.name).await;
    let swap = site.prepared(1, "").await;
    site.runtime.stop_old(&swap).await.expect("stop_old");
    let old = site.runtime.instance(&swap.old).await.expect("instance").expect("old");
    assert_eq!((old.running, old.exit_code), (false, Some(137)));
    assert_restored("stubborn", &site, &swap).await;
}

#[tokio::test]
async fn an_application_that_restarts_for_ever_is_stopped() {
    let site = Site::running(
        json!({ "Cmd": ["/probe", "exit", "5"], "HostConfig": { "RestartPolicy": { "Name": "always" } } }),
    )
    .await;
    let swap = site.prepared(1, "").await;
    site.runtime.stop_old(&swap).await.expect("stop_old");
    let stopped = site.runtime.instance(&swap.old).await.expect("instance").expect("old");
    assert!(!stopped.running);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let later = site.runtime.instance(&swap.old).await.expect("instance").expect("old");
    assert_eq!(stopped, later, "nothing has revived it");
}

#[tokio::test]
async fn what_could_not_be_brought_back_is_refused_before_anything_is_touched() {
    let site = Site::running(json!({ "HostConfig": { "AutoRemove": true } })).await;
    let image = site.build(1, "").await;
    let refused = site.runtime.prepare(&site.release(1), &image).await.expect_err("refused");
    assert!(refused.to_string().contains("remove itself"), "{refused:#}");

    let site = Site::running(json!({})).await;
    let id = site.inspect(&site.name).await["Id"].as_str().expect("id").to_owned();
    let request = json!({ "Image": format!("{}:old", site.name), "HostConfig": { "NetworkMode": format!("container:{id}") } });
    site.create(&format!("{}-guest", site.name), request).await;
    let image = site.build(1, "").await;
    let refused = site.runtime.prepare(&site.release(1), &image).await.expect_err("refused");
    assert!(refused.to_string().contains("shares the application's network"), "{refused:#}");
    assert_eq!(site.names().await.len(), 2);

    let site = Site::new();
    let image = site.build(1, "").await;
    let refused = site.runtime.prepare(&site.release(1), &image).await.expect_err("refused");
    assert!(refused.to_string().contains("no application named"), "{refused:#}");
}
