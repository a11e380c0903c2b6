//! Which weakness of the Common Weakness Enumeration (CWE) a finding is an instance of.

use crate::finding::Category;

/// Rules that are more exact than their category.
const BY_RULE: &[(&str, u16)] = &[
    ("sqli.filter", 943),
    ("sqli.where-code", 943),
    ("cmdi.argument", 88),
    ("eval.code", 95),
    ("eval.chosen", 470),
    ("eval.load", 829),
    ("hardcoded-password", 259),
    ("secret.password", 259),
    ("password-in-address", 259),
    ("secret.signing-key", 321),
    ("private-key", 321),
    ("backdoor.password", 259),
    ("backdoor.remote-code", 494),
    ("backdoor.install-fetch", 494),
    ("text.lookalike-name", 1007),
    ("text.mixed-name", 1007),
    ("text.direction", 451),
    ("text.direction-in-text", 451),
    ("text.far-right", 451),
    ("text.unseen", 451),
    ("text.unseen-in-name", 451),
    ("text.unseen-message", 451),
    ("destructive.row-security-off", 284),
    ("architecture.client-imports-server", 497),
    ("dependency.known-weakness", 1395),
    ("dependency.deprecated", 1104),
    ("dependency.no-checksum", 353),
    ("dependency.checksum-changed", 494),
    ("dependency.source", 829),
    ("dependency.registry", 829),
    ("dependency.look-alike", 829),
    ("dependency.install-script", 829),
    ("dependency.runs-at-install", 829),
    ("dependency.build-allowed", 829),
];

/// Rules without one, and why; a name that ends with a dot stands for all that begin so.
const NONE: &[(&str, &str)] = &[
    ("change.", "it asks for a look at what was not or cannot be checked; no weakness was seen"),
    ("unread.script", "what could not be read shows no weakness"),
    ("dependency.licence", "a licence is a matter of law"),
    ("dependency.unreadable", "what could not be read shows no weakness"),
    ("dependency.advisories-unreadable", "what could not be read shows no weakness"),
];

/// The number of the weakness, or why there is none.
pub(crate) fn of(rule: &str, category: Category) -> Result<u16, &'static str> {
    let is_named = |name: &str| rule == name || name.ends_with('.') && rule.starts_with(name);
    if let Some((_, why)) = NONE.iter().find(|(name, _)| is_named(name)) {
        return Err(why);
    }
    match BY_RULE.iter().find(|(name, _)| rule == *name) {
        Some((_, number)) => Ok(*number),
        None => of_category(category),
    }
}

fn of_category(category: Category) -> Result<u16, &'static str> {
    match category {
        Category::Sqli => Ok(89),
        Category::Xss => Ok(79),
        Category::Cmdi => Ok(78),
        Category::Secret | Category::Token => Ok(798),
        Category::Eval => Ok(94),
        Category::Obfuscated | Category::Backdoor => Ok(506),
        Category::Network => Ok(923),
        Category::Exfil => Ok(200),
        Category::Dependency => Ok(1357),
        Category::Destructive => {
            Err("the database does as it is told; that data is lost is a matter of intent")
        }
        Category::Architecture => Err("it is a matter of order, which nobody can exploit"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    /// The text of every source of this crate but this one.
    fn sources(folder: &Path) -> String {
        let mut text = String::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                text.push_str(&sources(&path));
            } else if path.file_name() != Some("weakness.rs".as_ref()) {
                text.push_str(&fs::read_to_string(&path).unwrap());
            }
        }
        text
    }

    #[test]
    fn the_table_names_rules_that_there_are_and_each_once() {
        let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
        let names: Vec<&str> = BY_RULE.iter().map(|it| it.0).chain(NONE.iter().map(|it| it.0)).collect();
        for name in &names {
            let quoted = format!("\"{name}");
            assert!(sources.contains(&quoted), "{name}");
        }
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }

    #[test]
    fn every_rule_has_a_weakness_or_says_why_not() {
        let table = [
            ("sqli.query", Category::Sqli, Ok(89)),
            ("xss.inner-html", Category::Xss, Ok(79)),
            ("cmdi.shell", Category::Cmdi, Ok(78)),
            ("github-pat", Category::Token, Ok(798)),
            ("hardcoded-secret", Category::Secret, Ok(798)),
            ("hardcoded-password", Category::Secret, Ok(259)),
            ("eval.code", Category::Eval, Ok(95)),
            ("eval.template", Category::Eval, Ok(94)),
            ("obfuscated.scrambled", Category::Obfuscated, Ok(506)),
            ("backdoor.miner", Category::Backdoor, Ok(506)),
            ("network.host", Category::Network, Ok(923)),
            ("exfil.send", Category::Exfil, Ok(200)),
            ("dependency.new", Category::Dependency, Ok(1357)),
            ("destructive.row-security-off", Category::Destructive, Ok(284)),
        ];
        for (rule, category, expected) in table {
            assert_eq!(of(rule, category), expected, "{rule}");
        }
        for (rule, category) in [
            ("change.link", Category::Backdoor),
            ("unread.script", Category::Obfuscated),
            ("destructive.drop-table", Category::Destructive),
            ("architecture.far-import", Category::Architecture),
            ("dependency.licence", Category::Dependency),
        ] {
            assert!(of(rule, category).is_err_and(|why| why.len() > 20), "{rule}");
        }
    }
}
