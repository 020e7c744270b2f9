//! What is done with a post that is out, and how far it is.

use std::fmt;

/// What a lease does with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Doing {
    /// Shows it anew.
    Repost,
    /// Takes a repost back.
    Undo,
    /// Deletes it.
    Delete,
}

/// Where a repost stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RepostStatus {
    /// It waits for its time.
    Scheduled,
    /// A call for it may be under way.
    Sending,
    /// It is out.
    Published,
    /// It failed; those behind it are tried all the same.
    Failed,
    /// A person cancelled it.
    Cancelled,
    /// Its time passed without it.
    Missed,
}

/// Where a deletion stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Removal {
    /// It was asked for.
    Waiting,
    /// The post is not there any more.
    Done,
    /// The platform refused it.
    Failed,
}

impl Doing {
    /// Everything that can be done.
    pub const ALL: [Self; 3] = [Self::Repost, Self::Undo, Self::Delete];

    /// The word in SQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Repost => "repost",
            Self::Undo => "undo",
            Self::Delete => "delete",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }
}

impl RepostStatus {
    /// Every status.
    pub const ALL: [Self; 6] = [
        Self::Scheduled,
        Self::Sending,
        Self::Published,
        Self::Failed,
        Self::Cancelled,
        Self::Missed,
    ];

    /// The word in SQL and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Sending => "sending",
            Self::Published => "published",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Missed => "missed",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }
}

impl Removal {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Done, Self::Failed];

    /// The word in SQL and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        assert!(Doing::ALL.into_iter().all(|one| Doing::parse(one.as_str()) == Some(one)));
        let statuses = RepostStatus::ALL.into_iter();
        assert!(statuses.clone().all(|one| RepostStatus::parse(one.as_str()) == Some(one)));
        assert!(Removal::ALL.into_iter().all(|one| Removal::parse(one.as_str()) == Some(one)));
    }
}
