//! Failings of the platform that Slipway takes the place of, each named by its row; the others are tested in
//! `tests/e2e/tests/it/known_failings.rs`.

use serde_json::{Value, json};

use super::Site;

/// There, the old image was remembered by its tag, which the new image got before the rollback.
#[tokio::test]
async fn u01_a_rollback_brings_the_old_image_back_though_its_tag_names_the_new_one() {
    let site = Site::running(json!({})).await;
    let old_image = site.inspect(&site.name).await["Image"].clone();
    let swap = site.prepared(1, "ENV NEW=1").await;
    let moved = format!("/images/{}/tag?repo={}&tag=old", swap.new_image, site.name);
    site.post(&moved, Value::Null).await;
    site.runtime.stop_old(&swap).await.expect("stop_old");
    site.runtime.start_new(&swap).await.expect("start_new");
    assert_eq!(site.inspect(&site.name).await["Image"], swap.new_image.as_str());
    site.roll_back(&swap).await;
    let live = site.inspect(&site.name).await;
    assert_eq!((&live["Id"], &live["Image"]), (&json!(swap.old), &old_image));
    assert_eq!(live["State"]["Running"], true);
}

/// There, nothing kept the running version's image, so that a prune took it away.
#[tokio::test]
async fn u02_the_image_that_a_rollback_needs_outlives_its_tag_and_a_prune() {
    let site = Site::running(json!({})).await;
    let old_image = site.inspect(&site.name).await["Image"].as_str().expect("image").to_owned();
    let swap = site.prepared(1, "ENV NEW=1").await;
    site.image("old", "ENV MOVED=1").await;
    site.runtime.stop_old(&swap).await.expect("stop_old");
    site.runtime.start_new(&swap).await.expect("start_new");
    site.runtime.finish(&swap, 1).await.expect("finish");
    let own = format!("{{\"dangling\":[\"true\"],\"label\":[\"test.layer={}\"]}}", site.name);
    site.post(&format!("/images/prune?filters={own}"), Value::Null).await;
    assert!(site.exists(&format!("/images/{old_image}/json")).await);
}

/// There, Compose was run inside the deployer, and its labels named a folder that exists nowhere else.
#[tokio::test]
async fn u21_the_new_container_is_the_same_service_of_the_same_compose_project() {
    let labels = json!({
        "com.docker.compose.project": "shop",
        "com.docker.compose.service": "portal",
        "com.docker.compose.container-number": "1",
        "com.docker.compose.oneoff": "False",
        "com.docker.compose.project.working_dir": "/srv/shop",
        "com.docker.compose.project.config_files": "docker-compose.yml",
    });
    let site = Site::running(json!({ "Labels": labels })).await;
    let swap = site.shipped(1, "ENV NEW=1", 1).await;
    let found = site.inspect(&swap.new).await["Config"]["Labels"].clone();
    for (name, value) in labels.as_object().expect("labels") {
        assert_eq!(&found[name], value, "{name}");
    }
    site.assert_alone("a second container of a service would make Compose remove one").await;
}
