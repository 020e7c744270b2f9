//! Posts of the simulated LinkedIn: create, the authors finder, get, delete.

use super::media::{Api, Progress};
use super::profile::{listed, paging};
use super::refusal::Refusal;
use super::state::{Author, Caller, Kind, State};
use super::wire::{Content, Create, Feed, Media, Picture, Poll, Visibility};
use super::{MEMBER, Outcome, decoded, json_body, little};
use crate::sim::http::{empty, field, header, json, set};
use crate::sim::{Accepted, Inbound};
use domain::time::Timestamp;
use http::StatusCode;
use serde_json::{Value, json};

/// The ids of posts begin here, so that they look like LinkedIn's and grow with time.
const FIRST_POST: u64 = 7_390_000_000_000_000_000;
/// 3 000 by third parties; in the units of UTF-16, which is the strict reading.
const LENGTH_MAX: usize = 3_000;
/// General knowledge.
const ALT_TEXT_MAX: usize = 4_086;
/// MultiImage API: the fewest and the most images.
const SEVERAL: std::ops::RangeInclusive<usize> = 2..=20;
/// Assumed to be that of an article's title.
const TITLE_MAX: usize = 400;
/// Poll API: the longest question, the fewest and the most options, the longest option.
const QUESTION_MAX: usize = 140;
const OPTIONS: std::ops::RangeInclusive<usize> = 2..=4;
const OPTION_MAX: usize = 30;

/// A post.
#[derive(Debug, PartialEq)]
pub(super) struct Post {
    pub author: Author,
    /// As it was sent.
    commentary: String,
    /// As it shows.
    pub text: String,
    pub pictures: Vec<Picture>,
    /// Of a document.
    pub title: Option<String>,
    pub poll: Option<Poll>,
    pub visibility: Visibility,
    feed: Feed,
    is_reshare_disabled: bool,
    pub created_at: Timestamp,
    pub is_deleted: bool,
}

/// The URN of the post at a position; one of several images, or of a film, is a `ugcPost`.
pub(super) fn urn(state: &State, at: usize) -> String {
    let is_rich = state.posts.get(at).is_some_and(|post| match post.pictures.as_slice() {
        [one] => state.file(&one.id).is_some_and(|file| file.api == Api::Videos),
        several => several.len() > 1,
    });
    let kind = if is_rich { "ugcPost" } else { "share" };
    format!("urn:li:{kind}:{}", FIRST_POST + at as u64)
}

/// The position of a living post.
pub(super) fn find(state: &State, wanted: &str) -> Option<usize> {
    let number = wanted.rsplit(':').next()?.parse::<u64>().ok()?.checked_sub(FIRST_POST)?;
    let at = usize::try_from(number).ok()?;
    let is_living = state.posts.get(at).is_some_and(|post| !post.is_deleted);
    (is_living && urn(state, at) == wanted).then_some(at)
}

/// `POST /rest/posts`: 201, no body, the id in a header.
pub(super) fn create(
    state: &mut State,
    caller: Caller,
    request: &Inbound,
    now: Timestamp,
) -> Outcome {
    let body: Create = json_body(request)?;
    let author = state.acting(caller, &body.author);
    let author = author.ok_or_else(|| Refusal::not_permitted("posts.create"))?;
    let account = state.account(author);
    let is_person = author.kind == Kind::Person;
    if is_person != state.has_scope(caller, MEMBER) {
        return Err(Refusal::not_permitted("posts.create"));
    }
    if is_person && body.distribution.feed_distribution == Feed::None {
        let told = "NONE is for organizations";
        return Err(Refusal::input("INVALID_VALUE", "distribution/feedDistribution", told));
    }
    let Held { pictures, title, poll } = held(body.content.unwrap_or_default())?;
    let text = little::shown(&body.commentary);
    if text.encode_utf16().count() > LENGTH_MAX {
        let told = "The field is longer than 3000 characters";
        return Err(Refusal::input("FIELD_LENGTH_TOO_LONG", "commentary", told));
    }
    if body.commentary.trim().is_empty() && pictures.is_empty() && poll.is_none() {
        return Err(Refusal::input("MISSING_FIELD", "commentary", "A post holds text or media"));
    }
    for picture in &pictures {
        check_picture(state, author, picture, now)?;
    }
    check_title(state, &pictures, title.as_deref())?;
    if let Some(last) = account.own.wordings.get(&body.commentary) {
        let age = now.since(state.posts[*last].created_at);
        if !body.commentary.is_empty() && age < state.limits.duplicate_window() {
            return Err(Refusal::duplicate(&urn(state, *last)));
        }
    }
    let at = state.posts.len();
    state.posts.push(Post {
        author,
        commentary: body.commentary.clone(),
        text: text.clone(),
        pictures,
        title,
        poll,
        visibility: body.visibility,
        feed: body.distribution.feed_distribution,
        is_reshare_disabled: body.is_reshare_disabled_by_author,
        created_at: now,
        is_deleted: false,
    });
    let urn = urn(state, at);
    let account = state.account_mut(author);
    account.own.posts.push(at);
    account.own.wordings.insert(body.commentary, at);
    let ids = [account.id.as_str(), &urn];
    let accepted = Accepted::new([super::NAME, "posts.create"], ids, &text, now);
    state.accepted.push(accepted);
    let mut response = empty(StatusCode::CREATED);
    set(&mut response, "x-restli-id", &urn);
    Ok(response)
}

/// What a post holds besides its words.
#[derive(Default)]
struct Held {
    pictures: Vec<Picture>,
    title: Option<String>,
    poll: Option<Poll>,
}

/// The content of a post, however it was named.
fn held(content: Content) -> Result<Held, Refusal> {
    match (content.media, content.multi_image, content.poll) {
        (None, None, None) => Ok(Held::default()),
        (Some(Media { id, title, alt_text }), None, None) => {
            Ok(Held { pictures: vec![Picture { id, alt_text }], title, poll: None })
        }
        (None, Some(several), None) if SEVERAL.contains(&several.images.len()) => {
            let is_image = |picture: &Picture| picture.id.starts_with("urn:li:image:");
            if !several.images.iter().all(is_image) {
                let told = "Several files have to be images";
                return Err(Refusal::input("INVALID_VALUE", "content/multiImage/images", told));
            }
            Ok(Held { pictures: several.images, ..Held::default() })
        }
        (None, Some(_), None) => {
            let told = "There have to be 2 to 20 images";
            Err(Refusal::input("INVALID_VALUE", "content/multiImage/images", told))
        }
        (None, None, Some(poll)) => {
            check_poll(&poll)?;
            Ok(Held { poll: Some(poll), ..Held::default() })
        }
        _ => Err(Refusal::input("INVALID_VALUE", "content", "There can be one kind of content")),
    }
}

fn check_poll(poll: &Poll) -> Result<(), Refusal> {
    let is_bound = |text: &str, most| (1..=most).contains(&text.chars().count());
    if !is_bound(&poll.question, QUESTION_MAX) {
        let told = "The question has 1 to 140 characters";
        return Err(Refusal::input("FIELD_LENGTH_TOO_LONG", "content/poll/question", told));
    }
    if !OPTIONS.contains(&poll.options.len()) {
        let told = "There have to be 2 to 4 options";
        return Err(Refusal::input("INVALID_VALUE", "content/poll/options", told));
    }
    if !poll.options.iter().all(|option| is_bound(&option.text, OPTION_MAX)) {
        let told = "An option has 1 to 30 characters";
        return Err(Refusal::input("FIELD_LENGTH_TOO_LONG", "content/poll/options", told));
    }
    Ok(())
}

/// A document has a title; the others may have one.
fn check_title(state: &State, files: &[Picture], title: Option<&str>) -> Result<(), Refusal> {
    let is_document =
        |file: &Picture| state.file(&file.id).is_some_and(|file| file.api == Api::Documents);
    let length = title.map_or(0, |title| title.chars().count());
    if files.iter().any(is_document) && length == 0 {
        let told = "A document has a title";
        return Err(Refusal::input("MISSING_FIELD", "content/media/title", told));
    }
    if length > TITLE_MAX {
        let told = "The field is longer than 400 characters";
        return Err(Refusal::input("FIELD_LENGTH_TOO_LONG", "content/media/title", told));
    }
    Ok(())
}

fn check_picture(
    state: &State,
    author: Author,
    picture: &Picture,
    now: Timestamp,
) -> Result<(), Refusal> {
    let invalid = |told: &str| Err(Refusal::input("INVALID_VALUE", "content/media/id", told));
    let Some(file) = state.file(&picture.id) else {
        return invalid("It is not a file of LinkedIn");
    };
    if file.owner != author {
        return invalid("The owner of the file is not the author of the post");
    }
    if picture.alt_text.as_ref().is_some_and(|text| text.encode_utf16().count() > ALT_TEXT_MAX) {
        let told = "The field is longer than 4086 characters";
        return Err(Refusal::input("FIELD_LENGTH_TOO_LONG", "content/media/altText", told));
    }
    let code = match state.progress(file, now) {
        Progress::Available => return Ok(()),
        Progress::Waiting => "MEDIA_ASSET_WAITING_UPLOAD",
        Progress::Processing => "MEDIA_ASSET_PROCESSING",
        Progress::Failed => "MEDIA_ASSET_PROCESSING_FAILED",
    };
    let told = format!("The file {} cannot be used", picture.id);
    Err(Refusal::api(StatusCode::BAD_REQUEST, None, code, &told))
}

/// `GET /rest/posts?q=author`: newest first.
pub(super) fn finder(state: &State, caller: Caller, request: &Inbound, now: Timestamp) -> Outcome {
    let asked = |name: &str| field(&request.query, name);
    if asked("q").as_deref() != Some("author") {
        return Err(Refusal::illegal("q has to be author"));
    }
    if header(&request.headers, "x-restli-method") != Some("FINDER") {
        return Err(Refusal::illegal("X-RestLi-Method has to be FINDER"));
    }
    if !matches!(asked("sortBy").as_deref(), None | Some("LAST_MODIFIED" | "CREATED")) {
        return Err(Refusal::illegal("sortBy has to be LAST_MODIFIED or CREATED"));
    }
    let author = state.acting(caller, &asked("author").unwrap_or_default());
    let author = author.ok_or_else(|| Refusal::not_permitted("posts.finder"))?;
    let account = state.account(author);
    let (start, count) = paging(request)?;
    let seen = account.own.posts.iter().rev().filter(|at| is_seen(state, **at, now));
    let elements: Vec<Value> = seen.skip(start).take(count).map(|at| show(state, *at)).collect();
    Ok(json(StatusCode::OK, &listed(&elements, start, count)))
}

/// `GET /rest/posts/{urn}`; right after its making a post may be missing.
pub(super) fn get(state: &State, caller: Caller, wanted: &str, now: Timestamp) -> Outcome {
    let at = find(state, &decoded(wanted)?).filter(|at| is_seen(state, *at, now));
    let at = at.filter(|at| state.may_act(caller, state.posts[*at].author));
    Ok(json(StatusCode::OK, &show(state, at.ok_or_else(Refusal::not_found)?)))
}

/// `DELETE /rest/posts/{urn}`; again, it answers as before.
pub(super) fn delete(state: &mut State, caller: Caller, wanted: &str) -> Outcome {
    if let Some(at) = find(state, &decoded(wanted)?) {
        if !state.may_act(caller, state.posts[at].author) {
            return Err(Refusal::not_permitted("posts.delete"));
        }
        state.posts[at].is_deleted = true;
    }
    Ok(empty(StatusCode::NO_CONTENT))
}

fn is_seen(state: &State, at: usize, now: Timestamp) -> bool {
    let post = &state.posts[at];
    !post.is_deleted && post.created_at + state.limits.visibility_delay() <= now
}

/// A post as the API shows it.
fn show(state: &State, at: usize) -> Value {
    let post = &state.posts[at];
    let mut shown = json!({
        "id": urn(state, at),
        "author": state.account(post.author).id,
        "commentary": post.commentary,
        "visibility": post.visibility,
        "distribution": {
            "feedDistribution": post.feed,
            "targetEntities": [],
            "thirdPartyDistributionChannels": [],
        },
        "lifecycleState": "PUBLISHED",
        "isReshareDisabledByAuthor": post.is_reshare_disabled,
        "createdAt": post.created_at.ms(),
        "publishedAt": post.created_at.ms(),
        "lastModifiedAt": post.created_at.ms(),
    });
    let picture = |picture: &Picture| json!({ "id": picture.id, "altText": picture.alt_text });
    if let Some(poll) = &post.poll {
        shown["content"] = json!({ "poll": poll });
    }
    match post.pictures.as_slice() {
        [] => {}
        [one] => {
            shown["content"] = json!({ "media": picture(one) });
            if let Some(title) = &post.title {
                shown["content"]["media"]["title"] = title.clone().into();
            }
        }
        several => {
            let images: Vec<Value> = several.iter().map(picture).collect();
            shown["content"] = json!({ "multiImage": { "images": images } });
        }
    }
    shown
}
