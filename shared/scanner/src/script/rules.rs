//! The rules as data, compiled in.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::value::{Cleaned, FOR_MARKUP, FOR_SHELL, FOR_SQL, FOR_URL};
use crate::finding::{Category, Severity, Verdict};

/// All rules.
pub(crate) static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let file: File = toml::from_str(include_str!("rules.toml")).unwrap_or_default();
    Rules::new(file.rule)
});

#[derive(Default, Deserialize)]
struct File {
    rule: Vec<Rule>,
}

/// What to look for, and what to say about it.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, serde(deny_unknown_fields))]
pub(crate) struct Rule {
    pub(crate) id: String,
    category: CategoryName,
    severity: SeverityName,
    #[serde(default)]
    purpose: Purpose,
    #[serde(default)]
    pub(crate) check: Check,
    /// What follows when a stranger chooses the value.
    #[serde(default = "VerdictName::block")]
    tainted: VerdictName,
    /// What follows when the value is a parameter that other files may choose.
    #[serde(default)]
    parameter: VerdictName,
    /// What follows when it cannot be seen where the value comes from.
    #[serde(default)]
    opaque: VerdictName,
    #[serde(default)]
    calls: Vec<String>,
    #[serde(default)]
    methods: Vec<String>,
    #[serde(default)]
    assigns: Vec<String>,
    pub(crate) what: String,
    pub(crate) why: String,
    pub(crate) remedy: String,
    #[cfg(test)]
    pub(crate) bad: Vec<String>,
    #[cfg(test)]
    pub(crate) good: Vec<String>,
}

/// A further condition, decided by code.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Check {
    #[default]
    None,
    Sql,
    Jquery,
    Response,
    Address,
    Program,
    Code,
    Load,
    View,
    Document,
    Filter,
    Option,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum CategoryName {
    Sqli,
    Xss,
    Cmdi,
    Secret,
    Eval,
    Obfuscated,
    Network,
    Exfil,
    Backdoor,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SeverityName {
    Medium,
    High,
    Critical,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum VerdictName {
    None,
    Note,
    #[default]
    Review,
    Block,
}

impl VerdictName {
    fn block() -> Self {
        Self::Block
    }
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Purpose {
    #[default]
    Any,
    Markup,
    Sql,
    Shell,
    Url,
}

impl Rule {
    pub(crate) fn category(&self) -> Category {
        match self.category {
            CategoryName::Sqli => Category::Sqli,
            CategoryName::Xss => Category::Xss,
            CategoryName::Cmdi => Category::Cmdi,
            CategoryName::Secret => Category::Secret,
            CategoryName::Eval => Category::Eval,
            CategoryName::Obfuscated => Category::Obfuscated,
            CategoryName::Network => Category::Network,
            CategoryName::Exfil => Category::Exfil,
            CategoryName::Backdoor => Category::Backdoor,
        }
    }

    pub(crate) fn severity(&self) -> Severity {
        match self.severity {
            SeverityName::Medium => Severity::Medium,
            SeverityName::High => Severity::High,
            SeverityName::Critical => Severity::Critical,
        }
    }

    /// What makes a value harmless for this rule.
    pub(crate) fn purpose(&self) -> Cleaned {
        match self.purpose {
            Purpose::Any => 0,
            Purpose::Markup => FOR_MARKUP,
            Purpose::Sql => FOR_SQL,
            Purpose::Shell => FOR_SHELL,
            Purpose::Url => FOR_URL,
        }
    }

    /// What follows from a value whose origin is not seen.
    pub(crate) fn unseen(&self, is_parameter: bool) -> Option<Verdict> {
        match if is_parameter { self.parameter } else { self.opaque } {
            VerdictName::None => None,
            VerdictName::Note => Some(Verdict::Note),
            VerdictName::Review => Some(Verdict::Review),
            VerdictName::Block => Some(Verdict::Block),
        }
    }

    /// What follows from a value that a stranger chooses.
    pub(crate) fn tainted(&self) -> Verdict {
        match self.tainted {
            VerdictName::None | VerdictName::Note => Verdict::Note,
            VerdictName::Review => Verdict::Review,
            VerdictName::Block => Verdict::Block,
        }
    }
}

/// Which argument of a call is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Argument {
    At(usize),
    All,
}

/// The rules, and where to find them.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) all: Vec<Rule>,
    calls: HashMap<String, Vec<(usize, Argument)>>,
    methods: HashMap<String, Vec<(usize, Argument)>>,
    assigns: HashMap<String, Vec<usize>>,
}

impl Rules {
    fn new(all: Vec<Rule>) -> Self {
        let mut rules =
            Rules { all, calls: HashMap::new(), methods: HashMap::new(), assigns: HashMap::new() };
        for (index, rule) in rules.all.iter().enumerate() {
            for (entries, map) in [(&rule.calls, &mut rules.calls), (&rule.methods, &mut rules.methods)] {
                for entry in entries {
                    let (name, argument) = entry.rsplit_once(':').unwrap_or((entry, "0"));
                    let argument = argument.parse().map_or(Argument::All, Argument::At);
                    map.entry(name.to_owned()).or_default().push((index, argument));
                }
            }
            for entry in &rule.assigns {
                rules.assigns.entry(entry.clone()).or_default().push(index);
            }
        }
        rules
    }

    /// The rules about calling this function.
    pub(crate) fn of_call(&self, name: &str) -> &[(usize, Argument)] {
        self.calls.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// The rules about calling a method of this name.
    pub(crate) fn of_method(&self, name: &str) -> &[(usize, Argument)] {
        self.methods.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// The rules about putting something into a member of this name.
    pub(crate) fn of_assign(&self, name: &str) -> &[usize] {
        self.assigns.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// A rule by its name; the tests see to it that every name is there.
    pub(crate) fn get(&self, id: &str) -> Option<&Rule> {
        self.all.iter().find(|it| it.id == id)
    }
}
