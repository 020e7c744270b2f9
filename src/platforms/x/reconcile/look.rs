//! How far a look-up has come, and when it proves that a post is absent.
//!
//! A list may be old: then it lacks our post whether it was made or not. The positive control is
//! the newest post of ours that still exists: a list without it is not the present one. Where no
//! such post is known, the list has to end at the account's beginning.
//! Invariant: X's ids grow with time, so the larger of two is the newer.

use super::super::wire::{Listed, LookedUp};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;

/// How far back X shows a timeline (docs.x.com): what ends there does not end at the beginning of
/// the account.
const LISTED_MAX: usize = 3_200;

/// How far a look-up for a segment has come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(in super::super) struct Look {
    /// The page to be asked for; the first without one.
    pub page: Option<String>,
    /// How many posts the pages so far showed.
    listed: usize,
    /// They reach back past the call.
    reaches_back: bool,
    /// The oldest post that they showed.
    oldest: Option<String>,
    /// The newest of our known posts that they showed.
    seen: Option<String>,
    /// What is known of the posts that they should have shown.
    control: Control,
}

/// What is known of our posts that the pages did not show.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Control {
    /// Nothing yet.
    #[default]
    Open,
    /// These are asked for by id now, newest first.
    Asking(Vec<String>),
    /// The newest of them that exists, which further pages have to show.
    Existing(String),
    /// None of them exists.
    Gone,
}

/// What a look-up without a find has come to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It proves that the post is not there.
    Absent,
    /// It goes on: with the next page, or with a question by id.
    On(Look),
    /// It lacks a post that exists.
    Stale(String),
    /// X shows no more, and that is not enough.
    CutOff,
}

/// One page of the timeline without our post.
pub(super) struct Page<'a> {
    pub posts: &'a [Listed],
    /// The posts of ours that may be in it, newest first.
    pub known: &'a [String],
    /// A post on it is older than the call.
    pub reaches_back: bool,
    /// Where the next one is; `None` at the account's beginning.
    pub next: Option<String>,
}

impl Look {
    /// Nothing was asked yet.
    pub fn is_fresh(&self) -> bool {
        *self == Self::default()
    }

    /// The ids to be asked for, when that is the next question.
    pub fn asking(&self) -> Option<&[String]> {
        match &self.control {
            Control::Asking(ids) => Some(ids),
            Control::Open | Control::Existing(_) | Control::Gone => None,
        }
    }

    /// After a page that does not show our post.
    pub(super) fn after_page(mut self, page: Page<'_>) -> Progress {
        let shows = |id: &String| page.posts.iter().any(|post| post.was(id));
        self.reaches_back |= page.reaches_back;
        self.seen = self.seen.or_else(|| page.known.iter().find(|id| shows(id)).cloned());
        self.oldest = page.posts.last().map(|post| post.id.clone()).or(self.oldest);
        self.listed += page.posts.len();
        self.page = page.next;
        if !self.reaches_back && self.page.is_some() {
            return Progress::On(self);
        }
        if !self.reaches_back && self.listed >= LISTED_MAX {
            return Progress::CutOff;
        }
        match &self.control {
            Control::Open => {
                let newer = page.known.iter().take_while(|id| Some(*id) != self.seen.as_ref());
                let missing: Vec<String> = newer.cloned().collect();
                if missing.is_empty() {
                    return self.without_missing();
                }
                self.control = Control::Asking(missing);
                Progress::On(self)
            }
            Control::Existing(id) if shows(id) => Progress::Absent,
            Control::Existing(id) => self.clone().without_existing(id),
            Control::Asking(_) | Control::Gone => self.without_missing(),
        }
    }

    /// After the answer to the question by id.
    pub(super) fn after_ids(mut self, told: &LookedUp) -> Progress {
        let Control::Asking(ids) = std::mem::take(&mut self.control) else {
            return Progress::On(self);
        };
        let exists = |id: &&String| told.data.iter().any(|post| post.id == **id);
        if let Some(id) = ids.iter().find(exists) {
            self.control = Control::Existing(id.clone());
            return self.clone().without_existing(id);
        }
        let is_told = |id: &&String| !told.errors.iter().any(|error| error.is_gone(id));
        if let Some(id) = ids.iter().find(is_told) {
            return Progress::Stale(format!("X does not tell whether post {id} exists"));
        }
        self.control = Control::Gone;
        self.without_missing()
    }

    /// No post of ours is missing: one that was seen is the newest that exists, or there is none.
    fn without_missing(self) -> Progress {
        match (&self.seen, &self.page) {
            (Some(_), _) => Progress::Absent,
            (None, None) if self.listed >= LISTED_MAX => Progress::CutOff,
            (None, None) => Progress::Absent,
            (None, Some(_)) => Progress::On(self),
        }
    }

    /// This post exists and was not seen: it may be on a further page, if it is old enough.
    fn without_existing(self, id: &str) -> Progress {
        let is_behind = self.oldest.as_deref().is_none_or(|oldest| age(id) > age(oldest));
        if is_behind && self.page.is_some() {
            return Progress::On(self);
        }
        Progress::Stale(format!("post {id} is out, and the timeline does not show it"))
    }
}

/// The ids of our posts, newest first, each once.
pub(super) fn newest_first<'a>(ids: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut ids: Vec<String> = ids.cloned().collect();
    ids.sort_by(|a, b| age(a).cmp(&age(b)));
    ids.dedup();
    ids
}

/// Sorts ids from the newest to the oldest; they are numbers without leading zeros.
fn age(id: &str) -> Reverse<(usize, &str)> {
    Reverse((id.len(), id))
}

impl Listed {
    /// The post has this id, or had it before it was edited.
    fn was(&self, id: &str) -> bool {
        self.id == id || self.edit_history_tweet_ids.iter().any(|earlier| earlier == id)
    }
}
