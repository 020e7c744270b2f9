//! The calls of a publication, and the receipt.

use super::super::API;
use super::super::options::Options;
use super::{Made, Position};
use crate::meta::{self, digits};
use crate::options::Poll;
use crate::port::{Call, Receipt, View};
use domain::content::{MediaKind, MediaUse};
use domain::failure::Effect;
use serde_json::{Map, Value};

/// The most that a page of the list can hold (the Graph API's limit; the samples ask for 50).
const PAGE: &str = "100";

/// The names of a poll's options, in order (docs, create-posts/polls).
const OPTIONS: [&str; 4] = ["option_a", "option_b", "option_c", "option_d"];

/// Makes the next container: of a file, of a carousel, or of the segment itself.
pub(super) fn create(position: &Position, view: &View<'_>) -> Call {
    let segment = position.segment(view);
    let (files, children) = (&segment.media, &position.children);
    let first = position.first_asset(view);
    // Options that do not read were refused before anything was scheduled.
    let options =
        if position.posts.is_empty() { Options::read(view.content) } else { <_>::default() };
    let poll = options.poll.as_ref().map(poll_attachment);
    let mut form: Vec<(&str, &str)> = Vec::new();
    let ids: Vec<&str> = children.iter().map(|made| made.id.as_str()).collect();
    let ids = ids.join(",");
    match files.as_slice() {
        [] => form.push(("media_type", "TEXT")),
        [file] => attach(&mut form, (first, file), view),
        files => match files.get(children.len()) {
            Some(file) => {
                attach(&mut form, (first + children.len(), file), view);
                form.push(("is_carousel_item", "true"));
            }
            None => form.extend([("media_type", "CAROUSEL"), ("children", ids.as_str())]),
        },
    }
    if position.child(view).is_none() {
        form.extend(Some(segment.text.as_str()).filter(|t| !t.is_empty()).map(|t| ("text", t)));
        form.extend(options.reply_control.map(|control| ("reply_control", control.as_str())));
        form.extend(poll.as_deref().map(|poll| ("poll_attachment", poll)));
        form.extend(position.parent().map(|parent| ("reply_to_id", parent.id.as_str())));
    }
    // A number in the path can be refused where the same account as `me` is taken (peers).
    meta::post("threads.create", Effect::Repeatable, &format!("{API}/v1.0/me/threads"), &form)
}

/// A poll as the platform wants it: an object whose members are the options.
fn poll_attachment(poll: &Poll) -> String {
    let options = OPTIONS.into_iter().zip(&poll.options);
    let object: Map<String, Value> =
        options.map(|(name, option)| (name.to_owned(), option.as_str().into())).collect();
    Value::Object(object).to_string()
}

/// What a container says of one file.
fn attach<'a>(
    form: &mut Vec<(&'static str, &'a str)>,
    (asset, file): (usize, &'a MediaUse),
    view: &View<'a>,
) {
    let (Some(facts), Some(url)) = (view.assets.get(asset), view.asset_urls.get(asset)) else {
        panic!("file {asset} is used by the post, so its facts and its address are in the view");
    };
    match facts.kind {
        // Documents are refused before anything is scheduled.
        MediaKind::Image | MediaKind::Gif | MediaKind::Document => {
            form.extend([("media_type", "IMAGE"), ("image_url", url.as_str())]);
        }
        MediaKind::Video => form.extend([("media_type", "VIDEO"), ("video_url", url.as_str())]),
    }
    form.extend(file.alt_text.as_deref().map(|told| ("alt_text", told)));
}

/// The irreversible call. Posts and replies have quotas of their own, and so they have names of
/// their own.
pub(super) fn publish(position: &Position, container: &Made) -> Call {
    let url = format!("{API}/v1.0/me/threads_publish");
    let form = [("creation_id", container.id.as_str())];
    let endpoint = match position.parent() {
        None => "threads.publish",
        Some(_) => "replies.publish",
    };
    meta::post(endpoint, Effect::Irreversible, &url, &form)
}

/// Asks how far a container is.
pub(in super::super) fn status(container: &Made) -> Call {
    let url = format!("{API}/v1.0/{}", digits(&container.id));
    meta::get("threads.status", &url, &[("fields", "id,status,error_message")])
}

/// Asks where a person can see the post.
pub(super) fn permalink(post: &str) -> Call {
    let url = format!("{API}/v1.0/{}", digits(post));
    meta::get("threads.get", &url, &[("fields", "id,permalink")])
}

/// Asks for the account's posts, newest first, from this page on; of an answer, for its replies,
/// which are listed apart.
pub(in super::super) fn list(position: &Position, page: Option<&str>) -> Call {
    let (endpoint, name, fields) = match position.parent() {
        None => ("threads.list", "threads", "id,media_type,text,timestamp,permalink"),
        Some(_) => ("replies.list", "replies", "id,media_type,text,timestamp,permalink,replied_to"),
    };
    let mut query = vec![("fields", fields), ("limit", PAGE)];
    query.extend(page.map(|page| ("after", page)));
    meta::get(endpoint, &format!("{API}/v1.0/me/{name}"), &query)
}

/// The proof. Without the post's own address, the account's page shows it.
pub(super) fn receipt(post: &str, link: Option<&str>, handle: &str) -> Receipt {
    let link = link.filter(|link| link.starts_with("https://"));
    let handle = handle.trim_start_matches('@');
    let permalink =
        link.map_or_else(|| format!("https://www.threads.net/@{handle}"), str::to_owned);
    Receipt { remote_id: post.to_owned(), permalink }
}
