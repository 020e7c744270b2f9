//! Containers of the simulated Instagram: what is told of a post, the files fetched for it, and
//! the state that follows from both.

use super::files::{self, File};
use super::state::{Caller, Own, State, unknown_object};
use super::upload::Upload;
use super::{Done, Outcome, fields_asked, shown};
use crate::meta::sim::Refusal;
use crate::options::marked_words;
use crate::sim::Fetch;
use crate::sim::http::field;
use domain::time::Timestamp;
use serde_json::json;
use std::time::Duration;
use url::{Url, form_urlencoded};

/// docs: a container that is not published lapses after 24 hours.
const LIFE: Duration = Duration::from_secs(86_400);
/// docs: 2,200 characters, 30 hashtags, 20 mentions; counted in UTF-16 units (assumed).
const CAPTION_MAX: usize = 2_200;
const HASHTAGS_MAX: usize = 30;
const MENTIONS_MAX: usize = 20;
/// docs: the reference of `ig-user/media`.
const COLLABORATORS_MAX: usize = 3;
/// General knowledge.
const ALT_TEXT_MAX: usize = 1_000;
/// The parameters of a create; the token comes along. Meta passes over a name that it does not
/// know, here it is refused: what would be dropped in silence is to be seen.
pub(in crate::instagram) const PARAMETERS: [&str; 19] = [
    "access_token",
    "media_type",
    "image_url",
    "video_url",
    "caption",
    "is_carousel_item",
    "children",
    "cover_url",
    "thumb_offset",
    "share_to_feed",
    "collaborators",
    "alt_text",
    "upload_type",
    "fields",
    // Documented, and taken without an effect.
    "audio_name",
    "location_id",
    "product_tags",
    "trial_params",
    "user_tags",
];

/// What becomes of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Image,
    /// A film of a carousel.
    Film,
    Reel,
    Carousel,
}

/// What is told of a post, or of an item of a carousel.
#[derive(Debug, PartialEq)]
pub(super) struct Container {
    pub account: usize,
    pub kind: Kind,
    pub is_item: bool,
    pub caption: String,
    pub alt_text: String,
    pub collaborators: Vec<String>,
    pub thumb_offset_ms: Option<u64>,
    pub is_shared_to_feed: bool,
    pub children: Vec<String>,
    pub made_at: Timestamp,
    /// Its files: the image or film, then the cover.
    pub files: Vec<File>,
    /// Its film is sent, not fetched.
    pub upload: Option<Upload>,
    pub is_published: bool,
}

impl Container {
    /// The state at `now`, and the reason of an error.
    pub fn state(&self, now: Timestamp) -> (&'static str, u32) {
        if self.is_published {
            return ("PUBLISHED", 0);
        }
        if self.made_at + LIFE <= now {
            return ("EXPIRED", 0);
        }
        let broken = self.files.iter().find_map(|file| match file {
            File::Broken(reason) => Some(*reason),
            File::Awaited | File::Here { .. } => None,
        });
        if let Some(reason) = broken {
            return ("ERROR", reason);
        }
        let is_ready = |file: &File| match file {
            File::Here { ready_at, .. } => *ready_at <= now,
            File::Awaited | File::Broken(_) => false,
        };
        let is_finished = self.files.iter().all(is_ready);
        (if is_finished { "FINISHED" } else { "IN_PROGRESS" }, 0)
    }
}

/// `POST /{user}/media`.
pub(super) fn create(
    state: &mut State,
    caller: Caller,
    (params, uploads): (&str, &str),
    now: Timestamp,
) -> Outcome {
    check_names(params)?;
    let made = &state.account(caller.account).own.made;
    if Own::in_day(made, now) >= state.limits.containers_per_day {
        // The docs name the limit, not its number; that of the other quota is assumed.
        let told = "The maximum number of containers for the last 24 hours is reached.";
        return Err(Refusal::new(400, (9, 2_207_042), told));
    }
    let (container, urls) = read(state, caller, params, now)?;
    let id = state.container_id();
    let fetch = |(index, url)| Fetch { key: files::key(&id, index), url };
    let fetches = urls.into_iter().map(fetch).collect();
    let mut body = json!({ "id": id });
    if container.upload.is_some() {
        body["uri"] = format!("{uploads}/{id}").into();
    }
    state.containers.insert(id, container);
    state.account_mut(caller.account).own.made.push(now);
    Ok(Done { body, is_kept: true, fetches, ..Done::default() })
}

/// Every parameter is documented and stands once.
fn check_names(params: &str) -> Result<(), Refusal> {
    let mut seen = Vec::new();
    for (name, _) in form_urlencoded::parse(params.as_bytes()) {
        if !PARAMETERS.contains(&name.as_ref()) || seen.contains(&name) {
            return Err(Refusal::parameter(format!("(#100) Param {name} is not allowed")));
        }
        seen.push(name);
    }
    Ok(())
}

/// The container that is asked for, and what has to be fetched for it: position and address.
fn read(
    state: &State,
    caller: Caller,
    params: &str,
    now: Timestamp,
) -> Result<(Container, Vec<(usize, String)>), Refusal> {
    let is_item = flag(params, "is_carousel_item")?.unwrap_or(false);
    let kind = kind(params, is_item)?;
    check_belonging(params, kind, is_item)?;
    let is_sent = check_upload_type(params, caller)?;
    let mut urls = Vec::new();
    let source = match kind {
        Kind::Image => Some("image_url"),
        Kind::Film | Kind::Reel => Some("video_url").filter(|_| !is_sent),
        Kind::Carousel => None,
    };
    if let Some(name) = source {
        let url = address(params, name)?.ok_or_else(|| {
            Refusal::parameter(format!("(#100) The parameter {name} is required"))
        })?;
        urls.push((0, url));
    }
    urls.extend(address(params, "cover_url")?.map(|url| (1, url)));
    let files = urls.len() + usize::from(is_sent);
    let children = match kind {
        Kind::Carousel => children(state, caller, params, now)?,
        Kind::Image | Kind::Film | Kind::Reel => Vec::new(),
    };
    let caption = field(params, "caption").unwrap_or_default();
    check_caption(&caption)?;
    let alt_text = field(params, "alt_text").unwrap_or_default();
    if alt_text.chars().count() > ALT_TEXT_MAX {
        return Err(Refusal::parameter("(#100) Param alt_text is too long"));
    }
    let offset = field(params, "thumb_offset").map(|text| text.parse::<u64>());
    let offset = offset.transpose();
    let container = Container {
        account: caller.account,
        kind,
        is_item,
        caption,
        alt_text,
        collaborators: collaborators(params)?,
        thumb_offset_ms: offset.map_err(|_| wrong_type("thumb_offset", "an integer"))?,
        is_shared_to_feed: flag(params, "share_to_feed")?.unwrap_or(true),
        children,
        made_at: now,
        files: (0..files).map(|_| File::Awaited).collect(),
        upload: is_sent.then(Upload::default),
        is_published: false,
    };
    Ok((container, urls))
}

/// The film is sent. docs: only under Facebook Login; what the other one is told is assumed.
fn check_upload_type(params: &str, caller: Caller) -> Result<bool, Refusal> {
    match field(params, "upload_type").as_deref() {
        None => Ok(false),
        Some("resumable") if caller.is_facebook && field(params, "video_url").is_none() => Ok(true),
        Some(_) => Err(Refusal::parameter("(#100) Param upload_type is not allowed")),
    }
}

fn kind(params: &str, is_item: bool) -> Result<Kind, Refusal> {
    let asked = field(params, "media_type");
    Ok(match asked.as_deref() {
        None | Some("IMAGE") => Kind::Image,
        Some("VIDEO") if is_item => Kind::Film,
        Some("REELS") if !is_item => Kind::Reel,
        Some("CAROUSEL") if !is_item => Kind::Carousel,
        // Single films are reels since 2023; stories are not simulated, for nobody here tells any.
        Some(other) => {
            let told = format!("The media type {other} is unknown here.");
            return Err(Refusal::new(400, (100, 2_207_023), told));
        }
    })
}

/// A parameter that is known, but not of a container of this kind.
fn check_belonging(params: &str, kind: Kind, is_item: bool) -> Result<(), Refusal> {
    let belongs = |name: &str| match name {
        "image_url" | "alt_text" => kind == Kind::Image,
        "video_url" | "upload_type" => matches!(kind, Kind::Film | Kind::Reel),
        "cover_url" | "thumb_offset" | "share_to_feed" => kind == Kind::Reel,
        "children" => kind == Kind::Carousel,
        "caption" | "collaborators" => !is_item,
        _ => true,
    };
    match PARAMETERS.iter().find(|name| field(params, name).is_some() && !belongs(name)) {
        Some(name) => Err(Refusal::parameter(format!("(#100) Param {name} is not allowed"))),
        None => Ok(()),
    }
}

fn children(
    state: &State,
    caller: Caller,
    params: &str,
    now: Timestamp,
) -> Result<Vec<String>, Refusal> {
    let list = field(params, "children").unwrap_or_default();
    let ids: Vec<String> = list.split(',').map(|id| id.trim().to_owned()).collect();
    if !(2..=10).contains(&ids.len()) {
        let told = "A carousel has from 2 to 10 items.";
        return Err(Refusal::new(400, (100, 2_207_028), told));
    }
    for id in &ids {
        let child = find(state, caller, id)?;
        if !child.is_item || child.is_published {
            let told = format!("(#100) {id} is not a carousel item");
            return Err(Refusal::parameter(told));
        }
        check_ready(child, now)?;
    }
    Ok(ids)
}

/// The caller's container of this id.
pub(super) fn find<'a>(
    state: &'a State,
    caller: Caller,
    id: &str,
) -> Result<&'a Container, Refusal> {
    let found = state.containers.get(id).filter(|found| found.account == caller.account);
    found.ok_or_else(|| {
        let told = "The requested resource does not exist: Media ID is not available";
        Refusal::new(400, (24, 2_207_006), told)
    })
}

/// It can be published, or hung into a carousel.
pub(super) fn check_ready(container: &Container, now: Timestamp) -> Result<(), Refusal> {
    match container.state(now).0 {
        "FINISHED" => Ok(()),
        "EXPIRED" => {
            let told = "The media you are trying to access has expired.";
            Err(Refusal::new(400, (-2, 2_207_020), told))
        }
        // What a second publication is answered is documented nowhere; as gone is the worst.
        "PUBLISHED" => {
            let told = "The requested resource does not exist: Media ID is not available";
            Err(Refusal::new(400, (24, 2_207_006), told))
        }
        _ => {
            let told = "Media ID is not available: the media is not ready to be published.";
            Err(Refusal::new(400, (9_007, 2_207_027), told))
        }
    }
}

fn check_caption(caption: &str) -> Result<(), Refusal> {
    if caption.encode_utf16().count() > CAPTION_MAX {
        let told = "The caption was too long.";
        return Err(Refusal::new(400, (100, 2_207_010), told));
    }
    let is_crowded =
        marked_words(caption, '#') > HASHTAGS_MAX || marked_words(caption, '@') > MENTIONS_MAX;
    if is_crowded {
        let told = "Cannot use more than 30 hashtags or 20 mentions.";
        return Err(Refusal::new(400, (100, 2_207_040), told));
    }
    Ok(())
}

/// A list in JSON, as the docs write it.
fn collaborators(params: &str) -> Result<Vec<String>, Refusal> {
    let Some(list) = field(params, "collaborators") else {
        return Ok(Vec::new());
    };
    let names: Vec<String> = serde_json::from_str(&list)
        .map_err(|_| wrong_type("collaborators", "an array of usernames"))?;
    if names.len() > COLLABORATORS_MAX {
        return Err(Refusal::parameter("(#100) Param collaborators has at most 3 usernames"));
    }
    let is_name = |name: &String| {
        let is_char = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.' || c == '-';
        !name.is_empty() && name.chars().all(is_char)
    };
    if !names.iter().all(is_name) {
        let told = "A collaborator is private or unknown.";
        return Err(Refusal::new(400, (110, 2_207_018), told));
    }
    Ok(names)
}

/// docs: a public address in ASCII characters.
fn address(params: &str, name: &str) -> Result<Option<String>, Refusal> {
    let Some(text) = field(params, name) else {
        return Ok(None);
    };
    let is_web = Url::parse(&text).is_ok_and(|url| ["http", "https"].contains(&url.scheme()));
    if is_web && text.is_ascii() {
        return Ok(Some(text));
    }
    Err(wrong_type(name, "a URL"))
}

fn flag(params: &str, name: &str) -> Result<Option<bool>, Refusal> {
    let parsed = field(params, name).map(|text| text.parse());
    parsed.transpose().map_err(|_| wrong_type(name, "a boolean"))
}

fn wrong_type(name: &str, wanted: &str) -> Refusal {
    Refusal::parameter(format!("(#100) Param {name} must be {wanted}"))
}

/// `GET /{container}?fields=status_code`.
pub(super) fn status(
    state: &State,
    caller: Caller,
    (id, params): (&str, &str),
    now: Timestamp,
) -> Outcome {
    let known = ["id", "status", "status_code", "copyright_check_status", "video_status"];
    let asked = fields_asked(params, &known)?;
    let found = state.containers.get(id).filter(|found| found.account == caller.account);
    let found = found.ok_or_else(|| unknown_object(id))?;
    let (code, reason) = found.state(now);
    let told = match code {
        "PUBLISHED" => "Published: Media has been successfully published.".to_owned(),
        "EXPIRED" => "Expired: The container was not published within 24 hours.".to_owned(),
        "ERROR" => format!("Error: Media upload has failed with error code {reason}"),
        "FINISHED" => "Finished: Media has been uploaded and it is ready to be published.".into(),
        _ => "In Progress: Media is still being processed.".to_owned(),
    };
    let upload = found.upload.as_ref().map(|upload| upload.show(code));
    let whole = json!({ "id": id, "status_code": code, "status": told, "video_status": upload });
    Ok(Done { body: shown(&whole, &asked), ..Done::default() })
}
