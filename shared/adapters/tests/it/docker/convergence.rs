//! Every move twice, and taken up after a crash between any two calls.

use std::os::unix::fs::PermissionsExt as _;

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
        assert_eq!(live(&site).await, Some((swap.old.clone(), false)));
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

#[tokio::test]
async fn a_swap_is_taken_up_wherever_it_was_left() {
    for (name, crash) in [
        ("started, not renamed", &["start new"][..]),
        ("one renamed", &["start new", "rename old"]),
        ("started late", &["rename old"]),
    ] {
        let site =
            Site::running(json!({ "HostConfig": { "RestartPolicy": { "Name": "unless-stopped" } } })).await;
        for goes_forward in [false, true] {
            let number = 1 + u32::from(goes_forward);
            let swap = site.prepared(number, &format!("ENV N={number}")).await;
            site.runtime.stop_old(&swap).await.expect("stop_old");
            for call in crash {
                let old_name = format!("{}--old-{}", site.name, swap.promotion.to_lowercase());
                let path = match *call {
                    "start new" => format!("/containers/{}/start", swap.new),
                    _ => format!("/containers/{}/rename?name={old_name}", swap.old),
                };
                site.post(&path, json!({})).await;
            }
            // Another process takes over: it knows the swap and the folder, nothing else.
            let successor = runtime(&site.host, &site.name, site.dir.path());
            if goes_forward {
                successor.start_new(&swap).await.expect("start_new");
                successor.finish(&swap, 1).await.expect("finish");
                assert_eq!(successor.live().await.expect("live").expect("live").id, swap.new, "{name}");
            } else {
                successor.stop_new(&swap).await.expect("stop_new");
                successor.start_old(&swap).await.expect("start_old");
                successor.unprepare(&swap.promotion).await.expect("unprepare");
                let live = successor.live().await.expect("live").expect("live");
                assert_eq!((live.id.as_str(), live.running), (swap.old.as_str(), true), "{name}");
            }
            site.assert_alone(name).await;
        }
    }
}

#[tokio::test]
async fn a_half_removed_old_container_does_not_stop_the_finish() {
    let site = Site::running(json!({})).await;
    let swap = site.prepared(1, "").await;
    site.runtime.stop_old(&swap).await.expect("stop_old");
    let refused = site.runtime.finish(&swap, 1).await.expect_err("the old version still bears the name");
    assert!(refused.to_string().contains("so it stays"), "{refused:#}");
    site.runtime.start_new(&swap).await.expect("start_new");
    site.delete(&format!("/containers/{}", swap.old)).await;
    site.runtime.finish(&swap, 1).await.expect("finish");
    assert!(site.runtime.start_old(&swap).await.is_err(), "it cannot come back from nothing");
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
