//! What became of a build's own checks, as Build Studio reports it.

use serde::{Deserialize, Serialize};

/// What was reported; what is absent was not, and counts as not passed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    /// Whether the type check passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub typecheck_passed: Option<bool>,
    /// The tests that ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<Tests>,
    /// The acceptance criteria.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acceptance: Option<Acceptance>,
}

/// Tests that ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tests {
    /// How many passed.
    pub passed: u32,
    /// How many failed.
    pub failed: u32,
}

/// Acceptance criteria.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acceptance {
    /// How many are met.
    pub met: u32,
    /// How many there are.
    pub total: u32,
}

impl Verification {
    /// What keeps the build from counting as verified, a sentence each; nothing where it is.
    pub fn missing(&self) -> Vec<String> {
        let typecheck = match self.typecheck_passed {
            Some(true) => None,
            Some(false) => Some("The type check failed.".to_owned()),
            None => Some("Whether the type check passed was not reported.".to_owned()),
        };
        let tests = match self.tests {
            Some(Tests { passed: 0, failed: 0 }) => Some("No test was run.".to_owned()),
            Some(Tests { failed: 0, .. }) => None,
            Some(Tests { failed: 1, .. }) => Some("1 test failed.".to_owned()),
            Some(Tests { failed, .. }) => Some(format!("{failed} tests failed.")),
            None => Some("How the tests went was not reported.".to_owned()),
        };
        let acceptance = match self.acceptance {
            Some(Acceptance { total: 0, .. }) => Some("There are no acceptance criteria.".to_owned()),
            Some(Acceptance { met, total }) if met >= total => None,
            Some(Acceptance { met, total }) => {
                Some(format!("Only {met} of {total} acceptance criteria are met."))
            }
            None => Some("Whether the acceptance criteria are met was not reported.".to_owned()),
        };
        [typecheck, tests, acceptance].into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_reported_and_passed_counts() {
        let good = Verification {
            typecheck_passed: Some(true),
            tests: Some(Tests { passed: 12, failed: 0 }),
            acceptance: Some(Acceptance { met: 3, total: 3 }),
        };
        let tests = |passed, failed| Verification { tests: Some(Tests { passed, failed }), ..good };
        let acceptance = |met, total| Verification { acceptance: Some(Acceptance { met, total }), ..good };
        let table = [
            (good, ""),
            (Verification { typecheck_passed: Some(false), ..good }, "The type check failed."),
            (
                Verification { typecheck_passed: None, ..good },
                "Whether the type check passed was not reported.",
            ),
            (tests(0, 0), "No test was run."),
            (tests(11, 1), "1 test failed."),
            (tests(0, 7), "7 tests failed."),
            (Verification { tests: None, ..good }, "How the tests went was not reported."),
            (acceptance(2, 3), "Only 2 of 3 acceptance criteria are met."),
            (acceptance(0, 0), "There are no acceptance criteria."),
            (
                Verification { acceptance: None, ..good },
                "Whether the acceptance criteria are met was not reported.",
            ),
        ];
        for (verification, expected) in table {
            assert_eq!(verification.missing().join(" "), expected, "{verification:?}");
        }
        assert_eq!(Verification::default().missing().len(), 3);
    }
}
