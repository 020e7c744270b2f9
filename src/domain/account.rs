//! Where an account stands: whether it may publish, and who has to act if not.

/// The status of an account, as it is stored and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Its grant serves, as far as we know.
    Connected,
    /// Its owner has to connect it again: the platform takes its grant no more.
    NeedsReconnect,
    /// It was taken from us on purpose; nothing is kept of its grant.
    Disconnected,
    /// Its stored grant does not open: it was changed, moved or put back by somebody.
    Damaged,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 4] =
        [Self::Connected, Self::NeedsReconnect, Self::Disconnected, Self::Damaged];

    /// The word in SQL and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::NeedsReconnect => "needs_reconnect",
            Self::Disconnected => "disconnected",
            Self::Damaged => "damaged",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// What was put to rest, where nothing leaves on an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Paused {
    /// The account for itself.
    Account,
    /// Its whole brand.
    Brand,
}

impl Paused {
    /// The word in JSON, and in sentences.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Brand => "brand",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_read_as_it_is_written() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(status));
        }
        assert_eq!(Status::parse("paused"), None);
    }
}
