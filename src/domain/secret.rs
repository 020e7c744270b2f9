//! A text that nobody may see: a token, a client's secret.
//!
//! Invariant: it cannot be printed or serialised, and its memory is cleared when it goes. Where it
//! is needed in clear it is exposed by name, and a reader can search for that.

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer};

/// A secret text.
#[derive(Clone, Default)]
pub struct Secret(SecretString);

impl Secret {
    /// The text in clear, for whoever carries it to where it belongs.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// There is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.expose().is_empty()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_and_exposed_by_name_alone() {
        let read: Secret = serde_json::from_str("\"canary\"").unwrap();
        assert!(read == Secret::from("canary") && read.expose() == "canary");
        assert!(Secret::default().is_empty() && !read.is_empty());
    }
}
