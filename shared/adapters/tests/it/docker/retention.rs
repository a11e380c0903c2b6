//! What stays after a release.

use serde_json::json;

use super::Site;

#[tokio::test]
async fn as_many_earlier_releases_stay_as_asked_for() {
    let site = Site::running(json!({})).await;
    let first = site.inspect(&site.name).await["Image"].as_str().expect("image").to_owned();
    let mut images = vec![first];
    for number in 1..=4 {
        images.push(site.shipped(number, &format!("ENV N={number}"), 2).await.new_image);
    }
    let mut left = Vec::new();
    for image in &images {
        left.push(site.exists(&format!("/images/{image}/json")).await);
    }
    // The first has a tag of its own, given by somebody else.
    assert_eq!(left, [true, false, true, true, true], "two earlier ones and the running one");
    for (number, kept) in [(1, false), (2, false), (3, true), (4, true)] {
        let promotion = site.promotion(number);
        let tag = format!("/images/{}:keep-{}/json", site.name, promotion.to_lowercase());
        assert_eq!(site.exists(&tag).await, kept, "tag {number}");
        assert_eq!(site.state_dir().join(format!("{promotion}.json")).exists(), kept, "record {number}");
    }
}

#[tokio::test]
async fn an_image_survives_losing_its_tag_to_another() {
    let site = Site::running(json!({})).await;
    let old_image = site.inspect(&site.name).await["Image"].as_str().expect("image").to_owned();
    let swap = site.prepared(1, "ENV NEW=1").await;
    site.image("old", "ENV MOVED=1").await;
    let pruned = site.call(reqwest::Method::DELETE, &format!("/images/{old_image}"), &json!(null)).await;
    assert!(pruned.is_err());
    site.runtime.stop_old(&swap).await.expect("stop_old");
    site.runtime.start_new(&swap).await.expect("start_new");
    site.runtime.finish(&swap, 1).await.expect("finish");
    assert!(site.exists(&format!("/images/{old_image}/json")).await);
}

#[tokio::test]
async fn what_a_later_promotion_has_made_stays() {
    let site = Site::running(json!({})).await;
    let swap = site.shipped(1, "ENV N=1", 1).await;
    let later = site.prepared(2, "ENV N=2").await;
    for keep in [1, 0, 0] {
        site.runtime.finish(&swap, keep).await.expect("a late repeat");
    }
    for image in [&later.old_image, &later.new_image] {
        assert!(site.exists(&format!("/images/{image}/json")).await);
    }
    site.runtime.stop_old(&later).await.expect("stop_old");
    site.runtime.start_new(&later).await.expect("start_new");
    site.roll_back(&later).await;
    assert_eq!(site.runtime.live().await.expect("live").expect("live").id, swap.new);
}

#[tokio::test]
async fn an_image_that_a_rollback_needs_is_not_discarded() {
    let site = Site::running(json!({})).await;
    let first = site.shipped(1, "ENV N=1", 1).await;
    let second = site.shipped(2, "ENV N=2", 1).await;
    assert!(site.runtime.discard_image(&second.promotion).await.is_err(), "it runs");
    site.runtime.discard_image(&first.promotion).await.expect("discard");
    assert!(
        site.exists(&format!("/images/{}/json", first.new_image)).await,
        "kept for the second's rollback"
    );
}
