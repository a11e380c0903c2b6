//! The three names that people see and paste: build, promotion, change request.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

/// A text that is not the id it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidId {
    /// How such an id looks, for the message.
    pub expected: &'static str,
}

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "must look like {}", self.expected)
    }
}

impl core::error::Error for InvalidId {}

/// Eight upper-case hex digits, the tail of every id.
fn is_upper_hex8(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F'))
}

macro_rules! prefixed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The id with this number as its eight hex digits.
            pub fn new(number: u32) -> Self {
                Self(format!(concat!($prefix, "{:08X}"), number))
            }

            /// The id as people write it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                match text.strip_prefix($prefix) {
                    Some(tail) if is_upper_hex8(tail) => Ok(Self(text.to_owned())),
                    Some(_) | None => Err(InvalidId { expected: concat!($prefix, "0123ABCD") }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

prefixed_id!(
    /// A feature finished in Build Studio: `FB-` and eight upper hex digits.
    BuildId,
    "FB-"
);
prefixed_id!(
    /// One governed deployment of a build to an installation: `CP-` and eight upper hex digits.
    PromotionId,
    "CP-"
);

/// The change request of a promotion: `RFC-`, the year, `-`, eight upper hex digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeRequestId(String);

impl ChangeRequestId {
    /// The id of this year with this number as its eight hex digits.
    pub fn new(year: i16, number: u32) -> Self {
        Self(format!("RFC-{year:04}-{number:08X}"))
    }

    /// The id as people write it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChangeRequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_form_is_a_build_id() {
        for good in ["FB-00000000", "FB-0123ABCD", "FB-FFFFFFFF"] {
            assert_eq!(good.parse::<BuildId>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "FB-",
            "FB-0123abcd",
            "FB-0123ABC",
            "FB-0123ABCDE",
            "CP-0123ABCD",
            "FB-0123ABCG",
            " FB-0123ABCD",
            "FB-../../..",
        ] {
            assert!(bad.parse::<BuildId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn numbers_become_ids() {
        assert_eq!(PromotionId::new(0xA1).as_str(), "CP-000000A1");
        assert_eq!(ChangeRequestId::new(2026, 0xBEEF).as_str(), "RFC-2026-0000BEEF");
    }
}
