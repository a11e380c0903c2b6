//! What leaves: calls to other computers, by where they go and what they carry.

use super::facts::Facts;
use super::host;
use super::report::Report;
use super::sinks::Call;
use super::sources;
use super::tree::{From, Id, Key, Kind};
use super::value::{CONSTANT, DATABASE, ENVIRONMENT, KEYS, MACHINE, Marks, SETTING, TYPED, VISITOR};
use super::words;
use crate::finding::Verdict;
use crate::policy::Policy;
use crate::secret;

/// Where a call goes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    /// The application itself, this computer, or a host on the policy's list.
    Own,
    Host(String),
    Unseen,
}

/// Looks at one call.
pub(crate) fn look(facts: &Facts<'_, '_>, policy: &Policy, call: &Call<'_>, report: &mut Report<'_>) {
    let Some(name) = call.name else { return };
    listener(facts, call, name, report);
    if name.starts_with("child_process.exec") {
        return by_command(facts, call, report);
    }
    let Some((target, carriers)) = transport(facts, policy, call, name) else { return };
    let marks = carriers.iter().map(|it| carried(facts, *it)).fold(0, |all, it| all | it);
    if let (Some(what), Some(verdict)) =
        (what(marks), sending(facts, &target, marks, &carriers, name.starts_with("dns.")))
    {
        let whither = match &target {
            Target::Host(host) => host::shown(host),
            Target::Own | Target::Unseen => "a host that cannot be seen here".to_owned(),
        };
        report.found(facts, "exfil.send", call.id, verdict, &format!("{what} goes to {whither}"));
    } else if let Target::Host(host) = &target {
        let is_listed = policy.network.hosts.is_empty() && !host::is_suspicious(host);
        let verdict = if is_listed { Verdict::Note } else { Verdict::Review };
        report.found(facts, "network.host", call.id, verdict, &host::shown(host));
    }
}

/// What follows when something confidential goes there.
fn sending(
    facts: &Facts<'_, '_>,
    target: &Target,
    marks: Marks,
    carriers: &[Id],
    is_lookup: bool,
) -> Option<Verdict> {
    let has = |some: Marks| marks & some != 0;
    match target {
        Target::Own => None,
        Target::Unseen => {
            let is_cookie = has(VISITOR) && !has(SETTING) && sends_cookie(facts, carriers);
            (has(ENVIRONMENT | KEYS) || is_cookie).then_some(Verdict::Review)
        }
        Target::Host(_) if has(VISITOR | ENVIRONMENT | KEYS) => Some(Verdict::Block),
        Target::Host(host) if host::is_suspicious(host) || is_lookup && has(MACHINE) => Some(Verdict::Block),
        Target::Host(host) if has(SETTING) && !has(MACHINE) => {
            // A service's own key belongs to it.
            let settings: Vec<String> = carriers.iter().flat_map(|it| settings_in(facts, *it)).collect();
            let is_foreign = !settings.is_empty() && !settings.iter().any(|it| shares_word(it, host));
            is_foreign.then_some(Verdict::Review)
        }
        Target::Host(_) if has(MACHINE | TYPED) => Some(Verdict::Review),
        Target::Host(_) => {
            carriers.iter().skip(1).any(|it| holds_rows(facts, *it)).then_some(Verdict::Review)
        }
    }
}

/// Whether rows of the database are what is sent, and not only a part of the address or a key.
fn holds_rows(facts: &Facts<'_, '_>, id: Id) -> bool {
    let body = match facts.object_of(id) {
        Some(object) => facts.tree.entry(object, "body").or(facts.tree.entry(object, "data")),
        None => Some(id),
    };
    body.is_some_and(|it| facts.value(it).has(DATABASE))
}

/// Looks at pictures and frames whose address carries something away.
pub(crate) fn address(facts: &Facts<'_, '_>, policy: &Policy, id: Id, report: &mut Report<'_>) {
    let Kind::Assign { target, value, .. } = facts.tree.kind(id) else { return };
    if facts.member_name(*target).as_deref() != Some("src")
        && facts.name(*target).as_deref() != Some("location.href")
    {
        return;
    }
    let marks = facts.value(*value).marks;
    if let (Target::Host(host), Some(what)) =
        (target_of(facts, policy, *value), what(marks & (VISITOR | ENVIRONMENT)))
    {
        report.found(
            facts,
            "exfil.send",
            id,
            Verdict::Block,
            &format!("{what} goes to {}", host::shown(&host)),
        );
    }
}

/// The address of a call that leaves, and what it carries.
fn transport(
    facts: &Facts<'_, '_>,
    policy: &Policy,
    call: &Call<'_>,
    name: &str,
) -> Option<(Target, Vec<Id>)> {
    let first = call.argument(0);
    if sources::is_request_maker(name)
        || call.is(&[
            "navigator.sendBeacon",
            "WebSocket",
            "ws",
            "EventSource",
            "XMLHttpRequest().open",
            "ws.WebSocket",
        ])
    {
        let address = if name.ends_with("XMLHttpRequest().open") { call.argument(1)? } else { first? };
        return Some((target_of(facts, policy, address), call.arguments.to_vec()));
    }
    if name.starts_with("dns.")
        && ["lookup", "resolve", "resolve4", "resolve6", "resolveTxt", "resolveAny"].contains(&call.method)
    {
        let outline = facts.outline(first?);
        let host = outline.trim().trim_start_matches('.').to_owned();
        return Some((if host.is_empty() { Target::Unseen } else { Target::Host(host) }, vec![first?]));
    }
    if matches!(call.method, "write" | "end" | "send") {
        let receiver = call.receiver(facts)?;
        let made_by = facts.name(receiver)?;
        let makes = made_by.strip_suffix("()")?;
        let is_connection = sources::is_request_maker(makes)
            || matches!(
                makes,
                "WebSocket" | "XMLHttpRequest" | "net.Socket" | "net.connect" | "net.createConnection" | "ws"
            );
        let argument = first?;
        return is_connection.then(|| (opened(facts, policy, receiver), vec![argument]));
    }
    None
}

/// How far back a connection's opening is looked for, in expressions.
const OPENING_MAX: u32 = 2_000;

/// Where a connection goes that was opened before.
fn opened(facts: &Facts<'_, '_>, policy: &Policy, receiver: Id) -> Target {
    let Some(variable) = facts.variable_of(receiver) else { return Target::Unseen };
    let made = facts.tree.variable(variable).definitions.first().and_then(|it| match it.from {
        From::Value(value) => Some(value),
        _ => None,
    });
    if let Some(Kind::Call { arguments, .. }) = made.map(|it| facts.tree.kind(it))
        && let Some(address) = arguments.first()
    {
        return target_of(facts, policy, *address);
    }
    // `request.open("POST", address)`.
    let before = (receiver.0.saturating_sub(OPENING_MAX)..receiver.0).rev().map(Id);
    let address = before.filter_map(|it| match facts.tree.kind(it) {
        Kind::Call { callee, arguments, .. } => match facts.tree.kind(*callee) {
            Kind::Member { object, key: Key::Fixed("open") }
                if facts.variable_of(*object) == Some(variable) =>
            {
                arguments.get(1).copied()
            }
            _ => None,
        },
        _ => None,
    });
    address.take(1).next().map_or(Target::Unseen, |it| target_of(facts, policy, it))
}

fn target_of(facts: &Facts<'_, '_>, policy: &Policy, address: Id) -> Target {
    if let Some(object) = facts.object_of(address) {
        let named =
            ["url", "baseURL", "uri", "hostname", "host"].iter().find_map(|it| facts.tree.entry(object, it));
        return match named {
            Some(named) => target_of(facts, policy, named),
            None => Target::Unseen,
        };
    }
    // `new URL(…)` and `new Request(…)`.
    if let Kind::Call { callee, arguments, .. } = facts.tree.kind(address)
        && matches!(facts.name(*callee).as_deref(), Some("URL" | "Request" | "url.parse"))
        && let Some(inner) = arguments.first()
        && *inner < address
    {
        return target_of(facts, policy, *inner);
    }
    let outline = facts.outline(address);
    let text = outline.trim();
    if text.is_empty() {
        return Target::Unseen;
    }
    if text.starts_with(['/', '.', '?', '#']) && !text.starts_with("//") {
        return if outline.starts_with(' ') { Target::Unseen } else { Target::Own };
    }
    let Some(host) = host::of(text) else { return Target::Unseen };
    if host::is_own(&host) || policy.network.hosts.iter().any(|it| it.eq_ignore_ascii_case(&host)) {
        return Target::Own;
    }
    Target::Host(host)
}

/// What a call carries, without what is sent to prove who asks.
fn carried(facts: &Facts<'_, '_>, id: Id) -> Marks {
    let Some(object) = facts.object_of(id) else { return facts.value(id).marks };
    let Kind::Object(entries) = facts.tree.kind(object) else { return 0 };
    let carries = |key: Option<Key<'_>>| {
        !matches!(
            key,
            Some(Key::Fixed(
                "headers"
                    | "auth"
                    | "agent"
                    | "httpsAgent"
                    | "signal"
                    | "credentials"
                    | "username"
                    | "password"
            ))
        )
    };
    let values = entries.iter().filter(|it| carries(it.key)).map(|it| facts.value(it.value));
    values.fold(CONSTANT.marks, |marks, it| marks | it.marks)
}

fn what(marks: Marks) -> Option<&'static str> {
    [
        (ENVIRONMENT, "the whole environment with all its passwords"),
        (KEYS, "a file that holds keys"),
        (VISITOR, "what the browser keeps of its visitor"),
        (SETTING, "a secret of the environment"),
        (MACHINE, "what this computer is and who uses it"),
        (TYPED, "what somebody types"),
        (DATABASE, "what the database holds"),
    ]
    .iter()
    .find(|it| marks & it.0 != 0)
    .map(|it| it.1)
}

fn sends_cookie(facts: &Facts<'_, '_>, carriers: &[Id]) -> bool {
    carriers.iter().any(|it| {
        facts.value(*it).entry.is_some_and(|it| facts.name(it).as_deref() == Some("document.cookie"))
    })
}

/// The secrets of the environment that an expression names.
fn settings_in(facts: &Facts<'_, '_>, id: Id) -> Vec<String> {
    let place = facts.tree.place(id);
    let from = facts.tree.ids().take(id.0 as usize + 1).skip((id.0 as usize).saturating_sub(400));
    from.filter(|it| {
        let inner = facts.tree.place(*it);
        inner.start >= place.start && inner.end <= place.end
    })
    .filter_map(|it| match facts.tree.kind(it) {
        Kind::Member { .. } | Kind::Name { .. } => facts.name(it),
        _ => None,
    })
    .filter_map(|it| it.strip_prefix("process.env.").map(str::to_owned))
    .filter(|it| secret::is_secret_name(it))
    .collect()
}

/// Whether a setting belongs to a host, as `STRIPE_KEY` to `api.stripe.com`.
fn shares_word(setting: &str, host: &str) -> bool {
    secret::words(setting).iter().any(|it| {
        it.len() > 2
            && !matches!(it.as_str(), "api" | "key" | "secret" | "token" | "url" | "com")
            && host.contains(it.as_str())
    })
}

fn by_command(facts: &Facts<'_, '_>, call: &Call<'_>, report: &mut Report<'_>) {
    let Some(command) = call.argument(0) else { return };
    let outline = facts.outline(command).to_ascii_lowercase();
    let marks = facts.value(command).marks & (ENVIRONMENT | VISITOR | KEYS | SETTING | MACHINE);
    let leaves = ["curl ", "wget ", "nc ", "ncat ", "invoke-webrequest", "nslookup "]
        .iter()
        .any(|it| outline.contains(it));
    if leaves
        && (marks != 0
            || words::is_key_file(&outline)
            || outline.contains("$(env")
            || outline.contains("`env`"))
    {
        let what = what(marks).unwrap_or("a file that holds keys");
        report.found(facts, "exfil.send", call.id, Verdict::Block, &format!("{what} is sent by a command"));
    }
}

/// Connections of the plain kind.
fn listener(facts: &Facts<'_, '_>, call: &Call<'_>, name: &str, report: &mut Report<'_>) {
    let opens = matches!(
        name,
        "net.createServer"
            | "net.Server"
            | "net.connect"
            | "net.createConnection"
            | "net.Socket().connect"
            | "dgram.createSocket"
            | "raw-socket.createSocket"
    );
    if !opens {
        return;
    }
    let is_local = call.arguments.iter().any(|it| {
        let host =
            facts.object_of(*it).and_then(|it| facts.tree.entry(it, "host").or(facts.tree.entry(it, "path")));
        host.or(Some(*it))
            .and_then(|it| facts.text(it))
            .is_some_and(|it| it.contains("localhost") || it.starts_with("127.") || it.starts_with('/'))
    });
    if !is_local {
        report.found(facts, "network.listener", call.id, Verdict::Review, "");
    }
}
