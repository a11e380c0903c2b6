//! What earlier promotions have left beside the application.

use serde_json::json;

use super::{Site, heard};

#[tokio::test]
async fn what_is_left_of_earlier_promotions_goes_before_the_next() {
    let site = Site::running(json!({})).await;
    let (runtime, mut told) = site.with(|settings| {
        settings.migrate = ["/probe", "exit", "0"].map(str::to_owned).to_vec();
    });
    // One that was prepared and never undone; one that was deployed and never finished.
    let abandoned = site.prepared(1, "ENV N=1").await;
    let unfinished = site.prepared(2, "ENV N=2").await;
    runtime.stop_old(&unfinished).await.expect("stop_old");
    runtime.start_new(&unfinished).await.expect("start_new");
    let migrated = format!("{}--migrate-{}", site.name, unfinished.promotion.to_lowercase());
    assert!(site.names().await.contains(&migrated));

    let stranger = format!("{}--next-to-it", site.name);
    site.create(&stranger, json!({ "Image": format!("{}:old", site.name) })).await;
    let busy = format!("{}--next-cp-0", site.name);
    let labels = json!({ "slipway.installation": site.name });
    site.create(&busy, json!({ "Image": format!("{}:old", site.name), "Labels": labels })).await;
    site.post(&format!("/containers/{busy}/start"), json!({})).await;

    let image = site.build(3, "ENV N=3").await;
    let swap = runtime.prepare(&site.release(3), &image).await.expect("prepare");
    for id in [&abandoned.new, &unfinished.old] {
        assert!(!site.exists(&format!("/containers/{id}/json")).await);
    }
    let candidate = format!("{}--next-{}", site.name, swap.promotion.to_lowercase());
    let mut expected = [site.name.clone(), candidate, stranger.clone(), busy.clone()];
    expected.sort();
    assert_eq!(site.names().await, expected);
    let told = heard(&mut told);
    for name in [stranger, busy] {
        assert!(told.contains(&format!("{name} stands beside the application")), "{told}");
    }
}

#[tokio::test]
async fn an_old_version_without_a_record_stays() {
    let site = Site::running(json!({})).await;
    let swap = site.prepared(1, "ENV N=1").await;
    site.runtime.stop_old(&swap).await.expect("stop_old");
    site.runtime.start_new(&swap).await.expect("start_new");
    std::fs::remove_file(site.state_dir().join(format!("{}.json", swap.promotion))).expect("record");
    site.prepared(2, "ENV N=2").await;
    assert!(site.exists(&format!("/containers/{}/json", swap.old)).await);
}
