//! Every move twice, and taken up after a crash between any two calls.

use std::os::unix::fs::PermissionsExt as _;

use adapters::runtime::Swap;
use serde_json::json;

use super::{Site, runtime};

/// Which instance bears the name, and whether it runs.
async fn live(site: &Site) -> Option<(String, bool)> {
    let live = site.runtime.live().await.expect("live");
    live.map(|it| (it.id, it.running))
}

#[tokio::test]
async fn every_move_can_be_repeated() {
    let policy = json!({ "HostConfig": { "RestartPolicy": { "Name": "always" } } });
    let site = Site::running(policy).await;
    let (runtime, release) = (&site.runtime, site.release(1));
    let image = site.build(1, "ENV NEW=1").await;
    let prepare = async || runtime.prepare(&release, &image).await.expect("prepare");
    let swap = prepare().await;
    assert_eq!(prepare().await, swap);
    assert_eq!(live(&site).await, Some((swap.old.clone(), true)));
    for _ in 0..2 {
        runtime.stop_old(&swap).await.expect("stop_old");
        let old = runtime.old(&swap).await.expect("old").expect("old");
        assert_eq!((&old.id, old.running), (&swap.old, false));
        assert_eq!(live(&site).await, Some((swap.new.clone(), false)), "the name has passed on");
    }
    assert_eq!(prepare().await, swap, "the first record counts");
    for _ in 0..2 {
        runtime.start_new(&swap).await.expect("start_new");
        assert_eq!(live(&site).await, Some((swap.new.clone(), true)));
    }
    assert_eq!(prepare().await, swap, "it is past that");
    for _ in 0..2 {
        runtime.stop_new(&swap).await.expect("stop_new");
        assert_eq!(live(&site).await, None, "the name is free");
    }
    for _ in 0..2 {
        runtime.start_old(&swap).await.expect("start_old");
        assert_eq!(live(&site).await, Some((swap.old.clone(), true)));
    }
    let policy = &site.inspect(&swap.old).await["HostConfig"]["RestartPolicy"];
    assert_eq!(policy["Name"], "always");
    for _ in 0..2 {
        runtime.unprepare(&swap.promotion).await.expect("unprepare");
        let discarded = runtime.discard_image(&swap.promotion).await;
        discarded.expect("discard_image");
    }
    runtime.start_old(&swap).await.expect("a late repeat");
    site.assert_alone("at the end").await;
    let records = std::fs::read_dir(site.state_dir()).expect("state");
    assert_eq!(records.count(), 0);
}

#[tokio::test]
async fn a_finish_can_be_repeated() {
    let site = Site::running(json!({})).await;
    let runtime = &site.runtime;
    let swap = site.prepared(1, "ENV NEW=1").await;
    runtime.stop_old(&swap).await.expect("stop_old");
    runtime.start_new(&swap).await.expect("start_new");
    for _ in 0..2 {
        runtime.finish(&swap, 1).await.expect("finish");
    }
    runtime.stop_old(&swap).await.expect("a late repeat");
    site.assert_alone("at the end").await;
}

#[tokio::test]
async fn a_candidate_that_fits_is_adopted_and_any_other_replaced() {
    let site = Site::new();
    let (one, two) = (format!("{}-one", site.name), format!("{}-two", site.name));
    for network in [&one, &two] {
        site.post("/networks/create", json!({ "Name": network })).await;
    }
    site.image("old", "").await;
    let request = json!({ "Image": format!("{}:old", site.name), "HostConfig": { "NetworkMode": one } });
    site.create(&site.name, request).await;
    site.post(&format!("/networks/{two}/connect"), json!({ "Container": site.name })).await;
    site.post(&format!("/containers/{}/start", site.name), json!({})).await;
    let image = site.build(1, "").await;
    let (runtime, release) = (&site.runtime, site.release(1));
    let swap = runtime.prepare(&release, &image).await.expect("prepare");

    // A crash after the creation, before the second network.
    site.post(&format!("/networks/{two}/disconnect"), json!({ "Container": swap.new })).await;
    let again = runtime.prepare(&release, &image).await.expect("prepare");
    assert_eq!(again, swap, "adopted");
    let networks = site.inspect(&swap.new).await["NetworkSettings"]["Networks"].clone();
    assert!(networks[&one].is_object() && networks[&two].is_object(), "{networks}");

    // A stranger under the candidate's name.
    let name = format!("{}--next-{}", site.name, release.promotion.to_lowercase());
    site.delete(&format!("/containers/{}", swap.new)).await;
    let stranger = site.create(&name, json!({ "Image": format!("{}:old", site.name) })).await;
    let again = runtime.prepare(&release, &image).await.expect("prepare");
    assert!(!site.exists(&format!("/containers/{stranger}/json")).await);
    assert_ne!(again.new, swap.new);

    // The same promotion with another image.
    let other = site.build(2, "ENV OTHER=1").await;
    let replaced = runtime.prepare(&release, &other).await.expect("prepare");
    assert_eq!(replaced.new_image, other);
    assert!(!site.exists(&format!("/containers/{}/json", again.new)).await);
}

/// The calls from the park of the restart policy to the start, one by one.
async fn call(site: &Site, swap: &Swap, call: &str) {
    let suffix = swap.promotion.to_lowercase();
    let (path, body) = match call {
        "park" => (format!("/containers/{}/update", swap.old), json!({ "RestartPolicy": { "Name": "no" } })),
        "rename old" => {
            (format!("/containers/{}/rename?name={}--old-{suffix}", swap.old, site.name), json!({}))
        }
        "rename new" => (format!("/containers/{}/rename?name={}", swap.new, site.name), json!({})),
        "stop old" => (format!("/containers/{}/stop?t=3", swap.old), json!({})),
        "start new" => (format!("/containers/{}/start", swap.new), json!({})),
        other => panic!("{other}"),
    };
    site.post(&path, body).await;
}

#[tokio::test]
async fn a_swap_is_taken_up_wherever_it_was_left() {
    let calls = ["park", "rename old", "rename new", "stop old", "start new"];
    let crashes = (0..=calls.len()).map(|done| &calls[..done]);
    // As an earlier version of Slipway did it.
    let earlier = [&["park", "stop old", "start new"][..], &["park", "stop old", "rename old"]];
    for crash in crashes.chain(earlier) {
        let site =
            Site::running(json!({ "HostConfig": { "RestartPolicy": { "Name": "unless-stopped" } } })).await;
        for goes_forward in [false, true] {
            let number = 1 + u32::from(goes_forward);
            let swap = site.prepared(number, &format!("ENV N={number}")).await;
            for it in crash {
                call(&site, &swap, it).await;
            }
            // Another process takes over: it knows the swap and the folder, nothing else.
            let successor = runtime(&site.host, &site.name, site.dir.path());
            if goes_forward {
                successor.stop_old(&swap).await.expect("stop_old");
                successor.start_new(&swap).await.expect("start_new");
                successor.finish(&swap, 1).await.expect("finish");
                assert_eq!(successor.live().await.expect("live").expect("live").id, swap.new, "{crash:?}");
            } else {
                if crash.contains(&"start new") {
                    successor.stop_new(&swap).await.expect("stop_new");
                }
                successor.start_old(&swap).await.expect("start_old");
                successor.unprepare(&swap.promotion).await.expect("unprepare");
                let live = successor.live().await.expect("live").expect("live");
                assert_eq!((live.id.as_str(), live.running), (swap.old.as_str(), true), "{crash:?}");
            }
            let policy = site.inspect(&site.name).await["HostConfig"]["RestartPolicy"]["Name"].clone();
            assert_eq!(policy, "unless-stopped", "{crash:?}");
            site.assert_alone(&format!("{crash:?}")).await;
        }
    }
}

#[tokio::test]
async fn a_half_removed_old_container_does_not_stop_the_finish() {
    let site = Site::running(json!({})).await;
    let swap = site.prepared(1, "").await;
    site.runtime.stop_old(&swap).await.expect("stop_old");
    let refused = site.runtime.finish(&swap, 1).await.expect_err("the new version does not serve");
    assert!(refused.to_string().contains("never started"), "{refused:#}");
    site.runtime.start_new(&swap).await.expect("start_new");
    site.delete(&format!("/containers/{}", swap.old)).await;
    site.runtime.finish(&swap, 1).await.expect("finish");
    assert!(site.runtime.start_old(&swap).await.is_err(), "it is not made anew beside the new one");
}

#[tokio::test]
async fn networks_that_the_old_container_lost_are_connected_again() {
    let site = Site::new();
    let network = format!("{}-net", site.name);
    site.post("/networks/create", json!({ "Name": network })).await;
    site.image("old", "").await;
    let endpoint = json!({ "EndpointsConfig": { network.clone(): { "Aliases": ["portal"] } } });
    let request = json!({ "Image": format!("{}:old", site.name), "HostConfig": { "NetworkMode": network }, "NetworkingConfig": endpoint });
    site.create(&site.name, request).await;
    site.post(&format!("/containers/{}/start", site.name), json!({})).await;
    let swap = site.prepared(1, "").await;
    site.runtime.stop_old(&swap).await.expect("stop_old");
    site.post(&format!("/networks/{network}/disconnect"), json!({ "Container": swap.old })).await;
    site.roll_back(&swap).await;
    let aliases = site.inspect(&swap.old).await["NetworkSettings"]["Networks"][&network]["Aliases"].clone();
    assert!(aliases.as_array().expect("aliases").contains(&json!("portal")), "{aliases}");
}

#[tokio::test]
async fn saved_specifications_are_for_their_owner_alone() {
    let site = Site::running(json!({ "Env": ["PASSWORD=secret"] })).await;
    let swap = site.prepared(1, "").await;
    let path = site.state_dir().join(format!("{}.json", swap.promotion));
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(&site.state_dir())), (0o600, 0o700));
    assert!(std::fs::read_to_string(&path).expect("read").contains("PASSWORD=secret"));
    assert!(!format!("{:?}", site.runtime).contains("secret"));
    assert!(site.runtime.unprepare("../../etc").await.is_err(), "ids are not paths");
}
