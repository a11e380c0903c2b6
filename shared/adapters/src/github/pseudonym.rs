//! The name that an installation contributes under.

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// How many bytes of the keyed hash make the name: enough that two installations never share one.
const BYTES: usize = 8;

/// Who stands as author and committer: the same each time, and nobody who lacks the key can tell who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pseudonym {
    name: String,
    email: String,
}

impl Pseudonym {
    /// The pseudonym of the installation with this id. The key is a secret of whoever runs Slipway: without it, trying
    /// out ids does not lead back to one. Another key is another pseudonym.
    ///
    /// The e-mail address is of the domain `invalid`, which can never be anybody's.
    pub fn of(key: &[u8], installation: &str) -> Self {
        let id = keyed(key, installation);
        Self { name: format!("contributor-{id}"), email: format!("{id}@contributors.invalid") }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The e-mail address.
    pub fn email(&self) -> &str {
        &self.email
    }
}

fn keyed(key: &[u8], text: &str) -> String {
    let mut hash = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    hash.update(b"slipway pseudonym\0");
    hash.update(text.as_bytes());
    data_encoding::HEXLOWER.encode(&hash.finalize().into_bytes()[..BYTES])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_same_each_time_and_another_for_another_installation_or_key() {
        let first = Pseudonym::of(b"key", "shop");
        assert_eq!(first, Pseudonym::of(b"key", "shop"));
        for (key, installation) in [("key", "shop2"), ("kez", "shop"), ("keys", "hop"), ("", "shop")] {
            assert_ne!(first, Pseudonym::of(key.as_bytes(), installation), "{key} {installation}");
        }
        assert_eq!(first.name().len(), "contributor-".len() + 2 * BYTES);
        assert!(!format!("{first:?}").contains("shop"));
    }
}
