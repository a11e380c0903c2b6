//! Whether an application's place can pass from one running container to another, and where it is asked how it is.

use reqwest::Url;
use serde_json::Value;

use super::super::container::Container;

/// The port inside the container at which the health address ends; `networks` are the container's own, as the engine
/// describes them.
///
/// # Errors
/// Why the place cannot pass on, for people.
pub(super) fn door(old: &Container, networks: &[Value], health: &str) -> Result<u16, String> {
    if old.networks().is_empty() || networks.is_empty() {
        return Err("the application has no network of its own".into());
    }
    if let Some(foreign) = networks.iter().find(|it| it["Driver"] != "bridge") {
        return Err(format!("the network {} is not one of this machine alone", name(foreign)));
    }
    if let Some(fixed) = networks.iter().find(|it| has_fixed_address(old, name(it))) {
        return Err(format!("the application has a fixed address in the network {}", name(fixed)));
    }
    let host = old.host_config();
    if host["PublishAllPorts"] == true {
        return Err("the application's ports on this machine change with each container".into());
    }
    let bindings: Vec<_> =
        host["PortBindings"].as_object().into_iter().flatten().flat_map(published).collect();
    if bindings.is_empty() {
        return Err("the application publishes no port".into());
    }
    if bindings.iter().any(|(_, outside)| *outside == 0) {
        return Err("the application's ports on this machine change with each container".into());
    }
    let asked = Url::parse(health).ok().and_then(|it| it.port_or_known_default());
    let door = bindings.iter().find(|(_, outside)| Some(*outside) == asked);
    door.map(|(inside, _)| *inside)
        .ok_or_else(|| "its health address is not at a port that its container publishes".into())
}

/// Ports of one kind that are published: inside and outside; 0 outside stands for one that the engine picks.
fn published((port, bindings): (&String, &Value)) -> Vec<(u16, u16)> {
    let inside = port.split('/').next().and_then(|it| it.parse().ok()).unwrap_or_default();
    let bindings = bindings.as_array().map(Vec::as_slice).unwrap_or_default();
    let outside = bindings.iter().map(|it| it["HostPort"].as_str().unwrap_or_default());
    outside.map(|it| (inside, it.parse().unwrap_or_default())).collect()
}

fn has_fixed_address(old: &Container, network: &str) -> bool {
    let is_given = |value: &Value| value.as_str().is_some_and(|it| !it.is_empty());
    let endpoint = old.networks().remove(network).unwrap_or_default();
    let address = &endpoint["IPAMConfig"];
    let fixed = [&address["IPv4Address"], &address["IPv6Address"], &old.config()["MacAddress"]];
    fixed.into_iter().any(is_given)
}

fn name(network: &Value) -> &str {
    network["Name"].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HEALTH: &str = "http://127.0.0.1:80/health";

    fn shop() -> Value {
        json!({
            "Config": {},
            "HostConfig": {
                "NetworkMode": "shop",
                "PortBindings": {
                    "9090/tcp": [{ "HostIp": "127.0.0.1", "HostPort": "9090" }],
                    "8080/tcp": [{ "HostIp": "", "HostPort": "80" }],
                },
            },
            "NetworkSettings": { "Networks": { "shop": { "IPAMConfig": null } } },
        })
    }

    #[test]
    fn the_place_of_a_container_with_a_published_port_can_pass_on() {
        let bridge = [json!({ "Name": "shop", "Driver": "bridge" })];
        assert_eq!(door(&Container::from(shop()), &bridge, HEALTH), Ok(8080));
        assert_eq!(door(&Container::from(shop()), &bridge, "http://shop.example:9090/"), Ok(9090));
    }

    #[test]
    fn whatever_stands_in_the_way_is_named() {
        let cases = [
            ("/HostConfig/NetworkMode", json!("host"), "bridge", "no network of its own"),
            ("/HostConfig/NetworkMode", json!("container:12"), "bridge", "no network of its own"),
            ("/Config", json!({}), "macvlan", "shop is not one of this machine"),
            (
                "/NetworkSettings/Networks/shop/IPAMConfig",
                json!({ "IPv4Address": "10.1.0.7" }),
                "bridge",
                "fixed address",
            ),
            ("/Config", json!({ "MacAddress": "02:42:0a:00:00:07" }), "bridge", "fixed address"),
            ("/HostConfig/PortBindings", json!({}), "bridge", "publishes no port"),
            ("/HostConfig/PortBindings", json!(null), "bridge", "publishes no port"),
            ("/HostConfig/PortBindings/8080~1tcp", json!([{ "HostPort": "" }]), "bridge", "change with each"),
            ("/HostConfig/PortBindings/8080~1tcp", json!([{ "HostPort": "81" }]), "bridge", "health address"),
            ("/HostConfig/NetworkMode", json!("shop"), "bridge", ""),
        ];
        for (pointer, value, driver, expected) in cases {
            let mut document = shop();
            *document.pointer_mut(pointer).unwrap() = value.clone();
            let networks = [json!({ "Name": "shop", "Driver": driver })];
            match door(&Container::from(document), &networks, HEALTH) {
                Ok(_) => assert_eq!(expected, "", "{pointer} {value}"),
                Err(why) => {
                    assert!(!expected.is_empty() && why.contains(expected), "{pointer} {value}: {why}");
                }
            }
        }
        let mut all = shop();
        all["HostConfig"]["PublishAllPorts"] = json!(true);
        let networks = [json!({ "Name": "shop", "Driver": "bridge" })];
        assert!(door(&Container::from(all), &networks, HEALTH).unwrap_err().contains("change with each"));
    }
}
