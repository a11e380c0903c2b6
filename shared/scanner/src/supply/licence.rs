//! Licences of packages against what the policy allows.

use spdx::{Expression, ParseMode};

use crate::policy::Supply;

/// What a licence means here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Allowed,
    /// Neither allowed nor denied, or not understood.
    Unknown,
    Denied,
}

/// Judges an SPDX expression such as `(MIT OR GPL-3.0-only)`.
pub(super) fn standing(expression: &str, policy: &Supply) -> Standing {
    let Ok(expression) = Expression::parse_mode(expression, ParseMode::LAX) else { return Standing::Unknown };
    let named = |list: &[String], name: &str| list.iter().any(|it| family(it) == family(name));
    let name = |it: &spdx::LicenseReq| it.license.to_string();
    if expression.evaluate(|it| named(&policy.licences_allowed, &name(it))) {
        Standing::Allowed
    } else if expression.evaluate(|it| !named(&policy.licences_denied, &name(it))) {
        Standing::Unknown
    } else {
        Standing::Denied
    }
}

/// A licence without which of its versions hold as well.
fn family(name: &str) -> &str {
    ["-only", "-or-later", "+"].iter().find_map(|it| name.strip_suffix(it)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_judged_whole() {
        for (expression, expected) in [
            ("MIT", Standing::Allowed),
            ("(MIT OR GPL-3.0-only)", Standing::Allowed),
            ("MIT AND ISC", Standing::Allowed),
            ("GPL-3.0-only", Standing::Denied),
            ("MIT AND AGPL-3.0-only", Standing::Denied),
            ("MPL-2.0", Standing::Unknown),
            ("SEE LICENSE IN LICENSE.md", Standing::Unknown),
            ("", Standing::Unknown),
        ] {
            assert_eq!(standing(expression, &Supply::default()), expected, "{expression}");
        }
    }
}
