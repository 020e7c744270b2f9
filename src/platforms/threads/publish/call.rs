//! The calls of a publication, and the receipt.

use super::super::API;
use super::super::options::Options;
use super::{Made, segment};
use crate::meta::{self, digits};
use crate::port::{Call, Receipt, View};
use domain::content::{MediaKind, MediaUse};
use domain::failure::Effect;

/// The most that a page of the list can hold (the Graph API's limit; the samples ask for 50).
const PAGE: &str = "100";

/// Makes the next container: of a file, of a carousel, or of the post itself.
pub(super) fn create(children: &[Made], view: &View<'_>) -> Call {
    let segment = segment(view);
    let files = &segment.media;
    let mut form: Vec<(&str, &str)> = Vec::new();
    let ids: Vec<&str> = children.iter().map(|made| made.id.as_str()).collect();
    let ids = ids.join(",");
    let is_child = files.len() > 1 && children.len() < files.len();
    match files.as_slice() {
        [] => form.push(("media_type", "TEXT")),
        [file] => attach(&mut form, (0, file), view),
        files => match files.get(children.len()) {
            Some(file) => {
                attach(&mut form, (children.len(), file), view);
                form.push(("is_carousel_item", "true"));
            }
            None => form.extend([("media_type", "CAROUSEL"), ("children", ids.as_str())]),
        },
    }
    if !is_child {
        form.extend(Some(segment.text.as_str()).filter(|t| !t.is_empty()).map(|t| ("text", t)));
        // Options that do not read were refused before anything was scheduled.
        let control = Options::read(view.content).reply_control;
        form.extend(control.map(|control| ("reply_control", control.as_str())));
    }
    // A number in the path can be refused where the same account as `me` is taken (peers).
    meta::post("threads.create", Effect::Repeatable, &format!("{API}/v1.0/me/threads"), &form)
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

/// The irreversible call.
pub(super) fn publish(container: &Made) -> Call {
    let url = format!("{API}/v1.0/me/threads_publish");
    let form = [("creation_id", container.id.as_str())];
    meta::post("threads.publish", Effect::Irreversible, &url, &form)
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

/// Asks for the account's posts, newest first, from this page on.
pub(in super::super) fn list(page: Option<&str>) -> Call {
    let fields = ("fields", "id,media_type,text,timestamp,permalink");
    let mut query = vec![fields, ("limit", PAGE)];
    query.extend(page.map(|page| ("after", page)));
    meta::get("threads.list", &format!("{API}/v1.0/me/threads"), &query)
}

/// The proof. Without the post's own address, the account's page shows it.
pub(super) fn receipt(post: &str, link: Option<&str>, view: &View<'_>) -> Receipt {
    let link = link.filter(|link| link.starts_with("https://"));
    let handle = view.account.handle.trim_start_matches('@');
    let permalink =
        link.map_or_else(|| format!("https://www.threads.net/@{handle}"), str::to_owned);
    Receipt { remote_id: post.to_owned(), permalink }
}
