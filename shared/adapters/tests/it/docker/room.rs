//! Room for another image, where the engine's disk can be seen.

use serde_json::json;

use super::Site;

#[tokio::test]
async fn another_version_is_expected_to_take_as_much_as_the_one_that_runs() {
    assert_eq!(Site::new().runtime.room_for_image().await.expect("room"), None, "nothing runs");
    let shop = Site::running(json!({})).await;
    let folder = shop.get("/info").await["DockerRootDir"].as_str().expect("folder").to_owned();
    let image = shop.get(&format!("/images/{}:old/json", shop.name)).await;
    let bytes = image["Size"].as_u64().expect("size");
    let room = shop.runtime.room_for_image().await.expect("room").expect("an engine of this machine");
    assert_eq!((room.folder, room.needed_bytes), (folder, 2 * bytes));
    assert!(room.free_bytes > 0);
}
