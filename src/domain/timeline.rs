//! What was tried for a delivery, line by line, as people are shown it.
//!
//! Invariant: bounded in number and size, and without secrets: what a platform said enters through
//! [`words`] alone, and no address, body or text of a post has a place in any line.

use crate::delivery::Status;
use crate::failure::Effect;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Lines of one settle at most; a lease makes 64 steps, and each has a line or two.
pub const LINES_MAX: usize = 160;
/// Lines that are shown of one delivery at most, the newest.
pub const SHOWN_MAX: usize = 500;
/// Room for the words of a platform in one line.
pub const WORDS_CHARS_MAX: usize = 300;
/// Longer runs of characters as tokens have them are not repeated.
const OPAQUE_CHARS_MAX: usize = 40;

/// The lines of one settle as they are stored, with their version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "v")]
pub enum Stored {
    /// The first form.
    #[serde(rename = "1")]
    V1(Page),
}

/// The lines of one settle.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Page {
    /// In the order in which they happened.
    pub lines: Vec<Line>,
    /// Lines for which there was no room.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub dropped: u32,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = TimelineLine)]
pub struct Line {
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub fact: Fact,
}

/// What can happen to a delivery in a worker's or a person's hands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Fact {
    /// A worker took it up.
    Begun,
    /// The intent of an irreversible call was committed.
    Intent {
        /// Which call.
        endpoint: String,
        /// Nobody else sends before this instant.
        until: Timestamp,
        /// `replied`, `silent`, `withdrawn`, `found` or `absent`, as the ledger has it; open
        /// without one.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        outcome: Option<String>,
    },
    /// A call was made.
    Call {
        /// Which.
        endpoint: String,
        /// May it be made twice?
        effect: Effect,
        /// The HTTP status; none when no answer came.
        status: Option<u16>,
        /// From the first byte out to the last byte in.
        took_ms: u64,
        /// Why it is no success, in the platform's words or ours.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        words: Option<String>,
    },
    /// A call was not made yet.
    Held {
        /// Which.
        endpoint: String,
        /// What holds it.
        by: Holder,
        /// Until when.
        until: Timestamp,
        /// How long that is from the line's instant on.
        wait_ms: u64,
    },
    /// The account's token was to be renewed.
    Refresh {
        /// What came of it.
        result: Renewed,
        /// When it is tried again, where it is.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        due_at: Option<Timestamp>,
        /// Why it did not succeed.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        words: Option<String>,
    },
    /// A look-up for a call whose outcome is unknown came to this.
    Look {
        /// What it showed.
        verdict: Shown,
        /// Complete look-ups so far that found nothing.
        absences: u32,
        /// So many prove that it is not there.
        absences_min: u32,
        /// The id that was found, or why it cannot be told.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        words: Option<String>,
    },
    /// What follows from it.
    Decision {
        /// Where the delivery stands then.
        status: Status,
        /// What is done next.
        #[serde(flatten)]
        next: Next,
        /// The reason, where there is one.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        words: Option<String>,
    },
    /// It is out, and this did not go as asked.
    Warning {
        /// What, in the platform's words or ours.
        words: String,
    },
    /// A person settled it by hand.
    Review {
        /// Whose key it was.
        actor: String,
        /// What was stated: `published`, `send` or `drop`.
        stated: String,
    },
}

/// What holds a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Holder {
    /// The limiter has no permit yet.
    Limit,
    /// An equal wording may be out on the account.
    Doubt,
    /// Other late posts of the account, which leave apart.
    Backlog,
}

/// What came of a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Renewed {
    /// A newer token is stored.
    Done,
    /// It is tried again.
    Later,
    /// Only the account's owner can help.
    Dead,
}

/// What a look-up showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Verdict)]
#[serde(rename_all = "camelCase")]
pub enum Shown {
    /// It is out.
    Found,
    /// It is not to be seen.
    Absent,
    /// It cannot be told.
    Undecided,
}

/// What is done next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = NextStep)]
#[serde(tag = "next", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Next {
    /// It goes on at an instant, an attempt is spent.
    Retry {
        /// When; at once without one.
        due_at: Option<Timestamp>,
    },
    /// It goes on at an instant.
    Wait {
        /// When; at once without one.
        due_at: Option<Timestamp>,
        /// What for.
        why: Wait,
    },
    /// A gate is closed.
    Park {
        /// Whose: `account:…`, `app:…` or `platform:…`.
        gate: String,
        /// When it opens.
        until: Timestamp,
    },
    /// The token is renewed, then it goes on.
    Refresh,
    /// The intent is taken back: not a byte had left.
    Withdraw,
    /// The platform is asked.
    Reconcile {
        /// When; at once without one.
        due_at: Option<Timestamp>,
    },
    /// A person has to look.
    Review,
    /// It will not be published.
    Fail,
    /// It is out.
    Publish {
        /// As what.
        remote_id: String,
    },
}

/// What a delivery waits for whose last step did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Wait {
    /// Its due time: everything before that is done.
    Due,
    /// The platform, which is not done with its files or its container.
    Processing,
    /// The limiter's permit.
    Limit,
    /// An equal wording, which may be out on the account.
    Doubt,
    /// The renewal of the account's token.
    Token,
    /// Other jobs: a lease works so long and no longer.
    Turn,
    /// Other late posts of the account, which leave apart.
    Backlog,
}

impl Page {
    /// Adds a line; when there is no room the oldest gives way, and is counted.
    pub fn push(&mut self, line: Line) {
        if self.lines.len() >= LINES_MAX {
            self.lines.remove(0);
            self.dropped = self.dropped.saturating_add(1);
        }
        self.lines.push(line);
    }
}

/// What a platform said, short and without what might be a secret ([`harmless`]).
pub fn words(text: &str) -> String {
    let told = harmless(text);
    match told.char_indices().nth(WORDS_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &told[..end]),
        None => told,
    }
}

/// A text from outside without what might be a secret: addresses lose everything behind their
/// path, and long runs of opaque characters are left out.
pub fn harmless(text: &str) -> String {
    let mut told = String::new();
    for word in text.split_whitespace() {
        if !told.is_empty() {
            told.push(' ');
        }
        told.push_str(&harmless_word(word));
    }
    told
}

fn harmless_word(word: &str) -> String {
    let bare = match word.find("://").and_then(|at| Some(at + word[at..].find(['?', '#'])?)) {
        Some(end) => format!("{}…", &word[..end]),
        None => word.to_owned(),
    };
    let is_opaque = |c: &char| c.is_ascii_alphanumeric() || "-_.~+=%".contains(*c);
    let mut out = String::with_capacity(bare.len());
    let mut run = String::new();
    for c in bare.chars().chain([' ']) {
        if is_opaque(&c) {
            run.push(c);
            continue;
        }
        if run.len() > OPAQUE_CHARS_MAX {
            out.push('…')
        } else {
            out.push_str(&run)
        }
        run.clear();
        out.push(c);
    }
    out.truncate(out.len() - 1);
    out
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn line(ms: i64) -> Line {
        Line { at: Timestamp::from_ms(ms), fact: Fact::Begun }
    }

    #[test]
    fn words_are_short_and_hold_no_secret() {
        let token = "a1B2".repeat(16);
        let told =
            words(&format!("see https://api.example.com/x?access_token={token} or {token}."));
        assert_eq!(told, "see https://api.example.com/x… or …");
        assert_eq!(words("Bad id urn:li:share:7390000000000000000!"), {
            "Bad id urn:li:share:7390000000000000000!"
        });
        assert_eq!(words(&"ü ".repeat(400)).chars().count(), WORDS_CHARS_MAX + 1);
        assert_eq!(words(" \n "), "");
    }

    #[test]
    fn a_page_keeps_the_newest_lines_and_counts_the_others() {
        let mut page = Page::default();
        (0..LINES_MAX + 3).for_each(|n| page.push(line(i64::try_from(n).unwrap())));
        assert_eq!((page.lines.len(), page.dropped), (LINES_MAX, 3));
        assert_eq!(page.lines.first().unwrap().at.ms(), 3);
    }

    #[test]
    fn every_line_reads_back() {
        let at = Timestamp::from_ms(1);
        let decision =
            |next| Fact::Decision { status: Status::Ready, next, words: Some("w".into()) };
        let due_at = Some(Timestamp::from_ms(9));
        let facts = [
            Fact::Intent { endpoint: "e".into(), until: at, outcome: None },
            Fact::Call {
                endpoint: "e".into(),
                effect: Effect::Repeatable,
                status: Some(200),
                took_ms: 3,
                words: None,
            },
            Fact::Held { endpoint: "e".into(), by: Holder::Limit, until: at, wait_ms: 4 },
            Fact::Refresh { result: Renewed::Later, due_at, words: None },
            Fact::Look { verdict: Shown::Absent, absences: 1, absences_min: 2, words: None },
            decision(Next::Retry { due_at }),
            decision(Next::Wait { due_at, why: Wait::Due }),
            decision(Next::Refresh),
            decision(Next::Withdraw),
            decision(Next::Reconcile { due_at: None }),
            decision(Next::Review),
            decision(Next::Fail),
            decision(Next::Publish { remote_id: "7".into() }),
            Fact::Warning { words: "w".into() },
            Fact::Review { actor: "key:1".into(), stated: "drop".into() },
        ];
        for fact in facts {
            let line = Line { at, fact };
            let stored = serde_json::to_string(&line).unwrap();
            assert_eq!(stored.matches("\"at\":").count(), 1, "{stored}");
            assert_eq!(serde_json::from_str::<Line>(&stored).unwrap(), line);
        }
    }

    #[test]
    fn what_is_stored_says_its_version_and_reads_back() {
        let fact = Fact::Decision {
            status: Status::Ready,
            next: Next::Park { gate: "app:x:default".into(), until: Timestamp::from_ms(5) },
            words: None,
        };
        let page = Page { lines: vec![Line { at: Timestamp::from_ms(1), fact }], dropped: 0 };
        let stored = serde_json::to_value(Stored::V1(page.clone())).unwrap();
        let expected = json!({"v": "1", "lines": [{
            "at": "1970-01-01T00:00:00.001Z", "kind": "decision", "status": "ready",
            "next": "park", "gate": "app:x:default", "until": "1970-01-01T00:00:00.005Z",
        }]});
        assert_eq!(stored, expected);
        assert_eq!(serde_json::from_value::<Stored>(stored).unwrap(), Stored::V1(page));
    }
}
