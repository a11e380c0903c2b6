//! Callers who come while the application is away must not keep those waiting who come when it is back.

use std::process::Command;
use std::time::Duration;

use serde_json::json;
use tokio::net::TcpStream;

use super::{Site, free_port};

/// What this machine knows of the container's hardware address.
async fn known(site: &Site, network: &str) -> String {
    let seen = site.inspect(&site.name).await["NetworkSettings"]["Networks"][network].clone();
    let device = format!("br-{}", &seen["NetworkID"].as_str().expect("network")[..12]);
    let address = seen["IPAddress"].as_str().expect("address");
    let output = Command::new("ip").args(["neigh", "show", "to", address, "dev", &device]).output();
    String::from_utf8(output.expect("ip runs, as root").stdout).expect("text")
}

#[tokio::test]
async fn whoever_called_in_vain_does_not_hold_up_the_others() {
    let site = Site::new();
    let network = format!("{}-net", site.name);
    site.post("/networks/create", json!({ "Name": network })).await;
    site.image("old", "").await;
    let port = free_port();
    let request = json!({
        "Image": format!("{}:old", site.name), "ExposedPorts": { "8080/tcp": {} },
        "HostConfig": {
            "NetworkMode": network,
            "PortBindings": { "8080/tcp": [{ "HostIp": "127.0.0.1", "HostPort": port }] },
        },
    });
    site.create(&site.name, request).await;
    site.post(&format!("/containers/{}/start", site.name), json!({})).await;
    let address = format!("127.0.0.1:{port}");
    let callers = async {
        loop {
            // Some are refused; the others wait, and are not waited for.
            drop(TcpStream::connect(&address).await);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let swap_and_back = async {
        let swap = site.prepared(1, "").await;
        site.runtime.stop_old(&swap).await.expect("stop_old");
        site.runtime.start_new(&swap).await.expect("start_new");
        let after_start = known(&site, &network).await;
        site.runtime.stop_new(&swap).await.expect("stop_new");
        site.runtime.start_old(&swap).await.expect("start_old");
        [after_start, known(&site, &network).await]
    };
    let known = tokio::select! {
        known = swap_and_back => known,
        never = callers => never,
    };
    for known in known {
        assert!(!known.contains("INCOMPLETE") && !known.contains("FAILED"), "{known}");
    }
}
