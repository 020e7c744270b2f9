//! Finding out what became of a last piece that nobody answered for.
//!
//! The session knows exactly. Only when it is gone are the channel's uploads looked through, by
//! title and time, newest first.
//! Invariant: `Absent` is said only by the session, or of a list that was seen whole back to the
//! intent, long enough after it.

use super::options::Options;
use super::publish::{Answer, Stage, ask, read_answer, word};
use super::wire::{Listed, Playlist, Video};
use super::{API, YouTube, auth};
use crate::oauth;
use crate::port::{Body, Call, Checkpoint, Reconcile, Reply, Verdict, View};
use domain::failure::Effect;
use domain::time::Timestamp;
use http::{Method, StatusCode};
use std::time::Duration;
use url::form_urlencoded;

/// How far Google's clock may be behind ours: assumed.
const SKEW: Duration = Duration::from_secs(60);
/// How long a new video may stay out of the list of uploads: assumed, no figure is published. A
/// session lives for days, so one that is gone is rarely that young.
const LIST_DELAY: Duration = Duration::from_secs(90);
/// docs/playlistItems/list: `maxResults` is at most 50; so many pages hold a channel's day.
const PAGES_MAX: u32 = 16;
/// 30 s: assumed for a list, which takes below one.
const DEADLINE: Duration = Duration::from_secs(30);

impl Reconcile for YouTube {
    fn ask(&self, at: &Checkpoint, round: u32, view: &View<'_>) -> Option<Call> {
        view.intended_at?;
        if round >= PAGES_MAX {
            return None;
        }
        match Stage::load(at) {
            Stage::Send { session, .. } | Stage::Ask { session } => Some(ask(&session, view)),
            Stage::Search { uploads: None, .. } => Some(auth::channels()),
            Stage::Search { uploads: Some(uploads), page, .. } => {
                Some(list(&uploads, page.as_deref()))
            }
            // Nothing is under way: the piece was never sent, or its answer came.
            Stage::Open | Stage::Illustrate { .. } | Stage::Collect { .. } | Stage::Done { .. } => {
                None
            }
        }
    }

    /// The session that took the last piece is what can be asked.
    fn finds_by_wording(&self, _view: &View<'_>) -> bool {
        false
    }

    fn page_hosts(&self) -> &'static [&'static str] {
        &["www.youtube.com", "youtube.com", "m.youtube.com", "youtu.be"]
    }

    /// `/watch?v=<id>`, `/shorts/<id>`, or `/<id>` on the short host.
    fn id_in_page(&self, path: &str) -> Option<String> {
        let (place, query) = path.split_once('?').unwrap_or((path, ""));
        let id = match place.trim_start_matches('/').split_once('/') {
            Some(("shorts", id)) => id.to_owned(),
            None if place == "/watch" => {
                let mut pairs = form_urlencoded::parse(query.as_bytes());
                pairs.find(|(name, _)| name == "v")?.1.into_owned()
            }
            None => place.trim_start_matches('/').to_owned(),
            Some(_) => return None,
        };
        // An id has 11 of these characters (Data API, `video.id`; assumed: no figure is given).
        let is_id = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        (id.len() == 11 && id.chars().all(is_id)).then_some(id)
    }

    fn judge(&self, at: &Checkpoint, round: u32, reply: &Reply, view: &View<'_>) -> Verdict {
        let Some(intended_at) = view.intended_at else {
            return Verdict::Undecided("no piece of this file was under way".into());
        };
        match Stage::load(at) {
            Stage::Send { session, .. } | Stage::Ask { session } => told(session, reply, view),
            Stage::Search { session, uploads: None, .. } => located(session, reply, view),
            Stage::Search { session, uploads: Some(uploads), .. } => {
                let search = Search { session, uploads, not_before: intended_at - SKEW };
                let verdict = search.judge(reply, view);
                match verdict {
                    Verdict::Absent(_) if reply.at < intended_at + LIST_DELAY => {
                        Verdict::Undecided("the list of uploads may still lag behind".into())
                    }
                    Verdict::More(_) if round + 1 >= PAGES_MAX => {
                        Verdict::Undecided("the list does not reach back to the call".into())
                    }
                    verdict => verdict,
                }
            }
            Stage::Open | Stage::Illustrate { .. } | Stage::Collect { .. } | Stage::Done { .. } => {
                Verdict::Undecided("no piece of this file was under way".into())
            }
        }
    }
}

/// What the session tells.
fn told(session: String, reply: &Reply, view: &View<'_>) -> Verdict {
    let size = view.assets.first().map_or(0, |facts| facts.size_bytes);
    match read_answer(reply, size) {
        Answer::Complete(video) => found(video, view),
        Answer::Open { offset, session: moved } => {
            let session = moved.unwrap_or(session);
            Verdict::Absent(Stage::Send { session, offset }.save())
        }
        Answer::Gone => Verdict::More(Stage::Search { session, uploads: None, page: None }.save()),
        Answer::Unreadable => {
            let status = reply.status.as_u16();
            Verdict::Undecided(format!("the session answered HTTP {status} in an unknown form"))
        }
    }
}

/// Where the uploads of the channel are listed.
fn located(session: String, reply: &Reply, view: &View<'_>) -> Verdict {
    let channel = match auth::read_channel(reply) {
        Ok(Some(channel)) if channel.id == view.account.remote_id => channel,
        Ok(_) => return Verdict::Undecided("the account's channel is not shown".into()),
        Err(failure) => return Verdict::Undecided(failure.detail().to_owned()),
    };
    let uploads = channel.content_details.related_playlists.uploads;
    if uploads.is_empty() {
        return Verdict::Undecided("the channel does not name its uploads".into());
    }
    Verdict::More(Stage::Search { session, uploads: Some(uploads), page: None }.save())
}

fn list(uploads: &str, page: Option<&str>) -> Call {
    let mut uri = format!(
        "{API}/youtube/v3/playlistItems?part=snippet&maxResults=50&playlistId={}",
        word(uploads)
    );
    if let Some(page) = page {
        uri = format!("{uri}&pageToken={}", word(page));
    }
    let request = oauth::request(Method::GET, &uri, None, Body::empty());
    let (endpoint, effect) = ("playlistItems.list", Effect::Repeatable);
    Call { endpoint, effect, request, deadline: DEADLINE }
}

/// A look through the uploads.
struct Search {
    session: String,
    uploads: String,
    not_before: Timestamp,
}

impl Search {
    fn judge(self, reply: &Reply, view: &View<'_>) -> Verdict {
        let list = serde_json::from_slice::<Playlist>(&reply.body).ok();
        let Some(list) = list.filter(|_| reply.status == StatusCode::OK) else {
            let status = reply.status.as_u16();
            return Verdict::Undecided(format!("the list of uploads answered HTTP {status}"));
        };
        let title = Options::read(view.content).title;
        let is_alike = |video: &&Listed| {
            video.snippet.title.trim() == title.trim()
                && video.made_at().is_none_or(|at| at >= self.not_before)
        };
        let mut alike = list.items.iter().filter(is_alike);
        match (alike.next(), alike.next()) {
            (Some(_), Some(_)) => {
                return Verdict::Undecided("several uploads of this time look the same".into());
            }
            (Some(video), None) if video.made_at().is_none() => {
                return Verdict::Undecided("an upload that looks like it hides its time".into());
            }
            (Some(video), None) if video.snippet.resource_id.video_id.is_empty() => {
                return Verdict::Undecided("the list does not name the video".into());
            }
            (Some(video), None) => {
                let id = video.snippet.resource_id.video_id.clone();
                return found(Video { id, ..Video::default() }, view);
            }
            (None, _) => {}
        }
        // A video that does not say when it was made proves nothing.
        let is_before = |at: Timestamp| at < self.not_before;
        let reaches_back = list.items.iter().any(|video| video.made_at().is_some_and(is_before));
        let page = list.next_page_token.filter(|token| !token.is_empty() && !reaches_back);
        if page.is_none() {
            return Verdict::Absent(Stage::Open.save());
        }
        let (session, uploads) = (self.session, Some(self.uploads));
        Verdict::More(Stage::Search { session, uploads, page }.save())
    }
}

impl Listed {
    fn made_at(&self) -> Option<Timestamp> {
        self.snippet.published_at.as_deref().and_then(Timestamp::parse)
    }
}

fn found(video: Video, view: &View<'_>) -> Verdict {
    let remote_id = video.id.clone();
    Verdict::Found { checkpoint: Stage::published(video, view).save(), remote_id }
}
