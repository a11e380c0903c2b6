//! A new version that takes over running, and back; and whatever keeps it from doing so.

use adapters::probe::HealthRule;
use adapters::runtime::{DockerSettings, Runtime, StartError, Swap, Unfit};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;

use super::{Site, eventually, free_port, heard, merge};

/// A shop with a published port whose new versions take over running.
struct Shop {
    site: Site,
    port: String,
    runtime: Runtime,
    told: UnboundedReceiver<String>,
}

/// What the old version's container was like before anything was done.
struct Before {
    id: String,
    started_at: Value,
}

pub(super) fn rule(port: &str) -> HealthRule {
    let url = format!("http://127.0.0.1:{port}/health");
    let rule = json!({ "url": url, "successes": 2, "interval_ms": 20, "within_seconds": 3 });
    serde_json::from_value(rule).expect("rule")
}

/// How a container says that it is published at this port.
fn published(port: &str) -> Value {
    json!({
        "ExposedPorts": { "8080/tcp": {} },
        "HostConfig": {
            "PortBindings": { "8080/tcp": [{ "HostIp": "127.0.0.1", "HostPort": port }] },
            "RestartPolicy": { "Name": "always" },
        },
    })
}

impl Shop {
    /// Opens a shop on a network of its own; its container differs from the usual by `changes`.
    async fn open(changes: Value) -> Self {
        let (site, port) = (Site::new(), free_port());
        let network = format!("{}-net", site.name);
        site.post("/networks/create", json!({ "Name": network })).await;
        site.image("old", "").await;
        let mut request = published(&port);
        let image = format!("{}:old", site.name);
        merge(&mut request, json!({ "Image": image, "HostConfig": { "NetworkMode": network } }));
        merge(&mut request, changes);
        site.create(&site.name, request).await;
        site.post(&format!("/containers/{}/start", site.name), json!({})).await;
        Self::of(site, port, |_| {}).await
    }

    async fn of(site: Site, port: String, adjust: impl FnOnce(&mut DockerSettings)) -> Self {
        let (runtime, told) = site.with(|settings| {
            settings.warm = Some(rule(&port));
            adjust(settings);
        });
        let shop = Self { site, port, runtime, told };
        shop.until_answered("ok").await;
        shop
    }

    /// A shop on a network of its own, whose application needs its neighbor `data` there.
    async fn with_neighbor() -> Self {
        let (site, port) = (Site::new(), free_port());
        let network = format!("{}-net", site.name);
        site.post("/networks/create", json!({ "Name": network })).await;
        site.image("old", "").await;
        let on_network = |alias: &str| {
            let endpoint = json!({ "EndpointsConfig": { network.clone(): { "Aliases": [alias] } } });
            json!({
                "Image": format!("{}:old", site.name), "NetworkingConfig": endpoint,
                "HostConfig": { "NetworkMode": network },
            })
        };
        let mut request = on_network("shop");
        merge(&mut request, published(&port));
        merge(&mut request, json!({ "Env": ["NEED=data:8080"] }));
        for (name, request) in
            [(format!("data-{}", site.name), on_network("data")), (site.name.clone(), request)]
        {
            site.create(&name, request).await;
            site.post(&format!("/containers/{name}/start"), json!({})).await;
        }
        Self::of(site, port, |_| {}).await
    }

    /// What a visitor is told, if anybody answers well.
    async fn visit(&self) -> Option<String> {
        let answer = reqwest::get(format!("http://127.0.0.1:{}/", self.port)).await.ok()?;
        answer.error_for_status().ok()?.text().await.ok()
    }

    async fn until_answered(&self, expected: &str) {
        eventually(async || (self.visit().await.as_deref() == Some(expected)).then_some(())).await;
    }

    async fn before(&self) -> Before {
        let seen = self.site.inspect(&self.site.name).await;
        let id = seen["Id"].as_str().expect("id").to_owned();
        Before { id, started_at: seen["State"]["StartedAt"].clone() }
    }

    async fn try_prepare(&self, number: u32, lines: &str) -> anyhow::Result<Swap> {
        let image = self.site.build(number, lines).await;
        self.runtime.prepare(&self.site.release(number), &image).await
    }

    async fn prepared(&self, number: u32) -> Swap {
        self.try_prepare(number, &format!("ENV N={number}")).await.expect("prepare")
    }

    async fn taken_over(&self, number: u32) -> Swap {
        let swap = self.prepared(number).await;
        self.runtime.stop_old(&swap).await.expect("stop_old");
        self.runtime.start_new(&swap).await.expect("start_new");
        swap
    }

    /// The old version serves as if nothing had been, and nothing else is left.
    async fn assert_untouched(&self, name: &str, before: &Before, neighbors: &[String]) {
        let seen = self.site.inspect(&self.site.name).await;
        assert_eq!(seen["Id"], before.id.as_str(), "{name}");
        assert_eq!(seen["State"]["StartedAt"], before.started_at, "{name}: it was never started again");
        self.assert_in_service(name, &before.id, neighbors).await;
    }

    /// This container serves and shall always do so; beside it there are only its neighbors.
    async fn assert_in_service(&self, name: &str, id: &str, neighbors: &[String]) {
        let seen = self.site.inspect(&self.site.name).await;
        assert_eq!((&seen["Id"], &seen["State"]["Running"]), (&json!(id), &json!(true)), "{name}");
        assert_eq!(seen["HostConfig"]["RestartPolicy"]["Name"], "always", "{name}");
        let mut names = neighbors.to_vec();
        names.push(self.site.name.clone());
        names.sort();
        assert_eq!(self.site.names().await, names, "{name}");
        let networks = seen["NetworkSettings"]["Networks"].as_object().expect("networks");
        for made in self.made_networks().await {
            assert!(networks.contains_key(&made), "{name}: {made} is left, and nobody needs it");
        }
        assert!(self.visit().await.is_some(), "{name}: it answers");
    }

    /// Networks that Slipway made for this shop.
    async fn made_networks(&self) -> Vec<String> {
        let all = self.site.get("/networks").await;
        let names = all.as_array().expect("list").iter().map(|it| it["Name"].as_str().expect("name"));
        names.filter(|it| it.starts_with(&format!("{}--", self.site.name))).map(str::to_owned).collect()
    }

    async fn roll_back(&self, swap: &Swap) {
        for _ in 0..2 {
            self.runtime.stop_new(swap).await.expect("stop_new");
        }
        for _ in 0..2 {
            self.runtime.start_old(swap).await.expect("start_old");
        }
        self.runtime.unprepare(&swap.promotion).await.expect("unprepare");
        self.runtime.discard_image(&swap.promotion).await.expect("discard_image");
    }
}

#[tokio::test]
async fn a_version_takes_over_running() {
    let mut shop = Shop::open(json!({})).await;
    for number in 1..3 {
        let before = shop.before().await;
        let answered = shop.visit().await;
        let swap = shop.prepared(number).await;
        assert!(swap.warm, "{}", heard(&mut shop.told));
        assert_eq!(shop.prepared(number).await, swap, "a repeat");
        let new = shop.site.inspect(&swap.new).await;
        assert_eq!(new["State"]["Running"], true);
        assert_eq!(new["NetworkSettings"]["Ports"], json!({}), "nobody can see it");
        assert_eq!(new["HostConfig"]["RestartPolicy"]["Name"], "no", "only what serves is revived");
        for _ in 0..2 {
            shop.runtime.stop_old(&swap).await.expect("stop_old");
        }
        let old = shop.site.inspect(&before.id).await;
        assert_eq!(old["State"]["StartedAt"], before.started_at);
        assert_eq!(old["HostConfig"]["RestartPolicy"]["Name"], "always", "only what serves is revived");
        assert_eq!(shop.visit().await, answered, "the old version serves on");
        for _ in 0..2 {
            shop.runtime.start_new(&swap).await.expect("start_new");
            assert_eq!(shop.visit().await, Some(number.to_string()));
        }
        assert_eq!(shop.prepared(number).await, swap, "it is past that");
        let old = shop.site.inspect(&before.id).await;
        assert_eq!(
            (&old["State"]["Running"], &old["State"]["StartedAt"]),
            (&json!(true), &before.started_at)
        );
        assert_eq!(old["HostConfig"]["RestartPolicy"]["Name"], "no", "only what serves is revived");
        let started = shop.site.inspect(&swap.new).await["State"]["StartedAt"].clone();
        assert_eq!(started, new["State"]["StartedAt"], "it was started once");
        for _ in 0..2 {
            shop.runtime.finish(&swap, 1).await.expect("finish");
        }
        shop.assert_in_service("finished", &swap.new, &[]).await;
    }
    let told = heard(&mut shop.told);
    assert_eq!(told.matches("it will take over running").count(), 2, "{told}");
}

#[tokio::test]
async fn a_version_gives_its_place_back_to_one_that_never_stopped() {
    let shop = Shop::open(json!({})).await;
    let before = shop.before().await;
    for (number, takes_over) in [(1, true), (2, false), (3, true)] {
        let swap = shop.prepared(number).await;
        assert!(swap.warm);
        shop.runtime.stop_old(&swap).await.expect("stop_old");
        if takes_over {
            shop.runtime.start_new(&swap).await.expect("start_new");
            shop.runtime.stop_new(&swap).await.expect("stop_new");
            assert_eq!(shop.visit().await.as_deref(), Some("ok"), "it serves at once");
            shop.roll_back(&swap).await;
        } else {
            shop.runtime.start_old(&swap).await.expect("start_old");
            shop.runtime.unprepare(&swap.promotion).await.expect("unprepare");
        }
        shop.assert_untouched(&format!("{number}"), &before, &[]).await;
    }
}

#[tokio::test]
async fn what_the_application_talks_to_is_within_its_reach_all_the_time() {
    let mut shop = Shop::with_neighbor().await;
    let neighbor = format!("data-{}", shop.site.name);
    let neighbor_before = shop.site.inspect(&neighbor).await;
    let before = shop.before().await;
    let swap = shop.taken_over(1).await;
    assert!(swap.warm, "{}", heard(&mut shop.told));
    assert_eq!(shop.visit().await.as_deref(), Some("1"));
    shop.roll_back(&swap).await;
    shop.assert_untouched("back", &before, std::slice::from_ref(&neighbor)).await;
    let swap = shop.taken_over(2).await;
    shop.runtime.finish(&swap, 1).await.expect("finish");
    shop.assert_in_service("forth", &swap.new, std::slice::from_ref(&neighbor)).await;
    let network = format!("{}-net", shop.site.name);
    let aliases =
        shop.site.inspect(&swap.new).await["NetworkSettings"]["Networks"][&network]["Aliases"].clone();
    assert!(aliases.as_array().expect("aliases").contains(&json!("shop")), "{aliases}");
    let neighbor_after = shop.site.inspect(&neighbor).await;
    assert_eq!(neighbor_after["State"]["StartedAt"], neighbor_before["State"]["StartedAt"]);
    let networks = |it: &Value| it["NetworkSettings"]["Networks"].as_object().expect("networks").len();
    assert_eq!(networks(&neighbor_after), networks(&neighbor_before) + 1, "connections to it are not cut");
}

#[tokio::test]
async fn a_version_that_is_not_well_fails_before_anybody_notices() {
    let shop = Shop::with_neighbor().await;
    let neighbors = [format!("data-{}", shop.site.name)];
    let before = shop.before().await;
    for (number, lines, expected) in [
        (1, "ENV STATUS=500", "not well (500"),
        (2, r#"CMD ["/probe", "exit", "3"]"#, "ended by itself"),
        (3, r#"CMD ["/absent"]"#, "cannot be started"),
    ] {
        for _ in 0..2 {
            let failed = shop.try_prepare(number, lines).await.expect_err("unfit");
            let unfit: &Unfit = failed.downcast_ref().expect("unfit");
            assert!(unfit.problem.contains(expected), "{lines}: {}", unfit.problem);
            assert_eq!(shop.visit().await.as_deref(), Some("ok"));
        }
        let promotion = shop.site.promotion(number);
        shop.runtime.unprepare(&promotion).await.expect("unprepare");
        shop.assert_untouched(lines, &before, &neighbors).await;
    }
}

/// Prepares and goes through with a swap that cannot be warm for the reason with these words.
async fn assert_stops_first(name: &str, mut shop: Shop, words: &str) {
    for number in 1..3 {
        let before = shop.before().await;
        let swap = shop.prepared(number).await;
        let told = heard(&mut shop.told);
        assert!(!swap.warm && told.contains("will be stopped before the new one starts"), "{name}: {told}");
        assert!(told.contains(words), "{name}: {told}");
        let new = shop.site.inspect(&swap.new).await;
        assert_eq!(new["State"]["Status"], "created", "{name}: it waits like any other");
        shop.assert_serves(name, &before.id).await;
        shop.runtime.stop_old(&swap).await.expect("stop_old");
        shop.runtime.start_new(&swap).await.expect("start_new");
        shop.until_answered(&number.to_string()).await;
        if number == 1 {
            shop.roll_back(&swap).await;
            shop.until_answered("ok").await;
        } else {
            shop.runtime.finish(&swap, 1).await.expect("finish");
            shop.assert_in_service(name, &swap.new, &[]).await;
        }
    }
}

impl Shop {
    async fn assert_serves(&self, name: &str, id: &str) {
        assert_eq!(self.site.inspect(&self.site.name).await["Id"], id, "{name}");
        assert_eq!(self.visit().await.as_deref(), Some("ok"), "{name}");
        assert_eq!(self.made_networks().await, Vec::<String>::new(), "{name}");
    }
}

#[tokio::test]
async fn an_application_whose_place_cannot_pass_on_is_stopped_first() {
    let port = free_port();
    let on_host = json!({
        "Env": [format!("PORT={port}")],
        "HostConfig": { "NetworkMode": "host", "RestartPolicy": { "Name": "always" } },
    });
    let on_host = Shop::of(Site::running(on_host).await, port, |_| {}).await;
    assert_stops_first("host", on_host, "no network of its own").await;

    let site = Site::new();
    let (network, port) = (format!("{}-net", site.name), free_port());
    let subnet = json!({ "Config": [{ "Subnet": "10.213.77.0/24" }] });
    site.post("/networks/create", json!({ "Name": network, "IPAM": subnet })).await;
    site.image("old", "").await;
    let fixed = json!({ network.clone(): { "IPAMConfig": { "IPv4Address": "10.213.77.7" } } });
    let mut request = published(&port);
    let image = format!("{}:old", site.name);
    let changes = json!({ "Image": image, "HostConfig": { "NetworkMode": network }, "NetworkingConfig": { "EndpointsConfig": fixed } });
    merge(&mut request, changes);
    site.create(&site.name, request).await;
    site.post(&format!("/containers/{}/start", site.name), json!({})).await;
    let with_address = Shop::of(site, port, |_| {}).await;
    assert_stops_first("address", with_address, "a fixed address in the network").await;
}

#[tokio::test]
async fn a_release_whose_data_do_not_suit_both_versions_is_stopped_first() {
    let port = free_port();
    let site = Site::running(published(&port)).await;
    let command = ["/probe", "exit", "0"].map(str::to_owned).to_vec();
    let migrating = Shop::of(site, port, |settings| settings.migrate = command).await;
    assert_stops_first("command", migrating, "a command brings the data up to date").await;

    let mut told_so = Shop::open(json!({})).await;
    told_so.runtime = told_so.runtime.clone().stopping_first("the reason of this release");
    assert_stops_first("release", told_so, "the reason of this release").await;
}

#[tokio::test]
async fn an_application_that_misses_something_out_of_sight_is_stopped_first() {
    // As one whose database lets in only who comes from this network.
    let site = Site::new();
    let common = site.get("/networks/bridge").await["IPAM"]["Config"][0]["Subnet"].clone();
    let common = common.as_str().expect("subnet").split_once(".0/").expect("subnet").0.to_owned();
    let on_common =
        json!({ "Env": [format!("HOME_NETWORK={common}.")], "HostConfig": { "NetworkMode": "bridge" } });
    let shop = Shop::open(on_common).await;
    assert_stops_first("at home", shop, "not even the old version is well").await;
}

#[tokio::test]
async fn where_a_trial_fails_the_old_version_is_stopped_first() {
    let (site, port) = (Site::new(), free_port());
    // The listener of the trial cannot be put where this image has a volume.
    site.image("old", "VOLUME /slipway-listen").await;
    let mut request = published(&port);
    merge(&mut request, json!({ "Image": format!("{}:old", site.name) }));
    site.create(&site.name, request).await;
    site.post(&format!("/containers/{}/start", site.name), json!({})).await;
    let mut shop = Shop::of(site, port, |_| {}).await;
    let swap = shop.prepared(1).await;
    let told = heard(&mut shop.told);
    assert!(!swap.warm && told.contains("in a trial this engine did not let"), "{told}");
    let id = shop.before().await.id;
    shop.assert_serves("trial", &id).await;
}

#[tokio::test]
async fn a_version_that_ended_while_it_waited_takes_nobodys_place() {
    let shop = Shop::open(json!({})).await;
    let before = shop.before().await;
    let swap = shop.prepared(1).await;
    shop.runtime.stop_old(&swap).await.expect("stop_old");
    shop.site.post(&format!("/containers/{}/kill", swap.new), json!({})).await;
    for _ in 0..2 {
        let failed = shop.runtime.start_new(&swap).await;
        assert!(matches!(failed, Err(StartError::Exited(_))), "{failed:?}");
        assert_eq!(shop.visit().await.as_deref(), Some("ok"));
    }
    shop.roll_back(&swap).await;
    shop.assert_untouched("ended", &before, &[]).await;
}

/// The calls of a move, one by one, as they follow each other.
const CALLS: [&str; 5] = ["park", "rename old", "rename new", "out", "in"];

async fn call(shop: &Shop, swap: &Swap, call: &str) {
    let (name, suffix) = (&shop.site.name, swap.promotion.to_lowercase());
    let (path, body) = match call {
        "park" => (format!("/containers/{}/update", swap.old), json!({ "RestartPolicy": { "Name": "no" } })),
        "rename old" => (format!("/containers/{}/rename?name={name}--old-{suffix}", swap.old), json!({})),
        "rename new" => (format!("/containers/{}/rename?name={name}", swap.new), json!({})),
        "out" => {
            let hidden = shop.site.inspect(&swap.old).await["NetworkSettings"]["Networks"].clone();
            for made in hidden.as_object().expect("networks").keys().filter(|it| it.contains("--warm-")) {
                let path = format!("/networks/{made}/disconnect");
                shop.site.post(&path, json!({ "Container": swap.old })).await;
            }
            (format!("/networks/{name}-net/disconnect"), json!({ "Container": swap.old }))
        }
        "in" => (format!("/networks/{name}-net/connect"), json!({ "Container": swap.new })),
        "all die" => {
            for id in [&swap.old, &swap.new] {
                shop.site.post(&format!("/containers/{id}/kill"), json!({})).await;
            }
            return;
        }
        other => panic!("{other}"),
    };
    shop.site.post(&path, body).await;
}

#[tokio::test]
async fn a_move_is_taken_up_wherever_it_was_left() {
    let shop = Shop::open(json!({})).await;
    let crashes = (0..=CALLS.len()).map(|done| CALLS[..done].to_vec());
    // An engine that is killed takes both versions with it; neither is revived by itself in the middle of a move.
    let deaths = [4, 5].map(|done| [&CALLS[..done], &["all die"]].concat());
    let mut number = 0;
    for crash in crashes.chain(deaths) {
        for goes_forward in [false, true] {
            number += 1;
            let name = format!("{crash:?}, {}", if goes_forward { "forth" } else { "back" });
            let before = shop.before().await;
            let swap = shop.prepared(number).await;
            assert!(swap.warm, "{name}");
            for it in &crash {
                call(&shop, &swap, it).await;
            }
            // Another process takes over: it knows the swap and the folder, nothing else.
            let (successor, _told) = shop.site.with(|settings| settings.warm = Some(rule(&shop.port)));
            if goes_forward {
                successor.stop_old(&swap).await.expect("stop_old");
                successor.start_new(&swap).await.expect(&name);
                successor.finish(&swap, 1).await.expect("finish");
                shop.until_answered(&number.to_string()).await;
                shop.assert_in_service(&name, &swap.new, &[]).await;
            } else {
                successor.stop_new(&swap).await.expect(&name);
                successor.start_old(&swap).await.expect(&name);
                successor.unprepare(&swap.promotion).await.expect("unprepare");
                eventually(async || shop.visit().await).await;
                if crash.contains(&"all die") {
                    shop.assert_in_service(&name, &before.id, &[]).await;
                } else {
                    shop.assert_untouched(&name, &before, &[]).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_preparation_is_taken_up_and_what_is_left_of_one_goes() {
    let shop = Shop::with_neighbor().await;
    let neighbors = [format!("data-{}", shop.site.name)];
    let first = shop.prepared(1).await;
    // It died before it could write down how far it was.
    std::fs::remove_file(shop.site.state_dir().join(format!("{}.json", first.promotion))).expect("record");
    let second = shop.prepared(1).await;
    assert!(second.warm && second.new != first.new);
    assert!(!shop.site.exists(&format!("/containers/{}/json", first.new)).await);
    // Nobody ever takes it up again; somebody ends what ran.
    shop.site.delete(&format!("/containers/{}?force=1", second.new)).await;
    assert_eq!(shop.made_networks().await.len(), 1);
    let third = shop.taken_over(2).await;
    assert!(third.warm);
    shop.runtime.finish(&third, 1).await.expect("finish");
    shop.assert_in_service("finished", &third.new, &neighbors).await;
}

#[tokio::test]
async fn an_old_version_that_ended_out_of_sight_is_started_again() {
    let shop = Shop::open(json!({})).await;
    let before = shop.before().await;
    let swap = shop.taken_over(1).await;
    shop.site.post(&format!("/containers/{}/kill", before.id), json!({})).await;
    shop.roll_back(&swap).await;
    shop.until_answered("ok").await;
    shop.assert_in_service("back", &before.id, &[]).await;
}
