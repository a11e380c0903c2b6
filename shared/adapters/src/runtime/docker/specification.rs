//! From a running container to the specification of its successor.
//!
//! The engine merges an image's defaults into every container it makes, so a container's
//! configuration alone does not tell what its owner chose. The successor gets
//!
//! - what the old container has and its image does not: the owner's choices;
//! - for all else the new image's defaults, by not mentioning it;
//! - the host's side (ports, mounts, limits, …) whole and unread, so that nothing is lost that
//!   this code has never heard of.
//!
//! A choice that equals the old image's default cannot be told from the default.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::container::Container;
use super::label;

/// What to ask of the engine for the successor.
pub(super) struct Specification {
    /// Body of the request that creates the container, with at most one network.
    pub(super) document: Value,
    /// Every network that the container belongs to, with its side of each.
    pub(super) networks: Map<String, Value>,
    /// Changes with every word of the above.
    pub(super) fingerprint: String,
}

impl Specification {
    /// The specification that makes `image` (an id) follow `old`, whose image has the
    /// configuration `defaults`; `labels` are Slipway's own.
    pub(super) fn following(old: &Container, defaults: &Value, image: &str, labels: &[(&str, &str)]) -> Self {
        let mut document = overrides(old, defaults);
        let networks = endpoints(old);
        document.insert("Image".to_owned(), image.into());
        document.insert("HostConfig".to_owned(), host_config(old));
        if let Some((name, endpoint)) = primary(old).and_then(|it| networks.get_key_value(&it)) {
            // Engines before API 1.44 take only one network here; the others are connected later.
            document.insert("NetworkingConfig".to_owned(), json!({ "EndpointsConfig": { name: endpoint } }));
        }
        let mut own: Map<String, Value> =
            labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect();
        let fingerprint = fingerprint(&json!([document, networks, own]));
        own.insert(label::SPECIFICATION.to_owned(), fingerprint.as_str().into());
        if let Value::Object(all) = document.entry("Labels").or_insert_with(|| json!({})) {
            all.append(&mut own);
        }
        Self { document: document.into(), networks, fingerprint }
    }
}

pub(super) fn fingerprint(document: &Value) -> String {
    let digest = Sha256::digest(document.to_string());
    digest.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// The old configuration without what came from its image.
fn overrides(old: &Container, defaults: &Value) -> Map<String, Value> {
    let mut own = old.config().as_object().cloned().unwrap_or_default();
    own.retain(|_, value| !value.is_null());
    // Both belong to the image: one is its name, the other concerns only builds on top of it.
    own.remove("Image");
    own.remove("OnBuild");
    subtract_commands(&mut own, defaults);
    for key in ["User", "WorkingDir", "StopSignal", "Shell"] {
        if own.get(key).is_some_and(|it| *it == defaults[key] || it == "") {
            own.remove(key);
        }
    }
    for key in ["Labels", "ExposedPorts", "Volumes", "Healthcheck"] {
        if let Some(Value::Object(fields)) = own.get_mut(key) {
            fields.retain(|name, value| defaults[key].get(name) != Some(value));
            if fields.is_empty() {
                own.remove(key);
            }
        }
    }
    if let Some(Value::Array(variables)) = own.get_mut("Env") {
        let inherited = defaults["Env"].as_array().map(Vec::as_slice).unwrap_or_default();
        variables.retain(|it| !inherited.contains(it));
    }
    if let Some(Value::Object(labels)) = own.get_mut("Labels") {
        labels.retain(|name, _| !name.starts_with(label::PREFIX));
    }
    drop_borrowed_names(&mut own, old);
    own
}

/// A given entry point hides the image's command, so the two are overridden together or not.
fn subtract_commands(own: &mut Map<String, Value>, defaults: &Value) {
    let entrypoint = own.remove("Entrypoint").unwrap_or_default();
    let command = own.remove("Cmd").unwrap_or_default();
    let hides_command = command.is_null() && !defaults["Cmd"].is_null();
    if entrypoint != defaults["Entrypoint"] || hides_command {
        // An entry point of one empty word is how the engine is told "none".
        let given = if entrypoint.is_null() { json!([""]) } else { entrypoint };
        own.insert("Entrypoint".to_owned(), given);
        own.insert("Cmd".to_owned(), command);
    } else if command != defaults["Cmd"] {
        own.insert("Cmd".to_owned(), command);
    }
}

/// Without a name of its own a container is called by its id, or like the one whose network it
/// shares; neither must be handed down.
fn drop_borrowed_names(own: &mut Map<String, Value>, old: &Container) {
    let borrowed = old.network_mode().starts_with("container:");
    if borrowed || own.get("Hostname").is_some_and(|it| it == old.short_id()) {
        own.remove("Hostname");
    }
    if borrowed {
        own.remove("Domainname");
        own.remove("ExposedPorts");
    }
}

/// The host's side as it is, with the volumes that the engine made up attached by their names:
/// they are mentioned nowhere else, and the data in them would silently be missing.
pub(super) fn host_config(old: &Container) -> Value {
    let mut host = old.host_config().clone();
    for (name, path, is_writable) in old.anonymous_volumes() {
        let mounts = host["Mounts"].as_array_mut();
        let declared =
            mounts.and_then(|list| list.iter_mut().find(|it| it["Target"] == path && it["Type"] == "volume"));
        if let Some(mount) = declared {
            mount["Source"] = name.into();
            continue;
        }
        let bind = if is_writable { format!("{name}:{path}") } else { format!("{name}:{path}:ro") };
        if !host["Binds"].is_array() {
            host["Binds"] = json!([]);
        }
        if let Some(binds) = host["Binds"].as_array_mut() {
            binds.push(bind.into());
        }
    }
    host
}

/// The container's side of each network, without what the engine found out by itself.
pub(super) fn endpoints(old: &Container) -> Map<String, Value> {
    let mut networks = old.networks();
    for endpoint in networks.values_mut() {
        if let Some(fields) = endpoint.as_object_mut() {
            fields.retain(|key, value| {
                let is_chosen =
                    matches!(key.as_str(), "IPAMConfig" | "Links" | "Aliases" | "DriverOpts" | "GwPriority");
                is_chosen && !value.is_null()
            });
            if let Some(Value::Array(aliases)) = fields.get_mut("Aliases") {
                aliases.retain(|it| it != old.short_id());
            }
        }
    }
    networks
}

/// The network that the container is created with: the one its host configuration names.
pub(super) fn primary(old: &Container) -> Option<String> {
    let mode = match old.network_mode() {
        "default" => "bridge",
        mode => mode,
    };
    let networks = old.networks();
    let named = networks.iter().find(|(name, endpoint)| *name == mode || endpoint["NetworkID"] == mode);
    named.map(|(name, _)| name.clone())
}
