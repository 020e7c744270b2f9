//! Posts of the simulated X: create and delete.

use super::state::{Caller, FIRST_POST, State};
use super::wire::{Create, Media, Poll};
use super::{Outcome, Refusal, json_body, timeline};
use crate::sim::{Accepted, Inbound};
use domain::capability::Counting;
use domain::text;
use domain::time::Timestamp;
use http::StatusCode;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// The longest wording, in weighted characters, docs.x.com.
const LENGTH_MAX: usize = 280;
/// The longest wording of a subscriber.
const LENGTH_MAX_PREMIUM: usize = 25_000;
/// How long the same wording is refused; X names no number.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(24 * 3600);
/// How long a post can be edited; X's documents say 30 minutes and, of Premium, an hour.
const EDIT_WINDOW: Duration = Duration::from_secs(30 * 60);
/// How often.
const EDITS_MAX: usize = 5;
/// OpenAPI 2.167: so many are tagged in a post's media.
const TAGGED_MAX: usize = 10;

/// A post.
#[derive(Debug, PartialEq)]
pub(super) struct Tweet {
    pub account: usize,
    pub text: String,
    pub files: Vec<String>,
    pub poll: Option<Poll>,
    /// The position of the post it answers.
    pub parent: Option<usize>,
    /// The position of the post that it shows anew.
    pub repost_of: Option<usize>,
    /// The position of the version that it replaces.
    pub replaces: Option<usize>,
    /// It is in timelines.
    pub is_listed: bool,
    pub created_at: Timestamp,
    pub is_deleted: bool,
}

/// The id of the post at a position.
pub(super) fn id(at: usize) -> u64 {
    FIRST_POST + at as u64
}

/// The position of a living post.
pub(super) fn find(state: &State, id: &str) -> Option<usize> {
    let number = id.parse::<u64>().ok()?.checked_sub(FIRST_POST)?;
    let at = usize::try_from(number).ok()?;
    state.tweets.get(at).filter(|tweet| !tweet.is_deleted).map(|_| at)
}

/// `POST /2/tweets`.
pub(super) fn create(
    state: &mut State,
    caller: Caller,
    request: &Inbound,
    now: Timestamp,
) -> Outcome {
    let body: Create = json_body(request)?;
    check_shape(&body)?;
    check_text(&body.text, state.is_premium(caller.account))?;
    if let Some(poll) = &body.poll {
        check_poll(poll)?;
    }
    let files: Vec<String> = body.media.iter().flat_map(Media::ids).collect();
    check_files(state, caller, &files, now)?;
    let parent = parent(state, caller, &body)?;
    let edited = body.edit_options.as_ref().map(|edit| edit.previous_post_id.0.as_str());
    let replaces = edited.map(|id| editable(state, caller, id, now)).transpose()?;
    let wording: [u8; 32] = Sha256::digest(body.text.as_bytes()).into();
    let account = state.account(caller.account);
    let is_compared = !body.text.is_empty() && !state.limits.takes_duplicates;
    let last = account.own.wordings.get(&wording).filter(|_| is_compared);
    if last.is_some_and(|last| now.since(*last) < DUPLICATE_WINDOW) {
        let told = "You are not allowed to create a Tweet with duplicate content.";
        return Err(Refusal::forbidden(told));
    }
    let at = state.tweets.len();
    let ids = [account.id.as_str(), &id(at).to_string()];
    let accepted = Accepted::new(["x", "tweets.create"], ids, &body.text, now);
    state.tweets.push(Tweet {
        account: caller.account,
        text: body.text,
        files,
        poll: body.poll,
        parent,
        repost_of: None,
        replaces,
        is_listed: !body.nullcast,
        created_at: now,
        is_deleted: false,
    });
    // A timeline shows the newest version alone.
    if let Some(before) = replaces {
        state.tweets[before].is_listed = false;
    }
    let account = state.account_mut(caller.account);
    account.own.posts.push(at);
    account.own.wordings.insert(wording, now);
    state.accepted.push(accepted);
    let text = timeline::shown(state, at).text;
    let id = id(at).to_string();
    let data = json!({ "id": id, "text": text, "edit_history_tweet_ids": versions(state, at) });
    Ok((StatusCode::CREATED, json!({ "data": data })))
}

/// The ids of all versions of a post, the newest last.
pub(super) fn versions(state: &State, at: usize) -> Vec<String> {
    let mut first = at;
    while let Some(before) = state.tweets[first].replaces {
        first = before;
    }
    let mut all = vec![first];
    while let Some(next) = replacement(state, all[all.len() - 1]) {
        all.push(next);
    }
    all.into_iter().map(|at| id(at).to_string()).collect()
}

fn replacement(state: &State, at: usize) -> Option<usize> {
    state.tweets.iter().position(|tweet| tweet.replaces == Some(at))
}

/// The position of a post that may be edited: one's own, the newest version of it, for 30 minutes
/// and five times (x.md section 4).
fn editable(state: &State, caller: Caller, id: &str, now: Timestamp) -> Result<usize, Refusal> {
    let Some(at) = find(state, id) else {
        return Err(Refusal::not_found(&format!("Could not find tweet with id: [{id}].")));
    };
    let tweet = &state.tweets[at];
    let is_own = tweet.account == caller.account && tweet.repost_of.is_none();
    let versions = versions(state, at);
    let is_in_time = now.since(tweet.created_at) <= EDIT_WINDOW && versions.len() <= EDITS_MAX;
    if is_own && is_in_time && replacement(state, at).is_none() {
        return Ok(at);
    }
    Err(Refusal::forbidden("You are not permitted to edit this Post."))
}

/// `DELETE /2/tweets/{id}`.
pub(super) fn delete(state: &mut State, caller: Caller, id: &str, now: Timestamp) -> Outcome {
    let Some(at) = find(state, id) else {
        return Err(Refusal::not_found(&format!("Could not find tweet with id: [{id}].")));
    };
    if state.tweets[at].account != caller.account {
        return Err(Refusal::forbidden("You are not permitted to perform this action."));
    }
    state.tweets[at].is_deleted = true;
    // A repost shows its post, and goes with it.
    for repost in state.tweets.iter_mut().filter(|tweet| tweet.repost_of == Some(at)) {
        repost.is_deleted = true;
    }
    let text = state.tweets[at].text.clone();
    let wording: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    let account = state.account_mut(caller.account);
    account.own.wordings.remove(&wording);
    let ids = [account.id.as_str(), id];
    let accepted = Accepted::new(["x", "tweets.delete"], ids, &text, now);
    state.accepted.push(accepted);
    Ok((StatusCode::OK, json!({ "data": { "deleted": true } })))
}

impl Media {
    fn ids(&self) -> impl Iterator<Item = String> {
        self.media_ids.iter().map(|id| id.0.clone())
    }
}

/// What a body must have, and what excludes each other.
fn check_shape(body: &Create) -> Result<(), Refusal> {
    let exclusive = [
        body.media.is_some(),
        body.poll.is_some(),
        body.quote_tweet_id.is_some(),
        body.card_uri.is_some(),
        body.direct_message_deep_link.is_some(),
    ];
    if exclusive.iter().filter(|is_given| **is_given).count() > 1 {
        let told = "media, poll, quote_tweet_id, card_uri and direct_message_deep_link exclude \
                    each other.";
        return Err(Refusal::invalid("media", told));
    }
    if body.quote_tweet_id.is_some() {
        return Err(not_the_author());
    }
    if body.text.trim().is_empty() && body.media.is_none() && body.card_uri.is_none() {
        let told = "Please include either text or media in your Tweet.";
        return Err(Refusal::invalid("text", told));
    }
    let media = body.media.as_ref();
    if media.is_some_and(|media| media.media_ids.is_empty()) {
        return Err(Refusal::invalid("media.media_ids", "At least one is named."));
    }
    if media.is_some_and(|media| media.tagged_user_ids.len() > TAGGED_MAX) {
        return Err(Refusal::invalid("media.tagged_user_ids", "At most 10 are tagged."));
    }
    Ok(())
}

fn check_text(wording: &str, is_premium: bool) -> Result<(), Refusal> {
    let length_max = if is_premium { LENGTH_MAX_PREMIUM } else { LENGTH_MAX };
    if text::count(Counting::Weighted, wording) > length_max {
        return Err(Refusal::forbidden("Your Tweet text is too long."));
    }
    let is_cashtag = |word: &&str| {
        let letters = word.strip_prefix('$').map(|rest| rest.trim_end_matches([',', '.', '!']));
        letters.is_some_and(|letters| {
            (1..=6).contains(&letters.len()) && letters.bytes().all(|b| b.is_ascii_alphabetic())
        })
    };
    if wording.split_whitespace().filter(is_cashtag).count() > 1 {
        return Err(Refusal::forbidden("You can include a maximum of one cashtag in a post."));
    }
    Ok(())
}

fn check_poll(poll: &Poll) -> Result<(), Refusal> {
    let is_length_right = |option: &String| (1..=25).contains(&option.chars().count());
    if !(2..=4).contains(&poll.options.len()) || !poll.options.iter().all(is_length_right) {
        let told = "A poll has 2 to 4 options of 1 to 25 characters.";
        return Err(Refusal::invalid("poll.options", told));
    }
    if !(5..=10_080).contains(&poll.duration_minutes) {
        let told = "A poll lasts 5 to 10080 minutes.";
        return Err(Refusal::invalid("poll.duration_minutes", told));
    }
    Ok(())
}

fn check_files(
    state: &State,
    caller: Caller,
    files: &[String],
    now: Timestamp,
) -> Result<(), Refusal> {
    let told = "Your media IDs are invalid.";
    let refused = || Refusal::invalid("media.media_ids", told);
    if files.len() > 4 {
        let told = "Tweets can have a maximum of 4 items.";
        return Err(Refusal::invalid("media.media_ids", told));
    }
    for id in files {
        let file = state.files.get(id).ok_or_else(refused)?;
        let is_mixed = files.len() > 1 && !file.is_image();
        if is_mixed || !file.is_usable(caller.account, state.stuck_until, now) {
            return Err(refused());
        }
    }
    Ok(())
}

/// The post that is answered: only one's own may be, since February 2026.
fn parent(state: &State, caller: Caller, body: &Create) -> Result<Option<usize>, Refusal> {
    let Some(reply) = &body.reply else {
        return Ok(None);
    };
    let Some(at) = find(state, &reply.in_reply_to_tweet_id.0) else {
        let told = "You attempted to reply to a Tweet that is deleted or not visible to you.";
        return Err(Refusal::forbidden(told));
    };
    if state.tweets[at].account != caller.account {
        return Err(not_the_author());
    }
    Ok(Some(at))
}

fn not_the_author() -> Refusal {
    let told = "You can only reply to or quote posts where you are mentioned or are the author.";
    let mut refusal = Refusal::forbidden(told);
    refusal.body["type"] = "https://api.x.com/2/problems/not-authorized-for-resource".into();
    refusal
}
