//! The old version when its container is gone, or when the engine cannot start it any more.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::{Site, heard};

#[tokio::test]
async fn an_old_version_that_is_gone_is_made_anew() {
    for new_has_run in [false, true] {
        let changes = json!({
            "Env": ["COLOR=mine"], "Labels": { "owner": "us" }, "Volumes": { "/data": {} },
            "HostConfig": { "RestartPolicy": { "Name": "always" }, "Memory": 64 << 20 },
        });
        let site = Site::running(changes).await;
        let before = site.inspect(&site.name).await;
        let born = site.report(&site.name).await["data"].clone();
        let (runtime, mut told) = site.with(|_| {});
        let swap = site.prepared(1, "ENV NEW=1").await;
        runtime.stop_old(&swap).await.expect("stop_old");
        if new_has_run {
            runtime.start_new(&swap).await.expect("start_new");
            runtime.stop_new(&swap).await.expect("stop_new");
        }
        site.delete(&format!("/containers/{}?force=1", swap.old)).await;
        for _ in 0..2 {
            runtime.start_old(&swap).await.expect("start_old");
        }
        let told = heard(&mut told);
        assert_eq!(told.matches("made anew").count(), 1, "{told}");
        let after = site.inspect(&site.name).await;
        let old = runtime.old(&swap).await.expect("old").expect("old");
        assert_eq!(after["Id"], old.id.as_str());
        assert!(old.running);
        assert_eq!(after["Image"], before["Image"]);
        assert_eq!(after["Config"]["Image"], before["Config"]["Image"]);
        assert_eq!(after["Config"]["Env"], before["Config"]["Env"]);
        assert_eq!(after["Config"]["Labels"]["owner"], "us");
        assert_eq!(after["HostConfig"]["RestartPolicy"], before["HostConfig"]["RestartPolicy"]);
        assert_eq!(after["HostConfig"]["Memory"], before["HostConfig"]["Memory"]);
        assert_eq!(site.report(&site.name).await["data"], born, "its data is there");
        runtime.unprepare(&swap.promotion).await.expect("unprepare");
        site.assert_alone("at the end").await;

        // It is an application like any other.
        let next = site.shipped(2, "ENV NEW=2", 1).await;
        let labels = site.inspect(&next.new).await["Config"]["Labels"].clone();
        assert_eq!(labels["slipway.stands-for"], json!(null));
        site.assert_alone("after the next").await;
    }
}

/// Where the private engine keeps what it has begun to start.
fn begun_starts(host: &str) -> PathBuf {
    let folder = Path::new(host.strip_prefix("unix://").expect("socket")).parent().expect("folder");
    let tasks = folder.join("exec/containerd/daemon/io.containerd.runtime.v2.task");
    let mut namespaces = std::fs::read_dir(&tasks).expect("the tests' engine is a private one");
    namespaces.next().expect("its containers have a folder").expect("folder").path()
}

#[tokio::test]
async fn an_old_version_that_the_engine_has_lost_track_of_is_made_anew() {
    let site = Site::running(json!({ "HostConfig": { "RestartPolicy": { "Name": "always" } } })).await;
    let (runtime, mut told) = site.with(|_| {});
    let swap = site.prepared(1, "").await;
    runtime.stop_old(&swap).await.expect("stop_old");
    // An engine that is killed while it starts a container leaves such a folder, which nothing removes.
    let begun = begun_starts(&site.host).join(&swap.old);
    std::fs::create_dir(&begun).expect("folder");
    let lost = site.call(reqwest::Method::POST, &format!("/containers/{}/start", swap.old), &json!({})).await;
    assert!(lost.is_err(), "this engine forgives it, so this test shows nothing");
    runtime.start_old(&swap).await.expect("start_old");
    assert!(heard(&mut told).contains("made anew"));
    let live = runtime.live().await.expect("live").expect("live");
    assert!(live.running && live.id != swap.old);
    runtime.unprepare(&swap.promotion).await.expect("unprepare");
    site.assert_alone("at the end").await;
    // The engine may have removed it after all.
    std::fs::remove_dir_all(&begun).unwrap_or_default();
}
