//! Ways in that nobody should know of.

use super::checks::is_shell;
use super::facts::Facts;
use super::report::Report;
use super::sinks::Call;
use super::tree::{Id, Kind};
use super::value::Level;
use super::words;
use crate::finding::Verdict;
use crate::secret;

/// Looks at one call.
pub(crate) fn call(facts: &Facts<'_, '_>, call: &Call<'_>, report: &mut Report<'_>) {
    let Some(name) = call.name else { return };
    if name.starts_with("child_process.exec")
        && let Some(command) = call.argument(0)
        && fetches_and_runs(&facts.outline(command))
    {
        report.found(facts, "backdoor.remote-code", call.id, Verdict::Block, "");
    }
    if call.method == "pipe"
        && let Some(argument) = call.argument(0)
        && let Some(to) = facts.name(argument)
        && to.starts_with("child_process.")
        && to.ends_with(".stdin")
    {
        let from = call.receiver(facts).and_then(|it| facts.name(it)).unwrap_or_default();
        let is_shell_started = runs_shell(facts, argument);
        if is_shell_started && from.as_ref() != "process.stdin" {
            report.found(facts, "backdoor.remote-shell", call.id, Verdict::Block, "");
        }
    }
    if name.starts_with("fs")
        && (name.contains(".write") || name.contains(".append") || name.contains(".createWrite"))
        && let Some(path) = call.argument(0)
    {
        let path = facts.outline(path).to_ascii_lowercase();
        let keeps = [
            "authorized_keys",
            "/etc/cron",
            "/var/spool/cron",
            ".bashrc",
            ".zshrc",
            ".bash_profile",
            "/etc/rc.local",
            "launchagents",
            "launchdaemons",
            "/etc/systemd/system",
            "/etc/sudoers",
            "/etc/passwd",
            "start menu\\programs\\startup",
        ];
        if keeps.iter().any(|it| path.contains(it)) {
            report.found(facts, "backdoor.persistence", call.id, Verdict::Block, "");
        }
    }
}

/// Looks at one expression that is no call.
pub(crate) fn expression(facts: &Facts<'_, '_>, id: Id, report: &mut Report<'_>) {
    match facts.tree.kind(id) {
        Kind::Text(text) if is_miner(text) => report.found(facts, "backdoor.miner", id, Verdict::Block, ""),
        Kind::Name { name: "CoinHive", variable: None } => {
            report.found(facts, "backdoor.miner", id, Verdict::Block, "");
        }
        Kind::Measure(parts) => {
            if let [left, right] = parts[..]
                && (is_password_check(facts, left, right) || is_password_check(facts, right, left))
                && !words::is_trial(facts.path)
            {
                report.secret(facts, "backdoor.password", id, "comparison", Verdict::Review);
            }
        }
        _ => {}
    }
}

fn fetches_and_runs(command: &str) -> bool {
    let command = command.to_ascii_lowercase();
    let fetches = ["curl ", "wget ", "iwr ", "invoke-webrequest"].iter().any(|it| command.contains(it));
    let runs = command.split('|').skip(1).any(|it| {
        let word = it.trim_start().trim_start_matches("sudo ").split_whitespace().next().unwrap_or_default();
        is_shell(word) || matches!(word, "node" | "python" | "python3" | "perl" | "iex")
    });
    fetches && runs
        || command.contains("bash -i >& /dev/tcp/")
        || command.contains("/dev/tcp/")
        || command.contains("nc -e ")
}

fn runs_shell(facts: &Facts<'_, '_>, stdin: Id) -> bool {
    let Kind::Member { object, .. } = facts.tree.kind(stdin) else { return false };
    let made = facts.variable_of(*object).and_then(|it| facts.tree.variable(it).definitions.first());
    let call = match made.map(|it| it.from) {
        Some(super::tree::From::Value(value)) => value,
        _ => *object,
    };
    let Kind::Call { arguments, .. } = facts.tree.kind(call) else { return false };
    arguments.first().and_then(|it| facts.text(*it)).is_some_and(|it| is_shell(&it))
}

fn is_miner(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    [
        "stratum+tcp://",
        "stratum+ssl://",
        "coinhive.min.js",
        "coinhive.com",
        "minergate.com",
        "cryptonight/",
        "xmrig/",
        "coin-hive.com",
        "moneroocean.stream",
        "cryptoloot",
        "webminepool",
    ]
    .iter()
    .any(|it| text.contains(it))
        || matches!(text.as_str(), "xmrig" | "cryptonight")
}

/// Whether what somebody sends as a password is compared with a text.
fn is_password_check(facts: &Facts<'_, '_>, text: Id, sent: Id) -> bool {
    let Kind::Text(written) = facts.tree.kind(text) else { return false };
    if written.len() < 4 || words::is_placeholder(written) {
        return false;
    }
    let Some(name) = facts.member_name(sent) else { return false };
    let last = secret::words(&name).pop().unwrap_or_default();
    let is_key = secret::is_secret_name(&name)
        || matches!(last.as_str(), "key" | "token" | "secret" | "auth" | "backdoor");
    is_key && words::is_hard_to_guess(written) && facts.value(sent).level == Level::Tainted
}
