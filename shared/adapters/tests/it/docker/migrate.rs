//! The migrate command: one container of the new image between stop and start.

use adapters::runtime::{Runtime, StartError, Swap};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;

use super::{Site, eventually, free_port, heard};

/// A stopped application whose next start runs this migrate command first.
async fn stopped(changes: Value, command: &[&str]) -> (Site, Runtime, UnboundedReceiver<String>, Swap) {
    let site = Site::running(changes).await;
    let command = command.iter().map(|it| (*it).to_owned()).collect();
    let (runtime, told) = site.with(|settings| settings.migrate = command);
    let swap = site.prepared(1, "ENV NEW=1").await;
    runtime.stop_old(&swap).await.expect("stop_old");
    (site, runtime, told, swap)
}

fn one_shot(site: &Site, swap: &Swap) -> String {
    format!("{}--migrate-{}", site.name, swap.promotion.to_lowercase())
}

#[tokio::test]
async fn it_runs_once_as_the_new_version_will_but_out_of_everybodys_way() {
    let port = free_port();
    let changes = json!({
        "Env": ["DATABASE=here"], "User": "12:34", "Hostname": "portal", "ExposedPorts": { "8080/tcp": {} },
        "Labels": { "com.docker.compose.service": "portal", "owner": "us" }, "Volumes": { "/cache": {} },
        "HostConfig": {
            "PortBindings": { "8080/tcp": [{ "HostPort": port }] }, "Memory": 64 << 20,
            "RestartPolicy": { "Name": "always" },
        },
    });
    let (site, runtime, mut told, swap) = stopped(changes, &["/probe", "linger", "0", "0"]).await;
    runtime.start_new(&swap).await.expect("start_new");
    let report = heard(&mut told);
    assert!(report.contains("\"DATABASE=here\"") && report.contains("\"NEW=1\""), "{report}");
    assert!(report.contains("\"uid\":12") && report.contains("succeeded"), "{report}");

    let ran = site.inspect(&one_shot(&site, &swap)).await;
    let new = site.inspect(&swap.new).await;
    assert_eq!(ran["Image"], new["Image"]);
    assert_eq!(ran["Mounts"], new["Mounts"]);
    assert_eq!(ran["HostConfig"]["Memory"], new["HostConfig"]["Memory"]);
    assert_eq!(ran["HostConfig"]["PortBindings"], json!({}));
    assert_eq!(ran["HostConfig"]["RestartPolicy"]["Name"], "no");
    let labels = &ran["Config"]["Labels"];
    assert_eq!((&labels["owner"], &labels["com.docker.compose.service"]), (&json!("us"), &Value::Null));
    assert_ne!(ran["Config"]["Hostname"], "portal");

    runtime.start_new(&swap).await.expect("a repeat");
    let again = site.inspect(&one_shot(&site, &swap)).await;
    assert_eq!((&again["Id"], &again["State"]), (&ran["Id"], &ran["State"]), "it did not run again");
    assert_eq!(heard(&mut told), "");
    runtime.finish(&swap, 1).await.expect("finish");
    site.assert_alone("at the end").await;
}

#[tokio::test]
async fn its_failure_is_told_and_nothing_is_started() {
    for (name, command, exit_code, words) in [
        ("fails", &["/probe", "exit", "3"][..], 3, "to the second stream"),
        ("is not there", &["/absent"], 127, "/absent"),
    ] {
        let (site, runtime, _told, swap) = stopped(json!({}), command).await;
        let mut ids = Vec::new();
        for _ in 0..2 {
            match runtime.start_new(&swap).await {
                Err(StartError::Migration(end)) => {
                    assert_eq!(end.exit_code, exit_code, "{name}: {end}");
                    assert!(end.output.contains(words), "{name}: {end}");
                }
                other => panic!("{name}: {other:?}"),
            }
            ids.push(site.inspect(&one_shot(&site, &swap)).await["Id"].clone());
        }
        assert_ne!(ids[0], ids[1], "{name}: a failed one is run again");
        let new = runtime.instance(&swap.new).await.expect("instance").expect("new");
        assert_eq!(new.started_at, None, "{name}");
        site.roll_back(&swap).await;
        site.assert_alone(name).await;
    }
}

#[tokio::test]
async fn one_that_needs_too_much_memory_is_told_as_such() {
    let limits = json!({ "HostConfig": { "Memory": 32 << 20, "MemorySwap": 32 << 20 } });
    let (_site, runtime, _told, swap) = stopped(limits, &["/probe", "eat"]).await;
    match runtime.start_new(&swap).await {
        Err(StartError::Migration(end)) => assert!(end.out_of_memory, "{end}"),
        other => panic!("{other:?}"),
    }
}

/// Waits until the migrate command runs; returns its container's id.
async fn running(site: &Site, swap: &Swap) -> Value {
    let path = format!("/containers/{}/json", one_shot(site, swap));
    eventually(async || {
        let seen = site.call(reqwest::Method::GET, &path, &Value::Null).await.ok()?;
        (seen["State"]["Running"] == true).then(|| seen["Id"].clone())
    })
    .await
}

#[tokio::test]
async fn one_that_runs_is_waited_for_by_whoever_takes_over() {
    let (site, runtime, mut told, swap) = stopped(json!({}), &["/probe", "linger", "1500", "0"]).await;
    let id = tokio::select! {
        started = runtime.start_new(&swap) => panic!("{started:?}"),
        id = running(&site, &swap) => id,
    };
    runtime.start_new(&swap).await.expect("start_new");
    assert_eq!(site.inspect(&one_shot(&site, &swap)).await["Id"], id, "the same one");
    assert!(heard(&mut told).contains("succeeded"));
    assert!(runtime.live().await.expect("live").expect("live").running);
}

#[tokio::test]
async fn one_that_runs_is_ended_by_the_undo() {
    let (site, runtime, _told, swap) = stopped(json!({}), &["/probe", "linger", "60000", "0"]).await;
    tokio::select! {
        started = runtime.start_new(&swap) => panic!("{started:?}"),
        _id = running(&site, &swap) => {}
    }
    runtime.stop_new(&swap).await.expect("stop_new");
    assert!(!site.exists(&format!("/containers/{}/json", one_shot(&site, &swap))).await);
    site.roll_back(&swap).await;
    site.assert_alone("at the end").await;
}

#[tokio::test]
async fn one_that_was_made_but_not_started_is_started_and_one_that_succeeded_counts() {
    let (site, runtime, mut told, swap) = stopped(json!({}), &["/probe", "linger", "0", "0"]).await;
    // The new version cannot be started at first, because somebody has taken the name away.
    let name = one_shot(&site, &swap);
    let stranger = format!("{}-stranger", site.name);
    site.post(&format!("/containers/{}/rename?name={stranger}", swap.new), json!({})).await;
    site.create(&site.name, json!({ "Image": format!("{}:old", site.name) })).await;
    assert!(matches!(runtime.start_new(&swap).await, Err(StartError::Unavailable(_))));
    assert!(heard(&mut told).contains("succeeded"));
    let ran = site.inspect(&name).await;
    assert!(matches!(runtime.start_new(&swap).await, Err(StartError::Unavailable(_))));
    assert_eq!(site.inspect(&name).await["State"], ran["State"], "it did not run again");

    // As a crash right after the creation would leave it.
    site.delete(&format!("/containers/{name}?force=1")).await;
    let request = json!({
        "Image": ran["Image"], "Labels": ran["Config"]["Labels"], "Entrypoint": ran["Config"]["Entrypoint"],
        "Cmd": ran["Config"]["Cmd"],
    });
    let made = site.create(&name, request).await;
    site.delete(&format!("/containers/{}", site.name)).await;
    runtime.start_new(&swap).await.expect("start_new");
    let after = site.inspect(&name).await;
    assert_eq!((&after["Id"], &after["State"]["ExitCode"]), (&json!(made), &json!(0)));
    assert_ne!(after["State"]["StartedAt"], "0001-01-01T00:00:00Z");
}
