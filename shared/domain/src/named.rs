//! Closed sets of values, each with the one name it is stored, sent and shown under.

use core::fmt;

/// A text that names none of the values it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownName {
    /// The admitted names, for the message.
    pub admitted: &'static str,
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "must be one of: {}", self.admitted)
    }
}

impl core::error::Error for UnknownName {}

/// A closed set of values with the name each is stored and shown under.
#[macro_export]
macro_rules! named {
    ($(#[$doc:meta])* $name:ident, $admitted:literal { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)+
        }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];

            /// The name it is stored and sent under.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $text,)+
                }
            }
        }

        impl core::str::FromStr for $name {
            type Err = $crate::named::UnknownName;

            fn from_str(text: &str) -> Result<Self, $crate::named::UnknownName> {
                Self::ALL.iter().copied().find(|it| it.as_str() == text).ok_or($crate::named::UnknownName { admitted: $admitted })
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub use named;
