//! The successor and the restored predecessor are like the original.

use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use super::{Site, free_port, merge};

/// What an image may say that a container may choose otherwise.
const DEFAULTS: &str = "ENV COLOR=blue OLD=1\nLABEL flavor=plain\nWORKDIR /old";

/// What every container differs in by its nature.
fn stripped(mut document: Value) -> Value {
    let short_id = document["Id"].as_str().expect("id")[..12].to_owned();
    for network in document["NetworkSettings"]["Networks"].as_object_mut().expect("networks").values_mut() {
        let fields = network.as_object_mut().expect("network");
        fields.retain(|key, _| {
            ["IPAMConfig", "Links", "Aliases", "DriverOpts", "NetworkID"].contains(&key.as_str())
        });
        if let Some(aliases) = fields["Aliases"].as_array_mut() {
            aliases.retain(|it| it != short_id.as_str());
        }
    }
    let mut config = document["Config"].as_object().expect("config").clone();
    if config["Hostname"] == short_id.as_str() {
        config.remove("Hostname");
    }
    config.remove("Image");
    config["Labels"].as_object_mut().expect("labels").retain(|key, _| !key.starts_with("slipway."));
    let mut mounts = document["Mounts"].as_array().cloned().unwrap_or_default();
    for mount in &mut mounts {
        mount["Mode"] = Value::Null;
    }
    mounts.sort_by_key(|it| it["Destination"].to_string());
    let mut host = document["HostConfig"].clone();
    // Made-up volumes are named here in the successor; the mounts tell whether they are the same.
    host.as_object_mut().expect("host").retain(|key, _| key != "Binds" && key != "Mounts");
    json!({ "Config": config, "HostConfig": host, "Networks": document["NetworkSettings"]["Networks"], "Mounts": mounts })
}

#[track_caller]
fn assert_alike(name: &str, before: &Value, after: &Value) {
    for part in ["Config", "HostConfig", "Networks", "Mounts"] {
        let (before, after) = (&before[part], &after[part]);
        if before == after {
            continue;
        }
        if let (Some(before), Some(after)) = (before.as_object(), after.as_object()) {
            let keys = before.keys().chain(after.keys());
            let differing = keys.filter(|it| before.get(*it) != after.get(*it));
            let list: Vec<_> = differing
                .map(|it| format!("{it}: {:?} became {:?}", before.get(it), after.get(it)))
                .collect();
            panic!("{name}: {part}: {}", list.join("\n"));
        }
        panic!("{name}: {part}: {before} became {after}");
    }
}

/// Each row is one request's part that a swap and a rollback must not change.
fn table(site: &Site, subnet: &str) -> Vec<(String, Value)> {
    let text = include_str!("../../fixtures/containers.json");
    let text = text.replace("@site", &site.name).replace("@port", &free_port());
    let text = text.replace("@subnet", subnet);
    let rows: serde_json::Map<String, Value> = serde_json::from_str(&text).expect("table");
    rows.into_iter().collect()
}

/// A subnet that no other site of this process has, and hardly one that an earlier process left.
fn free_subnet() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = std::process::id().wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 0x8000;
    format!("10.{}.{}", 0x80 | (number >> 8), number & 0xff)
}

/// Starts the application of this request, with the networks that the table speaks of.
async fn run(site: &Site, subnet: &str, mut request: Value) {
    let range = json!({ "Config": [{ "Subnet": format!("{subnet}.0/24") }] });
    let back = json!({ "Name": format!("{}-back", site.name), "IPAM": range });
    site.post("/networks/create", back).await;
    let other = json!({ "Name": format!("{}-side", site.name) });
    site.post("/networks/create", other).await;
    let also = request.as_object_mut().and_then(|it| it.remove("also"));
    site.image("old", DEFAULTS).await;
    merge(&mut request, json!({ "Image": format!("{}:old", site.name) }));
    let id = site.create(&site.name, request).await;
    for (network, endpoint) in also.iter().flat_map(|it| it.as_object().expect("networks")) {
        let body = json!({ "Container": id, "EndpointConfig": endpoint });
        let path = format!("/networks/{network}/connect");
        site.post(&path, body).await;
    }
    site.post(&format!("/containers/{id}/start"), json!({})).await;
}

/// Calls the check with each row's application running, a few at a time.
async fn each_row(check: impl AsyncFn(&str, &Site)) {
    let n_rows = table(&Site::new(), &free_subnet()).len();
    let rows = stream::iter(0..n_rows);
    rows.for_each_concurrent(4, async |row| {
        let (site, subnet) = (Site::new(), free_subnet());
        let (name, request) = table(&site, &subnet).swap_remove(row);
        run(&site, &subnet, request).await;
        check(&name, &site).await;
    })
    .await;
}

#[tokio::test]
async fn the_successor_and_its_successor_are_like_the_original() {
    each_row(async |name, site| {
        let before = stripped(site.inspect(&site.name).await);
        for number in 1..3 {
            let swap = site.shipped(number, DEFAULTS, 1).await;
            let after = site.inspect(&site.name).await;
            assert_eq!(after["Id"], swap.new.as_str(), "{name}");
            assert_eq!(after["Image"], swap.new_image.as_str(), "{name}");
            assert_eq!(after["State"]["Running"], true, "{name}");
            assert_alike(name, &before, &stripped(after));
            site.assert_alone(name).await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_restored_predecessor_is_the_original() {
    each_row(async |name, site| {
        let before = site.inspect(&site.name).await;
        let swap = site.prepared(1, "ENV NEW=1").await;
        site.runtime.stop_old(&swap).await.expect("stop_old");
        site.runtime.start_new(&swap).await.expect("start_new");
        site.roll_back(&swap).await;
        let after = site.inspect(&site.name).await;
        assert_eq!(after["Id"], before["Id"], "{name}");
        assert_eq!(after["State"]["Running"], true, "{name}");
        assert_eq!(after["HostConfig"], before["HostConfig"], "{name}");
        assert_alike(name, &stripped(before), &stripped(after));
        site.assert_alone(name).await;
        let image = format!("/images/{}/json", swap.new_image);
        assert!(!site.exists(&image).await, "{name}");
    })
    .await;
}

#[tokio::test]
async fn defaults_come_from_the_new_image_and_choices_from_the_old_container() {
    let site = Site::new();
    let old = r#"ENV COLOR=blue SIZE=small
LABEL flavor=plain maker=us
WORKDIR /old
EXPOSE 1111
USER 11
HEALTHCHECK --interval=50s --retries=3 CMD ["/probe", "exit", "0"]
STOPSIGNAL SIGINT"#;
    let new = r#"ENV COLOR=green SIZE=large FRESH=1
LABEL flavor=sweet
WORKDIR /new
EXPOSE 2222
USER 22
HEALTHCHECK --interval=70s --retries=9 CMD ["/probe", "exit", "1"]
STOPSIGNAL SIGTERM
CMD ["/probe", "serve", "new"]"#;
    site.image("old", old).await;
    let chosen = json!({
        "Image": format!("{}:old", site.name), "Env": ["SIZE=mine"], "Labels": { "maker": "me" },
        "ExposedPorts": { "3333/tcp": {} }, "Healthcheck": { "Retries": 5 },
    });
    site.create(&site.name, chosen).await;
    site.post(&format!("/containers/{}/start", site.name), json!({})).await;
    let swap = site.shipped(1, new, 1).await;
    let config = &site.inspect(&swap.new).await["Config"];
    let probe = site.report(&swap.new).await;
    let variables = probe["env"].as_array().expect("env");
    for expected in ["COLOR=green", "SIZE=mine", "FRESH=1"] {
        assert!(variables.contains(&expected.into()), "{expected} in {variables:?}");
    }
    assert_eq!(
        (&probe["cwd"], &probe["uid"], &probe["args"]),
        (&json!("/new"), &json!(22), &json!(["serve", "new"]))
    );
    assert_eq!(config["Labels"]["flavor"], "sweet");
    assert_eq!(config["Labels"]["maker"], "me");
    assert_eq!(config["ExposedPorts"], json!({ "2222/tcp": {}, "3333/tcp": {} }));
    assert_eq!(config["StopSignal"], "SIGTERM");
    let health = &config["Healthcheck"];
    assert_eq!(health["Test"], json!(["CMD", "/probe", "exit", "1"]));
    assert_eq!((&health["Retries"], &health["Interval"]), (&json!(5), &json!(70_000_000_000_u64)));
}

#[tokio::test]
async fn data_in_a_made_up_volume_is_there_after_two_swaps_and_a_rollback() {
    let site = Site::running(json!({ "Volumes": { "/data": {} } })).await;
    let born = site.report(&site.name).await["data"].clone();
    assert_ne!(born, "");
    for number in 1..3 {
        let swap = site.shipped(number, "", 1).await;
        assert_eq!(site.report(&swap.new).await["data"], born);
    }
    let swap = site.prepared(3, "VOLUME /extra").await;
    let extra = site.inspect(&swap.new).await["Mounts"].as_array().expect("mounts").clone();
    let extra = extra.iter().find(|it| it["Destination"] == "/extra").expect("extra")["Name"]
        .as_str()
        .expect("name")
        .to_owned();
    site.runtime.stop_old(&swap).await.expect("stop_old");
    site.runtime.start_new(&swap).await.expect("start_new");
    site.roll_back(&swap).await;
    assert_eq!(site.report(&swap.old).await["data"], born);
    assert!(!site.exists(&format!("/volumes/{extra}")).await, "the failed version's own volume is left");
}

#[tokio::test]
async fn fields_that_the_typed_client_does_not_know_survive() {
    // The client's types have lost this field, which engines of API 1.41 still apply.
    let site =
        Site::running(json!({ "HostConfig": { "KernelMemory": 67_108_864, "Memory": 134_217_728 } })).await;
    let before = site.inspect(&site.name).await["HostConfig"].clone();
    site.shipped(1, "", 1).await;
    let after = site.inspect(&site.name).await["HostConfig"].clone();
    assert_eq!(before, after);
}
