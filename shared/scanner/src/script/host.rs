//! Hosts in addresses: whose they are, and which of them hide what they are.

/// The host of an address; what stands before an `@` is no host, and only kept where it looks like one.
pub(super) fn of(text: &str) -> Option<String> {
    let rest = text.split_once("//").map_or(text, |it| it.1);
    let has_scheme = text.contains("//");
    let authority = rest.split(['/', '?', '#', ' ', '\\']).next().unwrap_or_default();
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let is_host = !host.is_empty()
        && (has_scheme || host.contains('.'))
        && host.chars().all(|it| it.is_ascii_alphanumeric() || matches!(it, '.' | '-' | ':' | '_'));
    // `https://127.0.0.1@a.example` reads like another host: it keeps the name, so that it is nobody's own.
    let pretends = user == "localhost" || user.contains('.');
    let name = if pretends { format!("{user}@{host}") } else { host.to_owned() };
    is_host.then(|| name.to_ascii_lowercase())
}

/// Whether a name begins like another one that people trust: `localhost.a.example`, `api.github.com.a.example`.
fn pretends(host: &str) -> bool {
    let labels: Vec<&str> = host.split('.').collect();
    let is_number = |it: &&&str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    let begins_as_address = labels.len() > 4 && labels.iter().take(4).filter(is_number).count() == 4;
    let inner = labels.get(1..labels.len().saturating_sub(2)).unwrap_or_default();
    host.contains('@')
        || labels.len() > 1 && labels[0] == "localhost"
        || begins_as_address
        || inner.iter().any(|it| matches!(*it, "com" | "org" | "net" | "io" | "dev"))
}

/// Whether a host is this computer or the network that it stands in.
pub(super) fn is_own(host: &str) -> bool {
    let is_private = host
        .parse::<std::net::Ipv4Addr>()
        .is_ok_and(|it| it.is_loopback() || it.is_private() || it.is_unspecified());
    is_private
        || host == "localhost"
        || host == "::1"
        || host.ends_with(".localhost")
        || host.rsplit('.').next() == Some("local")
        || host.ends_with(".internal")
        || !host.contains(['.', ':', '@'])
}

/// Hosts without a name or with one that pretends to be another's, and services that people use to collect what they should not have.
pub(super) fn is_suspicious(host: &str) -> bool {
    let collects = [
        "webhook.site",
        "ngrok.io",
        "ngrok-free.app",
        "ngrok.app",
        "pipedream.net",
        "requestbin.com",
        "requestbin.net",
        "requestcatcher.com",
        "burpcollaborator.net",
        "oastify.com",
        "oast.fun",
        "oast.live",
        "oast.me",
        "oast.online",
        "oast.pro",
        "oast.site",
        "interact.sh",
        "interactsh.com",
        "pastebin.com",
        "hastebin.com",
        "transfer.sh",
        "file.io",
        "ix.io",
        "beeceptor.com",
        "hookbin.com",
        "canarytokens.com",
        "dnslog.cn",
        "ceye.io",
        "serveo.net",
        "localtunnel.me",
        "loca.lt",
        "trycloudflare.com",
        "discordapp.com",
        "anonfiles.com",
        "termbin.com",
        "0x0.st",
        "grabify.link",
        "iplogger.org",
        "duckdns.org",
        "no-ip.org",
        "ddns.net",
        "onion",
    ];
    let is_address = host.parse::<std::net::IpAddr>().is_ok();
    is_address
        || pretends(host)
        || collects.iter().any(|it| host == *it || host.strip_suffix(it).is_some_and(|it| it.ends_with('.')))
}

/// A host as it may be shown: it comes from the change, and nothing in it may read as anything else.
pub(super) fn shown(host: &str) -> String {
    let host: String = host
        .rsplit('@')
        .next()
        .unwrap_or_default()
        .chars()
        .filter(|it| it.is_ascii_alphanumeric() || matches!(it, '.' | '-' | ':'))
        .take(80)
        .collect();
    format!("the host {host}")
}
